package audit

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"kassa/checkout"
	"kassa/store"
)

// judgeCartOf judges an order's cart by the order. A cart names its last order, so
// that each order knows from its cart's row whether another one took its place.
func (a *auditor) judgeCartOf(v *view, o *checkout.Order) {
	if o.CartID.IsZero() {
		return
	}
	c, why := v.carts[o.CartID], ""
	switch {
	case c == nil:
		why = "it has an order and is not there"
	case o.Superseded && o.Live():
		why = fmt.Sprintf("order %s of it was superseded and is live", o.ID)
	case !o.Superseded && c.LastOrder != o.ID:
		why = fmt.Sprintf("its last order is %q, and order %s of it is not superseded", text(c.LastOrder), o.ID)
	}
	if why != "" {
		a.broken(onceCart, o.CartID.String(), why)
	}
}

// checkCarts judges the carts by their last orders. The others have been judged by
// their carts.
func (a *auditor) checkCarts(ctx context.Context) error {
	carts := list[checkout.ID, *checkout.Cart]{
		page: store.Snapshot.Carts, key: func(c *checkout.Cart) checkout.ID { return c.ID },
		compare: checkout.ID.Compare, last: a.opening.last.Cart, chunk: a.options.chunk,
	}
	look := func(ctx context.Context, rows store.Snapshot, carts []*checkout.Cart) (*view, error) {
		var orders []checkout.ID
		for _, c := range carts {
			orders = append(orders, c.LastOrder)
		}
		v := a.newView(rows)
		return v, v.find(ctx, rows, store.FindKeys{Orders: unique(orders)})
	}
	return walk(ctx, a, carts, look, func(v *view, carts []*checkout.Cart) error {
		for _, c := range carts {
			a.judge(onceCart, c.ID, v.lastOrder(c))
		}
		return nil
	})
}

func (v *view) lastOrder(c *checkout.Cart) string {
	if c.LastOrder.IsZero() {
		return ""
	}
	o := v.orders[c.LastOrder]
	switch {
	case o == nil:
		return fmt.Sprintf("its last order, %s, is not there", c.LastOrder)
	case o.CartID != c.ID:
		return fmt.Sprintf("its last order, %s, is of cart %q", c.LastOrder, text(o.CartID))
	case o.Superseded:
		return fmt.Sprintf("its last order, %s, is superseded", c.LastOrder)
	}
	return ""
}

func text(id checkout.ID) string {
	if id.IsZero() {
		return "none"
	}
	return id.String()
}

// oneAttempt counts attempts that a buyer could still pay. Money that is
// authorised does not count: an attempt that had failed may be authorised late.
func oneAttempt(_ *view, o *checkout.Order) string {
	var open []string
	for i := range o.Payments {
		p := &o.Payments[i]
		if (p.Status == checkout.PaymentInitiated || p.Status == checkout.PaymentPending) && !p.Superseded {
			open = append(open, p.ID.String())
		}
	}
	if len(open) > 1 {
		return "open attempts: " + strings.Join(open, ", ")
	}
	return ""
}

func differentKeys(_ *view, o *checkout.Order) string {
	seen := map[string]bool{}
	for i := range o.Payments {
		p := &o.Payments[i]
		if p.IdempotencyKey != "" && seen[p.IdempotencyKey] {
			return fmt.Sprintf("payment %s has the key of another", p.ID)
		}
		seen[p.IdempotencyKey] = true
	}
	return ""
}

// judgeCharges asks what each charge leads to: to its payment alone.
func (a *auditor) judgeCharges(v *view, o *checkout.Order) {
	for i := range o.Payments {
		if p := &o.Payments[i]; p.ChargeID != "" {
			a.judge(onceCharge, p.ID, v.chargedOnce(p))
		}
	}
}

func (v *view) chargedOnce(p *checkout.Payment) string {
	filed := v.charges[store.ChargeKey{Gateway: p.Gateway, ChargeID: p.ChargeID}]
	for _, id := range filed {
		if id != p.ID {
			return fmt.Sprintf("its charge %s of %s stands in payment %s too", p.ChargeID, p.Gateway, id)
		}
	}
	if len(filed) == 0 {
		return fmt.Sprintf("its charge %s of %s leads to no payment", p.ChargeID, p.Gateway)
	}
	return ""
}

func (a *auditor) checkWebhooks(ctx context.Context) error {
	events := list[checkout.ID, *checkout.WebhookRecord]{
		page: store.Snapshot.Webhooks, key: func(w *checkout.WebhookRecord) checkout.ID { return w.ID },
		compare: checkout.ID.Compare, last: a.opening.last.Webhook, chunk: a.options.chunk,
	}
	look := func(ctx context.Context, rows store.Snapshot, events []*checkout.WebhookRecord) (*view, error) {
		var keys store.FindKeys
		for _, w := range events {
			keys.Events = append(keys.Events, checkout.WebhookKey{Gateway: w.Event.Gateway, Key: w.Event.Key})
			if w.Status == checkout.WebhookReceived {
				keys.Tasks = append(keys.Tasks, w.ID)
			}
		}
		v := a.newView(rows)
		return v, v.find(ctx, rows, keys)
	}
	return walk(ctx, a, events, look, func(v *view, events []*checkout.WebhookRecord) error {
		for _, w := range events {
			for i := range rules {
				if r := &rules[i]; r.webhook != nil {
					a.judge(r.Name, w.ID, r.webhook(v, w))
				}
			}
		}
		return nil
	})
}

func appliedOnce(v *view, w *checkout.WebhookRecord) string {
	applied := w.Status == checkout.WebhookApplied
	interesting := w.Event.Payment != nil || w.Event.Refund != nil
	switch {
	case slices.ContainsFunc(v.events[checkout.WebhookKey{Gateway: w.Event.Gateway, Key: w.Event.Key}], func(id checkout.ID) bool {
		return id != w.ID
	}):
		return fmt.Sprintf("event %s of %s is stored twice", w.Event.Key, w.Event.Gateway)
	case applied == w.AppliedAt.IsZero():
		return fmt.Sprintf("the event is %s and was applied at %s", w.Status, w.AppliedAt)
	case applied && interesting && w.OrderID.IsZero():
		return "the event was applied to no order"
	case !applied && !w.OrderID.IsZero():
		return fmt.Sprintf("the event is %s and names order %s", w.Status, w.OrderID)
	}
	return ""
}
