package postgres

import (
	"embed"
	"fmt"
	"strings"
)

//go:embed sql/*.sql
var sqlFiles embed.FS

// statements are those of sql/*.sql by the name in the comment above each.
var statements = mustReadStatements()

func mustReadStatements() map[string]string {
	out := map[string]string{}
	entries, err := sqlFiles.ReadDir("sql")
	if err != nil {
		panic(err)
	}
	for _, entry := range entries {
		text, err := sqlFiles.ReadFile("sql/" + entry.Name())
		if err != nil {
			panic(err)
		}
		for _, part := range strings.Split(string(text), "-- name: ")[1:] {
			name, body, _ := strings.Cut(part, "\n")
			if _, twice := out[name]; twice {
				panic(fmt.Sprintf("postgres: two statements are named %q", name))
			}
			out[name] = withoutComments(body)
		}
	}
	return out
}

// withoutComments keeps the remarks out of what the server parses and logs.
func withoutComments(sql string) string {
	var kept []string
	for line := range strings.Lines(sql) {
		if text := strings.TrimSpace(line); text != "" && !strings.HasPrefix(text, "--") {
			kept = append(kept, strings.TrimRight(line, "\n"))
		}
	}
	return strings.TrimSuffix(strings.Join(kept, "\n"), ";")
}

// unlocked is a statement without its lock.
func unlocked(name string) string { return strings.TrimSuffix(statement(name), "\nfor update") }

// statement returns a statement by its name. A name without a statement is a mistake
// in this package that its first test finds.
func statement(name string) string {
	text, ok := statements[name]
	if !ok {
		panic(fmt.Sprintf("postgres: no statement is named %q", name))
	}
	return text
}
