package saga

import (
	"fmt"

	"kassa/checkout"
	"kassa/money"
)

// CreateRefund gives part or all of an order's money back. The row comes first;
// its id is the gateway's idempotency key.
type CreateRefund struct {
	OrderID checkout.ID
	Amount  money.Literal // "" for all that is left
	Reason  string
	Restock bool // only where all that is left goes back
}

func (c CreateRefund) needs(s *State) Keys {
	if c.Restock {
		return orderAndStock(s, c.OrderID)
	}
	return Keys{Orders: []checkout.ID{c.OrderID}}
}

func (c CreateRefund) decide(d *draft) (Result, error) {
	o := d.order(c.OrderID)
	if o == nil {
		return Result{}, noOrder(c.OrderID)
	}
	p := o.Payment(o.SecuredBy)
	if !o.Paid() || p == nil || p.Status != checkout.PaymentSucceeded {
		return Result{}, checkout.Refuse(checkout.CodeOrderState, "the order is %s and no captured payment stands behind it: there is nothing to refund", o.Status)
	}
	if len(o.Refunds) >= checkout.MaxRefunds {
		return Result{}, checkout.Refuse(checkout.CodeRateLimited, "the order has had %d refunds", len(o.Refunds))
	}
	left := money.New(p.Captured.Minor-p.RefundCommitted, p.Captured.Currency)
	amount, err := c.amount(left)
	if err != nil {
		return Result{}, err
	}
	if c.Restock {
		if amount != left {
			return Result{}, checkout.Invalid("restock", "only a refund of all that is left (%s) puts the stock back", left)
		}
		d.restock(o)
	}
	return Result{Order: o, Refund: d.refund(o, p, amount, checkout.RefundByMerchant, c.Reason, c.Restock)}, nil
}

func (c CreateRefund) amount(left money.Money) (money.Money, error) {
	if left.Minor <= 0 {
		return left, checkout.Refuse(checkout.CodeOrderState, "everything was refunded already")
	}
	if c.Amount == "" {
		return left, nil
	}
	amount, err := c.Amount.Money(left.Currency)
	switch {
	case err != nil:
		return amount, checkout.Invalid("amount", "%s", err)
	case amount.Minor <= 0:
		return amount, checkout.Invalid("amount", "must be more than nothing")
	case amount.Minor > left.Minor:
		return amount, checkout.Refuse(checkout.CodeAmountMismatch, "%s %s is left to refund, not %s", left, left.Currency, amount)
	}
	return amount, nil
}

// refund makes the row and owes the gateway's call.
func (d *draft) refund(o *checkout.Order, p *checkout.Payment, amount money.Money, origin checkout.RefundOrigin, reason string, restock bool) *checkout.Refund {
	r := checkout.Refund{
		ID: d.newID(), OrderID: o.ID, PaymentID: p.ID, Amount: amount, Status: checkout.RefundPending,
		Origin: origin, Reason: reason, Restock: restock, CallNo: 1, CreatedAt: d.now(), UpdatedAt: d.now(),
	}
	o.Refunds = append(o.Refunds, r)
	d.commitRefunds(o, p)
	d.event(o, "refund.created", refundData(&r))
	d.runNow(checkout.Task{ID: r.ID, Kind: checkout.TaskRefund, OrderID: o.ID})
	return o.Refund(r.ID)
}

// commitRefunds sums what refunds have asked for or been promised of a payment. A
// refund may be known before its capture is: then it counts from there on. Where
// more went back than was captured, an operator must look.
func (d *draft) commitRefunds(o *checkout.Order, p *checkout.Payment) {
	var sum int64
	for i := range o.Refunds {
		if r := &o.Refunds[i]; r.PaymentID == p.ID && r.Status != checkout.RefundFailed {
			sum += r.Amount.Minor
		}
	}
	before := p.RefundCommitted
	p.RefundCommitted = min(sum, p.Captured.Minor)
	p.UpdatedAt = d.now()
	if p.Status == checkout.PaymentSucceeded && sum > p.Captured.Minor && p.RefundCommitted >= before {
		d.attend(o.ID, fmt.Sprintf("refunds of payment %s come to %s, and %s %s was captured",
			p.ID, money.New(sum, p.Captured.Currency), p.Captured, p.Captured.Currency))
	}
}

// recount sets the order's status from the sum of its refunds, once its money is
// known to be captured.
func (d *draft) recount(o *checkout.Order) {
	p := o.Payment(o.SecuredBy)
	if !o.Paid() || p == nil || p.Status != checkout.PaymentSucceeded {
		return
	}
	var sum int64
	for _, r := range o.Refunds {
		if r.PaymentID == p.ID && r.Status == checkout.RefundSucceeded {
			sum += r.Amount.Minor
		}
	}
	status := checkout.OrderPartiallyRefunded
	switch {
	case sum <= 0:
		status = checkout.OrderConfirmed
	case sum >= p.Captured.Minor:
		status = checkout.OrderRefunded
	}
	if status != o.Status {
		o.Status = status
		d.event(o, "order.refund_state", map[string]any{"status": string(status)})
	}
}

func refundData(r *checkout.Refund) map[string]any {
	data := map[string]any{
		"refund_id": r.ID.String(), "payment_id": r.PaymentID.String(), "amount": r.Amount.String(),
		"currency": string(r.Amount.Currency), "status": string(r.Status), "origin": string(r.Origin),
	}
	if r.FailureCode != "" {
		data["failure"] = r.FailureCode
	}
	return data
}
