package sqlite

import (
	"context"
	"errors"
	"sync"
	"time"

	"kassa/checkout"
	"kassa/store"
)

// snapshot is a read transaction that stays open: WAL mode keeps its moment. While
// it does, the log's pages from after that moment cannot be put back into the file.
type snapshot struct {
	now  time.Time
	view view
	done sync.Once
}

// Snapshot opens one consistent view of everything. It holds one of the reading
// connections until it is closed.
func (s *Store) Snapshot(ctx context.Context) (store.Snapshot, error) {
	v, err := s.openView(ctx)
	if err != nil {
		return nil, err
	}
	snap := &snapshot{now: s.now(), view: v}
	if _, err := snap.Counters(ctx); err != nil { // the first read fixes the moment
		return nil, errors.Join(err, snap.Close())
	}
	return snap, nil
}

func (s *snapshot) Now() time.Time { return s.now }

// Close gives the connection back. It may be called again.
func (s *snapshot) Close() (err error) {
	s.done.Do(func() { err = s.view.close() })
	return err
}

func (s *snapshot) Levels(ctx context.Context, after checkout.StockKey, limit int) ([]checkout.Level, error) {
	return collect(ctx, s.view.connection, "inventory.after", scanLevel, after.SKU, after.Warehouse, limit)
}

func (s *snapshot) Adjusted(ctx context.Context, after checkout.StockKey, limit int) ([]store.Adjusted, error) {
	return collect(ctx, s.view.connection, "stock_adjustments.sums_after", scanAdjusted, after.SKU, after.Warehouse, limit)
}

// Held counts equal allocations before they are taken apart: most sessions of a
// sale hold the same.
func (s *snapshot) Held(ctx context.Context) (map[checkout.StockKey]int64, error) {
	held := map[checkout.StockKey]int64{}
	add := func(r *row) struct{} {
		var allocations []checkout.Allocation
		r.json(&allocations)
		holds := r.int()
		for _, a := range allocations {
			held[checkout.StockKey{SKU: a.SKU, Warehouse: a.Warehouse}] += a.Qty * holds
		}
		return struct{}{}
	}
	_, err := collect(ctx, s.view.connection, "holds.counted", add)
	return held, err
}

func (s *snapshot) Holds(ctx context.Context, after string, limit int) ([]*checkout.Hold, error) {
	return collect(ctx, s.view.connection, "holds.after", scanHold, after, limit)
}

func (s *snapshot) Carts(ctx context.Context, after checkout.ID, limit int) ([]*checkout.Cart, error) {
	return collect(ctx, s.view.connection, "carts.after", scanCart, after[:], limit)
}

func (s *snapshot) Orders(ctx context.Context, after checkout.ID, limit int) ([]*checkout.Order, error) {
	ids, err := collect(ctx, s.view.connection, "orders.after", scanID, after[:], limit)
	if err != nil {
		return nil, err
	}
	return wholeOrders(ctx, s.view.connection, ids)
}

func (s *snapshot) Tasks(ctx context.Context, after checkout.ID, limit int) ([]checkout.Task, error) {
	return collect(ctx, s.view.connection, "tasks.after", scanTask, after[:], limit)
}

func (s *snapshot) Webhooks(ctx context.Context, after checkout.ID, limit int) ([]*checkout.WebhookRecord, error) {
	return collect(ctx, s.view.connection, "webhook_events.after", scanWebhook, after[:], limit)
}

func (s *snapshot) Log(ctx context.Context, after int64, limit int) ([]checkout.LogEntry, error) {
	return collect(ctx, s.view.connection, "event_log.after", scanLogEntry, after, limit)
}

func (s *snapshot) Batches(ctx context.Context, after int64, limit int) ([]checkout.LogEntry, error) {
	return collect(ctx, s.view.connection, "event_log.batches_after", scanBatch, after, limit)
}

func scanBatch(r *row) checkout.LogEntry {
	return checkout.LogEntry{BatchID: r.id(), Position: r.int()}
}

func (s *snapshot) Counters(ctx context.Context) (map[string]int64, error) {
	found, err := collect(ctx, s.view.connection, "counters.all", scanCounter)
	counters := make(map[string]int64, len(found))
	for _, c := range found {
		counters[c.name] = c.value
	}
	return counters, err
}

func (s *snapshot) Last(ctx context.Context) (store.LastKeys, error) {
	found, err := collect(ctx, s.view.connection, "snapshot.last", scanLastKeys)
	return single(found, err, "last keys")
}

func scanLastKeys(r *row) store.LastKeys {
	return store.LastKeys{Cart: r.id(), Order: r.id(), Task: r.id(), Webhook: r.id(), Session: r.text()}
}
