package audit

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// WriteText writes the report for people: a line for each law with the number of
// rows it was checked on, and beneath a broken one the rows that break it.
func (r Report) WriteText(w io.Writer) error {
	found := map[string]Finding{}
	var broken int
	for _, f := range r.Findings {
		found[f.Law] = f
		if f.Broken > 0 {
			broken++
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "audit at %s\n", r.At.UTC().Format(time.RFC3339))
	for _, law := range Laws() {
		f, checked := found[law.Name]
		writeLaw(&b, law, f, checked)
	}
	if broken == 0 {
		fmt.Fprintf(&b, "clean: %d laws hold\n", len(r.Findings))
	} else {
		fmt.Fprintf(&b, "NOT CLEAN: %d of %d laws are broken\n", broken, len(r.Findings))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeLaw(b *strings.Builder, law Law, f Finding, checked bool) {
	state, count := "ok", fmt.Sprintf("%d %s", f.Checked, law.Rows)
	switch {
	case !checked:
		state, count = "-", "not checked"
	case f.Broken > 0:
		state = "BROKEN"
	}
	fmt.Fprintf(b, "%-7s %-17s %-21s %s\n", state, law.Name, count, law.Statement)
	for i, id := range f.IDs {
		fmt.Fprintf(b, "        %s: %s\n", id, f.Notes[i])
	}
	if more := f.Broken - int64(len(f.IDs)); more > 0 {
		fmt.Fprintf(b, "        … and %d more\n", more)
	}
}
