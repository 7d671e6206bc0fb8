package audit

import (
	"context"
	"fmt"
	"time"

	"kassa/checkout"
	"kassa/store"
)

// auditor walks one snapshot. Rows that are judged by themselves are read once.
// What joins tables is done in parts: each part keeps only the orders, carts,
// charges and webhook events whose ids fall into it, so that memory is bounded
// whatever the shop's size.
type auditor struct {
	rows     store.Snapshot
	options  Options
	findings map[string]*Finding
	levels   levels
	invoices invoices
	counters map[string]int64
	settled  map[checkout.ID]bool
	parts    uint64
}

// view is what a row's law may look at beside the row: one part's joins.
type view struct {
	now      time.Time
	options  Options
	owed     map[checkout.ID][]owed // by order; what no order owes, by the task's own id
	attended map[checkout.ID]bool   // orders that an operator is asked about
	settled  map[checkout.ID]bool   // orders where an operator ended a task, which the log says
	marks    map[checkout.ID]*mark
	carts    map[checkout.ID]*cartOrders
	charges  map[digest]bool
	webhooks map[digest]bool

	part, parts uint64
}

func newAuditor(rows store.Snapshot, options Options) *auditor {
	a := &auditor{
		rows: rows, options: options, findings: map[string]*Finding{},
		levels: levels{}, invoices: invoices{}, settled: map[checkout.ID]bool{},
	}
	for _, r := range rules {
		if r.needs == nil || r.needs(options) {
			a.findings[r.Name] = &Finding{Law: r.Name}
		}
	}
	return a
}

func (a *auditor) run(ctx context.Context) error {
	var err error
	if a.counters, err = a.rows.Counters(ctx); err != nil {
		return err
	}
	if err := a.checkPositions(ctx); err != nil {
		return err
	}
	if err := a.checkHolds(ctx); err != nil {
		return err
	}
	for part := range a.parts {
		if err := a.checkPart(ctx, a.newView(part)); err != nil {
			return err
		}
	}
	a.checkInvoices()
	return a.checkLevels(ctx)
}

func (a *auditor) newView(part uint64) *view {
	return &view{
		now: a.rows.Now(), options: a.options, settled: a.settled, part: part, parts: a.parts,
		owed: map[checkout.ID][]owed{}, attended: map[checkout.ID]bool{}, marks: map[checkout.ID]*mark{},
		carts: map[checkout.ID]*cartOrders{}, charges: map[digest]bool{}, webhooks: map[digest]bool{},
	}
}

// has tells whether an id falls into the view's part.
func (v *view) has(id checkout.ID) bool { return id.Random()%v.parts == v.part }

func (a *auditor) checkPart(ctx context.Context, v *view) error {
	steps := []func(context.Context, *view) error{
		a.checkTasks, a.readLog, a.checkOrders, a.checkWebhooks, a.checkCarts,
	}
	for _, step := range steps {
		if err := step(ctx, v); err != nil {
			return err
		}
	}
	a.judgeStrays(v)
	for id := range v.marks {
		a.broken(truthOrder, id.String(), "the log has events of an order that is not there")
	}
	return nil
}

// judge counts a row that a law was applied to; why is what is wrong with it.
func (a *auditor) judge(law string, id fmt.Stringer, why string) {
	f := a.findings[law]
	if f == nil {
		return // not to be checked
	}
	f.Checked++
	if why != "" {
		a.broken(law, id.String(), why)
	}
}

// broken records a breach that is no row's own.
func (a *auditor) broken(law, id, why string) {
	f := a.findings[law]
	f.Broken++
	if len(f.IDs) < maxIDs {
		f.IDs = append(f.IDs, id)
		f.Notes = append(f.Notes, why)
	}
}

// list returns the findings in the order of the laws.
func (a *auditor) list() []Finding {
	var list []Finding
	for _, r := range rules {
		if f := a.findings[r.Name]; f != nil {
			list = append(list, *f)
		}
	}
	return list
}

// walk reads all rows of a table, a chunk at a time.
func walk[K, R any](ctx context.Context, chunk int, page func(context.Context, K, int) ([]R, error), key func(R) K, visit func(R) error) error {
	var after K
	for {
		rows, err := page(ctx, after, chunk)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if err := visit(row); err != nil {
				return err
			}
		}
		if len(rows) < chunk {
			return ctx.Err()
		}
		after = key(rows[len(rows)-1])
	}
}

// checkOrders judges the orders of a part, and gathers from every order what is
// filed under another key than its own.
func (a *auditor) checkOrders(ctx context.Context, v *view) error {
	key := func(o *checkout.Order) checkout.ID { return o.ID }
	return walk(ctx, a.options.chunk, a.rows.Orders, key, func(o *checkout.Order) error {
		v.fileCart(o)
		a.checkCharges(v, o)
		if !v.has(o.ID) {
			return nil
		}
		a.judgeOrder(v, o)
		a.judgeSubjects(v, o)
		delete(v.marks, o.ID)
		a.levels.addOrder(o)
		a.judgeInvoice(o)
		return a.askGateway(ctx, o)
	})
}

func (a *auditor) judgeOrder(v *view, o *checkout.Order) {
	for _, r := range rules {
		switch {
		case r.order != nil:
			a.judge(r.Name, o.ID, r.order(v, o))
		case r.payment != nil:
			for i := range o.Payments {
				a.judge(r.Name, o.Payments[i].ID, r.payment(v, o, &o.Payments[i]))
			}
		case r.refund != nil:
			for i := range o.Refunds {
				a.judge(r.Name, o.Refunds[i].ID, r.refund(v, o, &o.Refunds[i]))
			}
		}
	}
}
