package sqlite

import (
	"context"
	"errors"
	"fmt"

	native "modernc.org/sqlite/lib"

	"kassa/store"
)

var errClosed = errors.New("the store is closed")

// pool lends connections. The writer's has one, which makes writers take turns.
type pool struct {
	free chan *connection
	all  []*connection
}

func openPool(path string, flags int32, size int, pragmas ...string) (*pool, error) {
	p := &pool{free: make(chan *connection, size)}
	for range size {
		c, err := openConnection(path, flags, pragmas...)
		if err != nil {
			p.close()
			return nil, wrap(err)
		}
		p.all = append(p.all, c)
		p.free <- c
	}
	return p, nil
}

// close ends all connections, also those that are lent. It may be called again.
func (p *pool) close() {
	for _, c := range p.all {
		c.close()
	}
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
	if _, err := c.exec(how); err != nil {
		p.release(c)
		return nil, err
	}
	return c, nil
}

// commit ends a transaction and gives the connection back.
func (p *pool) commit(c *connection) error {
	defer p.release(c)
	return c.commit()
}

// rollback ends a transaction, writes nothing and gives the connection back.
func (p *pool) rollback(c *connection) error {
	defer p.release(c)
	return c.undo()
}

// commit ends the transaction. Where writing fails now, the pages may have
// reached the disk all the same, and a restart may find them: only Fence tells.
func (c *connection) commit() error {
	_, err := c.exec("commit")
	if err == nil || errors.Is(err, errClosed) { // closing has rolled it back
		return err
	}
	return fmt.Errorf("sqlite: %w: %s", store.ErrUnknownCommit, errors.Join(err, c.undo()).Error())
}

// undo rolls back unless SQLite did so itself, as it does on some errors.
func (c *connection) undo() error {
	var inside bool
	err := c.use(func() error {
		inside = native.Xsqlite3_get_autocommit(c.tls, c.db) == 0
		return nil
	})
	if err != nil || !inside {
		return wrap(err)
	}
	_, err = c.exec("rollback")
	return err
}
