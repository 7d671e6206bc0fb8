package mysql

import (
	"context"
	"errors"
	"time"

	"kassa/checkout"
	"kassa/store"
)

// snapshot is a read-only transaction that sees the database as it was when it
// began.
type snapshot struct {
	conn *session // nil once closed
	now  time.Time
}

var errClosed = errors.New("mysql: the snapshot is closed")

// Snapshot opens one consistent view. Until it is closed it holds a connection, and
// keeps the server from removing old versions of rows.
func (s *Store) Snapshot(ctx context.Context) (store.Snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	conn, err := s.acquire(ctx)
	if err != nil {
		return nil, err
	}
	snap := &snapshot{conn: conn}
	clock := step{sql: statement("now"), scan: func(r *row) { snap.now = r.time() }}
	if err := snap.read(ctx, append(beginSnapshot(), clock)...); err != nil {
		return nil, errors.Join(err, snap.Close())
	}
	return snap, nil
}

// Now is when the view was taken.
func (s *snapshot) Now() time.Time { return s.now }

// Close ends the transaction, or the connection where that cannot be said.
func (s *snapshot) Close() error {
	if s.conn == nil {
		return nil
	}
	conn := s.conn
	s.conn = nil
	ctx, cancel := context.WithTimeout(context.Background(), rollbackTimeout)
	defer cancel()
	if err := conn.exec(ctx, step{sql: statement("rollback")}); err != nil {
		conn.hangUp()
		return mapError(err)
	}
	conn.release()
	return nil
}

func (s *snapshot) read(ctx context.Context, steps ...step) error {
	if s.conn == nil {
		return errClosed
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return mapError(s.conn.query(ctx, steps...))
}

func chunk[T any](ctx context.Context, s *snapshot, scan func(*row) T, name string, args ...any) (found []T, err error) {
	err = s.read(ctx, gatherInto(&found, scan, name, args...))
	return found, err
}

// Levels reads stock by SKU and warehouse.
func (s *snapshot) Levels(ctx context.Context, after checkout.StockKey, limit int) ([]checkout.Level, error) {
	return chunk(ctx, s, scanLevel, "snapshot_levels", after.SKU, after.SKU, after.Warehouse, int64(limit))
}

// Adjusted sums the adjustments of each level.
func (s *snapshot) Adjusted(ctx context.Context, after checkout.StockKey, limit int) ([]store.Adjusted, error) {
	return chunk(ctx, s, scanAdjusted, "snapshot_adjusted", after.SKU, after.SKU, after.Warehouse, int64(limit))
}

// Held sums what sessions hold of each level.
func (s *snapshot) Held(ctx context.Context) (map[checkout.StockKey]int64, error) {
	held := map[checkout.StockKey]int64{}
	err := s.read(ctx, step{sql: statement("snapshot_held"), scan: func(r *row) {
		for _, a := range document[[]checkout.Allocation](r) {
			held[checkout.StockKey{SKU: a.SKU, Warehouse: a.Warehouse}] += a.Qty
		}
	}})
	return held, err
}

// Holds reads holds by session.
func (s *snapshot) Holds(ctx context.Context, after string, limit int) ([]*checkout.Hold, error) {
	return chunk(ctx, s, scanHold, "snapshot_holds", after, int64(limit))
}

// Carts reads carts by id.
func (s *snapshot) Carts(ctx context.Context, after checkout.ID, limit int) ([]*checkout.Cart, error) {
	return chunk(ctx, s, scanCart, "snapshot_carts", after[:], int64(limit))
}

// Orders reads orders by id, with all that belongs to them.
func (s *snapshot) Orders(ctx context.Context, after checkout.ID, limit int) ([]*checkout.Order, error) {
	ids, err := chunk(ctx, s, (*row).id, "snapshot_orders", after[:], int64(limit))
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	found := make(map[checkout.ID]*checkout.Order, len(ids))
	err = s.read(ctx, wholeOrderSteps(ids, found)...)
	sortAll(ids, found)
	return inOrder(ids, found), err
}

// Tasks reads tasks by id.
func (s *snapshot) Tasks(ctx context.Context, after checkout.ID, limit int) ([]checkout.Task, error) {
	return chunk(ctx, s, scanTask, "snapshot_tasks", after[:], int64(limit))
}

// Webhooks reads webhook events by id.
func (s *snapshot) Webhooks(ctx context.Context, after checkout.ID, limit int) ([]*checkout.WebhookRecord, error) {
	return chunk(ctx, s, scanWebhook, "snapshot_webhooks", after[:], int64(limit))
}

// Log reads batches by position.
func (s *snapshot) Log(ctx context.Context, after int64, limit int) ([]checkout.LogEntry, error) {
	return chunk(ctx, s, scanLogEntry, "snapshot_log", after, int64(limit))
}

// Batches reads the batches by position, without their events.
func (s *snapshot) Batches(ctx context.Context, after int64, limit int) ([]checkout.LogEntry, error) {
	return chunk(ctx, s, scanBatch, "snapshot_batches", after, int64(limit))
}

// Counters are the last numbers given, by name.
func (s *snapshot) Counters(ctx context.Context) (map[string]int64, error) {
	out := map[string]int64{}
	err := s.read(ctx, step{sql: statement("snapshot_counters"), scan: func(r *row) {
		name := r.text()
		out[name] = r.int()
	}})
	return out, err
}

// Last tells where the lists end.
func (s *snapshot) Last(ctx context.Context) (last store.LastKeys, err error) {
	err = s.read(ctx, step{sql: statement("snapshot_last"), scan: func(r *row) {
		last = store.LastKeys{Cart: r.id(), Order: r.id(), Task: r.id(), Webhook: r.id(), Session: r.text()}
	}})
	return last, err
}
