package audit

import (
	"context"
	"slices"
	"time"

	"kassa/checkout"
	"kassa/store"
)

// view is what a row's law may look at beside the row: what was found by key in
// the snapshot that the row comes from.
type view struct {
	now      time.Time
	options  Options
	counters map[string]int64 // where a row may need them
	orders   map[checkout.ID]*checkout.Order
	carts    map[checkout.ID]*checkout.Cart
	tasks    map[checkout.ID]checkout.Task
	webhooks map[checkout.ID]*checkout.WebhookRecord
	charges  map[store.ChargeKey][]checkout.ID
	events   map[checkout.WebhookKey][]checkout.ID
	attended map[checkout.ID]bool // orders that an operator is asked about
	trails   map[checkout.ID]trail
	adjusted map[checkout.StockKey]int64
}

func (a *auditor) newView(rows store.Snapshot) *view {
	return &view{
		now: rows.Now(), options: a.options,
		orders: map[checkout.ID]*checkout.Order{}, carts: map[checkout.ID]*checkout.Cart{},
		tasks: map[checkout.ID]checkout.Task{}, webhooks: map[checkout.ID]*checkout.WebhookRecord{},
		charges: map[store.ChargeKey][]checkout.ID{}, events: map[checkout.WebhookKey][]checkout.ID{},
		attended: map[checkout.ID]bool{}, adjusted: map[checkout.StockKey]int64{},
	}
}

// find reads rows by key into the view.
func (v *view) find(ctx context.Context, rows store.Snapshot, keys store.FindKeys) error {
	found, err := rows.Find(ctx, keys)
	for _, o := range found.Orders {
		v.orders[o.ID] = o
	}
	for _, c := range found.Carts {
		v.carts[c.ID] = c
	}
	for _, t := range found.Tasks {
		v.tasks[t.ID] = t
		if t.Attention {
			v.attended[t.OrderID] = true
		}
	}
	for _, w := range found.Webhooks {
		v.webhooks[w.ID] = w
	}
	for _, c := range found.Charges {
		v.charges[c.ChargeKey] = append(v.charges[c.ChargeKey], c.Payment)
	}
	for _, e := range found.Events {
		v.events[e.WebhookKey] = append(v.events[e.WebhookKey], e.ID)
	}
	return err
}

// owes tells whether a task works on a thing that belongs to an order, or, without
// one, on a webhook event.
func (v *view) owes(order, id checkout.ID) bool {
	t, there := v.tasks[id]
	return there && t.OrderID == order
}

// operator tells whether the order has an open attention item or an operator has
// ended one: people have the last word on money, and the log has their note.
func (v *view) operator(o *checkout.Order) bool {
	return v.attended[o.ID] || v.trails[o.ID].skipped
}

// unique sorts ids and leaves out doubles and the zero ID.
func unique(ids []checkout.ID) []checkout.ID {
	slices.SortFunc(ids, checkout.ID.Compare)
	ids = slices.Compact(ids)
	if len(ids) > 0 && ids[0].IsZero() {
		return ids[1:]
	}
	return ids
}
