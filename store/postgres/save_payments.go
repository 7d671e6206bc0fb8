package postgres

import (
	"kassa/checkout"
	"kassa/money"
	"kassa/store"
)

// queuePayments queues payments and what gateways call them.
func queuePayments(f *saver, save *store.Save) {
	created, changed := pointers(save.NewPayments), pointers(save.Payments)
	queue(f, "insert_payments", "payments", created, f.writePayment)
	queue(f, "update_payments", "payments", changed, f.writePayment)
	var charges, refs []*checkout.Payment
	for _, p := range append(created, changed...) {
		if p.ChargeID != "" {
			charges = append(charges, p)
		}
		if p.GatewayRef != "" && p.FindByRef {
			refs = append(refs, p)
		}
	}
	queue(f, "insert_charges", "payment_charges", charges, writeChargeName)
	queue(f, "insert_refs", "payment_refs", refs, writeRefName)
}

func (f *saver) writePayment(r *record, p *checkout.Payment) {
	task, said := f.tasks.inRow[p.ID]
	r.id(p.ID)
	r.id(p.OrderID)
	r.time(p.CreatedAt)
	r.int(p.Amount.Minor)
	task.write(r, said, p.CreatedAt)
	r.int(int64(p.Attempt))
	r.int(int64(p.CallNo))
	r.int(int64(p.LookUps))
	for _, flag := range []bool{p.Closable, p.FindByRef, p.ManualCapture, p.Unknown, p.Closing, p.Superseded, p.Extra} {
		r.bool(flag)
	}
	r.text(string(p.Amount.Currency))
	r.text(p.Gateway)
	r.text(string(p.Method))
	r.key(p.IdempotencyKey)
	r.hash(p.RequestHash)
	r.optional(p.ReturnURL)
	writePaymentState(r, p, task)
}

// writePaymentState writes the columns that change in a payment's normal life.
func writePaymentState(r *record, p *checkout.Payment, task taskChange) {
	r.optional(p.GatewayRef)
	r.time(p.ActionExpires)
	r.timeUnless(p.UpdatedAt, p.CreatedAt)
	r.optionalInt(p.Captured.Minor)
	r.optionalInt(p.RefundCommitted)
	r.time(p.LookedUpAt)
	r.text(string(p.Status))
	task.writeKind(r)
	writeCapturedCurrency(r, p.Captured.Currency, p.Amount.Currency)
	r.optional(p.ChargeID)
	r.optional(p.Token)
	r.optional(p.FailureCode)
	r.optional(p.FailureMessage)
	r.action(p.Action, p.GatewayRef)
}

// writeCapturedCurrency leaves out what is the payment's own currency.
func writeCapturedCurrency(r *record, captured, own money.Currency) {
	if captured == own {
		r.null()
		return
	}
	r.text(string(captured))
}

func writeChargeName(r *record, p *checkout.Payment) {
	r.id(p.ID)
	r.text(p.Gateway)
	r.text(p.ChargeID)
}

func writeRefName(r *record, p *checkout.Payment) {
	r.id(p.ID)
	r.text(p.Gateway)
	r.text(p.GatewayRef)
}
