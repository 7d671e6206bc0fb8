package postgres

import (
	"maps"
	"slices"

	"kassa/checkout"
)

const invoiceCounter = "invoice:"

// invoiceNumbers are the invoice numbers that one commit gives. The counters are
// raised by what each series needs; the orders then count back from the new
// value in SQL, so that nothing waits for an answer in between.
type invoiceNumbers struct {
	orders []*checkout.Order
	counts map[string]int64      // by counter
	later  map[checkout.ID]int64 // how many of its series this commit numbers after the order
	last   map[string]int64      // by counter: the last number given, once it is known
}

func numberInvoices(orders []*checkout.Order) *invoiceNumbers {
	n := &invoiceNumbers{
		orders: orders,
		counts: map[string]int64{},
		later:  make(map[checkout.ID]int64, len(orders)),
		last:   map[string]int64{},
	}
	for _, order := range slices.Backward(orders) {
		n.later[order.ID] = n.counts[counterOf(order)]
		n.counts[counterOf(order)]++
	}
	return n
}

// counterOf names the counter that the order's number comes from.
func counterOf(o *checkout.Order) string { return invoiceCounter + o.InvoiceSeries }

// has tells whether this commit numbers the order.
func (n *invoiceNumbers) has(o *checkout.Order) bool {
	_, ok := n.later[o.ID]
	return ok
}

// give writes the numbers into the orders, after the commit.
func (n *invoiceNumbers) give() {
	for _, order := range n.orders {
		order.InvoiceSeq = n.last[counterOf(order)] - n.later[order.ID]
	}
}

// queueInvoices raises the counters and writes the orders that they number. In
// place of its number an order brings how many come after it.
func queueInvoices(f *saver, numbers *invoiceNumbers) {
	if len(numbers.orders) == 0 {
		return
	}
	counters := slices.Sorted(maps.Keys(numbers.counts))
	counts := ints(counters, func(name string) int64 { return numbers.counts[name] })
	orders := slices.SortedFunc(slices.Values(numbers.orders), func(a, b *checkout.Order) int { return a.ID.Compare(b.ID) })
	f.open("number_orders", 3)
	f.value(texts(counters, self).data)
	f.value(counts.data)
	start := f.param()
	encodeRows(&f.record, f.types, "orders", orders, func(r *record, o *checkout.Order) {
		writeChangedOrder(r, o, numbers.later[o.ID])
	})
	f.endParam(start)
	f.close(step{scan: func(r *row) {
		name := r.text()
		numbers.last[name] = r.int()
	}})
}
