package audit

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/store"
)

// forged is a snapshot whose rows a test may change at will: what a database
// without constraints could hold.
type forged struct {
	now      time.Time
	levels   []checkout.Level
	adjusted []store.Adjusted
	holds    []*checkout.Hold
	carts    []*checkout.Cart
	orders   []*checkout.Order
	tasks    []checkout.Task
	webhooks []*checkout.WebhookRecord
	log      []checkout.LogEntry
	counters map[string]int64
	unfiled  checkout.ID // a payment that its charge does not lead to
}

// read takes every row of a store.
func read(t *testing.T, source Source) *forged {
	t.Helper()
	rows, err := source.Snapshot(t.Context())
	require.NoError(t, err)
	f := &forged{now: rows.Now()}
	const all = 1 << 20
	f.levels = must(rows.Levels(t.Context(), checkout.StockKey{}, all))
	f.adjusted = must(rows.Adjusted(t.Context(), checkout.StockKey{}, all))
	f.holds = must(rows.Holds(t.Context(), "", all))
	f.carts = must(rows.Carts(t.Context(), checkout.ID{}, all))
	f.orders = must(rows.Orders(t.Context(), checkout.ID{}, all))
	f.tasks = must(rows.Tasks(t.Context(), checkout.ID{}, all))
	f.webhooks = must(rows.Webhooks(t.Context(), checkout.ID{}, all))
	f.log = must(rows.Log(t.Context(), 0, all))
	f.counters = must(rows.Counters(t.Context()))
	require.NoError(t, rows.Close())
	return f
}

func must[T any](rows T, err error) T {
	if err != nil {
		panic(err)
	}
	return rows
}

// pageOf is a chunk of sorted rows.
func pageOf[R, K any](rows []R, key func(R) K, compare func(a, b K) int, after K, limit int) ([]R, error) {
	var page []R
	for _, r := range rows {
		if compare(key(r), after) > 0 && len(page) < limit {
			page = append(page, r)
		}
	}
	return page, nil
}

func (f *forged) Snapshot(context.Context) (store.Snapshot, error) { return f, nil }
func (f *forged) Now() time.Time                                   { return f.now }
func (f *forged) Close() error                                     { return nil }

func (f *forged) Levels(_ context.Context, after checkout.StockKey, limit int) ([]checkout.Level, error) {
	return pageOf(f.levels, checkout.Level.Key, checkout.StockKey.Compare, after, limit)
}

func (f *forged) Adjusted(_ context.Context, after checkout.StockKey, limit int) ([]store.Adjusted, error) {
	key := func(a store.Adjusted) checkout.StockKey { return a.Key }
	return pageOf(f.adjusted, key, checkout.StockKey.Compare, after, limit)
}

func (f *forged) Holds(_ context.Context, after string, limit int) ([]*checkout.Hold, error) {
	return pageOf(f.holds, func(h *checkout.Hold) string { return h.SessionID }, strings.Compare, after, limit)
}

func (f *forged) Carts(_ context.Context, after checkout.ID, limit int) ([]*checkout.Cart, error) {
	return pageOf(f.carts, func(c *checkout.Cart) checkout.ID { return c.ID }, checkout.ID.Compare, after, limit)
}

func (f *forged) Orders(_ context.Context, after checkout.ID, limit int) ([]*checkout.Order, error) {
	return pageOf(f.orders, func(o *checkout.Order) checkout.ID { return o.ID }, checkout.ID.Compare, after, limit)
}

func (f *forged) Tasks(_ context.Context, after checkout.ID, limit int) ([]checkout.Task, error) {
	return pageOf(f.tasks, func(t checkout.Task) checkout.ID { return t.ID }, checkout.ID.Compare, after, limit)
}

func (f *forged) Webhooks(_ context.Context, after checkout.ID, limit int) ([]*checkout.WebhookRecord, error) {
	return pageOf(f.webhooks, func(w *checkout.WebhookRecord) checkout.ID { return w.ID }, checkout.ID.Compare, after, limit)
}

func (f *forged) Log(_ context.Context, after int64, limit int) ([]checkout.LogEntry, error) {
	key := func(e checkout.LogEntry) int64 { return e.Position }
	return pageOf(f.log, key, func(a, b int64) int { return int(a - b) }, after, limit)
}

func (f *forged) Batches(ctx context.Context, after int64, limit int) ([]checkout.LogEntry, error) {
	return f.Log(ctx, after, limit)
}

func (f *forged) Counters(context.Context) (map[string]int64, error) { return f.counters, nil }

func (f *forged) Held(context.Context) (map[checkout.StockKey]int64, error) {
	held := map[checkout.StockKey]int64{}
	for _, h := range f.holds {
		for _, a := range h.Allocations {
			held[checkout.StockKey{SKU: a.SKU, Warehouse: a.Warehouse}] += a.Qty
		}
	}
	return held, nil
}

func (f *forged) Last(context.Context) (last store.LastKeys, err error) {
	if n := len(f.carts); n > 0 {
		last.Cart = f.carts[n-1].ID
	}
	if n := len(f.orders); n > 0 {
		last.Order = f.orders[n-1].ID
	}
	if n := len(f.tasks); n > 0 {
		last.Task = f.tasks[n-1].ID
	}
	if n := len(f.webhooks); n > 0 {
		last.Webhook = f.webhooks[n-1].ID
	}
	if n := len(f.holds); n > 0 {
		last.Session = f.holds[n-1].SessionID
	}
	return last, nil
}

func (f *forged) Find(_ context.Context, keys store.FindKeys) (found store.Found, err error) {
	found.Orders = rowsOf(f.orders, keys.Orders, func(o *checkout.Order) checkout.ID { return o.ID })
	found.Carts = rowsOf(f.carts, keys.Carts, func(c *checkout.Cart) checkout.ID { return c.ID })
	found.Tasks = rowsOf(f.tasks, keys.Tasks, func(t checkout.Task) checkout.ID { return t.ID })
	for _, t := range f.tasks {
		if t.Attention && slices.Contains(keys.Attended, t.OrderID) {
			found.Tasks = append(found.Tasks, t)
		}
	}
	found.Webhooks = rowsOf(f.webhooks, keys.Webhooks, func(w *checkout.WebhookRecord) checkout.ID { return w.ID })
	found.Batches = rowsOf(f.log, keys.Batches, func(e checkout.LogEntry) checkout.ID { return e.BatchID })
	for _, o := range f.orders {
		for i := range o.Payments {
			p := &o.Payments[i]
			if key := (store.ChargeKey{Gateway: p.Gateway, ChargeID: p.ChargeID}); slices.Contains(keys.Charges, key) && p.ID != f.unfiled {
				found.Charges = append(found.Charges, store.Charged{ChargeKey: key, Payment: p.ID})
			}
		}
	}
	for _, w := range f.webhooks {
		if key := (checkout.WebhookKey{Gateway: w.Event.Gateway, Key: w.Event.Key}); slices.Contains(keys.Events, key) {
			found.Events = append(found.Events, store.Stored{WebhookKey: key, ID: w.ID})
		}
	}
	return found, nil
}

func rowsOf[R any](rows []R, ids []checkout.ID, id func(R) checkout.ID) (found []R) {
	for _, row := range rows {
		if slices.Contains(ids, id(row)) {
			found = append(found, row)
		}
	}
	return found
}

func (f *forged) order(id checkout.ID) *checkout.Order {
	for _, o := range f.orders {
		if o.ID == id {
			return o
		}
	}
	panic("no order " + id.String())
}

func (f *forged) level(sku, warehouse string) *checkout.Level {
	for i := range f.levels {
		if f.levels[i].SKU == sku && f.levels[i].Warehouse == warehouse {
			return &f.levels[i]
		}
	}
	panic("no level " + sku)
}

func (f *forged) task(id checkout.ID) *checkout.Task {
	for i := range f.tasks {
		if f.tasks[i].ID == id {
			return &f.tasks[i]
		}
	}
	panic("no task " + id.String())
}

func (f *forged) webhook(id checkout.ID) *checkout.WebhookRecord {
	for _, w := range f.webhooks {
		if w.ID == id {
			return w
		}
	}
	panic("no webhook event " + id.String())
}
