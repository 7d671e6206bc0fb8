package audit

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"kassa/checkout"
	"kassa/store"
)

// stock is a level and what the other tables say that it should be.
type stock struct {
	level              checkout.Level
	held               int64 // by open holds
	claimed, givenBack int64 // by orders
	adjusted           int64
}

// levels are all levels of the shop, by key. They are as many as the catalogue
// has, not as the shop has orders.
type levels map[checkout.StockKey]*stock

func (l levels) at(key checkout.StockKey) *stock {
	s := l[key]
	if s == nil {
		s = &stock{}
		l[key] = s
	}
	return s
}

func (l levels) hold(allocations []checkout.Allocation) {
	for _, a := range allocations {
		l.at(checkout.StockKey{SKU: a.SKU, Warehouse: a.Warehouse}).held += a.Qty
	}
}

func (l levels) addOrder(o *checkout.Order) {
	switch o.HoldStatus {
	case checkout.HoldOpen:
		l.hold(o.Allocations)
	case checkout.HoldClaimed:
		for _, a := range o.Allocations {
			s := l.at(checkout.StockKey{SKU: a.SKU, Warehouse: a.Warehouse})
			s.claimed += a.Qty
			if o.Restocked {
				s.givenBack += a.Qty
			}
		}
	}
}

func (a *auditor) checkHolds(ctx context.Context) error {
	v := a.newView(0)
	key := func(h *checkout.Hold) string { return h.SessionID }
	return walk(ctx, a.options.chunk, a.rows.Holds, key, func(h *checkout.Hold) error {
		a.levels.hold(h.Allocations)
		for _, r := range rules {
			if r.hold != nil {
				a.judge(r.Name, name(h.SessionID), r.hold(v, h))
			}
		}
		return nil
	})
}

// checkLevels judges the levels when all holds and orders are summed.
func (a *auditor) checkLevels(ctx context.Context) error {
	adjusted := func(s store.Adjusted) checkout.StockKey { return s.Key }
	err := walk(ctx, a.options.chunk, a.rows.Adjusted, adjusted, func(s store.Adjusted) error {
		a.levels.at(s.Key).adjusted = s.Sum
		return nil
	})
	if err != nil {
		return err
	}
	err = walk(ctx, a.options.chunk, a.rows.Levels, checkout.Level.Key, func(l checkout.Level) error {
		a.levels.at(l.Key()).level = l
		return nil
	})
	if err != nil {
		return err
	}
	for _, key := range slices.SortedFunc(maps.Keys(a.levels), checkout.StockKey.Compare) {
		for _, r := range rules {
			if r.level != nil {
				a.judge(r.Name, name(key.SKU+" in "+key.Warehouse), r.level(a.levels[key]))
			}
		}
	}
	return nil
}

// name is an id that is text already.
type name string

func (n name) String() string { return string(n) }

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

func lockedByHolds(s *stock) string {
	return differ("locked", s.level.Locked, "open holds have", s.held)
}

func receivedByRecord(s *stock) string {
	return differ("received", s.level.Received, "adjustments sum to", s.adjusted)
}

func deductedByOrders(s *stock) string {
	if why := differ("deducted", s.level.Deducted, "orders have claimed", s.claimed); why != "" {
		return why
	}
	return differ("restocked", s.level.Restocked, "orders have given back", s.givenBack)
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
