package checkout

import (
	"time"

	"kassa/money"
)

// Cart is what a buyer has gathered. It is priced anew at each look; the order
// that comes of it is not.
type Cart struct {
	ID              ID
	Currency        money.Currency
	Items           []Item
	ShippingAddress *Address
	Coupons         []string
	LastOrder       ID // the newest order made of the cart; it lives until it expires or is cancelled
	CreatedAt       time.Time
	UpdatedAt       time.Time
}

// Clone copies the cart so that a change to one is not seen in the other.
func (c *Cart) Clone() *Cart {
	d := *c
	d.Items = append([]Item(nil), c.Items...)
	d.Coupons = append([]string(nil), c.Coupons...)
	return &d
}

// Product is what is sold: a SKU with a price per currency.
type Product struct {
	SKU       string
	Name      string
	Prices    map[money.Currency]int64 // minor units
	TaxCode   string                   // HSN or SAC in India
	WeightG   int64
	Image     string
	Active    bool
	CreatedAt time.Time
	UpdatedAt time.Time
}
