package postgres

import (
	"time"

	"github.com/jackc/pgx/v5"

	"kassa/checkout"
	"kassa/store"
)

func paymentColumns(rows []*checkout.Payment) []any {
	type payment = *checkout.Payment
	return []any{
		uuids(rows, func(p payment) checkout.ID { return p.ID }),
		times(rows, func(p payment) time.Time { return p.UpdatedAt }),
		ints(rows, func(p payment) int64 { return p.Captured.Minor }),
		ints(rows, func(p payment) int64 { return p.RefundCommitted }),
		ints(rows, func(p payment) int64 { return int64(p.CallNo) }),
		ints(rows, func(p payment) int64 { return int64(p.LookUps) }),
		times(rows, func(p payment) time.Time { return p.LookedUpAt }),
		times(rows, func(p payment) time.Time { return p.ActionExpires }),
		bools(rows, func(p payment) bool { return p.Closable }),
		bools(rows, func(p payment) bool { return p.Unknown }),
		bools(rows, func(p payment) bool { return p.Closing }),
		bools(rows, func(p payment) bool { return p.Superseded }),
		bools(rows, func(p payment) bool { return p.Extra }),
		bools(rows, func(p payment) bool { return p.ManualCapture }),
		optional(rows, func(p payment) string { return string(p.Captured.Currency) }),
		texts(rows, func(p payment) string { return string(p.Status) }),
		optional(rows, func(p payment) string { return p.ChargeID }),
		optional(rows, func(p payment) string { return p.GatewayRef }),
		optional(rows, func(p payment) string { return p.Token }),
		optional(rows, func(p payment) string { return p.ReturnURL }),
		optional(rows, func(p payment) string { return p.FailureCode }),
		optional(rows, func(p payment) string { return p.FailureMessage }),
		documents(rows, func(p payment) any { return optionalDocument(p.Action) }),
	}
}

func newPaymentColumns(rows []*checkout.Payment) []any {
	type payment = *checkout.Payment
	return append(paymentColumns(rows),
		uuids(rows, func(p payment) checkout.ID { return p.OrderID }),
		times(rows, func(p payment) time.Time { return p.CreatedAt }),
		ints(rows, func(p payment) int64 { return int64(p.Attempt) }),
		ints(rows, func(p payment) int64 { return p.Amount.Minor }),
		texts(rows, func(p payment) string { return string(p.Amount.Currency) }),
		texts(rows, func(p payment) string { return p.Gateway }),
		texts(rows, func(p payment) string { return string(p.Method) }),
		optional(rows, func(p payment) string { return p.IdempotencyKey }),
		texts(rows, func(p payment) string { return p.RequestHash }),
	)
}

// queuePaymentNames queues what gateways call the payments, where that is known.
func queuePaymentNames(batch *pgx.Batch, save *store.Save) {
	var charges, refs []*checkout.Payment
	for _, p := range append(pointers(save.NewPayments), pointers(save.Payments)...) {
		if p.ChargeID != "" {
			charges = append(charges, p)
		}
		if p.GatewayRef != "" {
			refs = append(refs, p)
		}
	}
	queue(batch, "insert_charges", charges, nameColumns(func(p *checkout.Payment) string { return p.ChargeID }))
	queue(batch, "insert_refs", refs, nameColumns(func(p *checkout.Payment) string { return p.GatewayRef }))
}

func nameColumns(name func(*checkout.Payment) string) func([]*checkout.Payment) []any {
	return func(rows []*checkout.Payment) []any {
		return []any{
			texts(rows, func(p *checkout.Payment) string { return p.Gateway }),
			texts(rows, name),
			uuids(rows, func(p *checkout.Payment) checkout.ID { return p.ID }),
		}
	}
}

func refundColumns(rows []*checkout.Refund) []any {
	type refund = *checkout.Refund
	return []any{
		uuids(rows, func(r refund) checkout.ID { return r.ID }),
		times(rows, func(r refund) time.Time { return r.UpdatedAt }),
		ints(rows, func(r refund) int64 { return int64(r.CallNo) }),
		bools(rows, func(r refund) bool { return r.Restock }),
		texts(rows, func(r refund) string { return string(r.Status) }),
		texts(rows, func(r refund) string { return r.Reason }),
		optional(rows, func(r refund) string { return r.GatewayRef }),
		optional(rows, func(r refund) string { return r.FailureCode }),
		optional(rows, func(r refund) string { return r.FailureMessage }),
	}
}

func newRefundColumns(rows []*checkout.Refund) []any {
	type refund = *checkout.Refund
	return append(refundColumns(rows),
		uuids(rows, func(r refund) checkout.ID { return r.OrderID }),
		uuids(rows, func(r refund) checkout.ID { return r.PaymentID }),
		times(rows, func(r refund) time.Time { return r.CreatedAt }),
		ints(rows, func(r refund) int64 { return r.Amount.Minor }),
		texts(rows, func(r refund) string { return string(r.Amount.Currency) }),
		texts(rows, func(r refund) string { return string(r.Origin) }),
	)
}
