package saga

import (
	"time"

	"kassa/checkout"
	"kassa/inventory"
	"kassa/money"
	"kassa/pricing"
)

// PlaceOrder is the checkout: it prices the items, holds them and creates the
// order, in one step. It names a cart or items. A session's hold is adopted: what
// it lacks is held and what it has too much is released in the same step.
type PlaceOrder struct {
	CartID    checkout.ID
	Items     []checkout.Item // sorted, each SKU once; where no cart is named
	Currency  money.Currency  // where no cart is named, or it must equal the cart's
	SessionID string
	HoldTTL   time.Duration
	Details   checkout.OrderDetails // all but the quote
}

func (c PlaceOrder) needs(s *State) Keys {
	k := Keys{}
	items := c.Items
	if !c.CartID.IsZero() {
		k.Carts = []checkout.ID{c.CartID}
		if cart := s.Carts[c.CartID]; cart != nil {
			items = cart.Items
			if !cart.LastOrder.IsZero() {
				k.Orders = []checkout.ID{cart.LastOrder}
			}
		}
	}
	for _, item := range items {
		k.Products = append(k.Products, item.SKU)
		k.Stock = append(k.Stock, item.SKU)
	}
	if c.SessionID != "" {
		k.Add(holdKeys(s, c.SessionID))
	}
	if user := c.Details.Customer.UserID; user != "" {
		k.Customers = []string{user}
	}
	return k
}

func (c PlaceOrder) wish() Wish {
	return Wish{Items: checkout.SumItems(c.Items), CartID: c.CartID, SessionID: c.SessionID}
}

func (c PlaceOrder) decide(d *draft) (Result, error) {
	items, currency := checkout.SumItems(c.Items), c.Currency
	var cart *checkout.Cart
	if !c.CartID.IsZero() {
		cart = d.state.Carts[c.CartID]
		if cart == nil {
			return Result{}, checkout.Refuse(checkout.CodeNotFound, "there is no cart %s", c.CartID)
		}
		if last := d.state.Orders[cart.LastOrder]; last != nil && last.Live() {
			return Result{Order: last, Existing: true}, nil
		}
		if currency != "" && currency != cart.Currency {
			return Result{}, checkout.Invalid("currency", "the cart is in %s", cart.Currency)
		}
		items, currency = checkout.SumItems(cart.Items), cart.Currency
	}
	if len(items) == 0 {
		return Result{}, checkout.Invalid("items", "there is nothing to buy")
	}
	quote, err := pricing.Price(currency, items, func(sku string) *checkout.Product { return d.state.Products[sku] })
	if err != nil {
		return Result{}, err
	}
	if err := c.adoptHold(d); err != nil {
		return Result{}, err
	}
	allocations, err := d.hold(items)
	if err != nil {
		return Result{}, err
	}
	o := c.newOrder(d, quote, allocations)
	c.keepCustomer(d)
	if cart != nil {
		d.supersede(cart, o)
	}
	return Result{Order: o}, nil
}

// adoptHold ends the session's hold, so that its units are there for the order.
func (c PlaceOrder) adoptHold(d *draft) error {
	h := d.state.Holds[c.SessionID]
	if c.SessionID == "" || h == nil {
		return nil
	}
	d.changes.DropHolds = append(d.changes.DropHolds, c.SessionID)
	return d.moveAll(h.Allocations, inventory.Release)
}

func (c PlaceOrder) newOrder(d *draft, quote checkout.Quote, allocations []checkout.Allocation) *checkout.Order {
	details := c.Details
	details.Quote = quote
	details.SetFirstHold(c.HoldTTL, allocations)
	o := &checkout.Order{
		ID:            d.newID(),
		CartID:        c.CartID,
		UserID:        details.Customer.UserID,
		Status:        checkout.OrderPending,
		Total:         money.New(quote.Total, quote.Currency),
		HoldStatus:    checkout.HoldOpen,
		HoldExpiresAt: d.now().Add(c.HoldTTL),
		Allocations:   allocations,
		CreatedAt:     d.now(),
		UpdatedAt:     d.now(),
		Details:       &details,
	}
	d.changes.Orders = append(d.changes.Orders, o)
	d.event(o, "order.created", map[string]any{
		"amount": o.Total.String(), "currency": string(o.Total.Currency), "hold_expires_at": o.HoldExpiresAt,
	})
	return o
}

func (c PlaceOrder) keepCustomer(d *draft) {
	who := c.Details.Customer
	if who.UserID == "" {
		return
	}
	if known := d.state.Customers[who.UserID]; known == nil || *known != who {
		d.changes.Customers = append(d.changes.Customers, &who)
	}
}

// supersede makes the order the cart's newest. The one before, if any, has
// expired or was cancelled; money that still comes for it is given back.
func (d *draft) supersede(cart *checkout.Cart, o *checkout.Order) {
	if last := d.order(cart.LastOrder); last != nil {
		last.Superseded = true
		d.event(last, "order.superseded", map[string]any{"by": o.ID.String()})
	}
	cart = cart.Clone()
	cart.LastOrder = o.ID
	cart.UpdatedAt = d.now()
	d.changes.Carts = append(d.changes.Carts, cart)
}
