package sqlite

import (
	"context"
	"fmt"
)

// each runs a statement for every row of a list and hands over the number of rows
// touched. It is not cancelled: it is short, and a caller who has gone must not
// fail the others of its batch.
func each[T any](c *connection, name string, rows []T, bind func(*statement, T), touched func(i, n int) error) error {
	if len(rows) == 0 {
		return nil
	}
	err := c.use(func() error {
		s, err := c.statement(name)
		if err != nil {
			return err
		}
		for i := range rows {
			s.begin()
			bind(s, rows[i])
			n, err := s.execute()
			if err != nil {
				return err
			}
			if err := touched(i, n); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("%s: %w", name, wrap(err))
	}
	return nil
}

// exec runs a statement and counts the rows that it touched.
func (c *connection) exec(name string, args ...any) (touched int, err error) {
	err = each(c, name, [][]any{args}, (*statement).all, func(_, n int) error {
		touched = n
		return nil
	})
	return touched, err
}

// collect runs a statement and scans every row.
func collect[T any](ctx context.Context, c *connection, name string, scan func(*row) T, args ...any) ([]T, error) {
	return gather(ctx, c, name, [][]any{args}, (*statement).all, scan)
}

// gather runs a statement for each key and scans every row. A call into the same
// process is no round trip.
func gather[K, T any](ctx context.Context, c *connection, name string, keys []K, bind func(*statement, K), scan func(*row) T) (found []T, err error) {
	err = c.use(func() error {
		s, err := c.statement(name)
		if err != nil {
			return err
		}
		for _, key := range keys {
			s.begin()
			bind(s, key)
			if found, err = scanAll(ctx, s, scan, found); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, wrap(err))
	}
	return found, nil
}

// scanAll adds every row of a statement to those that were found before.
func scanAll[T any](ctx context.Context, s *statement, scan func(*row) T, found []T) ([]T, error) {
	if err := s.ready(); err != nil {
		return nil, err
	}
	defer s.end()
	for {
		more, err := s.step()
		if err != nil || !more {
			return found, err
		}
		r := row{statement: s}
		found = append(found, scan(&r))
		if r.err != nil {
			return nil, r.err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
}
