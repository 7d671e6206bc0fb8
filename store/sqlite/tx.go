package sqlite

import (
	"context"
	"errors"
	"fmt"

	"kassa/checkout"
	"kassa/saga"
	"kassa/store"
)

var errSpent = errors.New("sqlite: the transaction has ended, begin another one")

// tx is a transaction. It has the one writing connection from its first Load or
// Commit to its end.
type tx struct {
	store *Store
	conn  *connection // nil before and after
	spent bool
}

// Begin starts a transaction, which waits for its turn at the first Load.
func (s *Store) Begin(ctx context.Context) (store.Tx, error) {
	if err := s.mayWrite(ctx); err != nil {
		return nil, err
	}
	return &tx{store: s}, nil
}

func (t *tx) start(ctx context.Context) (err error) {
	if t.spent {
		return errSpent
	}
	if t.conn != nil {
		return ctx.Err()
	}
	t.conn, err = t.store.writer.begin(ctx, "begin immediate")
	return err
}

// end marks the transaction as spent and hands over its connection, if it has one.
func (t *tx) end() *connection {
	conn := t.conn
	t.conn, t.spent = nil, true
	return conn
}

// Load reads rows into state and marks the absent ones. The transaction is the
// only writer, so nothing needs a lock.
func (t *tx) Load(ctx context.Context, keys saga.Keys, state *saga.State) (err error) {
	if err := t.start(ctx); err != nil {
		return err
	}
	state.Now = t.store.now()
	if state.Position, err = position(ctx, t.conn); err != nil {
		return err
	}
	return load(context.WithoutCancel(ctx), t.conn, keys, state)
}

// Turn is what the first Load waits for.
func (t *tx) Turn(ctx context.Context) error { return t.start(ctx) }

// Stage has nothing to do: rows are bound as they are written.
func (t *tx) Stage(context.Context, *store.Save) error { return nil }

// Commit writes everything or nothing.
func (t *tx) Commit(ctx context.Context, save *store.Save) error {
	if err := t.start(ctx); err != nil {
		return err
	}
	err := store.ErrOwned
	if t.store.owns(save.Owner) {
		err = write(t.conn, save)
	}
	if err != nil {
		forget(t.conn, save)
		return errors.Join(err, t.Rollback(ctx))
	}
	conn := t.end()
	defer t.store.writer.release(conn)
	if err = conn.commit(); err != nil {
		forget(conn, save)
		conn.leases.remember(save.Tasks) // they may be there
	} else {
		conn.leases.committed(save.Tasks)
	}
	t.store.checkpoints.after(conn)
	return err
}

// forget takes back what was noted of rows that may not be there.
func forget(conn *connection, save *store.Save) {
	conn.numbers = newNumbers()
	for _, order := range save.Invoices {
		order.InvoiceSeq = 0
	}
}

// Rollback ends the transaction without a write. It is safe after Commit.
func (t *tx) Rollback(context.Context) error {
	if conn := t.end(); conn != nil {
		return t.store.writer.rollback(conn)
	}
	return nil
}

// alone runs f as a transaction of its own.
func (s *Store) alone(ctx context.Context, f func(*connection) error) error {
	if err := s.mayWrite(ctx); err != nil {
		return err
	}
	c, err := s.writer.begin(ctx, "begin immediate")
	if err != nil {
		return err
	}
	if err := f(c); err != nil {
		return errors.Join(err, s.writer.rollback(c))
	}
	return s.writer.commit(c)
}

func (s *Store) mayWrite(ctx context.Context) error {
	if s.readOnly {
		return fmt.Errorf("sqlite: %s is open read-only: %w", s.path, store.ErrUnavailable)
	}
	return s.check(ctx)
}

// Own gives the rows to one owner, or back to everybody. The file is this
// process's alone, so that memory is the place to remember it. It takes its turn
// as a writer: commits under way come first.
func (s *Store) Own(ctx context.Context, owner checkout.ID) (at int64, err error) {
	err = s.alone(ctx, func(c *connection) (err error) {
		s.owner.Store(&owner)
		at, err = position(ctx, c)
		return err
	})
	return at, err
}

// position is that of the event log.
func position(ctx context.Context, c *connection) (int64, error) {
	positions, err := collect(ctx, c, "event_log.position", scanInt)
	return single(positions, err, "position")
}

// Owns asks memory: the file is this process's, so that the log is as it was left.
func (s *Store) Owns(ctx context.Context, owner checkout.ID, _ int64) error {
	if err := s.check(ctx); err != nil {
		return err
	}
	if !s.owns(owner) {
		return store.ErrOwned
	}
	return nil
}

func (s *Store) owns(owner checkout.ID) bool {
	now := s.owner.Load()
	return now == nil && owner.IsZero() || now != nil && *now == owner
}

// Read loads rows beside the writer.
func (s *Store) Read(ctx context.Context, keys saga.Keys, state *saga.State) (err error) {
	v, err := s.openView(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.close()) }()
	state.Now = s.now()
	return load(context.WithoutCancel(ctx), v.connection, keys, state)
}

// Fence resolves an unknown commit.
func (s *Store) Fence(ctx context.Context, batch checkout.ID) (committed bool, err error) {
	err = s.alone(ctx, func(c *connection) error {
		if _, err := c.exec("event_log.fence", batch[:]); err != nil {
			return err
		}
		position, err := collect(ctx, c, "event_log.position_of", scanInt, batch[:])
		if err != nil {
			return err
		}
		committed = position[0] > 0
		return nil
	})
	return committed, err
}
