package postgres

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/money"
	"kassa/saga"
	"kassa/store"
)

// lifecycles writes what the engine writes for a batch of orders at each step of a
// paid order: checkout, initiate, the gateway's answer, its webhook. Rows come
// from memory, as for an engine that owns them, or are loaded in each step.
type lifecycles struct {
	tb     testing.TB
	s      *Store
	loaded bool
	next   int
	levels []checkout.Level // by number of SKU
	orders map[checkout.ID]*checkout.Order
}

func newLifecycles(tb testing.TB, s *Store, skus int) *lifecycles {
	l := &lifecycles{tb: tb, s: s, orders: map[checkout.ID]*checkout.Order{}}
	for i := range skus {
		l.levels = append(l.levels, level(sku(i), 1<<40))
	}
	save := newSave()
	save.NewLevels = l.levels
	commit(tb, s, save)
	return l
}

func sku(i int) string { return fmt.Sprintf("SKU-%05d", i) }

func (l *lifecycles) run(n int) []checkout.ID {
	ids := l.checkout(n)
	l.initiate(ids)
	l.answered(ids)
	l.paid(ids)
	for _, id := range ids {
		delete(l.orders, id)
	}
	return ids
}

// step commits what change puts into the save. stock are the numbers of the SKUs
// that it moves.
func (l *lifecycles) step(keys saga.Keys, stock map[int]struct{}, change func(*store.Save)) {
	save := newSave()
	for _, i := range slices.Sorted(maps.Keys(stock)) {
		keys.Stock = append(keys.Stock, sku(i))
	}
	tx, err := l.s.Begin(l.tb.Context())
	require.NoError(l.tb, err)
	if l.loaded {
		state := saga.NewState()
		require.NoError(l.tb, tx.Load(l.tb.Context(), keys, state))
		maps.Copy(l.orders, state.Orders)
	}
	change(save)
	for _, i := range slices.Sorted(maps.Keys(stock)) {
		save.Levels = append(save.Levels, l.levels[i])
	}
	require.NoError(l.tb, tx.Commit(l.tb.Context(), save))
}

func (l *lifecycles) checkout(n int) []checkout.ID {
	orders := make([]*checkout.Order, n)
	stock := map[int]struct{}{}
	var keys saga.Keys
	for i := range orders {
		orders[i] = newOrder()
		l.take(orders[i], stock)
		keys.Answers = append(keys.Answers, checkout.KeyID{Scope: "POST /checkout pk_0198c0de", Key: orders[i].ID.String()})
	}
	l.step(keys, stock, func(save *store.Save) {
		for i, o := range orders {
			o.Log = []checkout.ID{save.BatchID}
			l.orders[o.ID] = o
			save.NewOrders = append(save.NewOrders, o)
			save.Answers = append(save.Answers, checkout.IdempotencyRecord{
				KeyID: keys.Answers[i], RequestHash: newPayment(o).RequestHash,
				Answer: checkout.Answer{Status: 201, Order: o.ID}, CreatedAt: testTime,
			})
			save.Events = append(save.Events, event(o, "order.created"))
		}
	})
	return idsOf(orders)
}

// take gives each line of an order the next SKU, and holds it.
func (l *lifecycles) take(o *checkout.Order, stock map[int]struct{}) {
	o.Allocations = nil
	for j := range o.Details.Quote.Lines {
		line, i := &o.Details.Quote.Lines[j], l.next%len(l.levels)
		l.next++
		line.SKU = sku(i)
		o.Allocations = append(o.Allocations, checkout.Allocation{SKU: line.SKU, Warehouse: checkout.MainWarehouse, Qty: line.Qty})
		l.levels[i].Available -= line.Qty
		l.levels[i].Locked += line.Qty
		stock[i] = struct{}{}
	}
}

func idsOf(orders []*checkout.Order) []checkout.ID {
	ids := make([]checkout.ID, len(orders))
	for i, o := range orders {
		ids[i] = o.ID
	}
	return ids
}

func event(o *checkout.Order, name string) checkout.Event {
	return checkout.Event{
		OrderID: o.ID, Seq: o.EventSeq, Type: name, At: testTime,
		Data: map[string]any{"status": string(o.Status), "amount": o.Total.String(), "currency": "INR"},
	}
}

func (l *lifecycles) initiate(ids []checkout.ID) {
	l.step(saga.Keys{Orders: ids}, nil, func(save *store.Save) {
		for _, id := range ids {
			o := l.orders[id]
			o.Status, o.HoldExtended, o.UpdatedAt = checkout.OrderAwaitingPayment, true, testTime.Add(time.Second)
			o.EventSeq++
			o.Log = append(o.Log, save.BatchID)
			p := newPayment(o)
			o.Payments = append(o.Payments, p)
			save.Orders = append(save.Orders, o)
			save.NewPayments = append(save.NewPayments, p)
			save.Tasks = append(save.Tasks, checkout.Task{
				ID: p.ID, Kind: checkout.TaskInitiate, OrderID: id, DueAt: testTime,
				LeaseID: p.ID, LeasedUntil: testTime.Add(checkout.TaskLease), CreatedAt: testTime,
			})
			save.Events = append(save.Events, event(o, "payment.initiated"))
		}
	})
}

// answered stores the gateway's page. The task goes on: it looks the attempt up
// where nobody pays.
func (l *lifecycles) answered(ids []checkout.ID) {
	l.step(saga.Keys{Orders: ids}, nil, func(save *store.Save) {
		for _, id := range ids {
			p := &l.orders[id].Payments[0]
			p.Status, p.GatewayRef = checkout.PaymentPending, "cs_test_a1"+p.ID.String()
			p.Action = &checkout.Action{Type: "redirect", URL: "https://checkout.stripe.com/c/pay/cs_test_a1" + p.ID.String()}
			p.UpdatedAt = testTime.Add(2 * time.Second)
			save.Payments = append(save.Payments, *p)
		}
	})
}

func (l *lifecycles) paid(ids []checkout.ID) {
	keys := saga.Keys{Orders: ids}
	stock := map[int]struct{}{}
	for _, id := range ids {
		keys.Webhooks = append(keys.Webhooks, checkout.WebhookKey{Gateway: "stripe", Key: "evt_" + id.String()})
		for _, a := range l.orders[id].Allocations {
			i := l.number(a.SKU)
			l.levels[i].Locked -= a.Qty
			l.levels[i].Deducted += a.Qty
			stock[i] = struct{}{}
		}
	}
	l.step(keys, stock, func(save *store.Save) {
		for i, id := range ids {
			p := confirm(l.orders[id], save)
			save.NewWebhooks = append(save.NewWebhooks, &checkout.WebhookRecord{
				ID: newID(), Status: checkout.WebhookApplied, OrderID: id, ReceivedAt: testTime, AppliedAt: testTime,
				Event: checkout.WebhookEvent{
					Gateway: "stripe", Key: keys.Webhooks[i].Key, Type: "payment_intent.succeeded", OccurredAt: testTime,
					Payment: &checkout.PaymentReport{
						PaymentID: p.ID, Gateway: "stripe", ChargeID: p.ChargeID,
						Status: checkout.PaymentSucceeded, Amount: money.New(99900, "INR"),
					},
				},
			})
		}
	})
}

func (l *lifecycles) number(name string) (i int) {
	_, err := fmt.Sscanf(name, "SKU-%d", &i)
	require.NoError(l.tb, err)
	return i
}

func confirm(o *checkout.Order, save *store.Save) *checkout.Payment {
	p := &o.Payments[0]
	p.Status, p.Captured, p.ChargeID, p.Action = checkout.PaymentSucceeded, p.Amount, "ch_"+p.ID.String(), nil
	p.UpdatedAt = testTime.Add(5 * time.Second)
	o.Status, o.HoldStatus, o.SecuredBy = checkout.OrderConfirmed, checkout.HoldClaimed, p.ID
	o.ConfirmedAt, o.UpdatedAt, o.InvoiceSeries = p.UpdatedAt, p.UpdatedAt, "KA/2026-27"
	o.EventSeq += 2
	o.Log = append(o.Log, save.BatchID)
	save.Orders = append(save.Orders, o)
	save.Payments = append(save.Payments, *p)
	save.Invoices = append(save.Invoices, o)
	save.DropTasks = append(save.DropTasks, saga.TaskDrop{ID: p.ID})
	save.Events = append(save.Events, event(o, "payment.succeeded"), event(o, "order.confirmed"))
	return p
}
