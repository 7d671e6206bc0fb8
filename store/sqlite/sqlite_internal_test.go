package sqlite

import (
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kassa/money"
	"kassa/store"
)

func openTest(t *testing.T) *Store {
	t.Helper()
	s, err := Open(t.Context(), Config{Path: filepath.Join(t.TempDir(), "kassa.db")})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	require.NoError(t, s.Migrate(t.Context()))
	return s
}

// TestPlans checks that no statement walks a whole table, but those that mean to.
func TestPlans(t *testing.T) {
	t.Parallel()
	meant := map[string]bool{"counters.all": true, "api_keys.all": true, "stock_adjustments.sums_after": true, "tasks.free": true, "schema.table": true, "holds.counted": true}
	db := openSQL(t, openTest(t))
	all, err := texts()
	require.NoError(t, err)
	require.NotEmpty(t, all)
	for name, text := range all {
		plan := explain(t, db, text)
		for _, line := range strings.Split(plan, "\n") {
			whole := strings.HasPrefix(line, "SCAN ") && !strings.Contains(line, "VIRTUAL TABLE") && !strings.Contains(line, "CONSTANT ROW")
			if name == "idempotency_keys.purge" { // walks from the oldest row and stops early
				whole = whole && line != "SCAN idempotency_keys"
			}
			require.False(t, whole && !meant[name], "%s walks a whole table:\n%s", name, plan)
		}
	}
}

// openSQL opens the file beside the store, for what the store does not do.
func openSQL(t *testing.T, s *Store) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", dsn(s.path))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func explain(t *testing.T, db *sql.DB, text string) string {
	t.Helper()
	nothing := make([]any, 40) // as many as the longest statement takes
	rows, err := db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+text, nothing...)
	require.NoError(t, err, text)
	defer func() { require.NoError(t, rows.Close()) }()
	var lines []string
	for rows.Next() {
		var id, parent, unused int
		var detail string
		require.NoError(t, rows.Scan(&id, &parent, &unused, &detail))
		lines = append(lines, detail)
	}
	require.NoError(t, rows.Err())
	return strings.Join(lines, "\n")
}

func TestCurrenciesAreMoneys(t *testing.T) {
	t.Parallel()
	db := openSQL(t, openTest(t))
	rows, err := db.QueryContext(t.Context(), "SELECT code, exponent FROM currencies ORDER BY code")
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	var got []money.Currency
	for rows.Next() {
		var code money.Currency
		var exponent int
		require.NoError(t, rows.Scan(&code, &exponent))
		require.Equal(t, code.Exponent(), exponent, code)
		got = append(got, code)
	}
	require.NoError(t, rows.Err())
	require.Equal(t, money.Currencies(), got)
}

// TestViews checks the views of the founding text's own shape.
func TestViews(t *testing.T) {
	t.Parallel()
	db := openSQL(t, openTest(t))
	for amount, want := range map[money.Money]string{
		money.New(99900, "INR"): "999.00", money.New(5, "INR"): "0.05", money.New(0, "INR"): "0.00",
		money.New(999, "JPY"): "999", money.New(9990, "KWD"): "9.990", money.New(12345, "CLF"): "1.2345",
		money.New(1<<53+1, "INR"): "90071992547409.93",
	} {
		require.Equal(t, want, amount.String())
		id := []byte(want + strings.Repeat("-", 17-len(want)))[:16]
		if len(want) > 16 {
			id = []byte(want)[len(want)-16:]
		}
		_, err := db.ExecContext(t.Context(), `INSERT INTO orders (order_id, status, amount, currency, created_at, email,
			hold_status, flags, event_seq, log, updated_at)
			VALUES (?1, 'PENDING', ?2, ?3, 0, '', 'OPEN', 0, 0, x'', 0)`, id, amount.Minor, string(amount.Currency))
		require.NoError(t, err)
		var got string
		require.NoError(t, db.QueryRowContext(t.Context(), "SELECT amount FROM orders_view WHERE order_id = ?1", id).Scan(&got))
		require.Equal(t, want, got)
	}
	_, err := db.ExecContext(t.Context(), `INSERT INTO levels VALUES (1, 'A', 'east'), (2, 'A', 'west');
		INSERT INTO stock VALUES (1, 1, 2, 3, 0, 0), (2, 4, 5, 9, 0, 0)`)
	require.NoError(t, err)
	var available, locked int
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT available_qty, locked_qty FROM inventory_view WHERE sku = 'A'").Scan(&available, &locked))
	require.Equal(t, [2]int{5, 7}, [2]int{available, locked})
}

// TestErrors checks which of the store's errors an error of SQLite becomes.
func TestErrors(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	c, err := s.reads.acquire(t.Context())
	require.NoError(t, err)
	err = c.run("INSERT INTO counters VALUES ('x', 1)")
	require.ErrorIs(t, wrap(err), store.ErrUnavailable, "the pool for reading does not write")
	require.ErrorIs(t, wrap(errClosed), store.ErrUnavailable)
	require.NoError(t, wrap(nil))
	plain := errors.New("plain")
	require.ErrorIs(t, wrap(plain), plain)
	require.NotErrorIs(t, wrap(plain), store.ErrUnavailable)
}

func TestStatementFiles(t *testing.T) {
	t.Parallel()
	byName := map[string]string{}
	require.NoError(t, splitStatements("-- comment\n\n-- name: a\nSELECT 1;\n\n-- note\n-- name: b\nSELECT\n2;\n", byName))
	require.Equal(t, map[string]string{"a": "SELECT 1", "b": "SELECT\n2"}, byName)
	require.Error(t, splitStatements("-- name: a\nSELECT 1;\n", byName), "a name stands once")
	require.Error(t, splitStatements("-- name: c\nSELECT 1\n", byName), "a statement ends")
}
