package audit

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/engine"
	"kassa/money"
	"kassa/saga"
	"kassa/store"
	"kassa/store/memory"
)

// shop is a store that commands go into through the engine. Its clock stands
// until it is moved. Every command is followed by an audit that must be clean.
type shop struct {
	t      *testing.T
	engine *engine.Engine
	rows   *memory.Store
	clock  atomic.Int64 // unix milliseconds
	ids    map[string]checkout.ID
	charge int
}

func newShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{t: t, ids: map[string]checkout.ID{}}
	s.clock.Store(time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC).UnixMilli())
	s.rows = memory.New(memory.Config{Now: func() time.Time { return time.UnixMilli(s.clock.Load()) }})
	s.engine = engine.New(engine.Config{Store: s.rows}, func([]checkout.Task) {})
	t.Cleanup(func() { require.NoError(t, s.engine.Close(context.WithoutCancel(t.Context()))) })
	return s
}

func (s *shop) pass(d time.Duration) { s.clock.Add(d.Milliseconds()) }

func (s *shop) do(c saga.Command) saga.Result {
	s.t.Helper()
	result, err := s.engine.Do(s.t.Context(), c)
	require.NoError(s.t, err, "%T", c)
	report, err := Run(s.t.Context(), s.rows, Options{})
	require.NoError(s.t, err)
	require.True(s.t, report.Clean(), "after %T:\n%s", c, written(report))
	return result
}

func (s *shop) stock(sku, warehouse string, qty, price int64) {
	s.t.Helper()
	s.do(saga.SaveProduct{Product: checkout.Product{
		SKU: sku, Name: sku, Prices: map[money.Currency]int64{"INR": price}, Active: true,
	}})
	s.do(saga.AdjustStock{SKU: sku, Warehouse: warehouse, Delta: qty, Reason: "delivery"})
}

// place makes an order of two units and remembers it by a name.
func (s *shop) place(name, sku string) checkout.ID {
	s.t.Helper()
	o := s.do(saga.PlaceOrder{
		Items: []checkout.Item{{SKU: sku, Qty: 2}}, Currency: "INR", HoldTTL: checkout.DefaultHoldTTL, Details: details(),
	}).Order
	s.ids[name] = o.ID
	return o.ID
}

func details() checkout.OrderDetails {
	return checkout.OrderDetails{Customer: checkout.Customer{Email: "asha@example.com", Name: "Asha"}}
}

// initiate begins an attempt to pay the order of a name.
func (s *shop) initiate(order string, route saga.Route) checkout.ID {
	s.t.Helper()
	o := s.order(order)
	route.Gateway, route.Methods = "stripe", []checkout.Method{checkout.MethodCard}
	p := s.do(saga.InitiatePayment{
		OrderID: o.ID, Amount: money.Literal(o.Total.String()), Method: checkout.MethodCard,
		IdempotencyKey: order + string(rune('a'+len(o.Payments))), Routes: []saga.Route{route},
	}).Payment
	s.ids[order+".payment"] = p.ID
	return p.ID
}

// report brings what the gateway says of the order's newest attempt.
func (s *shop) report(order string, status checkout.PaymentStatus) *checkout.Order {
	s.t.Helper()
	o := s.order(order)
	p := o.Payment(s.ids[order+".payment"])
	s.charge++
	r := checkout.PaymentReport{Status: status, Amount: o.Total, GatewayRef: "cs_" + p.ID.String()}
	if status == checkout.PaymentSucceeded {
		r.ChargeID = "ch_" + string(rune('0'+s.charge))
	}
	return s.do(saga.ApplyPayment{OrderID: o.ID, PaymentID: p.ID, Report: r}).Order
}

// pay carries an order to CONFIRMED.
func (s *shop) pay(order string) {
	s.t.Helper()
	s.initiate(order, saga.Route{})
	require.Equal(s.t, checkout.OrderConfirmed, s.report(order, checkout.PaymentSucceeded).Status)
}

func (s *shop) refund(order, amount string) checkout.ID {
	s.t.Helper()
	r := s.do(saga.CreateRefund{OrderID: s.ids[order], Amount: money.Literal(amount), Reason: "asked for"}).Refund
	s.ids[order+".refund"] = r.ID
	return r.ID
}

func (s *shop) refunded(order string, refund checkout.ID, status checkout.RefundStatus) *checkout.Order {
	s.t.Helper()
	return s.do(saga.ApplyRefund{
		OrderID: s.ids[order], RefundID: refund, Report: checkout.RefundReport{Status: status, GatewayRef: "re_" + refund.String()},
	}).Order
}

func (s *shop) order(name string) *checkout.Order {
	s.t.Helper()
	o, err := s.rows.Order(s.t.Context(), s.ids[name])
	require.NoError(s.t, err)
	return o
}

func (s *shop) webhook(key string, payment *checkout.PaymentReport, order, of checkout.ID) saga.ReceiveWebhook {
	return saga.ReceiveWebhook{
		Event:   checkout.WebhookEvent{Gateway: "stripe", Key: key, Type: "payment", Payment: payment},
		OrderID: order, PaymentID: of,
	}
}

// webhookID finds a stored event by its key.
func (s *shop) webhookID(key string) checkout.ID {
	s.t.Helper()
	for _, w := range read(s.t, s.rows).webhooks {
		if w.Event.Key == key {
			return w.ID
		}
	}
	require.Fail(s.t, "no such webhook event", key)
	return checkout.ID{}
}

// busyShop is a shop in the middle of a day: an order in every state that there
// is, and what the states come with.
func busyShop(t *testing.T) *shop {
	t.Helper()
	s := newShop(t)
	s.stock("MUG", checkout.MainWarehouse, 100, 49900)
	s.do(saga.AdjustStock{SKU: "MUG", Warehouse: "east", Delta: 5, Reason: "transfer"})
	s.do(saga.AdjustStock{SKU: "MUG", Warehouse: "east", Delta: -1, Reason: "broken"})
	s.stock("GIFT", checkout.MainWarehouse, 10, 0)
	s.foreignWebhook()
	s.endedOrders()
	s.unpaidOrders()
	s.paidOrders()
	s.refundedOrders()
	s.attendedOrders()
	return s
}

// foreignWebhook receives one that nobody ever knows.
func (s *shop) foreignWebhook() {
	unknown := s.webhook("evt_foreign", &checkout.PaymentReport{GatewayRef: "cs_other"}, checkout.ID{}, checkout.ID{})
	s.do(unknown)
	s.clock.Add((73 * time.Hour).Milliseconds())
	task, err := s.rows.Task(s.t.Context(), s.webhookID("evt_foreign"))
	require.NoError(s.t, err)
	s.do(saga.MissWebhook{Event: unknown.Event, Run: &saga.TaskRun{Task: task}})
}

// endedOrders expire, are superseded, are cancelled, or are paid late.
func (s *shop) endedOrders() {
	cart := s.do(saga.SaveCart{Currency: "INR", Items: []checkout.Item{{SKU: "MUG", Qty: 1}}}).Cart.ID
	s.ids["cart"] = cart
	byCart := saga.PlaceOrder{CartID: cart, HoldTTL: checkout.DefaultHoldTTL, Details: details()}
	s.ids["superseded"] = s.do(byCart).Order.ID
	s.place("late", "MUG")
	s.pass(10 * time.Minute)
	s.initiate("late", saga.Route{})
	s.report("late", checkout.PaymentPending)
	s.expire("superseded", 6*time.Minute)
	s.do(byCart)
	s.ids["current"] = s.order("superseded").ID
	cartRow, err := s.rows.Cart(s.t.Context(), cart)
	require.NoError(s.t, err)
	s.ids["current"] = cartRow.LastOrder

	s.expire("late", 5*time.Minute)
	s.expire("late", 31*time.Second)
	require.Equal(s.t, checkout.OrderExpired, s.order("late").Status)
	require.Equal(s.t, checkout.OrderConfirmed, s.report("late", checkout.PaymentSucceeded).Status)

	s.place("cancelled", "MUG")
	s.initiate("cancelled", saga.Route{Closable: true})
	s.report("cancelled", checkout.PaymentPending)
	s.do(saga.CancelOrder{OrderID: s.ids["cancelled"], Reason: "changed my mind"})
}

// expire lets time pass, in which workers look after what is due, and ends the
// order.
func (s *shop) expire(order string, after time.Duration) {
	s.t.Helper()
	s.pass(after)
	_, err := s.rows.ClaimTasks(s.t.Context(), nil, checkout.NewID(time.UnixMilli(s.clock.Load()), [10]byte{1}), 100, checkout.TaskLease)
	require.NoError(s.t, err)
	s.do(saga.ExpireOrder{OrderID: s.ids[order]})
}

func (s *shop) unpaidOrders() {
	s.do(saga.HoldStock{SessionID: "session", Items: []checkout.Item{{SKU: "MUG", Qty: 3}}, TTL: time.Minute})
	s.place("pending", "MUG")
	s.place("awaiting", "MUG")
	s.initiate("awaiting", saga.Route{})
	s.report("awaiting", checkout.PaymentFailed)
	s.initiate("awaiting", saga.Route{})
	s.report("awaiting", checkout.PaymentPending)
	s.initiate("awaiting", saga.Route{}) // it cannot be closed and is superseded
	s.report("awaiting", checkout.PaymentPending)
	s.do(s.webhook("evt_waiting", &checkout.PaymentReport{GatewayRef: "cs_unknown"}, checkout.ID{}, checkout.ID{}))
	s.do(s.webhook("evt_uninteresting", nil, checkout.ID{}, checkout.ID{}))
}

func (s *shop) paidOrders() {
	s.place("paid", "MUG")
	s.initiate("paid", saga.Route{})
	paid := s.order("paid")
	s.do(s.webhook("evt_paid", &checkout.PaymentReport{
		Status: checkout.PaymentSucceeded, Amount: paid.Total, ChargeID: "ch_paid",
	}, paid.ID, s.ids["paid.payment"]))

	s.place("authorized", "MUG")
	s.initiate("authorized", saga.Route{ManualCapture: true})
	require.Equal(s.t, checkout.OrderConfirmed, s.report("authorized", checkout.PaymentAuthorized).Status)

	s.place("capturing", "MUG")
	s.initiate("capturing", saga.Route{})
	s.report("capturing", checkout.PaymentAuthorized)

	s.place("free", "GIFT")
	s.do(saga.ConfirmOrder{OrderID: s.ids["free"]})

	s.place("twice", "MUG")
	s.pay("twice")
	require.Len(s.t, s.report("twice", checkout.PaymentSucceeded).Payments, 2, "another charge")
}

func (s *shop) refundedOrders() {
	s.place("partial", "MUG")
	s.pay("partial")
	done := s.refund("partial", "100.00")
	require.Equal(s.t, checkout.OrderPartiallyRefunded, s.refunded("partial", done, checkout.RefundSucceeded).Status)
	s.refund("partial", "50.00") // on its way

	s.place("refunded", "MUG")
	s.pay("refunded")
	r := s.do(saga.CancelOrder{OrderID: s.ids["refunded"], Reason: "returned"}).Refund
	s.ids["refunded.refund"] = r.ID
	require.Equal(s.t, checkout.OrderRefunded, s.refunded("refunded", r.ID, checkout.RefundSucceeded).Status)
}

// attendedOrders need an operator, or one has decided already.
func (s *shop) attendedOrders() {
	s.extraMoney("stuck")
	s.extraMoney("skipped")
	task, err := s.rows.Task(s.t.Context(), s.ids["skipped.refund"])
	require.NoError(s.t, err)
	s.do(saga.ResolveTask{Task: task, How: saga.ResolveSkip, Note: "paid back by bank transfer"})

	s.place("dashboard", "MUG")
	s.pay("dashboard")
	s.refund("dashboard", "900.00")
	s.do(saga.ApplyRefund{OrderID: s.ids["dashboard"], PaymentID: s.ids["dashboard.payment"], Report: checkout.RefundReport{
		GatewayRef: "re_dashboard", Status: checkout.RefundSucceeded, Amount: money.New(50000, "INR"),
	}})
}

// extraMoney pays an order that was cancelled meanwhile, and fails to refund it.
func (s *shop) extraMoney(order string) {
	s.t.Helper()
	s.place(order, "MUG")
	s.initiate(order, saga.Route{})
	s.do(saga.CancelOrder{OrderID: s.ids[order], Reason: "by mistake"})
	o := s.report(order, checkout.PaymentSucceeded)
	require.Len(s.t, o.Refunds, 1)
	s.ids[order+".refund"] = o.Refunds[0].ID
	s.refunded(order, o.Refunds[0].ID, checkout.RefundFailed)
}

var _ Source = store.Reader(nil)
