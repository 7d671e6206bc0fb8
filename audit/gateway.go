package audit

import (
	"context"
	"fmt"

	"kassa/checkout"
	"kassa/money"
	"kassa/store"
)

// maxAsks bounds how often a gateway is asked about a payment that changes meanwhile.
const maxAsks = 3

// askGateways compares our ledger with the gateways'. Only payments that have
// ended are compared: of an open one the gateway may know more than we do.
func (a *auditor) askGateways(ctx context.Context, orders []*checkout.Order) error {
	if a.options.Gateway == nil {
		return nil
	}
	for _, o := range orders {
		for i := range o.Payments {
			if p := &o.Payments[i]; !p.Open() {
				if err := a.askGateway(ctx, o, p); err != nil {
					return fmt.Errorf("ask the gateway %s about payment %s: %w", p.Gateway, p.ID, err)
				}
			}
		}
	}
	return nil
}

// askGateway finds a difference only where ours is the same before and after the
// gateway was asked: a refund may have been made between the two looks.
func (a *auditor) askGateway(ctx context.Context, o *checkout.Order, p *checkout.Payment) error {
	for range maxAsks {
		captured, refunded, found, err := a.options.Gateway(ctx, o, p)
		if err != nil {
			return err
		}
		ours := entryOf(o, p)
		why := ours.sameAs(captured, refunded, found)
		if why == "" {
			a.judge(moneyGateway, p.ID, "")
			return nil
		}
		again, err := a.orderNow(ctx, o.ID, p.ID)
		if err != nil {
			return err
		}
		now := again.Payment(p.ID)
		switch {
		case now.Open():
			return nil // it was reopened meanwhile
		case entryOf(again, now) == ours:
			a.judge(moneyGateway, p.ID, why)
			return nil
		}
		o, p = again, now
	}
	return nil // it goes on changing: the next audit will see it at rest
}

// orderNow reads an order with a payment anew. Neither is ever removed.
func (a *auditor) orderNow(ctx context.Context, order, payment checkout.ID) (o *checkout.Order, err error) {
	err = a.within(ctx, func(rows store.Snapshot) error {
		found, err := rows.Find(ctx, store.FindKeys{Orders: []checkout.ID{order}})
		if err != nil {
			return err
		}
		if len(found.Orders) != 1 || found.Orders[0].Payment(payment) == nil {
			return fmt.Errorf("order %s with its payment: %w", order, store.ErrNotFound)
		}
		o = found.Orders[0]
		return nil
	})
	return o, err
}

// ledgerEntry is what our ledger says of a payment.
type ledgerEntry struct {
	captured        money.Money
	done, committed int64 // refunds, in minor units
}

func entryOf(o *checkout.Order, p *checkout.Payment) ledgerEntry {
	return ledgerEntry{captured: p.Captured, done: refunds(o, p, succeeded), committed: refunds(o, p, notFailed)}
}

// sameAs leaves room for refunds that are on their way: the gateway may count them
// already.
func (e ledgerEntry) sameAs(captured, refunded money.Money, found bool) string {
	switch {
	case !found && e.captured.Minor == 0:
		return ""
	case !found:
		return fmt.Sprintf("the gateway has no such payment, and we have %s captured", sum(e.captured))
	case captured.Minor != e.captured.Minor || captured.Minor > 0 && captured.Currency != e.captured.Currency:
		return fmt.Sprintf("the gateway captured %s, we have %s", sum(captured), sum(e.captured))
	case refunded.Minor < e.done || refunded.Minor > e.committed:
		return fmt.Sprintf("the gateway refunded %s, we have %s done and %s on their way", sum(refunded),
			money.New(e.done, e.captured.Currency), money.New(e.committed-e.done, e.captured.Currency))
	}
	return ""
}
