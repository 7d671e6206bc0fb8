package postgres

import (
	"slices"

	"kassa/checkout"
	"kassa/store"
)

// queueOrders queues orders. Changed ones come before new ones, because an order
// that has ended frees its cart. Orders that this commit numbers wait for
// queueInvoices, but new ones are inserted here: others refer to them.
func queueOrders(f *flight, save *store.Save, numbers *invoiceNumbers) {
	changed := slices.DeleteFunc(slices.Clone(save.Orders), numbers.has)
	queue(f, "update_orders", "orders", changed, writeOrderChange)
	queue(f, "insert_orders", "orders", save.NewOrders, writeNewOrder)
}

func writeNewOrder(r *record, o *checkout.Order) {
	writeOrderState(r, o, o.InvoiceSeq)
	r.details(o)
}

// writeOrderChange leaves the snapshot of the checkout out: it does not change.
func writeOrderChange(r *record, o *checkout.Order) {
	writeOrderState(r, o, o.InvoiceSeq)
	r.null()
}

func writeOrderState(r *record, o *checkout.Order, invoice int64) {
	r.id(o.ID)
	r.id(o.CartID)
	r.id(liveCart(o))
	r.time(o.CreatedAt)
	r.int(o.Total.Minor)
	r.text(string(o.Total.Currency))
	r.optional(o.UserID)
	r.time(o.HoldExpiresAt)
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
	r.ids(o.Log)
	r.allocations(o.Allocations)
}

func orderID(o *checkout.Order) checkout.ID { return o.ID }

// liveCart is the cart that the order keeps from having another order.
func liveCart(o *checkout.Order) checkout.ID {
	if !o.Live() {
		return checkout.ID{}
	}
	return o.CartID
}
