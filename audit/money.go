package audit

import (
	"fmt"

	"kassa/checkout"
	"kassa/money"
)

// quoteAddsUp follows the sums that checkout.Quote and checkout.QuoteLine define.
func quoteAddsUp(_ *view, o *checkout.Order) string {
	if o.Details == nil {
		return "the order has no quote"
	}
	q := &o.Details.Quote
	var lines int64
	for i := range q.Lines {
		l := &q.Lines[i]
		if why := differ("line of "+l.SKU, l.Total, "units, discount and tax come to", l.UnitPrice*l.Qty-l.Discount+l.Tax); why != "" {
			return why
		}
		lines += l.Total
	}
	if why := differ("subtotal", q.Subtotal, "the lines come to", lines); why != "" {
		return why
	}
	total := q.Subtotal - charged(q.Discounts) + q.Shipping + charged(q.Taxes)
	if why := differ("quoted total", q.Total, "its parts come to", total); why != "" {
		return why
	}
	if quoted := money.New(q.Total, q.Currency); o.Total != quoted {
		return fmt.Sprintf("the order is for %s, and %s was quoted", sum(o.Total), sum(quoted))
	}
	return ""
}

func charged(list []checkout.Charge) int64 {
	var total int64
	for _, c := range list {
		total += c.Amount
	}
	return total
}

func secured(v *view, o *checkout.Order) string {
	if !o.Paid() {
		if !o.SecuredBy.IsZero() && o.Status != checkout.OrderCancelled {
			return fmt.Sprintf("the order is %s, yet payment %s secured it", o.Status, o.SecuredBy)
		}
		return ""
	}
	if o.Total.IsZero() && o.SecuredBy.IsZero() {
		return "" // nothing was due
	}
	p := o.Payment(o.SecuredBy)
	switch {
	case p == nil:
		return fmt.Sprintf("the order is %s and no payment secured it", o.Status)
	case p.Status == checkout.PaymentSucceeded && p.Captured == o.Total:
		return ""
	case p.Status == checkout.PaymentAuthorized && p.ManualCapture && p.Amount == o.Total:
		return ""
	case v.operator(o):
		return ""
	}
	return fmt.Sprintf("the order is for %s, but payment %s is %s with %s captured", sum(o.Total), p.ID, p.Status, sum(p.Captured))
}

func sum(m money.Money) string { return m.String() + " " + string(m.Currency) }

func capturedBySuccess(_ *view, _ *checkout.Order, p *checkout.Payment) string {
	if (p.Status == checkout.PaymentSucceeded) == (p.Captured.Minor > 0) {
		return ""
	}
	return fmt.Sprintf("the payment is %s with %s captured", p.Status, sum(p.Captured))
}

func placed(v *view, o *checkout.Order, p *checkout.Payment) string {
	confirms := o.Paid() && o.SecuredBy == p.ID
	if p.Captured.Minor == 0 || confirms || p.RefundCommitted >= p.Captured.Minor || v.operator(o) {
		return ""
	}
	return fmt.Sprintf("of %s captured for order %s, which is %s, only %s goes back",
		sum(p.Captured), o.ID, o.Status, money.New(p.RefundCommitted, p.Captured.Currency))
}

// refunds sums the refunds of a payment that match, in minor units.
func refunds(o *checkout.Order, p *checkout.Payment, match func(*checkout.Refund) bool) int64 {
	var total int64
	for i := range o.Refunds {
		if r := &o.Refunds[i]; r.PaymentID == p.ID && match(r) {
			total += r.Amount.Minor
		}
	}
	return total
}

func notFailed(r *checkout.Refund) bool { return r.Status != checkout.RefundFailed }

func succeeded(r *checkout.Refund) bool { return r.Status == checkout.RefundSucceeded }

func ours(r *checkout.Refund) bool { return notFailed(r) && r.Origin != checkout.RefundByGateway }

// committed allows that refunds made at the gateway itself pass the capture.
func committed(_ *view, o *checkout.Order, p *checkout.Payment) string {
	return differ("refund_committed", p.RefundCommitted, "refunds commit", min(refunds(o, p, notFailed), p.Captured.Minor))
}

// withinCapture allows for a refund that was said to have failed, was asked for
// anew, and worked after all: then an operator is asked.
func withinCapture(v *view, o *checkout.Order, p *checkout.Payment) string {
	if asked := refunds(o, p, ours); asked > p.Captured.Minor && !v.operator(o) {
		return fmt.Sprintf("refunds of %s were asked for, of %s captured", money.New(asked, p.Captured.Currency), sum(p.Captured))
	}
	return ""
}

func ofItsPayment(_ *view, o *checkout.Order, r *checkout.Refund) string {
	p := o.Payment(r.PaymentID)
	switch {
	case p == nil:
		return fmt.Sprintf("order %s has no payment %s", o.ID, r.PaymentID)
	case r.Amount.Currency != p.Captured.Currency:
		return fmt.Sprintf("the refund is in %s and the payment in %s", r.Amount.Currency, p.Captured.Currency)
	}
	return ""
}

func statusFitsRefunds(_ *view, o *checkout.Order) string {
	if !o.Paid() {
		return ""
	}
	want := checkout.OrderConfirmed
	if p := o.Payment(o.SecuredBy); p != nil {
		switch given := refunds(o, p, succeeded); {
		case given <= 0:
		case given >= p.Captured.Minor:
			want = checkout.OrderRefunded
		default:
			want = checkout.OrderPartiallyRefunded
		}
	}
	if o.Status != want {
		return fmt.Sprintf("the order is %s; by its refunds it is %s", o.Status, want)
	}
	return ""
}
