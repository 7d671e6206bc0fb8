package sqlite

import (
	"database/sql"

	"kassa/checkout"
)

// One bind and one scan per table. A bind writes the key first, then what an
// update may change, then what only an insert writes.

func bindOrder(a *args, o *checkout.Order) {
	a.id(o.ID)
	a.add(string(o.Status))
	if o.Live() {
		a.id(o.CartID)
	} else {
		a.add(nil)
	}
	a.add(string(o.HoldStatus))
	a.time(o.HoldExpiresAt)
	a.add(o.HoldExtended)
	a.json(o.Allocations)
	a.id(o.SecuredBy)
	a.add(o.Superseded)
	a.time(o.ClosingSince)
	a.add(o.Restocked, o.CancelReason, o.InvoiceSeries)
	if o.InvoiceSeq == 0 {
		a.add(nil)
	} else {
		a.add(o.InvoiceSeq)
	}
	a.add(o.EventSeq, logBytes(o.Log))
	a.time(o.UpdatedAt)
	a.time(o.ConfirmedAt)
}

func bindNewOrder(a *args, o *checkout.Order) {
	bindOrder(a, o)
	a.optional(o.UserID)
	a.add(o.Total.Minor, string(o.Total.Currency))
	a.time(o.CreatedAt)
	a.add(o.Details.Customer.Email)
	a.id(o.CartID)
	a.json(o.Details)
}

func scanOrder(r row) (*checkout.Order, error) {
	var o checkout.Order
	var seq sql.NullInt64
	err := r.Scan(idTo(&o.ID), idTo(&o.CartID), textTo(&o.UserID), &o.Status, &o.Total.Minor, &o.Total.Currency,
		&o.HoldStatus, timeTo(&o.HoldExpiresAt), &o.HoldExtended, jsonTo(&o.Allocations), idTo(&o.SecuredBy),
		&o.Superseded, timeTo(&o.ClosingSince), &o.Restocked, &o.CancelReason, &o.InvoiceSeries, &seq, &o.EventSeq,
		logColumn{&o.Log}, timeTo(&o.CreatedAt), timeTo(&o.UpdatedAt), timeTo(&o.ConfirmedAt))
	o.InvoiceSeq = seq.Int64
	return &o, err
}

type detailsRow struct {
	order   checkout.ID
	details *checkout.OrderDetails
}

func scanDetails(r row) (detailsRow, error) {
	d := detailsRow{details: &checkout.OrderDetails{}}
	err := r.Scan(idTo(&d.order), jsonTo(d.details))
	return d, err
}

type itemRow struct {
	order checkout.ID
	no    int // 1 for the first line
	line  checkout.QuoteLine
}

func itemRows(orders []*checkout.Order) []itemRow {
	var items []itemRow
	for _, o := range orders {
		for i, line := range o.Details.Quote.Lines {
			items = append(items, itemRow{o.ID, i + 1, line})
		}
	}
	return items
}

func bindItem(a *args, i itemRow) {
	a.id(i.order)
	a.add(i.no, i.line.SKU, i.line.Qty, i.line.Name, i.line.UnitPrice, i.line.Discount, i.line.Tax, i.line.Total)
}

func bindPayment(a *args, p checkout.Payment) {
	a.id(p.ID)
	a.add(string(p.Status))
	a.optional(p.ChargeID)
	a.optional(p.GatewayRef)
	a.add(p.Captured.Minor, string(p.Captured.Currency), p.RefundCommitted, p.Token, p.ManualCapture, p.Closable,
		p.CallNo, p.Unknown, p.Closing, p.Superseded, p.Extra)
	optionalJSON(a, p.Action)
	a.add(p.FailureCode, p.FailureMessage)
	a.time(p.ActionExpires)
	a.add(p.LookUps)
	a.time(p.LookedUpAt)
	a.add(p.ReturnURL)
	a.time(p.UpdatedAt)
}

func bindNewPayment(a *args, p checkout.Payment) {
	bindPayment(a, p)
	a.id(p.OrderID)
	a.add(p.Attempt, p.Gateway, string(p.Method), p.Amount.Minor, string(p.Amount.Currency))
	a.optional(p.IdempotencyKey)
	a.add(p.RequestHash)
	a.time(p.CreatedAt)
}

func scanPayment(r row) (checkout.Payment, error) {
	var p checkout.Payment
	err := r.Scan(idTo(&p.ID), idTo(&p.OrderID), intTo(&p.Attempt), &p.Gateway, &p.Method, &p.Status,
		&p.Amount.Minor, &p.Amount.Currency, &p.Captured.Minor, &p.Captured.Currency, &p.RefundCommitted,
		textTo(&p.IdempotencyKey), &p.RequestHash, textTo(&p.GatewayRef), textTo(&p.ChargeID), &p.Token, &p.ReturnURL,
		&p.ManualCapture, &p.Closable, intTo(&p.CallNo), &p.Unknown, &p.Closing, &p.Superseded, &p.Extra,
		jsonTo(&p.Action), &p.FailureCode, &p.FailureMessage, timeTo(&p.ActionExpires), intTo(&p.LookUps),
		timeTo(&p.LookedUpAt), timeTo(&p.CreatedAt), timeTo(&p.UpdatedAt))
	return p, err
}

func bindRefund(a *args, r checkout.Refund) {
	a.id(r.ID)
	a.add(string(r.Status))
	a.optional(r.GatewayRef)
	a.add(r.Reason, r.Restock, r.CallNo, r.FailureCode, r.FailureMessage)
	a.time(r.UpdatedAt)
}

func bindNewRefund(a *args, r checkout.Refund) {
	bindRefund(a, r)
	a.id(r.OrderID)
	a.id(r.PaymentID)
	a.add(r.Amount.Minor, string(r.Amount.Currency), string(r.Origin))
	a.time(r.CreatedAt)
}

func scanRefund(r row) (checkout.Refund, error) {
	var f checkout.Refund
	err := r.Scan(idTo(&f.ID), idTo(&f.OrderID), idTo(&f.PaymentID), &f.Amount.Minor, &f.Amount.Currency, &f.Status,
		&f.Origin, &f.Reason, &f.Restock, textTo(&f.GatewayRef), intTo(&f.CallNo), &f.FailureCode, &f.FailureMessage,
		timeTo(&f.CreatedAt), timeTo(&f.UpdatedAt))
	return f, err
}
