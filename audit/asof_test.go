package audit

import (
	"context"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/money"
	"kassa/saga"
	"kassa/store"
)

// TestStockAsItWas tells from the log how each order's stock stood at every moment
// of its life, and compares that with what its row said then.
func TestStockAsItWas(t *testing.T) {
	t.Parallel()
	anew := 0
	for seed := range uint64(4) {
		anew += compareHistory(t, newMemoryCrowd(t, seed))
	}
	require.Positive(t, anew, "no order came to hold other stock than at first: choose other seeds")
}

// compareHistory counts how often an order held other stock than its row says at
// the end.
func compareHistory(t *testing.T, c *crowd) (anew int) {
	t.Helper()
	history := map[int64]map[checkout.ID]holdState{}
	for range 500 {
		c.steps(t, 1)
		f, then := read(t, c.rows), map[checkout.ID]holdState{}
		for _, o := range f.orders {
			then[o.ID] = holdOf(o)
		}
		history[f.counters[eventCounter]] = then
	}
	f := read(t, c.rows)
	trails, err := newLogbook(f.counters[eventCounter]).follow(t.Context(), f, f.orders, 0)
	require.NoError(t, err)
	for position, then := range history {
		for _, o := range f.orders {
			trail, want := trails[o.ID], then[o.ID]
			got := trail.holdAt(position, o)
			require.Equal(t, want.status, got.status, "%s at position %d", o.ID, position)
			require.Equal(t, want.restocked, got.restocked, "%s at position %d", o.ID, position)
			if want.status == checkout.HoldOpen || want.status == checkout.HoldClaimed {
				require.Equal(t, want.allocations, got.allocations, "%s at position %d", o.ID, position)
				if !slices.Equal(want.allocations, o.Allocations) {
					anew++
				}
			}
		}
	}
	return anew
}

// TestSumsAreExact judges the sums of a shop at work: whatever happens while they
// are gathered, they are those of one moment.
func TestSumsAreExact(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			c := newMemoryCrowd(t, seed)
			for range 10 {
				c.steps(t, 50)
				a := newAuditor(meddler{Source: c.rows, meddle: func() { c.steps(t, c.roll(6)) }}, small(timeless, 4, 2).withDefaults())
				require.NoError(t, a.open(t.Context()))
				require.NoError(t, a.checkOrders(t.Context()))
				a.judgeBooks()
				a.checkInvoices()
				for _, f := range a.list() {
					require.Empty(t, f.Notes, f.Law)
				}
			}
		})
	}
}

// TestSuspectsAreReadAnew puts orders under suspicion that go on changing: they and
// the log are read once more, in one snapshot.
func TestSuspectsAreReadAnew(t *testing.T) {
	t.Parallel()
	c := newMemoryCrowd(t, 2)
	c.steps(t, 200)
	a := newAuditor(meddler{Source: c.rows, meddle: func() { c.steps(t, 5) }}, small(timeless, 4, 100).withDefaults())
	require.NoError(t, a.open(t.Context()))
	require.NoError(t, a.checkOrders(t.Context()))
	for _, o := range c.orders {
		a.log.suspects[o] = true
	}
	require.NoError(t, a.checkLog(t.Context()))
	for _, f := range a.list() {
		require.Empty(t, f.Notes, f.Law)
	}
}

// TestAnAuditEnds: a shop may get rows faster than they are audited.
func TestAnAuditEnds(t *testing.T) {
	t.Parallel()
	s, looked := busyShop(t), 0
	report, err := Run(t.Context(), meddler{Source: s.rows, meddle: func() {
		looked++
		require.Less(t, looked, 1000, "the audit follows the new rows")
		for range 3 {
			lateMoney{s}.must(s.webhook("evt_new_"+strconv.Itoa(len(read(t, s.rows).webhooks)), nil, checkout.ID{}, checkout.ID{}))
		}
	}}, small(timeless, 2, 100))
	require.NoError(t, err)
	require.True(t, report.Clean(), written(report))
}

// lateMoney is a shop with two warehouses and an order that holds the only unit of
// the first. again lets it expire, sells that unit, and pays the order late: it then
// has one of the second warehouse.
type lateMoney struct{ *shop }

func newLateMoney(t *testing.T) lateMoney {
	t.Helper()
	s := lateMoney{newShop(t)}
	s.must(saga.SaveProduct{Product: checkout.Product{SKU: "MUG", Name: "MUG", Prices: map[money.Currency]int64{"INR": 49900}, Active: true}})
	s.must(saga.AdjustStock{SKU: "MUG", Warehouse: checkout.MainWarehouse, Delta: 1, Reason: "delivery"})
	s.must(saga.AdjustStock{SKU: "MUG", Warehouse: "west", Delta: 10, Reason: "delivery"})
	return s
}

// must submits a command without an audit after it.
func (s lateMoney) must(c saga.Command) saga.Result {
	s.t.Helper()
	result, err := s.engine.Do(s.t.Context(), c)
	require.NoError(s.t, err, "%T", c)
	return result
}

// begin has an order that holds main's unit, and says what happens next to it.
func (s lateMoney) begin() (again func()) {
	s.t.Helper()
	one := []checkout.Item{{SKU: "MUG", Qty: 1}}
	o := s.must(saga.PlaceOrder{Items: one, Currency: "INR", HoldTTL: time.Minute, Details: details()}).Order
	require.Equal(s.t, checkout.MainWarehouse, o.Allocations[0].Warehouse)
	p := s.must(saga.InitiatePayment{
		OrderID: o.ID, Amount: money.Literal(o.Total.String()), Method: checkout.MethodCard, IdempotencyKey: "k",
		Routes: []saga.Route{{Gateway: "stripe", Methods: []checkout.Method{checkout.MethodCard}}},
	}).Payment
	return func() {
		s.pass(time.Hour)
		s.must(saga.ExpireOrder{OrderID: o.ID})
		s.pass(time.Minute)
		s.must(saga.ExpireOrder{OrderID: o.ID})
		s.must(saga.HoldStock{SessionID: "another", Items: one, TTL: time.Minute})
		paid := s.must(saga.ApplyPayment{OrderID: o.ID, PaymentID: p.ID, Report: checkout.PaymentReport{
			Status: checkout.PaymentSucceeded, Amount: o.Total, ChargeID: "ch_" + p.ID.String(),
		}}).Order
		require.Equal(s.t, "west", paid.Allocations[0].Warehouse)
		s.must(saga.ReleaseHold{SessionID: "another"})
	}
}

// TestLateMoney: what an order held before it expired is not what it holds since.
func TestLateMoney(t *testing.T) {
	t.Parallel()
	s, looked := newLateMoney(t), 0
	again := s.begin()
	report, err := Run(t.Context(), meddler{Source: s.rows, meddle: func() {
		if looked++; looked == 3 { // the books are open
			again()
		}
	}}, timeless)
	require.NoError(t, err)
	require.True(t, report.Clean(), written(report))
	require.EqualValues(t, 2, finding(t, report, "stock.locked").Checked)
}

// TestAGapBelowNumbersGivenMeanwhile: a number that is missing is not made up for by
// one that was given while the audit ran.
func TestAGapBelowNumbersGivenMeanwhile(t *testing.T) {
	t.Parallel()
	s := busyShop(t)
	before, after := read(t, s.rows), read(t, s.rows)
	before.counters["invoice:2026-27"] = 9 // 8 were given
	o := after.order(s.ids["paid"])
	gap := o.InvoiceSeq
	o.InvoiceSeq = 10
	after.counters["invoice:2026-27"] = 10
	report, err := Run(t.Context(), &changing{before, after}, Options{})
	require.NoError(t, err)
	require.Equal(t, []string{
		"2026-27/" + strconv.FormatInt(gap, 10), "2026-27/9",
	}, finding(t, report, onceInvoice).IDs)
}

// changing is a shop that changes after the first look.
type changing struct{ now, next *forged }

func (c *changing) Snapshot(context.Context) (store.Snapshot, error) {
	now := c.now
	c.now = c.next
	return now, nil
}

// TestTheGatewayIsAskedAgain: money that moves between our look and the gateway's
// answer is no difference.
func TestTheGatewayIsAskedAgain(t *testing.T) {
	t.Parallel()
	s, asked := busyShop(t), 0
	moving := ledger(func(_ *checkout.Order, p *checkout.Payment) (captured, refunded int64, found bool) {
		if p.ID == s.ids["paid.payment"] {
			if asked++; asked == 1 { // our row was read before this
				s.refunded("paid", s.refund("paid", "1.00"), checkout.RefundSucceeded)
			}
		}
		now, err := s.rows.Order(t.Context(), p.OrderID)
		require.NoError(t, err)
		return honest(now, now.Payment(p.ID))
	})
	report, err := Run(t.Context(), s.rows, moving.options())
	require.NoError(t, err)
	require.True(t, report.Clean(), written(report))
	require.Equal(t, 2, asked)
}
