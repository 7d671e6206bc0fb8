package postgres

import (
	"slices"

	"kassa/checkout"
	"kassa/store"
)

// queueOrders queues orders. Changed ones come before new ones, because an order
// that has ended frees its cart. Orders that this commit numbers wait for
// queueInvoices, but new ones are inserted here: others refer to them.
func queueOrders(f *saver, save *store.Save, numbers *invoiceNumbers) {
	changed := slices.DeleteFunc(slices.Clone(save.Orders), numbers.has)
	queue(f, "update_orders", "orders", changed, writeOrderChange)
	queue(f, "insert_orders", "orders", save.NewOrders, f.writeNewOrder)
}

// sortAnswers finds the answers that stand in the rows of the orders that they name:
// those that say no more than there are columns.
func (f *saver) sortAnswers(save *store.Save) {
	if len(save.Answers) == 0 {
		return
	}
	created := make(map[checkout.ID]*checkout.Order, len(save.NewOrders))
	for _, o := range save.NewOrders {
		created[o.ID] = o
	}
	f.answers = make(map[checkout.ID]*checkout.IdempotencyRecord, len(save.Answers))
	for i := range save.Answers {
		a := &save.Answers[i]
		o := created[a.Answer.Order]
		if o == nil || a.Answer.Body != nil || !a.CreatedAt.Equal(o.CreatedAt) || f.answers[o.ID] != nil {
			f.unordered = append(f.unordered, *a)
			continue
		}
		f.answers[o.ID] = a
	}
}

func (f *saver) writeNewOrder(r *record, o *checkout.Order) {
	writeOrderFixed(r, o, f.answers[o.ID])
	r.details(o)
	writeOrderState(r, o, o.InvoiceSeq)
}

func writeOrderChange(r *record, o *checkout.Order) { writeChangedOrder(r, o, o.InvoiceSeq) }

// writeChangedOrder leaves out what does not change: the answer and the snapshot of
// the checkout.
func writeChangedOrder(r *record, o *checkout.Order, invoice int64) {
	writeOrderFixed(r, o, nil)
	r.null()
	writeOrderState(r, o, invoice)
}

func writeOrderFixed(r *record, o *checkout.Order, answer *checkout.IdempotencyRecord) {
	if answer == nil {
		answer = &checkout.IdempotencyRecord{}
	}
	r.id(o.ID)
	r.id(o.CartID)
	r.id(o.LiveCart())
	if answer.KeyID == (checkout.KeyID{}) {
		r.null()
	} else {
		r.id(answer.KeyID.Hash())
	}
	r.time(o.CreatedAt)
	r.int(o.Total.Minor)
	r.optionalInt(int64(answer.Answer.Status))
	r.hash(answer.RequestHash)
	r.text(string(o.Total.Currency))
	r.optional(o.UserID)
}

func writeOrderState(r *record, o *checkout.Order, invoice int64) {
	r.allocations(o.Allocations)
	r.holdEnd(o)
	r.timeUnless(o.UpdatedAt, o.CreatedAt)
	r.time(o.ConfirmedAt)
	r.time(o.ClosingSince)
	r.optionalInt(invoice)
	r.int(o.EventSeq)
	r.text(string(o.Status))
	r.text(string(o.HoldStatus))
	r.bool(o.HoldExtended)
	r.bool(o.Superseded)
	r.bool(o.Restocked)
	r.id(o.SecuredBy)
	r.optional(o.CancelReason)
	r.optional(o.InvoiceSeries)
	r.log(o.Log)
}

func orderID(o *checkout.Order) checkout.ID { return o.ID }
