package saga

import (
	"kassa/checkout"
	"kassa/inventory"
	"kassa/money"
)

// CancelOrder ends an order at the shop's wish. Before the payment its stock is
// released and an open attempt closed; money that still comes is given back.
// After it, what was captured is refunded in full and the stock put back.
type CancelOrder struct {
	OrderID checkout.ID
	Reason  string
	// Unpaid refuses a confirmed order: a buyer may drop only an unpaid one.
	Unpaid bool
}

func (c CancelOrder) needs(s *State) Keys { return orderAndStock(s, c.OrderID) }

func (c CancelOrder) decide(d *draft) (Result, error) {
	o := d.order(c.OrderID)
	if o == nil {
		return Result{}, noOrder(c.OrderID)
	}
	switch {
	case o.Status == checkout.OrderCancelled:
		return Result{Order: d.state.Orders[c.OrderID], Existing: true}, d.discard()
	case o.Status == checkout.OrderExpired:
		return Result{}, checkout.Refuse(checkout.CodeOrderState, "the order has expired; there is nothing to cancel")
	case o.Paid() && c.Unpaid:
		return Result{}, checkout.Refuse(checkout.CodeOrderState, "the order is paid; ask the shop to cancel it")
	case o.Status == checkout.OrderRefunded:
		return Result{Order: d.state.Orders[c.OrderID], Existing: true}, d.discard()
	case o.Paid():
		return c.cancelPaid(d, o)
	}
	o.CancelReason = c.Reason
	d.endOrder(o, checkout.OrderCancelled)
	d.closeOthers(o, checkout.ID{}, "the order was cancelled")
	return Result{Order: o}, nil
}

func (c CancelOrder) cancelPaid(d *draft, o *checkout.Order) (Result, error) {
	p := o.Payment(o.SecuredBy)
	if p != nil && p.Status == checkout.PaymentSucceeded {
		left := p.Captured.Minor - p.RefundCommitted
		if left == 0 {
			return Result{Order: d.state.Orders[c.OrderID], Existing: true}, d.discard()
		}
		o.CancelReason = c.Reason
		d.restock(o)
		r := d.refund(o, p, money.New(left, p.Captured.Currency), checkout.RefundByMerchant, c.Reason, true)
		return Result{Order: o, Refund: r}, nil
	}
	o.CancelReason = c.Reason
	d.restock(o)
	o.Status = checkout.OrderCancelled
	d.event(o, "order.cancelled", nil)
	if p != nil && p.Status == checkout.PaymentAuthorized {
		d.void(o, p, "the order was cancelled")
	}
	return Result{Order: o}, nil
}

// restock puts an order's deducted units back on sale, once.
func (d *draft) restock(o *checkout.Order) {
	if o.Restocked || o.HoldStatus != checkout.HoldClaimed {
		return
	}
	if err := d.moveAll(o.Allocations, inventory.Restock); err != nil {
		d.attend(o.ID, "the stock of a cancelled order could not be put back: "+err.Error())
		return
	}
	o.Restocked = true
	d.event(o, "order.restocked", nil)
}

// discard forgets the draft: the command found its effect already there.
func (d *draft) discard() error {
	d.changes = Changes{}
	return nil
}
