package sqlite

import (
	"embed"
	"fmt"
	"strings"
	"sync"
)

//go:embed sql/*.sql
var files embed.FS

// texts are the statements of sql/*.sql by the name in the line above them.
var texts = sync.OnceValues(readStatements)

func readStatements() (map[string]string, error) {
	entries, err := files.ReadDir("sql")
	if err != nil {
		return nil, err
	}
	byName := map[string]string{}
	for _, entry := range entries {
		content, err := files.ReadFile("sql/" + entry.Name())
		if err != nil {
			return nil, err
		}
		if err := splitStatements(string(content), byName); err != nil {
			return nil, fmt.Errorf("%s: %w", entry.Name(), err)
		}
	}
	return byName, nil
}

// splitStatements cuts a file at its "-- name:" lines. What stands before the
// first one, or between statements, is comment.
func splitStatements(content string, byName map[string]string) error {
	for _, part := range strings.Split("\n"+content, "\n-- name: ")[1:] {
		name, text, _ := strings.Cut(part, "\n")
		statement, _, ended := strings.Cut(text, ";")
		if _, double := byName[name]; double || !ended {
			return fmt.Errorf("statement %q is double or has no end", name)
		}
		byName[name] = statement
	}
	return nil
}
