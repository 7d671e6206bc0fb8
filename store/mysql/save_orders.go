package mysql

import (
	"maps"
	"slices"

	"kassa/checkout"
	"kassa/store"
)

// queueOrders adds orders. Changed ones come before new ones, because an order that has
// ended frees its cart. Orders that this commit numbers wait for queueInvoices, but new
// ones are inserted here: others refer to them.
func queueOrders(f *saver, save *store.Save) {
	changed := slices.DeleteFunc(slices.Clone(save.Orders), f.numbers.has)
	queue(f, "update_orders", changed, func(r *record, o *checkout.Order) { writeOrderState(r, o, o.InvoiceSeq) })
	queue(f, "insert_orders", save.NewOrders, writeOrder)
}

func writeOrder(r *record, o *checkout.Order) {
	writeOrderState(r, o, o.InvoiceSeq)
	r.id(o.CartID)
	r.optional(o.UserID)
	r.time(o.CreatedAt)
	r.int(o.Total.Minor)
	r.text(string(o.Total.Currency))
	if o.Details == nil {
		r.text("")
	} else {
		r.text(o.Details.Customer.Email)
	}
	r.document(optionalDocument(o.Details))
}

// writeOrderState writes what changes.
func writeOrderState(r *record, o *checkout.Order, invoice int64) {
	r.id(o.ID)
	r.id(o.LiveCart())
	r.time(o.UpdatedAt)
	r.time(o.ConfirmedAt)
	r.time(o.ClosingSince)
	r.time(o.HoldExpiresAt)
	r.text(string(o.Status))
	r.text(string(o.HoldStatus))
	r.bool(o.HoldExtended)
	r.bool(o.Superseded)
	r.bool(o.Restocked)
	r.id(o.SecuredBy)
	r.optionalInt(invoice)
	r.optional(o.InvoiceSeries)
	r.int(o.EventSeq)
	r.optional(o.CancelReason)
	r.ids(o.Log)
	r.document(optionalList(o.Allocations))
}

const invoiceCounter = "invoice:"

// invoiceNumbers are the invoice numbers that one commit gives. The counters are raised
// by what each series needs; the orders then count back from the new value in SQL, so
// that nothing waits for an answer in between.
type invoiceNumbers struct {
	orders []*checkout.Order
	counts map[string]int64      // by series
	later  map[checkout.ID]int64 // how many of its series this commit numbers after the order
	last   map[string]int64      // by series: the last number given, once it is known
}

func numberInvoices(orders []*checkout.Order) *invoiceNumbers {
	n := &invoiceNumbers{
		orders: orders,
		counts: map[string]int64{},
		later:  make(map[checkout.ID]int64, len(orders)),
		last:   map[string]int64{},
	}
	for _, order := range slices.Backward(orders) {
		n.later[order.ID] = n.counts[order.InvoiceSeries]
		n.counts[order.InvoiceSeries]++
	}
	return n
}

// has tells whether this commit numbers the order.
func (n *invoiceNumbers) has(o *checkout.Order) bool {
	_, ok := n.later[o.ID]
	return ok
}

// give writes the numbers into the orders, after the commit.
func (n *invoiceNumbers) give() {
	for _, order := range n.orders {
		order.InvoiceSeq = n.last[order.InvoiceSeries] - n.later[order.ID]
	}
}

// queueInvoices raises the counters and writes the orders that they number. In place of
// its number an order brings how many come after it.
func queueInvoices(f *saver) {
	n := f.numbers
	if len(n.orders) > 0 {
		f.add("lock_counters", nil)
	}
	for _, series := range slices.Sorted(maps.Keys(n.counts)) {
		count := n.counts[series]
		f.add("raise_counter", func(a answer) error {
			n.last[series] = a.id
			if a.found == 1 { // the counter is new: nothing was updated
				n.last[series] = count
			}
			return nil
		}, invoiceCounter+series, count, count)
	}
	orders := slices.SortedFunc(slices.Values(n.orders), func(a, b *checkout.Order) int { return a.ID.Compare(b.ID) })
	queue(f, "number_orders", orders, func(r *record, o *checkout.Order) { writeOrderState(r, o, n.later[o.ID]) })
}
