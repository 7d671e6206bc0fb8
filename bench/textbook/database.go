package textbook

import (
	"context"
	_ "embed" // the statements
	"errors"
	"strings"
)

//go:embed common.sql
var commonSQL string

//go:embed postgres.sql
var postgresSQL string

//go:embed sqlite.sql
var sqliteSQL string

// statements are those of both databases and of one of them, by the name in the
// comment above each.
func statements(own string) map[string]string {
	out := map[string]string{}
	for _, file := range []string{commonSQL, own} {
		for _, part := range strings.Split(file, "-- name: ")[1:] {
			name, text, _ := strings.Cut(part, "\n")
			out[name] = strings.TrimSpace(text)
		}
	}
	return out
}

// querier runs statements by their names. Each is one round trip.
type querier interface {
	// exec counts the rows that a statement wrote.
	exec(ctx context.Context, name string, args ...any) (int64, error)
	// query gives scan every row that a statement returns.
	query(ctx context.Context, name string, scan func(row) error, args ...any) error
}

// database is a querier whose statements are transactions of their own. Outside
// of a transaction query only reads.
type database interface {
	querier
	// inTx commits what work did where it returns nil, and nothing otherwise.
	inTx(ctx context.Context, work func(querier) error) error
	close() error
}

type row interface{ Scan(dest ...any) error }

var errNoRow = errors.New("no such row")

// list reads all rows of a statement.
func list[T any](ctx context.Context, q querier, name string, scan func(row) (T, error), args ...any) ([]T, error) {
	var found []T
	err := q.query(ctx, name, func(r row) error {
		value, err := scan(r)
		found = append(found, value)
		return err
	}, args...)
	return found, err
}

// first reads the one row of a statement, or fails with errNoRow.
func first[T any](ctx context.Context, q querier, name string, scan func(row) (T, error), args ...any) (value T, err error) {
	found, err := list(ctx, q, name, scan, args...)
	switch {
	case err != nil:
		return value, err
	case len(found) == 0:
		return value, errNoRow
	}
	return found[0], nil
}

// column scans a row of one column.
func column[T any](r row) (value T, err error) {
	err = r.Scan(&value)
	return value, err
}
