package mysql

import (
	"embed"
	"fmt"
	"regexp"
	"strings"
)

//go:embed sql/*.sql
var sqlFiles embed.FS

// statements are those of sql/*.sql by the name in the comment above each.
var statements = mustReadStatements()

// Above each statement stands its name, and above each part of statements.
var (
	title  = regexp.MustCompile(`(?m)^-- (name|part): (\w+)$`)
	braces = regexp.MustCompile(`\{(\w+)\}`)
)

func mustReadStatements() map[string]string {
	out := map[string]string{}
	texts := map[string]map[string]string{"name": out, "part": {}}
	entries, err := sqlFiles.ReadDir("sql")
	if err != nil {
		panic(err)
	}
	for _, entry := range entries {
		text, err := sqlFiles.ReadFile("sql/" + entry.Name())
		if err != nil {
			panic(err)
		}
		mustSplit(string(text), texts)
	}
	for name, text := range out {
		out[name] = putTogether(text, texts["part"])
	}
	return out
}

// mustSplit divides a file by its titles.
func mustSplit(file string, into map[string]map[string]string) {
	titles := title.FindAllStringSubmatchIndex(file, -1)
	for i, at := range titles {
		kind, name, end := file[at[2]:at[3]], file[at[4]:at[5]], len(file)
		if i+1 < len(titles) {
			end = titles[i+1][0]
		}
		if _, twice := into[kind][name]; twice {
			panic(fmt.Sprintf("mysql: two statements are named %q", name))
		}
		into[kind][name] = withoutComments(file[at[1]:end])
	}
}

// putTogether puts parts in the place of their names, also those within parts.
func putTogether(text string, parts map[string]string) string {
	return braces.ReplaceAllStringFunc(text, func(name string) string {
		part, ok := parts[strings.Trim(name, "{}")]
		if !ok {
			panic(fmt.Sprintf("mysql: no part of a statement is named %s", name))
		}
		return putTogether(part, parts)
	})
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

// statement returns a statement by its name. A name without a statement is a mistake
// in this package that its first test finds.
func statement(name string) string {
	text, ok := statements[name]
	if !ok {
		panic(fmt.Sprintf("mysql: no statement is named %q", name))
	}
	return text
}

// unlocked is a statement without its lock.
func unlocked(name string) string { return strings.TrimSuffix(statement(name), "\nfor update") }
