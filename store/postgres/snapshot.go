package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"kassa/checkout"
	"kassa/store"
)

// snapshot is a read-only transaction that sees the database as it was when it
// began.
type snapshot struct {
	conn *pgxpool.Conn
	now  time.Time
}

// Snapshot opens one consistent view. Until it is closed it holds a connection, and
// keeps the server from removing what has died since: no row's old versions are
// pruned, which a popular SKU's soon feels. So the server ends one that is forgotten.
func (s *Store) Snapshot(ctx context.Context) (store.Snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return nil, mapError(err)
	}
	snap := &snapshot{conn: conn}
	batch := &pgx.Batch{}
	batch.Queue("begin isolation level repeatable read read only")
	batch.Queue("set local idle_in_transaction_session_timeout = '1min'")
	batch.Queue(statement("now")).Query(clock(&snap.now))
	if err := conn.SendBatch(ctx, batch).Close(); err != nil {
		return nil, errors.Join(mapError(err), snap.Close())
	}
	return snap, nil
}

// Now is when the view was taken.
func (s *snapshot) Now() time.Time { return s.now }

// Close ends the transaction. The pool closes a connection that is still in one.
func (s *snapshot) Close() error {
	if s.conn == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), rollbackTimeout)
	defer cancel()
	_, err := s.conn.Exec(ctx, "rollback")
	s.conn.Release()
	s.conn = nil
	return mapError(err)
}

func chunk[T any](ctx context.Context, s *snapshot, scan func(*row) T, name string, args ...any) ([]T, error) {
	if s.conn == nil {
		return nil, fmt.Errorf("postgres: the snapshot is closed")
	}
	return query(ctx, s.conn, scan, statement(name), args...)
}

// Levels reads stock by SKU and warehouse.
func (s *snapshot) Levels(ctx context.Context, after checkout.StockKey, limit int) ([]checkout.Level, error) {
	return chunk(ctx, s, scanLevel, "snapshot_levels", after.SKU, after.Warehouse, int64(limit))
}

// Adjusted sums the adjustments of each level.
func (s *snapshot) Adjusted(ctx context.Context, after checkout.StockKey, limit int) ([]store.Adjusted, error) {
	scan := func(r *row) store.Adjusted {
		return store.Adjusted{Key: checkout.StockKey{SKU: r.text(), Warehouse: r.text()}, Sum: r.int()}
	}
	return chunk(ctx, s, scan, "snapshot_adjusted", after.SKU, after.Warehouse, int64(limit))
}

// Held sums what sessions hold of each level. Most sessions of a sale hold the same,
// so the server counts equal allocations before they are sent.
func (s *snapshot) Held(ctx context.Context) (map[checkout.StockKey]int64, error) {
	held := map[checkout.StockKey]int64{}
	add := func(r *row) struct{} {
		allocations, holds := scanAllocations(r), r.int()
		for _, a := range allocations {
			held[checkout.StockKey{SKU: a.SKU, Warehouse: a.Warehouse}] += a.Qty * holds
		}
		return struct{}{}
	}
	_, err := chunk(ctx, s, add, "snapshot_held")
	return held, err
}

// Holds reads holds by session.
func (s *snapshot) Holds(ctx context.Context, after string, limit int) ([]*checkout.Hold, error) {
	return chunk(ctx, s, scanHold, "snapshot_holds", after, int64(limit))
}

// Carts reads carts by id.
func (s *snapshot) Carts(ctx context.Context, after checkout.ID, limit int) ([]*checkout.Cart, error) {
	return chunk(ctx, s, scanCart, "snapshot_carts", [16]byte(after), int64(limit))
}

// Orders reads orders by id, with all that belongs to them.
func (s *snapshot) Orders(ctx context.Context, after checkout.ID, limit int) ([]*checkout.Order, error) {
	ids, err := chunk(ctx, s, (*row).id, "snapshot_orders", [16]byte(after), int64(limit))
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	found := map[checkout.ID]*checkout.Order{}
	batch := &pgx.Batch{}
	queueWholeOrders(batch, ids, found)
	if err := s.conn.SendBatch(ctx, batch).Close(); err != nil {
		return nil, mapError(err)
	}
	return inOrder(ids, found), nil
}

// Tasks reads tasks by id.
func (s *snapshot) Tasks(ctx context.Context, after checkout.ID, limit int) ([]checkout.Task, error) {
	return chunk(ctx, s, scanTask, "snapshot_tasks", [16]byte(after), int64(limit))
}

// Webhooks reads webhook events by id.
func (s *snapshot) Webhooks(ctx context.Context, after checkout.ID, limit int) ([]*checkout.WebhookRecord, error) {
	return chunk(ctx, s, scanWebhook, "snapshot_webhooks", [16]byte(after), int64(limit))
}

// Log reads batches by position.
func (s *snapshot) Log(ctx context.Context, after int64, limit int) ([]checkout.LogEntry, error) {
	return chunk(ctx, s, scanLogEntry, "snapshot_log", after, int64(limit))
}

// Batches reads the batches by position, without their events.
func (s *snapshot) Batches(ctx context.Context, after int64, limit int) ([]checkout.LogEntry, error) {
	scan := func(r *row) checkout.LogEntry { return checkout.LogEntry{BatchID: r.id(), Position: r.int()} }
	return chunk(ctx, s, scan, "snapshot_batches", after, int64(limit))
}

// Counters are the last numbers given, by name.
func (s *snapshot) Counters(ctx context.Context) (map[string]int64, error) {
	type counter struct {
		name  string
		value int64
	}
	scan := func(r *row) counter { return counter{r.text(), r.int()} }
	counters, err := chunk(ctx, s, scan, "snapshot_counters")
	if err != nil {
		return nil, err
	}
	out := make(map[string]int64, len(counters))
	for _, c := range counters {
		out[c.name] = c.value
	}
	return out, nil
}

// Last tells where the lists end.
func (s *snapshot) Last(ctx context.Context) (store.LastKeys, error) {
	scan := func(r *row) store.LastKeys {
		return store.LastKeys{Cart: r.id(), Order: r.id(), Task: r.id(), Webhook: r.id(), Session: r.text()}
	}
	found, err := chunk(ctx, s, scan, "snapshot_last")
	if err != nil {
		return store.LastKeys{}, err
	}
	return found[0], nil
}
