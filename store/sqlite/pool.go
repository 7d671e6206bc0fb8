package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"kassa/store"
)

// connection is one connection with the statements that were prepared on it. It
// belongs to one transaction at a time.
type connection struct {
	conn     *sql.Conn
	prepared map[string]*sql.Stmt
}

// pool lends connections. The writer's has one, which makes writers take turns.
type pool struct {
	db   *sql.DB
	free chan *connection
	all  []*connection
}

func openPool(ctx context.Context, dsn string, size int) (*pool, error) {
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	p := &pool{db: db, free: make(chan *connection, size)}
	for range size {
		conn, err := db.Conn(ctx)
		if err != nil {
			return nil, errors.Join(wrap(err), p.close())
		}
		c := &connection{conn: conn, prepared: map[string]*sql.Stmt{}}
		p.all = append(p.all, c)
		p.free <- c
	}
	return p, nil
}

// close may be called again.
func (p *pool) close() error {
	var errs []error
	for _, c := range p.all {
		if err := c.conn.Close(); !errors.Is(err, sql.ErrConnDone) {
			errs = append(errs, err)
		}
	}
	return errors.Join(append(errs, p.db.Close())...)
}

// acquire waits for a free connection.
func (p *pool) acquire(ctx context.Context) (*connection, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case c := <-p.free:
		return c, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pool) release(c *connection) { p.free <- c }

// begin waits for a connection and starts a transaction on it.
func (p *pool) begin(ctx context.Context, how string) (*connection, error) {
	c, err := p.acquire(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.run(how); err != nil {
		p.release(c)
		return nil, wrap(err)
	}
	return c, nil
}

// commit ends the transaction. Where writing fails now, the pages may have
// reached the disk all the same, and a restart may find them: only Fence tells.
func (p *pool) commit(c *connection) error {
	defer p.release(c)
	if err := c.run("COMMIT"); err != nil {
		return fmt.Errorf("sqlite: %w: %s", store.ErrUnknownCommit, errors.Join(err, c.undo()).Error())
	}
	return nil
}

// rollback ends the transaction and writes nothing.
func (p *pool) rollback(c *connection) error {
	defer p.release(c)
	return wrap(c.undo())
}

const noTransaction = "SQL logic error: cannot rollback - no transaction is active (1)"

// undo rolls back unless SQLite did so itself, as it does on some errors.
func (c *connection) undo() error {
	err := c.run("ROLLBACK")
	if err != nil && err.Error() == noTransaction {
		return nil
	}
	return err
}

// run runs a statement that begins or ends a transaction. It is not cancelled.
func (c *connection) run(statement string) error {
	_, err := c.conn.ExecContext(context.Background(), statement)
	return err
}

func (c *connection) statement(name string) (*sql.Stmt, error) {
	if statement := c.prepared[name]; statement != nil {
		return statement, nil
	}
	all, err := texts()
	if err != nil {
		return nil, err
	}
	text, found := all[name]
	if !found {
		return nil, errors.New("there is no such statement")
	}
	statement, err := c.conn.PrepareContext(context.Background(), text)
	if err != nil {
		return nil, err
	}
	c.prepared[name] = statement
	return statement, nil
}

// exec runs a statement and counts the rows that it touched. It is not
// cancelled: it is short, and a caller who has gone must not fail the others of
// its batch.
func (c *connection) exec(name string, args ...any) (int64, error) {
	statement, err := c.statement(name) //nolint:sqlclosecheck // it is kept for the next use
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, wrap(err))
	}
	result, err := statement.ExecContext(context.Background(), args...)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, wrap(err))
	}
	return result.RowsAffected()
}

// collect runs a statement and scans every row.
func collect[T any](ctx context.Context, c *connection, name string, scan func(row) (T, error), args ...any) (found []T, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s: %w", name, wrap(err))
		}
	}()
	statement, err := c.statement(name) //nolint:sqlclosecheck // it is kept for the next use
	if err != nil {
		return nil, err
	}
	rows, err := statement.QueryContext(ctx, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		value, err := scan(rows)
		if err != nil {
			return nil, err
		}
		found = append(found, value)
	}
	return found, rows.Err()
}
