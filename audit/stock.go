package audit

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"kassa/checkout"
	"kassa/store"
)

// stock is a level and the record behind it.
type stock struct {
	level    checkout.Level
	adjusted int64
}

// checkLevels judges each level by itself and by its adjustments.
func (a *auditor) checkLevels(ctx context.Context) error {
	var after checkout.StockKey
	levels := list[checkout.StockKey, checkout.Level]{page: store.Snapshot.Levels, key: checkout.Level.Key, chunk: a.options.chunk}
	look := func(ctx context.Context, rows store.Snapshot, levels []checkout.Level) (*view, error) {
		v := a.newView(rows)
		to := upTo(levels, a.options.chunk)
		err := v.sumAdjusted(ctx, rows, after, to)
		if to != nil {
			after = *to
		}
		return v, err
	}
	return walk(ctx, a, levels, look, func(v *view, levels []checkout.Level) error {
		for _, l := range levels {
			a.judgeLevel(l.Key(), &stock{level: l, adjusted: v.adjusted[l.Key()]})
			delete(v.adjusted, l.Key())
		}
		for _, key := range slices.SortedFunc(maps.Keys(v.adjusted), checkout.StockKey.Compare) {
			a.judgeLevel(key, &stock{adjusted: v.adjusted[key]})
		}
		return nil
	})
}

// upTo is the key that a page of levels reaches to, or nil for the last page.
func upTo(levels []checkout.Level, limit int) *checkout.StockKey {
	if len(levels) < limit {
		return nil
	}
	key := levels[len(levels)-1].Key()
	return &key
}

// sumAdjusted reads the adjustments of the levels after one and up to another, or up
// to the end where that is nil.
func (v *view) sumAdjusted(ctx context.Context, rows store.Snapshot, after checkout.StockKey, to *checkout.StockKey) error {
	for {
		sums, err := rows.Adjusted(ctx, after, v.options.chunk)
		if err != nil {
			return err
		}
		for _, s := range sums {
			if to != nil && s.Key.Compare(*to) > 0 {
				return nil
			}
			v.adjusted[s.Key] = s.Sum
			after = s.Key
		}
		if len(sums) < v.options.chunk {
			return nil
		}
	}
}

func (a *auditor) judgeLevel(key checkout.StockKey, s *stock) {
	for i := range rules {
		if r := &rules[i]; r.level != nil {
			a.judge(r.Name, levelName(key), r.level(s))
		}
	}
}

func (a *auditor) checkHolds(ctx context.Context) error {
	holds := list[string, *checkout.Hold]{
		page: store.Snapshot.Holds, key: func(h *checkout.Hold) string { return h.SessionID },
		compare: strings.Compare, last: a.opening.last.Session, chunk: a.options.chunk,
	}
	look := func(_ context.Context, rows store.Snapshot, _ []*checkout.Hold) (*view, error) {
		return a.newView(rows), nil
	}
	return walk(ctx, a, holds, look, func(v *view, holds []*checkout.Hold) error {
		for _, h := range holds {
			for i := range rules {
				if r := &rules[i]; r.hold != nil {
					a.judge(r.Name, name(h.SessionID), r.hold(v, h))
				}
			}
		}
		return nil
	})
}

// checkGate has the admission gate compared, where there is one.
func (a *auditor) checkGate(ctx context.Context) error {
	if a.options.Gate == nil {
		return nil
	}
	skus, drift, err := a.options.Gate(ctx)
	if err != nil {
		return fmt.Errorf("compare the admission gate: %w", err)
	}
	a.findings[stockGate].Checked = int64(skus)
	for _, sku := range slices.Sorted(maps.Keys(drift)) {
		a.broken(stockGate, sku, drift[sku])
	}
	return nil
}

// name is an id that is text already.
type name string

func (n name) String() string { return string(n) }

func levelName(key checkout.StockKey) name { return name(key.SKU + " in " + key.Warehouse) }

func balanced(s *stock) string {
	l := s.level
	if sum := l.Available + l.Locked + l.Deducted - l.Restocked; sum != l.Received {
		return fmt.Sprintf("received %d, but available %d + locked %d + deducted %d − restocked %d = %d",
			l.Received, l.Available, l.Locked, l.Deducted, l.Restocked, sum)
	}
	return ""
}

func notNegative(s *stock) string {
	l := s.level
	switch {
	case min(l.Available, l.Locked, l.Deducted, l.Restocked) < 0:
		return fmt.Sprintf("available %d, locked %d, deducted %d, restocked %d", l.Available, l.Locked, l.Deducted, l.Restocked)
	case l.Restocked > l.Deducted:
		return fmt.Sprintf("restocked %d of %d deducted", l.Restocked, l.Deducted)
	}
	return ""
}

func receivedByRecord(s *stock) string {
	return differ("received", s.level.Received, "adjustments sum to", s.adjusted)
}

func differ(what string, have int64, where string, want int64) string {
	if have == want {
		return ""
	}
	return fmt.Sprintf("%s %d, but %s %d", what, have, where, want)
}

// holdFitsStatus allows one exception: stock that a cancelled order could not put
// back, which an operator is asked about.
func holdFitsStatus(v *view, o *checkout.Order) string {
	fits := o.HoldStatus != checkout.HoldOpen && o.HoldStatus != checkout.HoldClaimed
	switch {
	case o.Payable():
		fits = o.HoldStatus == checkout.HoldOpen
	case o.Paid():
		fits = o.HoldStatus == checkout.HoldClaimed
	case o.Status == checkout.OrderCancelled && o.HoldStatus == checkout.HoldClaimed:
		fits = o.Restocked || v.operator(o)
	}
	if fits {
		return ""
	}
	return fmt.Sprintf("the order is %s and its hold %s", o.Status, o.HoldStatus)
}

// linesAllocated leaves an order without a quote to money.quote.
func linesAllocated(_ *view, o *checkout.Order) string {
	if o.Details == nil {
		return ""
	}
	left := map[string]int64{} // units of the lines that no warehouse gives
	for i := range o.Details.Quote.Lines {
		left[o.Details.Quote.Lines[i].SKU] += o.Details.Quote.Lines[i].Qty
	}
	for _, a := range o.Allocations {
		left[a.SKU] -= a.Qty
	}
	for _, sku := range slices.Sorted(maps.Keys(left)) {
		if left[sku] != 0 {
			return fmt.Sprintf("lines of %s have %d units more than are allocated", sku, left[sku])
		}
	}
	return ""
}

func notOutlived(v *view, h *checkout.Hold) string {
	if late := v.now.Sub(h.ExpiresAt); late > v.options.HoldGrace {
		return fmt.Sprintf("the hold ended %s ago and is still there", late)
	}
	return ""
}
