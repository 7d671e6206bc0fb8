package postgres

import "kassa/checkout"

func writeWebhook(r *record, w *checkout.WebhookRecord) {
	var report checkout.PaymentReport
	if w.Event.Payment != nil {
		report = *w.Event.Payment
	}
	writeWebhookTimes(r, w)
	r.time(w.Event.OccurredAt)
	r.id(report.PaymentID)
	r.optionalInt(report.Amount.Minor)
	r.text(string(w.Status))
	r.text(w.Event.Gateway)
	r.text(w.Event.Key)
	r.text(w.Event.Type)
	r.optional(string(report.Status))
	r.optional(string(report.Amount.Currency))
	r.optional(report.GatewayRef)
	r.optional(report.ChargeID)
	r.document(restOfEvent(w.Event))
}

// writeWebhookChange writes what may change: the event does not.
func writeWebhookChange(r *record, w *checkout.WebhookRecord) {
	writeWebhookTimes(r, w)
	r.nulls(3)
	r.text(string(w.Status))
	r.nulls(8)
}

func writeWebhookTimes(r *record, w *checkout.WebhookRecord) {
	r.id(w.ID)
	r.id(w.OrderID)
	r.time(w.ReceivedAt)
	if w.Status == checkout.WebhookApplied {
		r.timeUnless(w.AppliedAt, w.ReceivedAt)
	} else {
		r.time(w.AppliedAt)
	}
}

// restOfEvent is what an event says that has no column. Most say no more of a
// payment than there are columns: then it is nil.
func restOfEvent(e checkout.WebhookEvent) any {
	rest := checkout.WebhookEvent{Refund: withoutGateway(e.Refund, e.Gateway)}
	if e.Payment == nil {
		return rest
	}
	report := *e.Payment
	report.PaymentID, report.Status, report.Amount.Minor, report.Amount.Currency = checkout.ID{}, "", 0, ""
	report.GatewayRef, report.ChargeID, report.OrderID = "", "", checkout.ID{}
	if report.Gateway == e.Gateway {
		report.Gateway = ""
	}
	rest.Payment = &report
	if report == (checkout.PaymentReport{}) && rest.Refund == nil {
		return nil
	}
	return rest
}

func withoutGateway(report *checkout.RefundReport, gateway string) *checkout.RefundReport {
	if report == nil || report.Gateway != gateway {
		return report
	}
	short := *report
	short.Gateway = ""
	return &short
}

// scanEvent puts an event together again: of a payment's report there are columns.
func scanEvent(r *row, gateway string, columns checkout.PaymentReport) checkout.WebhookEvent {
	e := checkout.WebhookEvent{Payment: &checkout.PaymentReport{}}
	if r.values[r.next] != nil {
		e = document[checkout.WebhookEvent](r)
	} else {
		r.skip(1)
	}
	if p := e.Payment; p != nil {
		p.PaymentID, p.Status, p.Amount = columns.PaymentID, columns.Status, columns.Amount
		p.GatewayRef, p.ChargeID = columns.GatewayRef, columns.ChargeID
		if p.Gateway == "" {
			p.Gateway = gateway
		}
	}
	if f := e.Refund; f != nil && f.Gateway == "" {
		f.Gateway = gateway
	}
	return e
}
