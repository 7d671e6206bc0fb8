package audit

import (
	"context"

	"kassa/checkout"
	"kassa/store"
)

// checkOrders judges the orders with all that belongs to them, and gathers what is
// summed over them.
func (a *auditor) checkOrders(ctx context.Context) error {
	orders := list[checkout.ID, *checkout.Order]{
		page: store.Snapshot.Orders, key: func(o *checkout.Order) checkout.ID { return o.ID },
		compare: checkout.ID.Compare, last: a.books.last, chunk: a.options.chunk,
	}
	return walk(ctx, a, orders, a.besideOrders, func(v *view, orders []*checkout.Order) error {
		for _, o := range orders {
			t := v.trails[o.ID]
			a.judgeOrder(v, o)
			a.judgeCharges(v, o)
			a.judgeCartOf(v, o)
			a.judgeInvoice(v, o)
			a.judgeTrail(o, t)
			a.books.add(o, t)
		}
		return a.askGateways(ctx, orders)
	})
}

// besideOrders finds what belongs to orders under another key than their own.
func (a *auditor) besideOrders(ctx context.Context, rows store.Snapshot, orders []*checkout.Order) (*view, error) {
	v := a.newView(rows)
	if err := v.find(ctx, rows, relations(orders)); err != nil {
		return nil, err
	}
	var err error
	if v.trails, err = a.log.follow(ctx, rows, orders, a.books.since()); err != nil {
		return nil, err
	}
	if a.numberedSince(orders) {
		if v.counters, err = rows.Counters(ctx); err != nil {
			return nil, err
		}
	}
	if suspects := v.suspects(orders); len(suspects) > 0 {
		return v, v.find(ctx, rows, store.FindKeys{Attended: suspects})
	}
	return v, nil
}

func relations(orders []*checkout.Order) (keys store.FindKeys) {
	for _, o := range orders {
		keys.Carts = append(keys.Carts, o.CartID)
		for i := range o.Payments {
			p := &o.Payments[i]
			if p.Open() {
				keys.Tasks = append(keys.Tasks, p.ID)
			}
			if p.ChargeID != "" {
				keys.Charges = append(keys.Charges, store.ChargeKey{Gateway: p.Gateway, ChargeID: p.ChargeID})
			}
		}
		for i := range o.Refunds {
			if o.Refunds[i].Status == checkout.RefundPending {
				keys.Tasks = append(keys.Tasks, o.Refunds[i].ID)
			}
		}
	}
	keys.Carts, keys.Tasks = unique(keys.Carts), unique(keys.Tasks)
	return keys
}

// suspects names the orders with a law that looks broken. Some laws leave room
// where an operator is asked, so it is looked for who is.
func (v *view) suspects(orders []*checkout.Order) (suspects []checkout.ID) {
	for _, o := range orders {
		looksBroken := false
		v.apply(o, func(_ *rule, _ checkout.ID, why string) { looksBroken = looksBroken || why != "" })
		if looksBroken {
			suspects = append(suspects, o.ID)
		}
	}
	return suspects
}

func (a *auditor) judgeOrder(v *view, o *checkout.Order) {
	v.apply(o, func(r *rule, id checkout.ID, why string) { a.judge(r.Name, id, why) })
}

// apply applies every law of an order, its payments and its refunds.
func (v *view) apply(o *checkout.Order, verdict func(law *rule, id checkout.ID, why string)) {
	for i := range rules {
		r := &rules[i]
		switch {
		case r.order != nil:
			verdict(r, o.ID, r.order(v, o))
		case r.payment != nil:
			for i := range o.Payments {
				verdict(r, o.Payments[i].ID, r.payment(v, o, &o.Payments[i]))
			}
		case r.refund != nil:
			for i := range o.Refunds {
				verdict(r, o.Refunds[i].ID, r.refund(v, o, &o.Refunds[i]))
			}
		}
	}
}
