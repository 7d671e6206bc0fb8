package postgres

import (
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"kassa/checkout"
	"kassa/store"
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
		later:  map[checkout.ID]int64{},
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

// queueInvoices raises the counters and writes the orders that they number.
func queueInvoices(batch *pgx.Batch, save *store.Save, numbers *invoiceNumbers) {
	if len(numbers.orders) == 0 {
		return
	}
	counters := slices.Sorted(maps.Keys(numbers.counts))
	counts := ints(counters, func(name string) int64 { return numbers.counts[name] })
	batch.Queue(statement("give_invoice_numbers"), texts(counters, self), counts).
		Query(each(func(r *row) {
			name := r.text()
			numbers.last[name] = r.int()
		}))
	queue(batch, "update_invoiced_orders", only(save.Orders, numbers.has), numbers.orderColumns)
	queue(batch, "number_new_orders", only(save.NewOrders, numbers.has), numbers.columns)
	queue(batch, "insert_invoices", numbers.orders, numbers.invoiceColumns)
}

func only[T any](rows []T, keep func(T) bool) []T {
	var out []T
	for _, row := range rows {
		if keep(row) {
			out = append(out, row)
		}
	}
	return out
}

func (n *invoiceNumbers) orderColumns(rows []*checkout.Order) []any {
	return append(orderColumns(rows), n.columns(rows)[1:]...)
}

func (n *invoiceNumbers) columns(rows []*checkout.Order) []any {
	return []any{
		uuids(rows, orderID),
		texts(rows, counterOf),
		ints(rows, func(o *checkout.Order) int64 { return n.later[o.ID] }),
	}
}

func (n *invoiceNumbers) invoiceColumns(rows []*checkout.Order) []any {
	return append(n.columns(rows), texts(rows, seriesOf))
}

func seriesOf(o *checkout.Order) string { return o.InvoiceSeries }

// numbered are the orders that bring their invoice number with them.
func numbered(lists ...[]*checkout.Order) []*checkout.Order {
	return only(slices.Concat(lists...), func(o *checkout.Order) bool { return o.InvoiceSeq != 0 })
}

func numberedColumns(rows []*checkout.Order) []any {
	return []any{
		uuids(rows, orderID),
		texts(rows, seriesOf),
		ints(rows, func(o *checkout.Order) int64 { return o.InvoiceSeq }),
	}
}
