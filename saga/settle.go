package saga

import (
	"fmt"
	"time"

	"kassa/checkout"
	"kassa/inventory"
	"kassa/money"
)

// succeed is the pivot: the gateway has the money. What follows is decided here
// and nowhere else: the order is confirmed by it, or it is given back.
func (d *draft) succeed(o *checkout.Order, p *checkout.Payment, r checkout.PaymentReport) {
	p.Status = checkout.PaymentSucceeded
	p.Captured = r.Amount
	p.Token, p.Action = "", nil
	p.FailureCode, p.FailureMessage = "", ""
	d.event(o, "payment.succeeded", paymentData(p))
	d.dropTask(p.ID)
	d.commitRefunds(o, p)
	defer d.recount(o)
	if o.SecuredBy == p.ID && o.Paid() {
		if p.Captured != o.Total {
			d.attend(o.ID, fmt.Sprintf("the capture took %s %s of an order of %s %s",
				p.Captured, p.Captured.Currency, o.Total, o.Total.Currency))
		}
		return // it was authorised before; now it is taken
	}
	if why := d.secure(o, p, p.Captured); why != "" {
		d.giveBack(o, p, why)
	}
}

// authorize deals with money that the gateway keeps ready. Where the shop
// captures at shipment it secures the order; else it is captured at once.
func (d *draft) authorize(o *checkout.Order, p *checkout.Payment, r checkout.PaymentReport, run *TaskRun) {
	p.Status = checkout.PaymentAuthorized
	p.Token, p.Action = "", nil
	p.FailureCode, p.FailureMessage = "", ""
	d.event(o, "payment.authorized", paymentData(p))
	if o.SecuredBy == p.ID && o.Paid() {
		d.dropTask(p.ID)
		return // it was thought to have ended
	}
	if p.ManualCapture {
		if why := d.secure(o, p, r.Amount); why != "" {
			d.void(o, p, why)
			return
		}
		d.dropTask(p.ID)
		return
	}
	if why := d.unwanted(o, p, r.Amount); why != "" {
		d.void(o, p, why)
		return
	}
	attempts := 0
	if run != nil {
		attempts = run.Task.Attempts
	}
	d.runNow(checkout.Task{ID: p.ID, Kind: checkout.TaskCapture, OrderID: o.ID, Attempts: attempts})
}

// unwanted says why money for this order cannot confirm it; "" where it can, as
// far as money goes.
func (d *draft) unwanted(o *checkout.Order, p *checkout.Payment, amount money.Money) string {
	switch {
	case amount != o.Total:
		return fmt.Sprintf("the gateway has %s %s and the order is for %s %s", amount, amount.Currency, o.Total, o.Total.Currency)
	case p.Extra:
		return "it was being given back"
	case o.Paid():
		return "the order was paid already"
	case o.Status == checkout.OrderCancelled:
		return "the order was cancelled"
	case o.Superseded:
		return "a newer order took this one's place"
	case p.Superseded:
		return "another attempt took this one's place"
	}
	return ""
}

// secure confirms the order by an attempt that has exactly its amount, or says
// why it cannot be.
func (d *draft) secure(o *checkout.Order, p *checkout.Payment, amount money.Money) string {
	if why := d.unwanted(o, p, amount); why != "" {
		return why
	}
	late := o.Status == checkout.OrderExpired
	if late {
		allocations, err := d.hold(held(o.Allocations))
		if err != nil {
			return "it came after the order had expired, and the stock has gone"
		}
		o.Allocations = allocations
	}
	if err := d.moveAll(o.Allocations, inventory.Claim); err != nil {
		d.attend(o.ID, "the held stock of a paid order could not be deducted: "+err.Error())
		return "its stock could not be deducted"
	}
	d.confirm(o, p.ID, late)
	return ""
}

// confirm makes the order what everybody waited for.
func (d *draft) confirm(o *checkout.Order, payment checkout.ID, late bool) {
	o.Status = checkout.OrderConfirmed
	o.HoldStatus = checkout.HoldClaimed
	o.SecuredBy = payment
	o.ConfirmedAt = d.now()
	o.ClosingSince = time.Time{}
	o.InvoiceSeries = invoiceSeries(d.now())
	d.event(o, "order.confirmed", map[string]any{
		"amount": o.Total.String(), "currency": string(o.Total.Currency), "late": late,
	})
	d.closeOthers(o, payment, "another attempt paid the order")
}

// closeOthers ends every open attempt but one, so that the buyer cannot pay twice.
func (d *draft) closeOthers(o *checkout.Order, but checkout.ID, why string) {
	for i := range o.Payments {
		p := &o.Payments[i]
		switch {
		case p.ID == but || !p.Open():
		case p.Status != checkout.PaymentAuthorized:
			d.closePayment(o, p)
		case !p.Extra: // else it is being voided
			d.void(o, p, why)
		}
	}
}

// giveBack refunds in full what was captured and confirms no order.
func (d *draft) giveBack(o *checkout.Order, p *checkout.Payment, why string) {
	p.Extra = true
	d.event(o, "payment.extra", map[string]any{
		"payment_id": p.ID.String(), "amount": p.Captured.String(), "currency": string(p.Captured.Currency), "reason": why,
	})
	left := p.Captured.Minor - p.RefundCommitted
	if left <= 0 {
		return
	}
	d.refund(o, p, money.New(left, p.Captured.Currency), checkout.RefundByKassa, why, false)
}

// void gives authorised money free.
func (d *draft) void(o *checkout.Order, p *checkout.Payment, why string) {
	p.Extra = true
	d.event(o, "payment.voiding", map[string]any{"payment_id": p.ID.String(), "reason": why})
	d.runNow(checkout.Task{ID: p.ID, Kind: checkout.TaskVoid, OrderID: o.ID})
}
