package audit

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/money"
	"kassa/store"
)

// breach is a way to break exactly one law: forge changes the rows of a busy shop
// and returns the id that the audit must name.
type breach struct {
	law   string
	how   string
	forge func(f *forged, s *shop) string
}

var breaches = []breach{
	{"stock", "a unit appears from nowhere", func(f *forged, _ *shop) string {
		f.level("MUG", "main").Available++
		return "MUG in main"
	}},
	{"stock.negative", "a level goes below zero", func(f *forged, _ *shop) string {
		l := f.level("MUG", "east")
		lost := l.Available + 1
		l.Available -= lost
		l.Received -= lost
		for i := range f.adjusted {
			if f.adjusted[i].Key == l.Key() {
				f.adjusted[i].Sum -= lost
			}
		}
		return "MUG in east"
	}},
	{"stock.locked", "a hold is forgotten", func(f *forged, _ *shop) string {
		f.holds = nil
		return "MUG in main"
	}},
	{"stock.locked", "a hold is on stock that is not there", func(f *forged, _ *shop) string {
		f.holds = append(f.holds, &checkout.Hold{
			SessionID: "zombie", ExpiresAt: f.now.Add(time.Hour),
			Allocations: []checkout.Allocation{{SKU: "GHOST", Warehouse: "main", Qty: 1}},
		})
		return "GHOST in main"
	}},
	{"stock.received", "an adjustment is not recorded", func(f *forged, _ *shop) string {
		f.adjusted = f.adjusted[1:]
		return "GIFT in main"
	}},
	{"stock.deducted", "more was deducted than orders have claimed", func(f *forged, _ *shop) string {
		l := f.level("MUG", "main")
		l.Available--
		l.Deducted++
		return "MUG in main"
	}},
	{"stock.deducted", "a restock is forgotten", func(f *forged, s *shop) string {
		f.order(s.ids["refunded"]).Restocked = false
		return "MUG in main"
	}},
	{"stock.hold", "a cancelled order keeps its stock", func(f *forged, s *shop) string {
		o := f.order(s.ids["cancelled"])
		o.HoldStatus = checkout.HoldOpen
		l := f.level("MUG", "main")
		l.Available -= 2
		l.Locked += 2
		return o.ID.String()
	}},
	{"stock.hold", "a waiting order holds nothing", func(f *forged, s *shop) string {
		o := f.order(s.ids["pending"])
		l := f.level("MUG", "main")
		l.Locked -= 2
		l.Available += 2
		o.HoldStatus = checkout.HoldReleased
		return o.ID.String()
	}},
	{"stock.lines", "a line has more units than the order holds", func(f *forged, s *shop) string {
		f.quote(s.ids["free"]).Lines[0].Qty += 5
		return s.ids["free"].String()
	}},
	{"stock.lines", "a line is of another SKU", func(f *forged, s *shop) string {
		f.quote(s.ids["paid"]).Lines[0].SKU = "GIFT"
		return s.ids["paid"].String()
	}},
	{"stock.lines", "stock is held for no line", func(f *forged, s *shop) string {
		o := f.order(s.ids["pending"])
		o.Allocations = append(o.Allocations, checkout.Allocation{SKU: "MUG", Warehouse: "east", Qty: 1})
		l := f.level("MUG", "east")
		l.Available--
		l.Locked++
		return o.ID.String()
	}},

	{"money.quote", "a line's price is changed", func(f *forged, s *shop) string {
		f.quote(s.ids["paid"]).Lines[0].UnitPrice++
		return s.ids["paid"].String()
	}},
	{"money.quote", "a line is given a tax that nobody pays", func(f *forged, s *shop) string {
		f.quote(s.ids["paid"]).Lines[0].Tax++
		return s.ids["paid"].String()
	}},
	{"money.quote", "a line's discount is not taken off", func(f *forged, s *shop) string {
		f.quote(s.ids["paid"]).Lines[0].Discount++
		return s.ids["paid"].String()
	}},
	{"money.quote", "the lines come to another subtotal", func(f *forged, s *shop) string {
		q := f.quote(s.ids["paid"])
		q.Subtotal--
		q.Shipping++
		return s.ids["paid"].String()
	}},
	{"money.quote", "a discount is not taken off", func(f *forged, s *shop) string {
		f.quote(s.ids["paid"]).Discounts = []checkout.Charge{{Name: "WELCOME", Amount: 100}}
		return s.ids["paid"].String()
	}},
	{"money.quote", "a tax is not charged", func(f *forged, s *shop) string {
		f.quote(s.ids["paid"]).Taxes = []checkout.Charge{{Name: "GST", Amount: 100}}
		return s.ids["paid"].String()
	}},
	{"money.quote", "an order is for less than was quoted", func(f *forged, s *shop) string {
		q := f.quote(s.ids["pending"])
		q.Shipping += 100
		q.Total += 100
		return s.ids["pending"].String()
	}},
	{"money.quote", "an order was quoted in another currency", func(f *forged, s *shop) string {
		f.quote(s.ids["pending"]).Currency = "USD"
		return s.ids["pending"].String()
	}},
	{"money.quote", "an order's quote is lost", func(f *forged, s *shop) string {
		f.order(s.ids["paid"]).Details = nil
		return s.ids["paid"].String()
	}},
	{"money.secured", "an order is confirmed by less than its amount", func(f *forged, s *shop) string {
		o := f.order(s.ids["paid"])
		o.Payment(o.SecuredBy).Captured.Minor--
		return o.ID.String()
	}},
	{"money.secured", "an order is confirmed in another currency", func(f *forged, s *shop) string {
		o := f.order(s.ids["paid"])
		o.Payment(o.SecuredBy).Captured.Currency = "USD"
		return o.ID.String()
	}},
	{"money.secured", "an order is confirmed by an authorisation that nobody captures", func(f *forged, s *shop) string {
		o := f.order(s.ids["authorized"])
		o.Payment(o.SecuredBy).ManualCapture = false
		f.owe(o.SecuredBy, checkout.TaskLookUp, o.ID) // progress.payment holds
		return o.ID.String()
	}},
	{"money.secured", "an order is confirmed without a payment", func(f *forged, s *shop) string {
		o, q := f.order(s.ids["free"]), f.quote(s.ids["free"])
		q.Shipping, q.Total, o.Total = 100, 100, money.New(100, "INR")
		return o.ID.String()
	}},
	{"money.secured", "a waiting order is said to be secured", func(f *forged, s *shop) string {
		o := f.order(s.ids["awaiting"])
		o.SecuredBy = o.Payments[0].ID
		return o.ID.String()
	}},
	{"money.captured", "a failed payment has money", func(f *forged, s *shop) string {
		o := f.order(s.ids["twice"])
		p := &o.Payments[1]
		p.Status = checkout.PaymentFailed
		return p.ID.String()
	}},
	{"money.placed", "extra money is not given back", func(f *forged, s *shop) string {
		o := f.order(s.ids["twice"])
		p := &o.Payments[1]
		drop(f, o.Refunds[0].ID)
		p.RefundCommitted, o.Refunds = 0, nil
		return p.ID.String()
	}},
	{"money.placed", "nobody looks at a refund that failed", func(f *forged, s *shop) string {
		drop(f, s.ids["stuck.refund"])
		return s.ids["stuck.payment"].String()
	}},
	{"money.committed", "a refund is forgotten", func(f *forged, s *shop) string {
		o := f.order(s.ids["partial"])
		o.Payment(o.SecuredBy).RefundCommitted -= 100
		return o.SecuredBy.String()
	}},
	{"money.limit", "we ask for more than was captured", func(f *forged, s *shop) string {
		o := f.order(s.ids["partial"])
		o.Refund(s.ids["partial.refund"]).Amount.Minor = 89801 // 100.00 went back before
		o.Payment(o.SecuredBy).RefundCommitted = 99800
		return o.SecuredBy.String()
	}},
	{"money.refund", "a refund is in another currency", func(f *forged, s *shop) string {
		r := f.order(s.ids["partial"]).Refund(s.ids["partial.refund"])
		r.Amount.Currency = "EUR"
		return r.ID.String()
	}},
	{"money.refund", "a refund is of another order's payment", func(f *forged, s *shop) string {
		o := f.order(s.ids["partial"])
		r := o.Refund(s.ids["partial.refund"])
		r.PaymentID = s.ids["paid.payment"]
		o.Payment(o.SecuredBy).RefundCommitted -= r.Amount.Minor
		return r.ID.String()
	}},
	{"money.state", "a refunded order looks paid", func(f *forged, s *shop) string {
		o := f.order(s.ids["refunded"])
		o.Status = checkout.OrderConfirmed
		return o.ID.String()
	}},

	{"once.cart", "a cart's last order is another one", func(f *forged, s *shop) string {
		f.carts[0].LastOrder = s.ids["superseded"]
		return s.ids["cart"].String()
	}},
	{"once.cart", "a cart has two live orders", func(f *forged, s *shop) string {
		f.order(s.ids["pending"]).CartID = s.ids["cart"]
		return s.ids["cart"].String()
	}},
	{"once.cart", "a cart has two orders that none supersedes", func(f *forged, s *shop) string {
		f.order(s.ids["superseded"]).Superseded = false
		return s.ids["cart"].String()
	}},
	{"once.cart", "a superseded order is live", func(f *forged, s *shop) string {
		o := f.order(s.ids["pending"])
		o.CartID, o.Superseded = checkout.ID{1}, true
		f.carts = append([]*checkout.Cart{{ID: checkout.ID{1}}}, f.carts...)
		return checkout.ID{1}.String()
	}},
	{"once.cart", "an order's cart is not there", func(f *forged, s *shop) string {
		f.carts = nil
		return s.ids["cart"].String()
	}},
	{"once.cart", "a cart's last order is not there", func(f *forged, _ *shop) string {
		return f.cartOf(checkout.ID{2})
	}},
	{"once.cart", "a cart's last order is of no cart", func(f *forged, s *shop) string {
		return f.cartOf(s.ids["paid"])
	}},
	{"once.cart", "a cart's last order is superseded", func(f *forged, s *shop) string {
		o := f.order(s.ids["cancelled"])
		o.CartID, o.Superseded = checkout.ID{1}, true
		return f.cartOf(o.ID)
	}},
	{"once.attempt", "two attempts are open", func(f *forged, s *shop) string {
		o := f.order(s.ids["awaiting"])
		for i := range o.Payments {
			o.Payments[i].Superseded = false
		}
		return o.ID.String()
	}},
	{"once.key", "two attempts have one key", func(f *forged, s *shop) string {
		o := f.order(s.ids["awaiting"])
		o.Payments[1].IdempotencyKey = o.Payments[0].IdempotencyKey
		return o.ID.String()
	}},
	{"once.charge", "two payments have one charge", func(f *forged, s *shop) string {
		o := f.order(s.ids["twice"])
		o.Payments[1].ChargeID = o.Payments[0].ChargeID
		return o.Payments[1].ID.String()
	}},
	{"once.charge", "a charge leads to no payment", func(f *forged, s *shop) string {
		f.unfiled = s.ids["paid.payment"]
		return f.unfiled.String()
	}},
	{"once.webhook", "a webhook event is stored twice", func(f *forged, s *shop) string {
		f.webhook(s.webhookID("evt_paid")).Event.Key = "evt_uninteresting"
		return s.webhookID("evt_paid").String()
	}},
	{"once.webhook", "a webhook event was applied to no order", func(f *forged, s *shop) string {
		w := f.webhook(s.webhookID("evt_paid"))
		w.OrderID = checkout.ID{}
		return w.ID.String()
	}},
	{"once.webhook", "a webhook event was applied and says it was not", func(f *forged, s *shop) string {
		w := f.webhook(s.webhookID("evt_paid"))
		w.Status = checkout.WebhookForeign
		return w.ID.String()
	}},
	{"once.invoice", "two orders have one number", func(f *forged, s *shop) string {
		a, b := f.order(s.ids["paid"]), f.order(s.ids["free"])
		b.InvoiceSeq = a.InvoiceSeq
		return fmt.Sprintf("2026-27/%d", a.InvoiceSeq)
	}},
	{"once.invoice", "a number is left out", func(f *forged, _ *shop) string {
		f.counters["invoice:2026-27"]++
		return "2026-27/9"
	}},
	{"once.invoice", "a number is beyond the counter", func(f *forged, _ *shop) string {
		f.counters["invoice:2026-27"]--
		return "2026-27/8"
	}},
	{"once.invoice", "an order's number is moved beyond the counter", func(f *forged, s *shop) string {
		o := f.order(s.ids["paid"])
		o.InvoiceSeq += 100
		return fmt.Sprintf("2026-27/%d", o.InvoiceSeq)
	}},
	{"once.invoice", "an order's number is moved and leaves a gap", func(f *forged, s *shop) string {
		o := f.order(s.ids["paid"])
		o.InvoiceSeq += 100
		return fmt.Sprintf("2026-27/%d", o.InvoiceSeq-100)
	}},
	{"once.invoice", "an order's number is of a series that there is not", func(f *forged, s *shop) string {
		o := f.order(s.ids["paid"])
		o.InvoiceSeries = "1926-27"
		return fmt.Sprintf("1926-27/%d", o.InvoiceSeq)
	}},
	{"once.invoice", "a confirmed order has no number", func(f *forged, s *shop) string {
		o := f.order(s.ids["paid"])
		o.InvoiceSeries, o.InvoiceSeq = "", 0
		return o.ID.String()
	}},
	{"once.invoice", "a pending order has a number", func(f *forged, s *shop) string {
		o := f.order(s.ids["pending"])
		o.InvoiceSeries = "2026-27"
		return o.ID.String()
	}},

	{"progress.saga", "an order outlives its hold", func(f *forged, s *shop) string {
		o := f.order(s.ids["awaiting"])
		o.HoldExpiresAt = f.now.Add(-61 * time.Second)
		return o.ID.String()
	}},
	{"progress.state", "an order awaits a payment that nobody began", func(f *forged, s *shop) string {
		o := f.order(s.ids["capturing"])
		o.Payments = nil
		drop(f, s.ids["capturing.payment"])
		return o.ID.String()
	}},
	{"progress.state", "an order with attempts has gone back to its beginning", func(f *forged, s *shop) string {
		o := f.order(s.ids["awaiting"])
		o.Status = checkout.OrderPending
		return o.ID.String()
	}},
	{"progress.state", "a paid order was never confirmed", func(f *forged, s *shop) string {
		o := f.order(s.ids["paid"])
		o.ConfirmedAt = time.Time{}
		return o.ID.String()
	}},
	{"progress.state", "an order that has ended is still closing", func(f *forged, s *shop) string {
		o := f.order(s.ids["cancelled"])
		o.ClosingSince = f.now
		return o.ID.String()
	}},
	{"progress.state", "an order is in a state that there is not", func(f *forged, s *shop) string {
		o := f.order(s.ids["cancelled"])
		o.Status = "LOST"
		return o.ID.String()
	}},
	{"progress.payment", "an open payment is forgotten", func(f *forged, s *shop) string {
		drop(f, s.ids["awaiting.payment"])
		return s.ids["awaiting.payment"].String()
	}},
	{"progress.payment", "a capture is forgotten", func(f *forged, s *shop) string {
		drop(f, s.ids["capturing.payment"])
		return s.ids["capturing.payment"].String()
	}},
	{"progress.payment", "an open payment's task is another order's", func(f *forged, s *shop) string {
		t := f.task(s.ids["awaiting.payment"])
		t.OrderID, t.Kind = s.ids["paid"], checkout.TaskAttend
		return s.ids["awaiting.payment"].String()
	}},
	{"progress.refund", "a pending refund is forgotten", func(f *forged, s *shop) string {
		drop(f, s.ids["partial.refund"])
		return s.ids["partial.refund"].String()
	}},
	{"progress.webhook", "a webhook event is forgotten", func(f *forged, s *shop) string {
		drop(f, s.webhookID("evt_waiting"))
		return s.webhookID("evt_waiting").String()
	}},
	{"progress.task", "nobody leases a due task", func(f *forged, s *shop) string {
		t := f.task(s.ids["awaiting.payment"])
		t.DueAt, t.LeaseID, t.LeasedUntil = f.now.Add(-61*time.Second), checkout.ID{}, time.Time{}
		return t.ID.String()
	}},
	{"progress.task", "nobody takes over from a dead worker", func(f *forged, s *shop) string {
		t := f.task(s.ids["awaiting.payment"])
		t.DueAt, t.LeaseID, t.LeasedUntil = f.now.Add(-time.Hour), checkout.ID{1}, f.now.Add(-61*time.Second)
		return t.ID.String()
	}},
	{"progress.subject", "a task is for a payment that is not there", func(f *forged, s *shop) string {
		return f.owe(checkout.ID{1}, checkout.TaskLookUp, s.ids["paid"])
	}},
	{"progress.subject", "a task is for a refund that is not there", func(f *forged, s *shop) string {
		return f.owe(s.ids["paid.payment"], checkout.TaskRefund, s.ids["paid"])
	}},
	{"progress.subject", "a task is for another order's payment", func(f *forged, s *shop) string {
		return f.owe(s.ids["paid.payment"], checkout.TaskLookUp, s.ids["partial"])
	}},
	{"progress.subject", "a task is for an order that is not there", func(f *forged, _ *shop) string {
		return f.owe(checkout.ID{1}, checkout.TaskAttend, checkout.ID{2})
	}},
	{"progress.subject", "a task is for a webhook event that is not there", func(f *forged, _ *shop) string {
		return f.owe(checkout.ID{1}, checkout.TaskWebhook, checkout.ID{})
	}},
	{"progress.subject", "a webhook event is to be refunded", func(f *forged, s *shop) string {
		return f.owe(s.webhookID("evt_uninteresting"), checkout.TaskRefund, checkout.ID{})
	}},
	{"progress.subject", "a task is work that there is not", func(f *forged, s *shop) string {
		return f.owe(s.ids["paid.payment"], "dance", s.ids["paid"])
	}},
	{"progress.hold", "a session's hold outlives its time", func(f *forged, _ *shop) string {
		f.holds[0].ExpiresAt = f.now.Add(-61 * time.Second)
		return "session"
	}},

	{"truth.position", "the counter is ahead of the log", func(f *forged, _ *shop) string {
		f.counters["events"]++
		return "events"
	}},
	{"truth.position", "the log has a gap", func(f *forged, _ *shop) string {
		last := len(f.log) - 1
		f.log[last].Position++
		f.counters["events"]++
		return f.log[last].BatchID.String()
	}},
	{"truth.order", "an event is lost", func(f *forged, s *shop) string {
		event := f.eventOf(s.ids["paid"])
		event.OrderID = checkout.ID{}
		return s.ids["paid"].String()
	}},
	{"truth.order", "an event is numbered twice", func(f *forged, s *shop) string {
		f.eventOf(s.ids["paid"]).Seq--
		return s.ids["paid"].String()
	}},
	{"truth.order", "an event was never written", func(f *forged, s *shop) string {
		f.order(s.ids["paid"]).EventSeq++
		return s.ids["paid"].String()
	}},
	{"truth.batches", "an order names a batch that is not there", func(f *forged, s *shop) string {
		f.order(s.ids["paid"]).Log[1] = checkout.ID{9}
		return s.ids["paid"].String()
	}},
	{"truth.batches", "an order names its batches in another order", func(f *forged, s *shop) string {
		log := f.order(s.ids["paid"]).Log
		log[0], log[1] = log[1], log[0]
		return s.ids["paid"].String()
	}},
}

// drop takes a task away.
func drop(f *forged, id checkout.ID) {
	owed := f.task(id).ID // panics where there is none
	f.tasks = slices.DeleteFunc(f.tasks, func(t checkout.Task) bool { return t.ID == owed })
}

// owe adds a task and returns its id.
func (f *forged) owe(id checkout.ID, kind checkout.TaskKind, order checkout.ID) string {
	f.tasks = append(f.tasks, checkout.Task{ID: id, Kind: kind, OrderID: order, DueAt: f.now})
	slices.SortFunc(f.tasks, func(a, b checkout.Task) int { return a.ID.Compare(b.ID) })
	return id.String()
}

// cartOf adds a cart with a last order and returns its id.
func (f *forged) cartOf(last checkout.ID) string {
	f.carts = append([]*checkout.Cart{{ID: checkout.ID{1}, LastOrder: last}}, f.carts...)
	return checkout.ID{1}.String()
}

// quote gives an order a quote of its own to change: stores share what never
// changes.
func (f *forged) quote(order checkout.ID) *checkout.Quote {
	o := f.order(order)
	d := *o.Details
	d.Quote.Lines = slices.Clone(d.Quote.Lines)
	o.Details = &d
	return &d.Quote
}

// eventOf is the last event of an order.
func (f *forged) eventOf(order checkout.ID) *checkout.Event {
	for i := len(f.log) - 1; i >= 0; i-- {
		for j := len(f.log[i].Events) - 1; j >= 0; j-- {
			if f.log[i].Events[j].OrderID == order {
				return &f.log[i].Events[j]
			}
		}
	}
	panic("no event of " + order.String())
}

// TestEachLawIsBrokenAlone breaks one law at a time. It audits in one piece and
// in chunks and parts so small that every boundary is crossed.
func TestEachLawIsBrokenAlone(t *testing.T) {
	t.Parallel()
	s := busyShop(t)
	for _, b := range breaches {
		t.Run(b.law+": "+b.how, func(t *testing.T) {
			t.Parallel()
			for _, options := range []Options{{}, {chunk: 1, span: 1}, {chunk: 2, span: 3}} {
				f := read(t, s.rows)
				requireOnly(t, b.law, b.forge(f, s), f, options)
			}
		})
	}
}

// requireOnly audits rows in which one law is broken by the row of an id.
func requireOnly(t *testing.T, law, id string, source Source, options Options) {
	t.Helper()
	report, err := Run(t.Context(), source, options)
	require.NoError(t, err)
	require.False(t, report.Clean(), "%s is broken and nobody saw it", law)
	for _, f := range report.Findings {
		if f.Law == law {
			require.Contains(t, f.IDs, id, written(report))
			require.EqualValues(t, len(f.IDs), f.Broken)
			continue
		}
		require.Zero(t, f.Broken, "%s is broken too:\n%s", f.Law, written(report))
	}
}

// TestEveryLawCanBeBroken fails for a law that no test breaks.
func TestEveryLawCanBeBroken(t *testing.T) {
	t.Parallel()
	tried := map[string]bool{moneyGateway: true, stockGate: true} // by TestGateway and TestGate
	for _, b := range breaches {
		tried[b.law] = true
	}
	for _, law := range Laws() {
		require.True(t, tried[law.Name], "no test breaks %s", law.Name)
		delete(tried, law.Name)
	}
	require.Empty(t, tried)
}

var _ store.Snapshot = (*forged)(nil)
