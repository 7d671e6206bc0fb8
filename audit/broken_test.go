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
	{"stock.deducted", "an order claimed more than was deducted", func(f *forged, s *shop) string {
		f.order(s.ids["paid"]).Allocations[0].Qty++
		return "MUG in main"
	}},
	{"stock.deducted", "a restock is forgotten", func(f *forged, s *shop) string {
		f.order(s.ids["refunded"]).Restocked = false
		return "MUG in main"
	}},
	{"stock.hold", "a cancelled order keeps its stock", func(f *forged, s *shop) string {
		o := f.order(s.ids["cancelled"])
		o.HoldStatus, o.Allocations = checkout.HoldOpen, nil
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
		f.tasks = append(f.tasks, checkout.Task{ID: o.SecuredBy, OrderID: o.ID, DueAt: f.now}) // progress.payment holds
		slices.SortFunc(f.tasks, func(a, b checkout.Task) int { return a.ID.Compare(b.ID) })
		return o.ID.String()
	}},
	{"money.secured", "an order is confirmed without a payment", func(f *forged, s *shop) string {
		o := f.order(s.ids["free"])
		o.Total = money.New(100, "INR")
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
		return "2026-27"
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
	{"progress.payment", "an open payment is forgotten", func(f *forged, s *shop) string {
		drop(f, s.ids["awaiting.payment"])
		return s.ids["awaiting.payment"].String()
	}},
	{"progress.payment", "a capture is forgotten", func(f *forged, s *shop) string {
		drop(f, s.ids["capturing.payment"])
		return s.ids["capturing.payment"].String()
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
	t := f.task(id)
	*t = checkout.Task{ID: t.ID.Child(1 << 20), OrderID: checkout.ID{15: 1}, DueAt: f.now} // keeps its place in the order of ids
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
			for _, options := range []Options{{}, {chunk: 1, part: 1}, {chunk: 2, part: 5}} {
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
	tried := map[string]bool{moneyGateway: true} // by TestGateway
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
