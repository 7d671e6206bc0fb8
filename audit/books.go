package audit

import (
	"maps"
	"slices"

	"kassa/checkout"
)

// add counts an order's stock as it was when each of its levels was read.
func (b *books) add(o *checkout.Order, t trail) {
	if len(t.moves) == 0 {
		b.count(holdOf(o), allSpans)
		return
	}
	for i := range b.spans {
		b.count(t.holdAt(b.spans[i].position, o), i)
	}
}

const allSpans = -1

// count adds what an order holds or has claimed of the levels of a span.
func (b *books) count(h holdState, span int) {
	for _, a := range h.allocations {
		key := checkout.StockKey{SKU: a.SKU, Warehouse: a.Warehouse}
		if span != allSpans && b.spanOf(key) != span {
			continue
		}
		switch h.status {
		case checkout.HoldOpen:
			b.at(key).held += a.Qty
		case checkout.HoldClaimed:
			b.at(key).claimed += a.Qty
			if h.restocked {
				b.at(key).givenBack += a.Qty
			}
		}
	}
}

// holdState is how an order's stock stands.
type holdState struct {
	status      checkout.HoldStatus
	restocked   bool
	allocations []checkout.Allocation
}

// holdOf is the state that an order's row tells of.
func holdOf(o *checkout.Order) holdState { return holdState{o.HoldStatus, o.Restocked, o.Allocations} }

// move is an event that moves an order's stock.
type move struct {
	position int64
	kind     moveKind
}

type moveKind byte

// The moves. A cancellation after the payment is none: what it puts back is an
// event of its own.
const (
	noMove moveKind = iota
	created
	confirmed
	expired
	cancelled
	restocked
)

var moves = map[string]moveKind{
	"order.created": created, "order.confirmed": confirmed, "order.expired": expired,
	"order.cancelled": cancelled, "order.restocked": restocked,
}

// after is the state that a move leads to.
func (k moveKind) after(status checkout.HoldStatus, back bool) (checkout.HoldStatus, bool) {
	switch {
	case k == created:
		status = checkout.HoldOpen
	case k == confirmed:
		status = checkout.HoldClaimed
	case k == expired && status == checkout.HoldOpen:
		status = checkout.HoldExpired
	case k == cancelled && status == checkout.HoldOpen:
		status = checkout.HoldReleased
	}
	return status, back || k == restocked
}

// holdAt tells how the order's stock stood when the log was at a position: as its
// row says where nothing has moved it since, else as its events tell. What it held
// before it expired is kept with its details: late money has it hold anew, maybe in
// other warehouses.
func (t *trail) holdAt(position int64, o *checkout.Order) (then holdState) {
	if t.moves[len(t.moves)-1].position <= position {
		return holdOf(o)
	}
	then.allocations = o.Allocations
	for _, m := range t.moves {
		if m.position <= position {
			then.status, then.restocked = m.kind.after(then.status, then.restocked)
		}
	}
	if then.status == checkout.HoldOpen && o.Details != nil {
		_, then.allocations = o.Details.FirstHold()
	}
	return then
}

// judgeBooks judges the levels by what holds and orders say of them.
func (a *auditor) judgeBooks() {
	for _, key := range slices.SortedFunc(maps.Keys(a.books.accounts), checkout.StockKey.Compare) {
		for i := range rules {
			if r := &rules[i]; r.account != nil {
				a.judge(r.Name, levelName(key), r.account(a.books.accounts[key]))
			}
		}
	}
}

func lockedByHolds(a *account) string {
	return differ("locked", a.locked, "open holds have", a.held)
}

func deductedByOrders(a *account) string {
	if why := differ("deducted", a.deducted, "orders have claimed", a.claimed); why != "" {
		return why
	}
	return differ("restocked", a.restocked, "orders have given back", a.givenBack)
}
