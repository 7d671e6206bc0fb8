package audit

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/money"
	"kassa/saga"
	"kassa/store"
)

func written(r Report) string {
	var b strings.Builder
	if err := r.WriteText(&b); err != nil {
		return err.Error()
	}
	return b.String()
}

func finding(t *testing.T, r Report, law string) Finding {
	t.Helper()
	for _, f := range r.Findings {
		if f.Law == law {
			return f
		}
	}
	require.Fail(t, "no finding", law)
	return Finding{}
}

// TestABusyShopIsClean is the half of the proof that the breaches are not: every
// command on the way was audited, and each law had rows to look at.
func TestABusyShopIsClean(t *testing.T) {
	t.Parallel()
	s := busyShop(t)
	statuses := map[checkout.OrderStatus]bool{}
	for _, o := range read(t, s.rows).orders {
		statuses[o.Status] = true
	}
	require.Len(t, statuses, 7, "not every status is there")
	for _, options := range []Options{{}, {chunk: 1, span: 1}, {chunk: 3, span: 4}} {
		report, err := Run(t.Context(), s.rows, options)
		require.NoError(t, err)
		require.True(t, report.Clean(), written(report))
		require.Len(t, report.Findings, len(Laws())-2, "all but the gateway's and the gate's")
		for _, f := range report.Findings {
			require.Positive(t, f.Checked, "%s was checked on nothing", f.Law)
		}
		require.EqualValues(t, 16, finding(t, report, "truth.order").Checked, "each order is checked once")
	}
}

func TestAnEmptyShopIsClean(t *testing.T) {
	t.Parallel()
	report, err := Run(t.Context(), newShop(t).rows, Options{})
	require.NoError(t, err)
	require.True(t, report.Clean(), written(report))
}

// TestACorruptStoreIsSeen breaks a live store through its own door.
func TestACorruptStoreIsSeen(t *testing.T) {
	t.Parallel()
	s := busyShop(t)
	tx := intrude(t, s.rows)
	levels, err := s.rows.Levels(t.Context(), "MUG")
	require.NoError(t, err)
	levels[1].Available += 7
	require.NoError(t, tx.Commit(t.Context(), &store.Save{BatchID: checkout.ID{7}, Levels: levels[1:]}))
	requireOnly(t, "stock", "MUG in main", s.rows, Options{})
}

// TestAChangedLineIsSeenTwice: a line that grows is neither paid nor held.
func TestAChangedLineIsSeenTwice(t *testing.T) {
	t.Parallel()
	s := busyShop(t)
	f := read(t, s.rows)
	f.quote(s.ids["paid"]).Lines[0].Qty += 5
	report, err := Run(t.Context(), f, Options{})
	require.NoError(t, err)
	for _, law := range []string{"money.quote", "stock.lines"} {
		require.Equal(t, []string{s.ids["paid"].String()}, finding(t, report, law).IDs)
	}
}

// TestAnItemOfNoOrder: a count that misses held units asks for an operator, and
// the task names nothing but the shop.
func TestAnItemOfNoOrder(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.stock("VASE", checkout.MainWarehouse, 2, 100)
	s.place("pending", "VASE")
	s.do(saga.CountStock{SKU: "VASE", Warehouse: checkout.MainWarehouse, Counted: 1, Reason: "stocktaking"})
	tasks, err := s.rows.Attention(t.Context(), checkout.ID{}, 10)
	require.NoError(t, err)
	require.Len(t, tasks, 1, "do has found it clean")
	require.Zero(t, tasks[0].OrderID)
}

// TestNoWorkerNoHaste: a shop that was switched off is not to be blamed for the
// time that has passed.
func TestNoWorkerNoHaste(t *testing.T) {
	t.Parallel()
	s := busyShop(t)
	s.pass(time.Hour)
	report, err := Run(t.Context(), s.rows, Options{})
	require.NoError(t, err)
	for _, law := range []string{"progress.saga", "progress.hold", "progress.task"} {
		require.Positive(t, finding(t, report, law).Broken, law)
	}
	report, err = Run(t.Context(), s.rows, Options{HoldGrace: -1, TaskGrace: -1})
	require.NoError(t, err)
	require.True(t, report.Clean(), written(report))
	require.Contains(t, written(report), "-       progress.hold     not checked")
}

// TestAnAuthorisationThatLapsed needs an operator; once one has decided, which
// the log tells, the audit is content.
func TestAnAuthorisationThatLapsed(t *testing.T) {
	t.Parallel()
	s := busyShop(t)
	o := s.order("authorized")
	s.do(saga.ApplyPayment{
		OrderID: o.ID, PaymentID: o.SecuredBy, Report: checkout.PaymentReport{Status: checkout.PaymentFailed},
		Run: &saga.TaskRun{Task: checkout.Task{ID: o.SecuredBy, Kind: checkout.TaskLookUp, OrderID: o.ID, DueAt: o.UpdatedAt.Add(time.Hour)}},
	})
	tasks, err := s.rows.Attention(t.Context(), checkout.ID{}, 100)
	require.NoError(t, err)
	var item checkout.Task
	for _, task := range tasks {
		if task.OrderID == s.ids["authorized"] {
			item = task
		}
	}
	f := read(t, s.rows)
	drop(f, item.ID)
	requireOnly(t, "money.secured", s.ids["authorized"].String(), f, Options{})
	s.do(saga.ResolveTask{Task: item, How: saga.ResolveSkip, Note: "paid in cash"})
}

// ledger is a gateway's own: what a test says, else exactly ours.
type ledger func(o *checkout.Order, p *checkout.Payment) (captured, refunded int64, found bool)

func (l ledger) options() Options {
	return Options{Gateway: func(_ context.Context, o *checkout.Order, p *checkout.Payment) (money.Money, money.Money, bool, error) {
		captured, refunded, found := l(o, p)
		return money.New(captured, "INR"), money.New(refunded, "INR"), found, nil
	}}
}

func honest(o *checkout.Order, p *checkout.Payment) (captured, refunded int64, found bool) {
	return p.Captured.Minor, refunds(o, p, succeeded), p.ChargeID != ""
}

func TestGateway(t *testing.T) {
	t.Parallel()
	s := busyShop(t)
	report, err := Run(t.Context(), s.rows, ledger(honest).options())
	require.NoError(t, err)
	require.True(t, report.Clean(), written(report))
	require.Positive(t, finding(t, report, moneyGateway).Checked)

	paid, partial := s.ids["paid.payment"], s.ids["partial.payment"]
	for _, test := range []struct {
		how     string
		payment checkout.ID
		clean   bool
		change  func(captured, refunded *int64, found *bool)
	}{
		{"it never heard of the payment", paid, false, func(_, _ *int64, found *bool) { *found = false }},
		{"it captured less", paid, false, func(captured, _ *int64, _ *bool) { *captured-- }},
		{"it refunded what we know nothing of", paid, false, func(_, refunded *int64, _ *bool) { *refunded++ }},
		{"it never did a refund", partial, false, func(_, refunded *int64, _ *bool) { *refunded -= 10000 }},
		{"it has done what is on its way", partial, true, func(_, refunded *int64, _ *bool) { *refunded += 5000 }},
		{"it refunded more than is on its way", partial, false, func(_, refunded *int64, _ *bool) { *refunded += 5001 }},
	} {
		t.Run(test.how, func(t *testing.T) {
			t.Parallel()
			changed := ledger(func(o *checkout.Order, p *checkout.Payment) (int64, int64, bool) {
				captured, refunded, found := honest(o, p)
				if p.ID == test.payment {
					test.change(&captured, &refunded, &found)
				}
				return captured, refunded, found
			})
			if !test.clean {
				requireOnly(t, moneyGateway, test.payment.String(), s.rows, changed.options())
				return
			}
			report, err := Run(t.Context(), s.rows, changed.options())
			require.NoError(t, err)
			require.True(t, report.Clean(), written(report))
		})
	}
}

func TestAGatewayThatDoesNotAnswerIsAnError(t *testing.T) {
	t.Parallel()
	errDown := errors.New("connection refused")
	_, err := Run(t.Context(), busyShop(t).rows, Options{
		Gateway: func(context.Context, *checkout.Order, *checkout.Payment) (captured, refunded money.Money, found bool, err error) {
			return captured, refunded, false, errDown
		},
	})
	require.ErrorIs(t, err, errDown)
	require.ErrorContains(t, err, "stripe")
}

// TestAReportNamesOnlySome keeps a report readable when everything is broken.
func TestAReportNamesOnlySome(t *testing.T) {
	t.Parallel()
	f := &forged{counters: map[string]int64{}}
	for i := range 100 {
		f.levels = append(f.levels, checkout.Level{SKU: fmt.Sprintf("SKU-%02d", i), Warehouse: "main", Available: 1})
	}
	report, err := Run(t.Context(), f, Options{})
	require.NoError(t, err)
	stock := finding(t, report, "stock")
	require.EqualValues(t, 100, stock.Broken)
	require.Len(t, stock.IDs, maxIDs)
	text := written(report)
	require.Contains(t, text, "BROKEN  stock ")
	require.Contains(t, text, "        SKU-00 in main: received 0, but available 1")
	require.Contains(t, text, "… and 80 more")
	require.Contains(t, text, "NOT CLEAN: 1 of 32 laws are broken")
}

// TestManyMissingInvoices are counted without being listed.
func TestManyMissingInvoices(t *testing.T) {
	t.Parallel()
	f := &forged{counters: map[string]int64{"invoice:2026-27": 1_000_000_000_000}}
	report, err := Run(t.Context(), f, Options{})
	require.NoError(t, err)
	invoices := finding(t, report, onceInvoice)
	require.EqualValues(t, 1_000_000_000_000, invoices.Broken)
	require.Equal(t, "2026-27/20", invoices.IDs[maxIDs-1])
}

func TestGate(t *testing.T) {
	t.Parallel()
	s := busyShop(t)
	compared := func(drift map[string]string) Options {
		return Options{Gate: func(context.Context) (int, map[string]string, error) { return 2, drift, nil }}
	}
	report, err := Run(t.Context(), s.rows, compared(nil))
	require.NoError(t, err)
	require.True(t, report.Clean(), written(report))
	require.EqualValues(t, 2, finding(t, report, stockGate).Checked)
	requireOnly(t, stockGate, "MUG", s.rows, compared(map[string]string{"MUG": "the gate has 3 units and the database 2"}))
	away := errors.New("the gate is away")
	_, err = Run(t.Context(), s.rows, Options{Gate: func(context.Context) (int, map[string]string, error) { return 0, nil, away }})
	require.ErrorIs(t, err, away)
}
