// Package inventory is the arithmetic of stock: what a level becomes when units
// are held, released, claimed, restocked, adjusted or counted, and which
// warehouses give a line's units. It is pure. It must not know orders, payments,
// stores or clocks.
package inventory

import (
	"errors"
	"fmt"

	"kassa/checkout"
)

// ErrShort says that a level does not have the units that a move needs.
var ErrShort = errors.New("not enough stock")

// Available sums what can be sold over all warehouses.
func Available(levels []checkout.Level) int64 {
	var sum int64
	for _, l := range levels {
		sum += l.Available
	}
	return sum
}

// Allocate says which warehouses give qty units: the first that has them all,
// else as much as each has, in the order of the levels. It returns false where
// all together have too few. This is the one allocator: check, hold and shipment
// go by it.
func Allocate(levels []checkout.Level, qty int64) ([]checkout.Allocation, bool) {
	for _, l := range levels {
		if l.Available >= qty {
			return []checkout.Allocation{{SKU: l.SKU, Warehouse: l.Warehouse, Qty: qty}}, true
		}
	}
	if Available(levels) < qty {
		return nil, false
	}
	var parts []checkout.Allocation
	for _, l := range levels {
		if take := min(l.Available, qty); take > 0 {
			parts = append(parts, checkout.Allocation{SKU: l.SKU, Warehouse: l.Warehouse, Qty: take})
			qty -= take
		}
	}
	return parts, true
}

// Hold keeps units for a buyer.
func Hold(l checkout.Level, qty int64) (checkout.Level, error) {
	if l.Available < qty {
		return l, short(l, "hold", qty, l.Available)
	}
	l.Available -= qty
	l.Locked += qty
	return l, nil
}

// Release gives held units back to sale.
func Release(l checkout.Level, qty int64) (checkout.Level, error) {
	if l.Locked < qty {
		return l, short(l, "release", qty, l.Locked)
	}
	l.Locked -= qty
	l.Available += qty
	return l, nil
}

// Claim deducts held units for good.
func Claim(l checkout.Level, qty int64) (checkout.Level, error) {
	if l.Locked < qty {
		return l, short(l, "claim", qty, l.Locked)
	}
	l.Locked -= qty
	l.Deducted += qty
	return l, nil
}

// Restock puts deducted units back on sale.
func Restock(l checkout.Level, qty int64) (checkout.Level, error) {
	if l.Deducted-l.Restocked < qty {
		return l, short(l, "restock", qty, l.Deducted-l.Restocked)
	}
	l.Restocked += qty
	l.Available += qty
	return l, nil
}

// Adjust adds units that came in, or takes away (delta < 0) units that went out
// without an order. Held units cannot be taken away.
func Adjust(l checkout.Level, delta int64) (checkout.Level, error) {
	if l.Available+delta < 0 {
		return l, short(l, "take away", -delta, l.Available)
	}
	l.Available += delta
	l.Received += delta
	return l, nil
}

// Count records that a count found so many units on the shelf. What is found
// above the held units is available. Where fewer are there than are held,
// missing says how many: nothing is available and somebody must look.
func Count(l checkout.Level, counted int64) (after checkout.Level, delta, missing int64) {
	available := counted - l.Locked
	if available < 0 {
		missing, available = -available, 0
	}
	delta = available - l.Available
	l.Available += delta
	l.Received += delta
	return l, delta, missing
}

func short(l checkout.Level, move string, qty, have int64) error {
	return fmt.Errorf("%w: %s %d of %s in %s, which has %d", ErrShort, move, qty, l.SKU, l.Warehouse, have)
}
