package memory

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"kassa/checkout"
	"kassa/store"
)

// snapshot is a copy of the tables at one moment.
type snapshot struct {
	now  time.Time
	rows *tables
}

// Snapshot copies everything that the audit walks.
func (s *Store) Snapshot(context.Context) (store.Snapshot, error) {
	var snap *snapshot
	err := s.read(func(t *tables) error {
		snap = &snapshot{now: s.now(), rows: t.snapshot()}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return snap, nil
}

func (s *snapshot) Now() time.Time { return s.now }

func (s *snapshot) Close() error { return nil }

func (s *snapshot) Levels(_ context.Context, after checkout.StockKey, limit int) ([]checkout.Level, error) {
	return rowsAfter(s.rows.levels, checkout.StockKey.Compare, after, limit, func(l checkout.Level) checkout.Level { return l }), nil
}

func (s *snapshot) Adjusted(_ context.Context, after checkout.StockKey, limit int) ([]store.Adjusted, error) {
	sums := map[checkout.StockKey]store.Adjusted{}
	for _, a := range s.rows.adjustments {
		key := checkout.StockKey{SKU: a.SKU, Warehouse: a.Warehouse}
		sums[key] = store.Adjusted{Key: key, Sum: sums[key].Sum + a.Delta}
	}
	return rowsAfter(sums, checkout.StockKey.Compare, after, limit, func(a store.Adjusted) store.Adjusted { return a }), nil
}

func (s *snapshot) Held(context.Context) (map[checkout.StockKey]int64, error) {
	held := map[checkout.StockKey]int64{}
	for _, h := range s.rows.holds {
		for _, a := range h.Allocations {
			held[checkout.StockKey{SKU: a.SKU, Warehouse: a.Warehouse}] += a.Qty
		}
	}
	return held, nil
}

func (s *snapshot) Holds(_ context.Context, after string, limit int) ([]*checkout.Hold, error) {
	return rowsAfter(s.rows.holds, strings.Compare, after, limit, cloneHold), nil
}

func (s *snapshot) Carts(_ context.Context, after checkout.ID, limit int) ([]*checkout.Cart, error) {
	return rowsAfter(s.rows.carts, checkout.ID.Compare, after, limit, cloneCart), nil
}

func (s *snapshot) Orders(_ context.Context, after checkout.ID, limit int) ([]*checkout.Order, error) {
	whole := func(o *checkout.Order) *checkout.Order { return s.rows.order(o.ID) }
	return rowsAfter(s.rows.orders, checkout.ID.Compare, after, limit, whole), nil
}

func (s *snapshot) Tasks(_ context.Context, after checkout.ID, limit int) ([]checkout.Task, error) {
	return rowsAfter(s.rows.tasks, checkout.ID.Compare, after, limit, cloneTask), nil
}

func (s *snapshot) Webhooks(_ context.Context, after checkout.ID, limit int) ([]*checkout.WebhookRecord, error) {
	return rowsAfter(s.rows.webhooks, checkout.ID.Compare, after, limit, cloneWebhook), nil
}

func (s *snapshot) Log(_ context.Context, after int64, limit int) ([]checkout.LogEntry, error) {
	var entries []checkout.LogEntry
	for id, row := range s.rows.log {
		if row.position <= after {
			continue
		}
		if err := s.rows.appendEntry(&entries, id); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(entries, func(a, b checkout.LogEntry) int { return cmp.Compare(a.Position, b.Position) })
	return entries[:min(limit, len(entries))], nil
}

func (s *snapshot) Batches(ctx context.Context, after int64, limit int) ([]checkout.LogEntry, error) {
	entries, err := s.Log(ctx, after, limit)
	for i := range entries {
		entries[i].Events = nil
	}
	return entries, err
}

func (s *snapshot) Counters(context.Context) (map[string]int64, error) {
	return maps.Clone(s.rows.counters), nil
}

func (s *snapshot) Last(context.Context) (store.LastKeys, error) {
	return store.LastKeys{
		Cart:    greatest(s.rows.carts, checkout.ID.Compare),
		Order:   greatest(s.rows.orders, checkout.ID.Compare),
		Task:    greatest(s.rows.tasks, checkout.ID.Compare),
		Webhook: greatest(s.rows.webhooks, checkout.ID.Compare),
		Session: greatest(s.rows.holds, strings.Compare),
	}, nil
}

func greatest[K comparable, V any](rows map[K]V, compare func(a, b K) int) (last K) {
	for key := range rows {
		if compare(key, last) > 0 {
			last = key
		}
	}
	return last
}

func (s *snapshot) Find(_ context.Context, keys store.FindKeys) (found store.Found, err error) {
	for _, id := range keys.Orders {
		if o := s.rows.order(id); o != nil {
			o.Details = nil
			found.Orders = append(found.Orders, o)
		}
	}
	found.Carts = rowsOf(s.rows.carts, keys.Carts, cloneCart)
	found.Webhooks = rowsOf(s.rows.webhooks, keys.Webhooks, cloneWebhook)
	found.Tasks = rowsOf(s.rows.tasks, keys.Tasks, cloneTask)
	for _, t := range s.rows.tasks {
		if t.Attention && slices.Contains(keys.Attended, t.OrderID) {
			found.Tasks = append(found.Tasks, cloneTask(t))
		}
	}
	for _, id := range keys.Batches {
		if err := s.rows.appendEntry(&found.Batches, id); err != nil {
			return found, err
		}
	}
	s.findCharges(keys.Charges, &found)
	s.findEvents(keys.Events, &found)
	return found, nil
}

func (s *snapshot) findCharges(keys []store.ChargeKey, found *store.Found) {
	if len(keys) == 0 {
		return
	}
	for id, p := range s.rows.payments {
		if key := (store.ChargeKey{Gateway: p.Gateway, ChargeID: p.ChargeID}); slices.Contains(keys, key) {
			found.Charges = append(found.Charges, store.Charged{ChargeKey: key, Payment: id})
		}
	}
}

func (s *snapshot) findEvents(keys []checkout.WebhookKey, found *store.Found) {
	if len(keys) == 0 {
		return
	}
	for id, w := range s.rows.webhooks {
		if key := (checkout.WebhookKey{Gateway: w.Event.Gateway, Key: w.Event.Key}); slices.Contains(keys, key) {
			found.Events = append(found.Events, store.Stored{WebhookKey: key, ID: id})
		}
	}
}

// rowsOf is the rows of the keys that are there, copied.
func rowsOf[K comparable, V any](rows map[K]V, keys []K, clone func(V) V) []V {
	var found []V
	for _, key := range keys {
		if row, ok := rows[key]; ok {
			found = append(found, clone(row))
		}
	}
	return found
}

// rowsAfter is a page of rows, copied.
func rowsAfter[K comparable, V any](rows map[K]V, compare func(a, b K) int, after K, limit int, clone func(V) V) []V {
	var found []V
	for _, key := range page(rows, compare, after, limit) {
		found = append(found, clone(rows[key]))
	}
	return found
}
