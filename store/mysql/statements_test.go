package mysql

import (
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
)

// TestStatementsAreUsed: what nobody asks for is not kept.
func TestStatementsAreUsed(t *testing.T) {
	t.Parallel()
	code, texts := readAll(t, os.DirFS("."), "*.go"), readAll(t, sqlFiles, "sql/*.sql")
	for _, found := range title.FindAllStringSubmatch(texts, -1) {
		kind, name := found[1], found[2]
		if kind == "part" {
			require.Contains(t, texts, "{"+name+"}")
			continue
		}
		require.Contains(t, code, `"`+name+`"`)
	}
}

func readAll(t *testing.T, files fs.FS, pattern string) string {
	t.Helper()
	names, err := fs.Glob(files, pattern)
	require.NoError(t, err)
	var all strings.Builder
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := fs.ReadFile(files, name)
		require.NoError(t, err)
		all.Write(text)
	}
	return all.String()
}

// TestPlans asks the server how it runs every statement. None may walk a table, but in
// the order of a key and up to a limit: tables grow, and a walk that locks would lock
// everything. The rows that a statement brings come first.
func TestPlans(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	save := newSave()
	for range 3 { // a server that counts few rows walks most gladly
		o := newOrder()
		p := newPayment(o)
		save.NewOrders, save.NewPayments = append(save.NewOrders, o), append(save.NewPayments, p)
		save.NewHolds = append(save.NewHolds, newHold(o.ID.String()))
		save.NewLevels = append(save.NewLevels, level(o.ID.String(), 1))
		save.Tasks = append(save.Tasks, checkout.Task{ID: o.ID, Kind: checkout.TaskLookUp, DueAt: testTime, CreatedAt: testTime})
	}
	commit(t, s, save)
	whole := []string{"snapshot_counters", "schema_version", "snapshot_held"} // a few rows, or all by intent
	explained := 0
	for name, text := range statements {
		if !regexp.MustCompile(`^(select|update|delete|insert)`).MatchString(text) || slices.Contains(whole, name) {
			continue
		}
		explained++
		for at, p := range explain(t, s, name, text) {
			if p.table == "u" {
				require.Zero(t, at, "%s: the rows that it brings come first", name)
				continue
			}
			require.NotEqual(t, "ALL", p.kind, "%s walks %s", name, p.table)
			require.NotContains(t, p.extra, "join buffer", name)
		}
	}
	require.Greater(t, explained, 50)
}

// plan is how one table of a statement is read.
type plan struct{ table, kind, extra string }

func explain(t *testing.T, s *Store, name, text string) (plans []plan) {
	t.Helper()
	text = strings.ReplaceAll(text, "json_table(?", `json_table('["x"]'`)
	text = strings.NewReplacer("limit ?", "limit 3", "offset ?", "offset 3").Replace(text)
	text = strings.ReplaceAll(text, "?", "'2026-01-01 00:00:00'")
	rows, err := s.db.QueryContext(t.Context(), "explain "+text)
	require.NoError(t, err, "%s: %s", name, text)
	defer func() { require.NoError(t, rows.Close()) }()
	columns, err := rows.Columns()
	require.NoError(t, err)
	for rows.Next() {
		values, into := make([]*string, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		require.NoError(t, rows.Scan(into...))
		column := func(name string) string {
			if value := values[slices.Index(columns, name)]; value != nil {
				return *value
			}
			return ""
		}
		if kind := column("type"); kind != "" && column("select_type") != "INSERT" {
			plans = append(plans, plan{column("table"), kind, column("Extra")})
		}
	}
	require.NoError(t, rows.Err())
	return plans
}
