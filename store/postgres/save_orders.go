package postgres

import (
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"kassa/checkout"
	"kassa/store"
)

// queueOrders queues orders and their lines. Changed ones come before new ones,
// because an order that has ended frees its cart. Orders that this commit numbers
// wait for queueInvoices, but new ones are inserted here: others refer to them.
func queueOrders(batch *pgx.Batch, save *store.Save, numbers *invoiceNumbers) {
	changed := slices.DeleteFunc(slices.Clone(save.Orders), numbers.has)
	queue(batch, "update_orders", changed, orderColumns)
	queue(batch, "insert_orders", save.NewOrders, newOrderColumns)
	queue(batch, "insert_items", lines(save.NewOrders), itemColumns)
	queue(batch, "keep_invoices", numbered(changed, save.NewOrders), numberedColumns)
}

func orderColumns(rows []*checkout.Order) []any {
	type order = *checkout.Order
	return []any{
		uuids(rows, orderID),
		uuids(rows, liveCart),
		times(rows, func(o order) time.Time { return o.HoldExpiresAt }),
		times(rows, func(o order) time.Time { return o.UpdatedAt }),
		ints(rows, func(o order) int64 { return o.EventSeq }),
		ints(rows, func(o order) int64 { return o.InvoiceSeq }),
		times(rows, func(o order) time.Time { return o.ConfirmedAt }),
		times(rows, func(o order) time.Time { return o.ClosingSince }),
		uuids(rows, func(o order) checkout.ID { return o.SecuredBy }),
		bools(rows, func(o order) bool { return o.HoldExtended }),
		bools(rows, func(o order) bool { return o.Superseded }),
		bools(rows, func(o order) bool { return o.Restocked }),
		texts(rows, func(o order) string { return string(o.Status) }),
		texts(rows, func(o order) string { return string(o.HoldStatus) }),
		optional(rows, func(o order) string { return o.CancelReason }),
		optional(rows, func(o order) string { return o.InvoiceSeries }),
		idLists(rows, func(o order) []checkout.ID { return o.Log }),
		allocations(rows, func(o order) []checkout.Allocation { return o.Allocations }),
	}
}

func newOrderColumns(rows []*checkout.Order) []any {
	type order = *checkout.Order
	return append(orderColumns(rows),
		uuids(rows, func(o order) checkout.ID { return o.CartID }),
		times(rows, func(o order) time.Time { return o.CreatedAt }),
		ints(rows, func(o order) int64 { return o.Total.Minor }),
		texts(rows, func(o order) string { return string(o.Total.Currency) }),
		optional(rows, func(o order) string { return o.UserID }),
		documents(rows, detailsWithoutLines),
	)
}

func orderID(o *checkout.Order) checkout.ID { return o.ID }

// liveCart is the cart that the order keeps from having another order.
func liveCart(o *checkout.Order) checkout.ID {
	if !o.Live() {
		return checkout.ID{}
	}
	return o.CartID
}

// detailsWithoutLines is the order's snapshot as it is stored: its lines are the
// rows of order_items.
func detailsWithoutLines(o *checkout.Order) any {
	if o.Details == nil {
		return nil
	}
	details := *o.Details
	details.Quote.Lines = nil
	return details
}

// orderLine is a line with the order and the number that it has in it.
type orderLine struct {
	order checkout.ID
	no    int64
	checkout.QuoteLine
}

func lines(orders []*checkout.Order) []orderLine {
	var out []orderLine
	for _, order := range orders {
		if order.Details == nil {
			continue
		}
		for i, line := range order.Details.Quote.Lines {
			out = append(out, orderLine{order.ID, int64(i + 1), line})
		}
	}
	return out
}

func itemColumns(rows []orderLine) []any {
	return []any{
		uuids(rows, func(l orderLine) checkout.ID { return l.order }),
		ints(rows, func(l orderLine) int64 { return l.no }),
		ints(rows, func(l orderLine) int64 { return l.Qty }),
		ints(rows, func(l orderLine) int64 { return l.UnitPrice }),
		ints(rows, func(l orderLine) int64 { return l.Discount }),
		ints(rows, func(l orderLine) int64 { return l.Tax }),
		ints(rows, func(l orderLine) int64 { return l.Total }),
		texts(rows, func(l orderLine) string { return l.SKU }),
		texts(rows, func(l orderLine) string { return l.Name }),
		optional(rows, func(l orderLine) string { return l.TaxCode }),
	}
}
