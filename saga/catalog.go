package saga

import (
	"fmt"
	"maps"

	"kassa/checkout"
	"kassa/inventory"
	"kassa/money"
	"kassa/pricing"
)

// SaveCart makes a cart or changes one. A cart with a live order refuses: cancel
// the order to edit it.
type SaveCart struct {
	ID              checkout.ID // zero: a new one
	Currency        money.Currency
	Items           []checkout.Item // each SKU once
	ShippingAddress *checkout.Address
}

func (c SaveCart) needs(s *State) Keys {
	k := Keys{}
	for _, item := range c.Items {
		k.Products = append(k.Products, item.SKU)
	}
	if c.ID.IsZero() {
		return k
	}
	k.Carts = []checkout.ID{c.ID}
	if cart := s.Carts[c.ID]; cart != nil && !cart.LastOrder.IsZero() {
		k.Orders = []checkout.ID{cart.LastOrder}
	}
	return k
}

func (c SaveCart) decide(d *draft) (Result, error) {
	cart := &checkout.Cart{Currency: c.Currency, CreatedAt: d.now()}
	if c.ID.IsZero() {
		cart.ID = d.newID()
	} else {
		old := d.state.Carts[c.ID]
		if old == nil {
			return Result{}, checkout.Refuse(checkout.CodeNotFound, "there is no cart %s", c.ID)
		}
		if last := d.state.Orders[old.LastOrder]; last != nil && last.Live() {
			return Result{}, checkout.Refuse(checkout.CodeOrderState, "the cart has a live order (%s); cancel the order to edit the cart", last.ID)
		}
		cart = old.Clone()
	}
	if c.Currency != "" {
		cart.Currency = c.Currency
	}
	cart.Items = c.Items
	cart.ShippingAddress = c.ShippingAddress
	cart.UpdatedAt = d.now()
	quote, err := pricing.Price(cart.Currency, c.Items, func(sku string) *checkout.Product { return d.state.Products[sku] })
	if err != nil {
		return Result{}, err
	}
	d.changes.Carts = append(d.changes.Carts, cart)
	return Result{Cart: cart, Quote: &quote}, nil
}

// SaveProduct makes or replaces a product. A new one has no stock in the main
// warehouse yet.
type SaveProduct struct{ Product checkout.Product }

func (c SaveProduct) needs(*State) Keys {
	return Keys{Products: []string{c.Product.SKU}, Stock: []string{c.Product.SKU}}
}

func (c SaveProduct) decide(d *draft) (Result, error) {
	p := c.Product
	p.Prices = maps.Clone(c.Product.Prices)
	p.CreatedAt, p.UpdatedAt = d.now(), d.now()
	old := d.state.Products[p.SKU]
	if old != nil {
		p.CreatedAt = old.CreatedAt
	}
	d.changes.Products = append(d.changes.Products, &p)
	if len(d.state.Stock[p.SKU]) == 0 {
		d.setLevel(checkout.Level{SKU: p.SKU, Warehouse: checkout.MainWarehouse})
	}
	return Result{Product: &p, Existing: old != nil}, nil
}

// AdjustStock records units that came in or went out.
type AdjustStock struct {
	SKU       string
	Warehouse string
	Delta     int64
	Reason    string
}

func (c AdjustStock) needs(*State) Keys { return stockOf(c.SKU) }

func (c AdjustStock) decide(d *draft) (Result, error) {
	level, err := d.level(c.SKU, c.Warehouse)
	if err != nil {
		return Result{}, err
	}
	after, err := inventory.Adjust(level, c.Delta)
	if err != nil {
		return Result{}, &checkout.Error{
			Code: checkout.CodeOutOfStock, Detail: "the adjustment would leave less than nothing; held units cannot be taken away",
			Items: []checkout.Shortage{{SKU: c.SKU, Requested: -c.Delta, Available: level.Available}},
		}
	}
	d.adjust(after, checkout.Adjustment{Delta: c.Delta, Reason: c.Reason})
	return Result{Levels: d.levels(c.SKU)}, nil
}

// CountStock records what a count found on the shelf, whatever it is.
type CountStock struct {
	SKU       string
	Warehouse string
	Counted   int64
	Reason    string
}

func (c CountStock) needs(*State) Keys { return stockOf(c.SKU) }

func (c CountStock) decide(d *draft) (Result, error) {
	level, err := d.level(c.SKU, c.Warehouse)
	if err != nil {
		return Result{}, err
	}
	after, delta, missing := inventory.Count(level, c.Counted)
	if missing > 0 {
		d.attend(checkout.ID{}, countMissing(c, missing))
	}
	d.adjust(after, checkout.Adjustment{Delta: delta, Counted: &c.Counted, Reason: c.Reason})
	return Result{Levels: d.levels(c.SKU)}, nil
}

func stockOf(sku string) Keys { return Keys{Stock: []string{sku}, Products: []string{sku}} }

// level reads a level that an operator names; a product that a warehouse has
// never had starts at nothing.
func (d *draft) level(sku, warehouse string) (checkout.Level, error) {
	if d.state.Products[sku] == nil {
		return checkout.Level{}, checkout.Refuse(checkout.CodeNotFound, "there is no product %q", sku)
	}
	for _, l := range d.state.Stock[sku] {
		if l.Warehouse == warehouse {
			return l, nil
		}
	}
	return checkout.Level{SKU: sku, Warehouse: warehouse}, nil
}

func (d *draft) adjust(after checkout.Level, a checkout.Adjustment) {
	a.ID, a.SKU, a.Warehouse, a.CreatedAt = d.newID(), after.SKU, after.Warehouse, d.now()
	d.setLevel(after)
	d.changes.Adjustments = append(d.changes.Adjustments, a)
}

func countMissing(c CountStock, missing int64) string {
	return fmt.Sprintf("a count of %s in %s found %d, %d less than buyers hold", c.SKU, c.Warehouse, c.Counted, missing)
}
