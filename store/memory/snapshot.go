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

func (s *snapshot) Counters(context.Context) (map[string]int64, error) {
	return maps.Clone(s.rows.counters), nil
}

// rowsAfter is a page of rows, copied.
func rowsAfter[K comparable, V any](rows map[K]V, compare func(a, b K) int, after K, limit int, clone func(V) V) []V {
	var found []V
	for _, key := range page(rows, compare, after, limit) {
		found = append(found, clone(rows[key]))
	}
	return found
}
