package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"kassa/saga"
	"kassa/store"
)

var errSpent = errors.New("postgres: the transaction is spent: begin another")

// tx is one transaction. It takes a connection at its first Load.
type tx struct {
	pool  *pgxpool.Pool
	conn  *pgxpool.Conn // nil until the first flight, and once spent
	spent bool

	staged  *flight // nil: nothing is staged
	numbers *invoiceNumbers
}

// Begin sends nothing.
func (s *Store) Begin(context.Context) (store.Tx, error) {
	return &tx{pool: s.pool}, nil
}

// Load reads and locks rows in one flight; the first one carries BEGIN. After an
// error the transaction is over.
func (t *tx) Load(ctx context.Context, keys saga.Keys, state *saga.State) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	begun := t.conn != nil
	if err := t.acquire(ctx); err != nil {
		return err
	}
	batch := &pgx.Batch{}
	if !begun {
		batch.Queue("begin")
	}
	queueLocks(batch, keys, state)
	if err := t.conn.SendBatch(ctx, batch).Close(); err != nil {
		t.abort(ctx)
		return mapError(err)
	}
	return nil
}

// turnTimeout bounds the wait for a turn: the others need milliseconds.
const turnTimeout = time.Second

// Turn takes an advisory lock of the schema, which ends with the transaction: its
// queue is served in order, and it leaves no trace.
func (t *tx) Turn(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, turnTimeout)
	defer cancel()
	if err := t.acquire(ctx); err != nil {
		return err
	}
	batch := &pgx.Batch{}
	batch.Queue("begin")
	batch.Queue(statement("turn"))
	if err := t.conn.SendBatch(ctx, batch).Close(); err != nil {
		t.abort(ctx)
		return mapError(err)
	}
	return nil
}

// Stage writes the flight of a commit, but for its end.
func (t *tx) Stage(ctx context.Context, save *store.Save) error {
	types, err := t.types(ctx)
	if err != nil {
		return err
	}
	f := newFlight(types)
	if t.conn == nil {
		f.call("begin", step{})
	}
	if t.numbers, err = queueSave(f, save); err != nil {
		return err
	}
	t.staged = f
	return nil
}

// types are the same for all connections.
func (t *tx) types(ctx context.Context) (types rowTypes, err error) {
	if t.conn != nil {
		return rowTypesOf(t.conn.Conn()), nil
	}
	if t.spent {
		return nil, errSpent
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return types, mapError(t.pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error {
		types = rowTypesOf(conn.Conn())
		return nil
	}))
}

// Commit writes and commits in one flight.
func (t *tx) Commit(ctx context.Context, save *store.Save) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if t.staged == nil {
		if err := t.Stage(ctx, save); err != nil {
			t.abort(ctx)
			return err
		}
	}
	f := t.staged
	defer f.land()
	if err := t.acquire(ctx); err != nil {
		return err
	}
	endSave(f, save)
	f.call("commit", step{done: committed})
	if err := f.fly(ctx, t.conn.Conn().PgConn()); err != nil {
		t.abort(ctx)
		return commitError(err)
	}
	t.end()
	t.numbers.give()
	return nil
}

// committed refuses the answer that COMMIT gives in a transaction that failed.
func committed(tag string) error {
	if tag != "COMMIT" {
		return fmt.Errorf("%w: COMMIT was answered by %s", errValue, tag)
	}
	return nil
}

// acquire takes a connection, unless that was done.
func (t *tx) acquire(ctx context.Context) error {
	if t.spent {
		return errSpent
	}
	if t.conn != nil {
		return nil
	}
	conn, err := t.pool.Acquire(ctx)
	if err != nil {
		t.spent = true
		return mapError(err)
	}
	t.conn = conn
	return nil
}

// rollbackTimeout bounds the goodbye of a transaction. Its caller's context may
// have ended, which is no reason to leave the rows locked.
const rollbackTimeout = 2 * time.Second

// Rollback ends the transaction without a write. It is safe after Commit.
func (t *tx) Rollback(ctx context.Context) error {
	t.abort(ctx)
	return nil
}

// abort rolls back. Where that cannot be said to the server the connection is
// closed, which says the same.
func (t *tx) abort(ctx context.Context) {
	defer t.end()
	if t.conn == nil {
		return
	}
	if conn := t.conn.Conn(); !conn.IsClosed() {
		if conn.PgConn().TxStatus() == 'I' {
			return
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
		defer cancel()
		if _, err := conn.Exec(ctx, "rollback"); err == nil {
			return
		}
		// The server rolls back when it sees the connection closed; its answer
		// to the closing adds nothing.
		_ = conn.Close(ctx)
	}
	// The others go the same way, and where it has become silent each would be waited
	// for in turn.
	t.pool.Reset()
}

// end gives the connection back. The pool keeps none that is closed or still
// inside a transaction.
func (t *tx) end() {
	if t.conn != nil {
		t.conn.Release()
	}
	t.conn, t.spent = nil, true
}
