package mysql

import (
	"slices"
	"time"

	"kassa/checkout"
	"kassa/saga"
	"kassa/store"
)

func queuePayments(f *saver, save *store.Save) {
	queue(f, "insert_payments", pointers(save.NewPayments), writePayment)
	queue(f, "update_payments", pointers(save.Payments), writePaymentState)
}

func pointers[T any](rows []T) []*T {
	out := make([]*T, len(rows))
	for i := range rows {
		out[i] = &rows[i]
	}
	return out
}

func writePayment(r *record, p *checkout.Payment) {
	writePaymentState(r, p)
	r.id(p.OrderID)
	r.time(p.CreatedAt)
	r.int(p.Amount.Minor)
	r.text(string(p.Amount.Currency))
	r.int(int64(p.Attempt))
	r.text(p.Gateway)
	r.text(string(p.Method))
	r.optional(p.IdempotencyKey)
	r.optional(p.RequestHash)
}

// writePaymentState writes what changes.
func writePaymentState(r *record, p *checkout.Payment) {
	r.id(p.ID)
	r.time(p.UpdatedAt)
	r.time(p.ActionExpires)
	r.time(p.LookedUpAt)
	r.int(p.Captured.Minor)
	r.int(p.RefundCommitted)
	r.text(string(p.Captured.Currency))
	r.int(int64(p.CallNo))
	r.int(int64(p.LookUps))
	for _, flag := range []bool{p.Closable, p.FindByRef, p.ManualCapture, p.Unknown, p.Closing, p.Superseded, p.Extra} {
		r.bool(flag)
	}
	r.text(string(p.Status))
	r.optional(p.GatewayRef)
	r.optional(p.ChargeID)
	r.optional(p.ReturnURL)
	r.optional(p.Token)
	r.optional(p.FailureCode)
	r.optional(p.FailureMessage)
	r.document(optionalDocument(p.Action))
}

func writeRefund(r *record, f checkout.Refund) {
	writeRefundState(r, f)
	r.id(f.OrderID)
	r.id(f.PaymentID)
	r.time(f.CreatedAt)
	r.int(f.Amount.Minor)
	r.text(string(f.Amount.Currency))
	r.text(string(f.Origin))
}

// writeRefundState writes what changes.
func writeRefundState(r *record, f checkout.Refund) {
	r.id(f.ID)
	r.time(f.UpdatedAt)
	r.int(int64(f.CallNo))
	r.bool(f.Restock)
	r.text(string(f.Status))
	r.text(f.Reason)
	r.optional(f.GatewayRef)
	r.optional(f.FailureCode)
	r.optional(f.FailureMessage)
}

// queueTasks drops tasks, then puts others in their place.
func queueTasks(f *saver, save *store.Save) {
	drops := slices.SortedFunc(slices.Values(save.DropTasks), func(a, b saga.TaskDrop) int { return a.ID.Compare(b.ID) })
	queueRows(f, "delete_tasks", drops, writeDrop, uncounted)
	queueRows(f, "put_tasks", save.Tasks, writeTask, uncounted)
}

func writeDrop(r *record, d saga.TaskDrop) {
	r.id(d.ID)
	r.id(d.Lease)
}

func writeTask(r *record, t checkout.Task) {
	r.id(t.ID)
	r.id(t.OrderID)
	r.time(t.CreatedAt)
	r.time(t.DueAt)
	r.time(freeAt(t))
	r.time(t.LeasedUntil)
	r.id(t.LeaseID)
	r.int(int64(t.Attempts))
	r.text(string(t.Kind))
	r.bool(t.Attention)
	r.optional(t.LastError)
}

// freeAt is when a task may be claimed; zero: never, it waits for an operator.
func freeAt(t checkout.Task) time.Time {
	switch {
	case t.Attention:
		return time.Time{}
	case t.LeasedUntil.After(t.DueAt):
		return t.LeasedUntil
	}
	return t.DueAt
}
