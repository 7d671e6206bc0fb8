package audit

import (
	"context"
	"errors"
	"fmt"

	"kassa/store"
)

// auditor walks a shop. From chunk to chunk it carries sums alone.
type auditor struct {
	source   Source
	options  Options
	findings map[string]*Finding
	opening  opening
	books    *books
	invoices invoices
	log      *logbook
}

func newAuditor(source Source, options Options) *auditor {
	a := &auditor{source: source, options: options, findings: map[string]*Finding{}, invoices: invoices{}}
	for _, r := range rules {
		if r.needs == nil || r.needs(options) {
			a.findings[r.Name] = &Finding{Law: r.Name}
		}
	}
	return a
}

// run walks the orders first: the less has happened since the opening, the less
// must be told from the log.
func (a *auditor) run(ctx context.Context) error {
	steps := []func(context.Context) error{
		a.open, a.checkOrders, a.checkLog, a.checkLevels, a.checkHolds, a.checkTasks, a.checkWebhooks, a.checkCarts, a.checkGate,
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	a.judgeBooks()
	a.checkInvoices()
	return nil
}

// within reads in a snapshot that is open for no longer than that.
func (a *auditor) within(ctx context.Context, read func(store.Snapshot) error) (err error) {
	rows, err := a.source.Snapshot(ctx)
	if err != nil {
		return fmt.Errorf("open a snapshot: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	return read(rows)
}

// list is a table that is walked by its key. Where it can be compared, the walk ends
// at the key that was the last one when it began: a shop at work adds rows for ever.
type list[K, R any] struct {
	page    func(rows store.Snapshot, ctx context.Context, after K, limit int) ([]R, error)
	key     func(R) K
	compare func(a, b K) int
	last    K
	chunk   int
}

// walk reads a list a chunk at a time, each in its own snapshot with what look
// finds beside it there. judge gets both when the snapshot is closed.
func walk[K, R any](ctx context.Context, a *auditor, l list[K, R], look func(context.Context, store.Snapshot, []R) (*view, error), judge func(*view, []R) error) error {
	var after K
	for more := true; more; {
		var v *view
		var chunk []R
		err := a.within(ctx, func(rows store.Snapshot) (err error) {
			if chunk, err = l.page(rows, ctx, after, l.chunk); err == nil {
				v, err = look(ctx, rows, chunk)
			}
			return err
		})
		if err != nil {
			return err
		}
		if err := judge(v, chunk); err != nil {
			return err
		}
		if more = len(chunk) == l.chunk; more {
			after = l.key(chunk[len(chunk)-1])
			more = l.compare == nil || l.compare(after, l.last) < 0
		}
	}
	return ctx.Err()
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

// broken records a breach that is no row's own. A row that is named already is not
// named again.
func (a *auditor) broken(law, id, why string) {
	f := a.findings[law]
	for i := range f.IDs {
		if f.IDs[i] == id && f.Notes[i] == why {
			return
		}
	}
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
