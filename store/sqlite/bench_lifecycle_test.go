//go:build unix

package sqlite_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/money"
	"kassa/saga"
	"kassa/store"
)

// BenchmarkLifecycle takes orders of two lines, over 10,000 SKUs, from the
// checkout to the paid order in four batches: checkout, initiate, the gateway's
// answer, its webhook. Rows come from memory, as an owner's do.
func BenchmarkLifecycle(b *testing.B) {
	for _, size := range []int{1, 32, 100, 400, 1000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) { lifecycles(b, size, false) })
	}
	b.Run("400 loaded", func(b *testing.B) { lifecycles(b, 400, true) })
}

func lifecycles(b *testing.B, size int, loaded bool) {
	l := newLifecycle(b, size)
	l.loaded = loaded
	for range 3 {
		l.run()
	}
	l.start()
	for range b.N {
		l.round(func() { l.run() })
	}
	l.report()
}

type lifecycle struct {
	*bench
	now    time.Time
	loaded bool // read rows first, as who does not own them must
	stock  map[string]checkout.Level
}

func newLifecycle(b *testing.B, size int) *lifecycle {
	b.Helper()
	const skus = 10_000
	l := &lifecycle{bench: newBench(b, size, skus), now: time.Unix(1_800_000_000, 0).UTC(), stock: map[string]checkout.Level{}}
	for i := range skus {
		l.stock[sku(i)] = plenty(sku(i))
	}
	return l
}

func (l *lifecycle) run() []*checkout.Order {
	orders := l.place()
	l.initiate(orders)
	l.answer(orders)
	l.pay(orders)
	return orders
}

// need loads what a batch is decided on, where rows do not come from memory.
func (l *lifecycle) need(orders []*checkout.Order, keys saga.Keys) {
	if !l.loaded {
		return
	}
	for _, o := range orders {
		keys.Orders = append(keys.Orders, o.ID)
	}
	l.load(keys)
}

// move changes the stock of the orders' lines and adds the levels to save.
func (l *lifecycle) move(save *store.Save, orders []*checkout.Order, change func(*checkout.Level, int64)) {
	touched := map[string]bool{}
	for _, o := range orders {
		for _, a := range o.Allocations {
			level := l.stock[a.SKU]
			change(&level, a.Qty)
			l.stock[a.SKU], touched[a.SKU] = level, true
		}
	}
	for name := range touched {
		save.Levels = append(save.Levels, l.stock[name])
	}
	slices.SortFunc(save.Levels, func(a, b checkout.Level) int { return a.Key().Compare(b.Key()) })
}

func (l *lifecycle) place() []*checkout.Order {
	save := &store.Save{}
	var need saga.Keys
	for range l.size {
		o := l.order()
		key := checkout.KeyID{Scope: "POST /checkout|0198c0de-0000-7000-8000-000000000001|", Key: randomText(o.ID)}
		save.NewOrders = append(save.NewOrders, o)
		save.Answers = append(save.Answers, checkout.IdempotencyRecord{
			KeyID: key, RequestHash: "c0d52e91c690475981fd7bf58aaf9842234e2b65e48a5dd43552b92134cab237",
			Answer: checkout.Answer{Status: 201, Order: o.ID}, CreatedAt: l.now,
		})
		save.Events = append(save.Events, l.event(o, "order.created", map[string]any{
			"amount": o.Total.String(), "currency": "INR", "hold_expires_at": o.HoldExpiresAt,
		}))
		need.Answers = append(need.Answers, key)
		need.Stock = append(need.Stock, o.Allocations[0].SKU, o.Allocations[1].SKU)
	}
	l.need(nil, need)
	l.move(save, save.NewOrders, func(s *checkout.Level, qty int64) { s.Available, s.Locked = s.Available-qty, s.Locked+qty })
	l.log(save, save.NewOrders)
	return save.NewOrders
}

func (l *lifecycle) order() *checkout.Order {
	o := &checkout.Order{
		ID: l.id(), Status: checkout.OrderPending, Total: money.New(55500, "INR"), HoldStatus: checkout.HoldOpen,
		HoldExpiresAt: l.now.Add(15 * time.Minute), CreatedAt: l.now, UpdatedAt: l.now,
		Details: &checkout.OrderDetails{
			Quote:    checkout.Quote{Currency: "INR", Subtotal: 55500, Total: 55500},
			Customer: checkout.Customer{Email: "asha.0.951@example.com", Name: "Asha Rao", Phone: "+919845012345"},
			ShippingAddress: &checkout.Address{
				Name: "Asha Rao", Line1: "12 MG Road", Line2: "Ashok Nagar", City: "Bengaluru", State: "KA", PostalCode: "560001", Country: "IN",
			},
		},
	}
	for range 2 {
		name := sku(l.next * 7919 % 10_000)
		l.next++
		o.Allocations = append(o.Allocations, checkout.Allocation{SKU: name, Warehouse: checkout.MainWarehouse, Qty: 1})
		o.Details.Quote.Lines = append(o.Details.Quote.Lines, checkout.QuoteLine{
			SKU: name, Name: "Stoneware mug no. 68", TaxCode: "69120010", Qty: 1, UnitPrice: 27750, Total: 27750,
		})
	}
	return o
}

func (l *lifecycle) event(o *checkout.Order, name string, data map[string]any) checkout.Event {
	o.EventSeq++
	return checkout.Event{OrderID: o.ID, Seq: o.EventSeq, Type: name, At: l.now, Data: data}
}

// log notes in each order which batch has its events, and commits.
func (l *lifecycle) log(save *store.Save, orders []*checkout.Order) {
	id := l.id()
	for _, o := range orders {
		o.Log = append(o.Log, id)
	}
	l.commit(save)
}

func (l *lifecycle) initiate(orders []*checkout.Order) {
	l.need(orders, saga.Keys{})
	save := &store.Save{Orders: orders}
	for _, o := range orders {
		p := checkout.Payment{
			ID: l.id(), OrderID: o.ID, Attempt: 1, Gateway: "stripe", Method: checkout.MethodCard, Status: checkout.PaymentInitiated,
			Amount: o.Total, Captured: money.New(0, "INR"), IdempotencyKey: randomText(o.ID), Closable: true, CallNo: 1,
			RequestHash: "134c4d4e751e7e044c2cc5e1ca3caa6bd841fab62d085dbacecaa04e05ec9737",
			ReturnURL:   "http://127.0.0.1:8080/pay/" + o.ID.String() + "?token=ot_984adbbf9e06f0809b47e84ebcd74ea3956bb252300",
			CreatedAt:   l.now, UpdatedAt: l.now,
		}
		o.Status, o.HoldExtended, o.Payments = checkout.OrderAwaitingPayment, true, []checkout.Payment{p}
		save.NewPayments = append(save.NewPayments, p)
		save.Tasks = append(save.Tasks, checkout.Task{
			ID: p.ID, Kind: checkout.TaskInitiate, OrderID: o.ID, DueAt: l.now, LeaseID: l.id(), LeasedUntil: l.now.Add(time.Minute), CreatedAt: l.now,
		})
		save.Events = append(save.Events, l.event(o, "payment.initiated", paymentData(p)))
	}
	l.log(save, orders)
}

func paymentData(p checkout.Payment) map[string]any {
	return map[string]any{"attempt": p.Attempt, "gateway": p.Gateway, "payment_id": p.ID.String(), "status": string(p.Status)}
}

// answer stores the gateway's page. The task goes on: it looks the attempt up where
// nobody pays.
func (l *lifecycle) answer(orders []*checkout.Order) {
	l.need(orders, saga.Keys{})
	save := &store.Save{}
	for _, o := range orders {
		p := &o.Payments[0]
		p.Status, p.GatewayRef = checkout.PaymentPending, "cs_test_"+p.ID.String()+"hHbQ0LkR7vWnXy2ZpTcDfG"
		p.Action = &checkout.Action{Type: "redirect", URL: "https://checkout.stripe.com/c/pay/" + p.GatewayRef}
		p.ActionExpires = l.now.Add(40 * time.Minute)
		save.Payments = append(save.Payments, *p)
	}
	l.commit(save)
}

func (l *lifecycle) pay(orders []*checkout.Order) {
	save := &store.Save{Orders: orders, Invoices: orders}
	var need saga.Keys
	for _, o := range orders {
		p := &o.Payments[0]
		p.Status, p.Captured, p.ChargeID, p.Action = checkout.PaymentSucceeded, p.Amount, "pi_06H0"+p.ID.String()[12:], nil
		o.Status, o.HoldStatus, o.SecuredBy, o.ConfirmedAt, o.InvoiceSeries = checkout.OrderConfirmed, checkout.HoldClaimed, p.ID, l.now, "2026-27"
		save.Payments = append(save.Payments, *p)
		save.DropTasks = append(save.DropTasks, saga.TaskDrop{ID: p.ID})
		w := l.webhook(o, p)
		save.NewWebhooks = append(save.NewWebhooks, w)
		save.Events = append(save.Events, l.event(o, "payment.succeeded", paymentData(*p)),
			l.event(o, "order.confirmed", map[string]any{"amount": o.Total.String(), "currency": "INR", "late": false}))
		need.Webhooks = append(need.Webhooks, checkout.WebhookKey{Gateway: "stripe", Key: w.Event.Key})
		need.Stock = append(need.Stock, o.Allocations[0].SKU, o.Allocations[1].SKU)
	}
	l.need(orders, need)
	l.move(save, orders, func(s *checkout.Level, qty int64) { s.Locked, s.Deducted = s.Locked-qty, s.Deducted+qty })
	l.log(save, orders)
}

func (l *lifecycle) webhook(o *checkout.Order, p *checkout.Payment) *checkout.WebhookRecord {
	return &checkout.WebhookRecord{
		ID: l.id(), Status: checkout.WebhookApplied, OrderID: o.ID, ReceivedAt: l.now, AppliedAt: l.now,
		Event: checkout.WebhookEvent{
			Gateway: "stripe", Key: "evt_" + p.ID.String()[:28], Type: "checkout.session.completed", OccurredAt: l.now,
			Payment: &checkout.PaymentReport{
				PaymentID: p.ID, Gateway: "stripe", GatewayRef: p.GatewayRef, ChargeID: p.ChargeID, Status: checkout.PaymentSucceeded, Amount: p.Amount,
			},
		},
	}
}

// BenchmarkRead reads paid orders with everything, after a commit has made the
// reading connections' caches worthless, as it is under load.
func BenchmarkRead(b *testing.B) {
	const size = 32
	l := newLifecycle(b, size)
	var orders []*checkout.Order
	for range 100 {
		orders = append(orders, l.run()...)
	}
	l.start()
	for i := range b.N {
		l.run()
		l.round(func() {
			defer l.meter(cpuTime())
			for j := range size {
				_, err := l.store.Order(b.Context(), orders[(i*size+j)*7919%len(orders)].ID)
				require.NoError(b, err)
			}
		})
	}
	l.report()
}
