package saga

import (
	"slices"
	"time"

	"kassa/checkout"
	"kassa/inventory"
)

// HoldStock holds items for a session: all or nothing. The same session with the
// same items finds its hold; with other items the hold is replaced in one step,
// and where that is refused the old one stays.
type HoldStock struct {
	SessionID string
	Items     []checkout.Item // sorted, each SKU once
	TTL       time.Duration
	// Fresh says that SessionID was made for this command, so that nobody holds
	// anything by it.
	Fresh bool
}

func (c HoldStock) needs(s *State) Keys {
	k := Keys{Sessions: []string{c.SessionID}}
	for _, item := range c.Items {
		k.Stock = append(k.Stock, item.SKU)
	}
	if h := s.Holds[c.SessionID]; h != nil {
		k.Stock = append(k.Stock, heldSKUs(h.Allocations)...)
	}
	return k
}

func (c HoldStock) claims() Keys { return Keys{Sessions: []string{c.SessionID}} }

func (c HoldStock) wish() Wish {
	wish := Wish{Items: checkout.SumItems(c.Items), SessionID: c.SessionID}
	if c.Fresh {
		wish.SessionID = ""
	}
	return wish
}

func (c HoldStock) decide(d *draft) (Result, error) {
	old := d.state.Holds[c.SessionID]
	if old != nil && old.ExpiresAt.After(d.now()) && slices.Equal(held(old.Allocations), c.Items) {
		return Result{Hold: old, Existing: true}, nil
	}
	if err := knownSKUs(d, c.Items); err != nil {
		return Result{}, err
	}
	if old != nil {
		if err := d.moveAll(old.Allocations, inventory.Release); err != nil {
			return Result{}, err
		}
	}
	allocations, err := d.hold(c.Items)
	if err != nil {
		return Result{}, err
	}
	h := &checkout.Hold{
		ID: d.newID(), SessionID: c.SessionID, Allocations: allocations,
		ExpiresAt: d.now().Add(c.TTL), CreatedAt: d.now(),
	}
	d.changes.Holds = append(d.changes.Holds, h)
	return Result{Hold: h}, nil
}

// ReleaseHold ends a session's hold. Where there is none it has ended already.
type ReleaseHold struct{ SessionID string }

func (c ReleaseHold) needs(s *State) Keys { return holdKeys(s, c.SessionID) }

func (c ReleaseHold) decide(d *draft) (Result, error) { return releaseHold(d, c.SessionID) }

// ExpireHold ends a session's hold whose time is over.
type ExpireHold struct{ SessionID string }

func (c ExpireHold) needs(s *State) Keys { return holdKeys(s, c.SessionID) }

func (c ExpireHold) decide(d *draft) (Result, error) {
	if h := d.state.Holds[c.SessionID]; h != nil && h.ExpiresAt.After(d.now()) {
		return Result{Hold: h, Existing: true}, nil
	}
	return releaseHold(d, c.SessionID)
}

func releaseHold(d *draft, session string) (Result, error) {
	h := d.state.Holds[session]
	if h == nil {
		return Result{Existing: true}, nil
	}
	if err := d.moveAll(h.Allocations, inventory.Release); err != nil {
		return Result{}, err
	}
	d.changes.DropHolds = append(d.changes.DropHolds, session)
	return Result{Hold: h}, nil
}

func holdKeys(s *State, session string) Keys {
	k := Keys{Sessions: []string{session}}
	if h := s.Holds[session]; h != nil {
		k.Stock = heldSKUs(h.Allocations)
	}
	return k
}

// held sums allocations back into items.
func held(allocations []checkout.Allocation) []checkout.Item {
	items := make([]checkout.Item, len(allocations))
	for i, a := range allocations {
		items[i] = checkout.Item{SKU: a.SKU, Qty: a.Qty}
	}
	return checkout.SumItems(items)
}

func heldSKUs(allocations []checkout.Allocation) []string {
	skus := make([]string, len(allocations))
	for i, a := range allocations {
		skus[i] = a.SKU
	}
	return skus
}

// knownSKUs refuses items that no warehouse has ever had.
func knownSKUs(d *draft, items []checkout.Item) error {
	for _, item := range items {
		if len(d.state.Stock[item.SKU]) == 0 {
			return checkout.Invalid("items", "there is no product %q", item.SKU)
		}
	}
	return nil
}
