package mysql

import (
	"context"
	"errors"
	"fmt"
	"time"

	"kassa/saga"
	"kassa/store"
)

var errSpent = errors.New("mysql: the transaction is spent: begin another")

// tx is one transaction. It takes a connection when it first has something to say.
type tx struct {
	store *Store
	conn  *session // nil until then, and once spent
	spent bool

	staged *saver // nil: nothing is staged
}

// Begin sends nothing.
func (s *Store) Begin(context.Context) (store.Tx, error) { return &tx{store: s}, nil }

// Load reads and locks rows in one exchange; the first one begins the transaction.
// After an error the transaction is over.
func (t *tx) Load(ctx context.Context, keys saga.Keys, state *saga.State) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	steps := append(t.begin(), lockSteps(keys, state)...)
	if err := t.acquire(ctx); err != nil {
		return err
	}
	if err := t.conn.query(ctx, steps...); err != nil {
		t.abort(ctx)
		return mapError(err)
	}
	sortAll(keys.Orders, state.Orders)
	return nil
}

// turnTimeout bounds the wait for a turn: the others need milliseconds.
const turnTimeout = time.Second

// Turn locks a row that is there for nothing else.
func (t *tx) Turn(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, turnTimeout)
	defer cancel()
	steps := append(t.begin(), step{sql: statement("turn"), scan: func(*row) {}})
	if err := t.acquire(ctx); err != nil {
		return err
	}
	if err := t.conn.query(ctx, steps...); err != nil {
		t.abort(ctx)
		return mapError(err)
	}
	return nil
}

// begin is the step that begins the transaction, unless that was done.
func (t *tx) begin() []step {
	if t.conn != nil {
		return nil
	}
	return []step{{sql: statement("begin")}}
}

// Stage encodes what Commit will write, but for its end.
func (t *tx) Stage(_ context.Context, save *store.Save) error {
	if t.spent {
		return errSpent
	}
	staged, err := stage(save, t.store.limit)
	if err != nil {
		return fmt.Errorf("mysql: %w", err)
	}
	t.staged = staged
	return nil
}

// Commit writes everything, and commits once every statement has found its rows.
func (t *tx) Commit(ctx context.Context, save *store.Save) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if t.staged == nil {
		if err := t.Stage(ctx, save); err != nil {
			t.abort(ctx)
			return err
		}
	}
	steps := append(t.begin(), step{sql: statement("check_owner"), args: []any{idParam(save.Owner)}})
	steps = append(steps, t.staged.complete(save)...)
	if err := t.acquire(ctx); err != nil {
		return err
	}
	if err := t.conn.exec(ctx, steps...); err != nil {
		err = t.explain(ctx, err)
		t.abort(ctx)
		return mapError(err)
	}
	return t.commit(ctx)
}

// commit sends COMMIT. Before it is sent, nothing can have been written.
func (t *tx) commit(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		t.abort(ctx)
		return mapError(err)
	}
	if err := t.conn.exec(ctx, step{sql: statement("commit")}); err != nil {
		t.hangUp()
		t.end()
		return commitError(err)
	}
	t.conn.release()
	t.end()
	t.staged.numbers.give()
	return nil
}

// explain tells whether a primary key that was taken is a natural one. The server says
// it as long as the transaction is not rolled back.
func (t *tx) explain(ctx context.Context, err error) error {
	if !doublesPrimary(err) {
		return err
	}
	claiming := false
	asked := t.conn.query(ctx, step{sql: statement("claimed"), scan: func(r *row) { claiming = r.bool() }})
	if asked == nil && claiming {
		return fmt.Errorf("%w: %w", store.ErrRetry, err)
	}
	return errors.Join(err, asked)
}

// acquire takes a connection, unless that was done.
func (t *tx) acquire(ctx context.Context) (err error) {
	if t.spent {
		return errSpent
	}
	if t.conn != nil {
		return nil
	}
	if t.conn, err = t.store.acquire(ctx); err != nil {
		t.end()
	}
	return err
}

// Rollback ends the transaction without a write. It is safe after Commit.
func (t *tx) Rollback(ctx context.Context) error {
	t.abort(ctx)
	return nil
}

// abort rolls back. Where that cannot be said to the server the connection is closed,
// which says the same.
func (t *tx) abort(ctx context.Context) {
	defer t.end()
	if t.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
	defer cancel()
	if err := t.conn.exec(ctx, step{sql: statement("rollback")}); err != nil {
		t.hangUp()
		return
	}
	t.conn.release()
}

// hangUp closes the connection and those that nobody uses: they go the same way, and
// where it has become silent each would be waited for in turn.
func (t *tx) hangUp() {
	t.conn.hangUp()
	most := t.store.db.Stats().MaxOpenConnections
	t.store.db.SetMaxIdleConns(-1)
	t.store.db.SetMaxIdleConns(most)
}

func (t *tx) end() { t.conn, t.spent = nil, true }
