package saga

import (
	"slices"

	"kassa/checkout"
)

// ConfirmOrder asks how an order stands. While its payment is open the gateway is
// asked for the truth, at most once in five seconds. An order that nothing is due
// for is confirmed by it.
type ConfirmOrder struct{ OrderID checkout.ID }

func (c ConfirmOrder) needs(s *State) Keys {
	if o := s.Orders[c.OrderID]; o != nil && o.Total.IsZero() {
		return orderAndStock(s, c.OrderID)
	}
	return Keys{Orders: []checkout.ID{c.OrderID}}
}

func (c ConfirmOrder) decide(d *draft) (Result, error) {
	o := d.state.Orders[c.OrderID]
	if o == nil {
		return Result{}, noOrder(c.OrderID)
	}
	switch {
	case o.Paid():
		return Result{Order: o, Existing: true}, nil
	case o.Status == checkout.OrderExpired:
		return Result{}, checkout.Refuse(checkout.CodeOrderExpired, "the order has expired; start a new checkout")
	case o.Status == checkout.OrderCancelled:
		return Result{}, checkout.Refuse(checkout.CodeOrderState, "the order was cancelled")
	case o.OpenPayment() != nil:
		return c.await(d)
	case !o.HoldExpiresAt.After(d.now()):
		return Result{}, checkout.Refuse(checkout.CodeOrderExpired, "the order's time is over; start a new checkout")
	case o.Total.IsZero():
		return c.free(d)
	case len(o.Payments) == 0:
		return Result{}, checkout.Refuse(checkout.CodeOrderState, "nobody has tried to pay the order; initiate a payment first")
	}
	last := o.Payments[len(o.Payments)-1]
	return Result{}, checkout.Refuse(checkout.CodePaymentFailed, "the last payment failed (%s: %s); initiate another", last.FailureCode, last.FailureMessage)
}

func (c ConfirmOrder) await(d *draft) (Result, error) {
	o := d.state.Orders[c.OrderID]
	p := o.OpenPayment()
	if p.Status != checkout.PaymentPending || p.Closing || d.now().Sub(p.LookedUpAt) < checkout.LookUpInterval {
		return Result{Order: o, Payment: p, Existing: true}, nil
	}
	o = d.order(c.OrderID)
	p = o.OpenPayment()
	p.LookedUpAt = d.now()
	d.runNow(checkout.Task{ID: p.ID, Kind: checkout.TaskLookUp, OrderID: o.ID})
	return Result{Order: o, Payment: p, Waiting: true}, nil
}

// free confirms an order that nothing is due for: no payment at all.
func (c ConfirmOrder) free(d *draft) (Result, error) {
	o := d.order(c.OrderID)
	if why := d.secure(o, &checkout.Payment{}, o.Total); why != "" {
		return Result{}, checkout.Refuse(checkout.CodeOrderState, "the order cannot be confirmed: %s", why)
	}
	return Result{Order: o}, nil
}

// CapturePayment takes authorised money: the shop ships.
type CapturePayment struct{ OrderID, PaymentID checkout.ID }

func (c CapturePayment) needs(*State) Keys { return Keys{Orders: []checkout.ID{c.OrderID}} }

func (c CapturePayment) decide(d *draft) (Result, error) {
	o, p, err := d.payment(c.OrderID, c.PaymentID)
	switch {
	case err != nil:
		return Result{}, err
	case p.Status == checkout.PaymentSucceeded:
		return Result{Order: d.state.Orders[o.ID], Payment: p, Existing: true}, d.discard()
	case p.Status != checkout.PaymentAuthorized || o.SecuredBy != p.ID || !o.Paid():
		return Result{}, checkout.Refuse(checkout.CodeOrderState, "the payment is %s and the order %s: only money that was authorised for a confirmed order can be captured", p.Status, o.Status)
	}
	d.event(o, "payment.capturing", paymentData(p))
	d.runNow(checkout.Task{ID: p.ID, Kind: checkout.TaskCapture, OrderID: o.ID})
	return Result{Order: o, Payment: p, Waiting: true}, nil
}

// VoidPayment gives authorised money free. An order that it had confirmed is
// cancelled and its stock put back.
type VoidPayment struct{ OrderID, PaymentID checkout.ID }

func (c VoidPayment) needs(s *State) Keys { return orderAndStock(s, c.OrderID) }

func (c VoidPayment) decide(d *draft) (Result, error) {
	o, p, err := d.payment(c.OrderID, c.PaymentID)
	switch {
	case err != nil:
		return Result{}, err
	case p.Status == checkout.PaymentVoided:
		return Result{Order: d.state.Orders[o.ID], Payment: p, Existing: true}, d.discard()
	case p.Status != checkout.PaymentAuthorized:
		return Result{}, checkout.Refuse(checkout.CodeOrderState, "the payment is %s: only authorised money can be voided; captured money is refunded", p.Status)
	case o.SecuredBy == p.ID && o.Paid():
		res, err := CancelOrder{OrderID: o.ID, Reason: "payment voided"}.cancelPaid(d, o)
		res.Payment, res.Waiting = o.Payment(p.ID), true
		return res, err
	}
	d.void(o, p, "voided by the shop")
	return Result{Order: o, Payment: p, Waiting: true}, nil
}

// ReceiveMoney says that money which comes outside any API has arrived, in full.
type ReceiveMoney struct {
	OrderID, PaymentID checkout.ID
	Reference          string // of the bank's statement
	Gateways           []string
}

func (c ReceiveMoney) needs(s *State) Keys { return orderAndStock(s, c.OrderID) }

func (c ReceiveMoney) decide(d *draft) (Result, error) {
	o, p, err := d.payment(c.OrderID, c.PaymentID)
	if err != nil {
		return Result{}, err
	}
	if !slices.Contains(c.Gateways, p.Gateway) {
		return Result{}, checkout.Refuse(checkout.CodeOrderState, "%s reports its own payments; only money from outside is marked as received", p.Gateway)
	}
	if p.Status == checkout.PaymentSucceeded {
		return Result{Order: d.state.Orders[o.ID], Payment: p, Existing: true}, d.discard()
	}
	d.event(o, "payment.received", map[string]any{"payment_id": p.ID.String(), "reference": c.Reference})
	// One transfer may pay several orders, so its reference names no charge.
	charge := p.ChargeID
	if charge == "" {
		charge = p.ID.String()
	}
	d.applyPayment(o, p, checkout.PaymentReport{
		Status: checkout.PaymentSucceeded, Amount: p.Amount, ChargeID: charge,
	}, nil)
	return Result{Order: o, Payment: o.Payment(p.ID)}, nil
}

func (d *draft) payment(order, payment checkout.ID) (*checkout.Order, *checkout.Payment, error) {
	o := d.order(order)
	if o == nil {
		return nil, nil, noOrder(order)
	}
	p := o.Payment(payment)
	if p == nil {
		return nil, nil, checkout.Refuse(checkout.CodeNotFound, "there is no payment %s", payment)
	}
	return o, p, nil
}
