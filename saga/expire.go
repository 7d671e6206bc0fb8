package saga

import (
	"fmt"
	"time"

	"kassa/checkout"
	"kassa/inventory"
)

// ExpireOrder ends an order whose hold's time is over. What is open is closed
// at its gateway first, for which the hold lasts half a minute longer; then,
// whatever the gateway said, the stock is free and the order EXPIRED, and look-ups
// go on.
type ExpireOrder struct{ OrderID checkout.ID }

func (c ExpireOrder) needs(s *State) Keys { return orderAndStock(s, c.OrderID) }

func (c ExpireOrder) decide(d *draft) (Result, error) {
	o := d.state.Orders[c.OrderID]
	if o == nil {
		return Result{}, noOrder(c.OrderID)
	}
	if !o.Payable() || o.HoldExpiresAt.After(d.now()) {
		return Result{Order: o, Existing: true}, nil
	}
	o = d.order(c.OrderID)
	if o.OpenPayment() == nil || !o.ClosingSince.IsZero() {
		d.endOrder(o, checkout.OrderExpired)
		return Result{Order: o}, nil
	}
	o.ClosingSince = d.now()
	o.HoldExpiresAt = d.now().Add(checkout.ClosePatience)
	d.event(o, "order.closing", nil)
	for i := range o.Payments {
		if p := &o.Payments[i]; p.Open() {
			d.closePayment(o, p)
		}
	}
	return Result{Order: o}, nil
}

// endOrder releases the stock of an order that was not paid and ends it. What is
// done already is left as it is.
func (d *draft) endOrder(o *checkout.Order, as checkout.OrderStatus) {
	if o.HoldStatus == checkout.HoldOpen {
		if err := d.moveAll(o.Allocations, inventory.Release); err != nil {
			d.attend(o.ID, "the stock of an ended order could not be released: "+err.Error())
		}
		o.HoldStatus = checkout.HoldReleased
		if as == checkout.OrderExpired {
			o.HoldStatus = checkout.HoldExpired
		}
	}
	o.Status = as
	o.ClosingSince = time.Time{}
	kind := "order.cancelled"
	if as == checkout.OrderExpired {
		kind = "order.expired"
	}
	d.event(o, kind, nil)
}

func orderAndStock(s *State, id checkout.ID) Keys {
	k := Keys{Orders: []checkout.ID{id}}
	if o := s.Orders[id]; o != nil {
		k.Stock = heldSKUs(o.Allocations)
	}
	return k
}

// invoiceSeries names the financial year that a time lies in: April to March, as
// in India. Numbers run without a gap within it.
func invoiceSeries(at time.Time) string {
	year := at.Year()
	if at.Month() < time.April {
		year--
	}
	return fmt.Sprintf("%d-%02d", year, (year+1)%100)
}
