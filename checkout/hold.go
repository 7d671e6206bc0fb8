package checkout

import (
	"slices"
	"strings"
	"time"
)

// HoldStatus is the state of a hold. It ends exactly once.
type HoldStatus string

// The states of a hold.
const (
	HoldOpen     HoldStatus = "OPEN"
	HoldClaimed  HoldStatus = "CLAIMED"
	HoldReleased HoldStatus = "RELEASED"
	HoldExpired  HoldStatus = "EXPIRED"
)

// MainWarehouse is the warehouse that exists without configuration.
const MainWarehouse = "main"

// Item is a wanted quantity of a SKU.
type Item struct {
	SKU string `json:"sku"`
	Qty int64  `json:"qty"`
}

// SumItems adds up the quantities of equal SKUs and sorts by SKU, which is the
// order in which stock is locked everywhere.
func SumItems(items []Item) []Item {
	sum := slices.Clone(items)
	slices.SortStableFunc(sum, func(a, b Item) int { return strings.Compare(a.SKU, b.SKU) })
	n := 0
	for _, it := range sum {
		if n > 0 && sum[n-1].SKU == it.SKU {
			sum[n-1].Qty += it.Qty
			continue
		}
		sum[n] = it
		n++
	}
	return sum[:n]
}

// Allocation is the part of a line that one warehouse gives.
type Allocation struct {
	SKU       string `json:"sku"`
	Warehouse string `json:"warehouse"`
	Qty       int64  `json:"qty"`
}

// Hold is stock kept for a session, with a time to live. A row exists while the
// hold is open: a release, an expiry or an order that adopts it removes the row.
type Hold struct {
	ID          ID
	SessionID   string
	Allocations []Allocation
	ExpiresAt   time.Time
	CreatedAt   time.Time
}

// Level is the stock of one SKU in one warehouse, in units. The first law of
// stock: Received = Available + Locked + Deducted − Restocked.
type Level struct {
	SKU       string
	Warehouse string
	Available int64
	Locked    int64
	Received  int64 // net of adjustments
	Deducted  int64
	Restocked int64
}

// StockKey names a level.
type StockKey struct{ SKU, Warehouse string }

// Key names the level.
func (l Level) Key() StockKey { return StockKey{l.SKU, l.Warehouse} }

// Compare orders keys by SKU, then warehouse: the order in which they are locked.
func (k StockKey) Compare(other StockKey) int {
	if c := strings.Compare(k.SKU, other.SKU); c != 0 {
		return c
	}
	return strings.Compare(k.Warehouse, other.Warehouse)
}

// Adjustment is one change of what a warehouse has received: the record behind
// Level.Received.
type Adjustment struct {
	ID        ID
	SKU       string
	Warehouse string
	Delta     int64
	Counted   *int64 // set where a stock count found this many units
	Reason    string
	CreatedAt time.Time
}
