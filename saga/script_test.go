package saga_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var rewrite = flag.Bool("rewrite", false, "write what the scenarios in testdata print now")

// TestScripts runs the scenarios of testdata. Its README says how to read them.
func TestScripts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			got := runScript(t, string(text))
			if *rewrite {
				require.NoError(t, os.WriteFile(file, []byte(got), 0o600))
				return
			}
			compare(t, string(text), got)
		})
	}
}

// compare names the first line that goes another way.
func compare(t *testing.T, want, got string) {
	t.Helper()
	wants, gots := strings.Split(want, "\n"), strings.Split(got, "\n")
	for n := range min(len(wants), len(gots)) {
		require.Equal(t, wants[n], gots[n], "line %d; if the scenario is to go this way, run make golden and read the diff", n+1)
	}
	require.Len(t, gots, len(wants))
}

// runScript runs each command of a scenario and returns it with what the commands
// print now in the place of what it had them print. Indented lines are output,
// lines with # are comments, a line "==" starts a world anew.
func runScript(t *testing.T, text string) string {
	t.Helper()
	var out strings.Builder
	s := newScript()
	for n, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		if strings.HasPrefix(line, "  ") {
			continue
		}
		fmt.Fprintln(&out, line)
		switch {
		case line == "" || line[0] == '#':
		case line == "==":
			s = newScript()
		default:
			lines, err := s.run(line)
			require.NoError(t, err, "line %d: %s\nbefore it:\n%s", n+1, line, out.String())
			for _, l := range lines {
				fmt.Fprintf(&out, "  %s\n", l)
			}
		}
	}
	return out.String()
}
