package mysql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	mysqldriver "github.com/go-sql-driver/mysql"

	"kassa/store"
)

// step is one statement of an exchange, and what to do with its answer.
type step struct {
	sql  string
	args []any
	scan func(*row)         // each row; nil where there are none
	done func(answer) error // nil: any answer will do
}

// answer is what the server says of a statement without rows.
type answer struct{ found, id int64 }

// size is how many bytes the step has when the driver has put it into SQL, at most.
func (s *step) size() int {
	n := len(s.sql) + len(";\n")
	for _, arg := range s.args {
		n += quotedSize(arg)
	}
	return n
}

func quotedSize(arg any) int {
	const quotes = 16 // and what stands before them
	switch v := arg.(type) {
	case json.RawMessage:
		// It has no control characters, so that these alone are escaped.
		text := string(v)
		return quotes + len(text) + strings.Count(text, `"`) + strings.Count(text, `\`) + strings.Count(text, `'`)
	case string:
		return quotes + 2*len(v)
	case []byte:
		return quotes + 2*len(v)
	}
	return 2 * quotes
}

// session is a connection. It is used through the driver itself: there alone the
// answers to all statements of an exchange are to be had.
type session struct {
	conn  *sql.Conn
	limit int // bytes of one exchange
}

// exchanges divides steps into as many exchanges as they need.
func (s *session) exchanges(steps []step) (all [][]step, err error) {
	start, size := 0, 0
	for i := range steps {
		n := steps[i].size()
		if n > s.limit {
			return nil, fmt.Errorf("%w: a statement of %d bytes is more than the server takes: raise its max_allowed_packet", errValue, n)
		}
		if size+n > s.limit {
			all = append(all, steps[start:i])
			start, size = i, 0
		}
		size += n
	}
	return append(all, steps[start:]), nil
}

// join makes one text of several statements.
func join(steps []step) (text string, args []driver.NamedValue) {
	var b strings.Builder
	for i := range steps {
		if i > 0 {
			b.WriteString(";\n")
		}
		b.WriteString(steps[i].sql)
		for _, arg := range steps[i].args {
			args = append(args, driver.NamedValue{Ordinal: len(args) + 1, Value: arg})
		}
	}
	return b.String(), args
}

// exec runs statements that return no rows. The first error ends them.
func (s *session) exec(ctx context.Context, steps ...step) error {
	all, err := s.exchanges(steps)
	for i := 0; i < len(all) && err == nil; i++ {
		err = s.execOnce(ctx, all[i])
	}
	return err
}

func (s *session) execOnce(ctx context.Context, steps []step) error {
	text, args := join(steps)
	return s.conn.Raw(func(conn any) error {
		result, err := conn.(driver.ExecerContext).ExecContext(ctx, text, args)
		if err != nil {
			return err
		}
		return checkAnswers(steps, result.(mysqldriver.Result))
	})
}

func checkAnswers(steps []step, result mysqldriver.Result) error {
	found, ids := result.AllRowsAffected(), result.AllLastInsertIds()
	if len(found) != len(steps) {
		return fmt.Errorf("the server has answered %d statements of %d", len(found), len(steps))
	}
	for i := range steps {
		if done := steps[i].done; done != nil {
			if err := done(answer{found[i], ids[i]}); err != nil {
				return err
			}
		}
	}
	return nil
}

// query runs statements of which some return rows. The first error ends them.
func (s *session) query(ctx context.Context, steps ...step) error {
	all, err := s.exchanges(steps)
	for i := 0; i < len(all) && err == nil; i++ {
		err = s.queryOnce(ctx, all[i])
	}
	return err
}

func (s *session) queryOnce(ctx context.Context, steps []step) error {
	text, args := join(steps)
	return s.conn.Raw(func(conn any) error {
		rows, err := conn.(driver.QueryerContext).QueryContext(ctx, text, args)
		if err != nil {
			return err
		}
		return errors.Join(readSets(rows.(driver.RowsNextResultSet), steps), rows.Close())
	})
}

// readSets reads the rows of each statement that returns some; the driver passes over
// the others.
func readSets(rows driver.RowsNextResultSet, steps []step) error {
	sets := 0
	for i := range steps {
		if steps[i].scan == nil {
			continue
		}
		if sets++; sets > 1 {
			if err := rows.NextResultSet(); err != nil {
				return err
			}
		}
		if err := readRows(rows, steps[i].scan); err != nil {
			return err
		}
	}
	return nil
}

func readRows(rows driver.Rows, scan func(*row)) error {
	r := &row{values: make([]driver.Value, len(rows.Columns()))}
	for {
		err := rows.Next(r.values)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		r.next = 0
		scan(r)
		if r.err != nil {
			return r.err
		}
	}
}

// release gives the connection back. It must not be inside a transaction.
func (s *session) release() { _ = s.conn.Close() } // an error says that it has gone already

// hangUp closes the connection: the server then rolls back.
func (s *session) hangUp() {
	_ = s.conn.Raw(func(any) error { return driver.ErrBadConn })
	s.release()
}

// acquire takes a connection from the pool.
func (s *Store) acquire(ctx context.Context) (*session, error) {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return nil, mapError(err)
	}
	return &session{conn, s.limit}, nil
}

// on runs something on a connection. After an error nobody asks what is left of it.
func (s *Store) on(ctx context.Context, do func(context.Context, *session) error) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	conn, err := s.acquire(ctx)
	if err != nil {
		return err
	}
	if err := do(ctx, conn); err != nil {
		conn.hangUp()
		return mapError(err)
	}
	conn.release()
	return nil
}

// read runs queries, each of which sees what was committed before it.
func (s *Store) read(ctx context.Context, steps ...step) error {
	return s.on(ctx, func(ctx context.Context, conn *session) error { return conn.query(ctx, steps...) })
}

// atOnce runs queries that see one moment.
func (s *Store) atOnce(ctx context.Context, steps ...step) error {
	all := append(beginSnapshot(), steps...)
	return s.read(ctx, append(all, step{sql: statement("commit")})...)
}

func beginSnapshot() []step {
	return []step{{sql: statement("one_moment")}, {sql: statement("begin_snapshot")}}
}

// exec runs one statement in a transaction of its own.
func (s *Store) exec(ctx context.Context, name string, args ...any) (got answer, err error) {
	only := step{sql: statement(name), args: args, done: func(a answer) error {
		got = a
		return nil
	}}
	err = s.on(ctx, func(ctx context.Context, conn *session) error { return conn.exec(ctx, only) })
	return got, err
}

// query reads all rows of one statement.
func query[T any](ctx context.Context, s *Store, scan func(*row) T, name string, args ...any) (found []T, err error) {
	err = s.read(ctx, gatherInto(&found, scan, name, args...))
	return found, err
}

// gatherInto is a step that appends its rows to a list.
func gatherInto[T any](into *[]T, scan func(*row) T, name string, args ...any) step {
	return step{sql: statement(name), args: args, scan: func(r *row) { *into = append(*into, scan(r)) }}
}

// one reads the single row of a statement.
func one[T any](ctx context.Context, s *Store, what string, scan func(*row) T, name string, args ...any) (T, error) {
	found, err := query(ctx, s, scan, name, args...)
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("mysql: %s: %w", what, store.ErrNotFound)
	}
	if err != nil {
		var none T
		return none, err
	}
	return found[0], nil
}
