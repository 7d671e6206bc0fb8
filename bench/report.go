package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// WriteJSON writes the result as one object on one line.
func (res *Result) WriteJSON(w io.Writer) error {
	return json.NewEncoder(w).Encode(res)
}

// WriteText writes the result for people.
func (res *Result) WriteText(w io.Writer) error {
	out := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	line := func(cells ...string) { _, _ = fmt.Fprintln(out, strings.Join(cells, "\t")) } // Flush tells of errors
	line(res.Title())
	line()
	line("", "done", fmt.Sprintf("%s, %s/s (worst second %s)", grouped(float64(res.Done)), grouped(res.PerS), grouped(float64(res.WorstS))))
	line("", "errors", strings.Join(append([]string{grouped(float64(res.Errors))}, res.ErrorTexts...), "\n\t\t"))
	for _, name := range res.stepNames() {
		s := res.Steps[name]
		line("", name, fmt.Sprintf("p50 %.2f ms, p99 %.2f ms, p99.9 %.2f ms, max %.2f ms", s.P50, s.P99, s.P999, s.Max))
	}
	line("", "cpu", res.cpuText())
	for _, r := range res.extras() {
		line("", r.Name, r.Text)
	}
	line("", "audit", res.Audit)
	if base := res.Baseline; base != nil {
		line()
		line("", "beside", base.Title())
		line("", "", fmt.Sprintf("%s/s; p50 %s; audit %s; errors %d", grouped(base.PerS), base.medians(), base.Audit, base.Errors))
		line("", "ratio", fmt.Sprintf("%.2f", *res.Ratio))
	}
	if len(res.Parts) > 0 {
		line()
		line("", "where the microseconds of the server go, by its profile:")
		for _, p := range res.Parts {
			line("", p.Name, fmt.Sprintf("%.1f µs each, %.1f %%", p.Micros, p.Share*100))
		}
	}
	line()
	line("", "machine", res.Machine.text())
	line("", "settings", settingsText(res.Settings))
	return out.Flush()
}

// Title says what was measured and how.
func (res *Result) Title() string {
	mode := "over HTTP"
	if res.Mode == inProcess {
		mode = "in process"
	}
	how := "closed loop"
	if res.RatePerS > 0 {
		how = fmt.Sprintf("open loop of %s/s, at most %.2f s behind", grouped(res.RatePerS), res.BehindS)
		if res.BehindS > scheduleKept.Seconds() {
			how += ": the schedule was not kept"
		}
	}
	rounds := ""
	if len(res.Rounds) > 1 {
		rounds = fmt.Sprintf(", median of %d rounds", len(res.Rounds))
	}
	beside := ""
	if res.ExpiringPerS > 0 {
		beside = fmt.Sprintf(" beside %d expiring holds/s", res.ExpiringPerS)
	}
	return fmt.Sprintf("%s %s on %s%s, %s: %d callers (%s), %.0f s after %.0f s of warm-up%s",
		res.Subject, res.Scenario, res.Store, beside, mode, res.Concurrency, how, res.DurationS, res.WarmupS, rounds)
}

// scheduleKept is how late an operation of an open loop may begin before the
// schedule counts as broken.
const scheduleKept = time.Second

// stepNames lists the steps in the order of their scenario.
func (res *Result) stepNames() []string {
	if s, ok := scenarioOf(res.Scenario); ok {
		return s.steps
	}
	return slices.Sorted(maps.Keys(res.Steps))
}

func (res *Result) medians() string {
	var out []string
	for _, name := range res.stepNames() {
		out = append(out, fmt.Sprintf("%s %.1f ms", name, res.Steps[name].P50))
	}
	return strings.Join(out, ", ")
}

type row struct{ Name, Text string }

// extras are the rows that not every result has.
func (res *Result) extras() []row {
	var rows []row
	if res.Processes > 1 || res.Gate {
		text := fmt.Sprintf("%d on one database", res.Processes)
		if res.Gate {
			text += ", behind an admission gate"
		}
		rows = append(rows, row{"processes", text})
	}
	if res.RSSMiB > 0 {
		rows = append(rows, row{"memory", fmt.Sprintf("%.0f MiB resident at most", res.RSSMiB)})
	}
	if res.WALBytes != nil {
		rows = append(rows, row{"wal", fmt.Sprintf("%s bytes each; %d full-page images in all", grouped(*res.WALBytes), *res.WALPages)})
	}
	if res.Expired != nil {
		rows = append(rows, row{"expired", fmt.Sprintf("%s holds beside it; %d were not swept yet", grouped(float64(*res.Expired)), res.ExpiredLeft)})
	}
	if g := res.Grow; g != nil {
		rows = append(rows, row{"growth", g.text()})
	}
	return rows
}

func (g *Growth) text() string {
	text := fmt.Sprintf("%s/s with %s orders, %s/s with %s: ratio %.3f over %.0f s each; worst second %d",
		grouped(g.EarlyPerS), grouped(float64(g.EarlyOrders)), grouped(g.LatePerS), grouped(float64(g.Orders)), g.Ratio, g.WindowS, g.WorstS)
	if g.Checkpoints != nil {
		text += fmt.Sprintf("; %d checkpoints, %d autovacuums, %s MiB of WAL with %s full-page images",
			*g.Checkpoints, *g.Autovacuums, grouped(float64(*g.WALBytes>>20)), grouped(float64(*g.WALPages)))
	}
	return text
}

func (res *Result) cpuText() string {
	var out []string
	for _, side := range []struct {
		name        string
		cores, each *float64
	}{
		{"server", res.CPU.Server, res.CPUMicros.Server},
		{"generator", res.CPU.Generator, res.CPUMicros.Generator},
		{"database", res.CPU.Database, res.CPUMicros.Database},
	} {
		if side.cores != nil && side.each != nil {
			out = append(out, fmt.Sprintf("%s %.2f cores (%s µs each)", side.name, *side.cores, grouped(*side.each)))
		}
	}
	return strings.Join(out, ", ")
}

func (m *Machine) text() string {
	if m == nil {
		return ""
	}
	return fmt.Sprintf("%s, %d cores, %.0f GiB, %s, %s", m.CPU, m.Cores, m.MemoryGiB, m.Kernel, m.Go)
}

func settingsText(settings map[string]string) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		out = append(out, name+" "+settings[name])
	}
	return strings.Join(out, ", ")
}

// grouped writes a number with a comma at the thousands; below 100 with a decimal
// where it has one.
func grouped(f float64) string {
	if f < 100 && f != float64(int64(f)) {
		return strconv.FormatFloat(f, 'f', 1, 64)
	}
	text := strconv.FormatInt(int64(f+0.5), 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
