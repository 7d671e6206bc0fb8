package postgres

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"kassa/checkout"
	"kassa/money"
)

// allocations writes a list of allocations; an empty one becomes NULL.
func (r *record) allocations(all []checkout.Allocation) {
	if len(all) == 0 {
		r.null()
		return
	}
	start := r.begin()
	r.data = appendLists(r.data, all, writeAllocation)
	r.end(start)
}

func writeAllocation(l *list, a checkout.Allocation) {
	l.text(a.SKU)
	l.int(a.Qty)
	if a.Warehouse != checkout.MainWarehouse {
		l.text(a.Warehouse)
		l.kept = len(l.data) // also an empty name
	}
}

// storedAllocation is an allocation as it is stored.
type storedAllocation checkout.Allocation

// UnmarshalJSONFrom reads [sku, qty] or [sku, qty, warehouse].
func (a *storedAllocation) UnmarshalJSONFrom(in *jsontext.Decoder) error {
	a.Warehouse = checkout.MainWarehouse
	return readList(in, &a.SKU, &a.Qty, &a.Warehouse)
}

func scanAllocations(r *row) []checkout.Allocation {
	stored := document[[]storedAllocation](r)
	if stored == nil {
		return nil
	}
	out := make([]checkout.Allocation, len(stored))
	for i := range stored {
		out[i] = checkout.Allocation(stored[i])
	}
	return out
}

// storedDetails is an order's snapshot as it is stored: with lists in place of
// objects. The view order_items reads its lines too. The fields of
// checkout.OrderDetails that are not named here are stored as they are.
type storedDetails struct {
	checkout.OrderDetails
	Quote           *struct{}       `json:"quote,omitempty"`            // in the fields below
	Shipped         *struct{}       `json:"shipping_address,omitempty"` // ship_to
	Billed          *struct{}       `json:"billing_address,omitempty"`  // bill_to
	Currency        *money.Currency `json:"currency,omitempty"`
	Total           *int64          `json:"total,omitempty"`    // nil: the order's amount
	Subtotal        *int64          `json:"subtotal,omitempty"` // nil: what the lines' units cost
	Shipping        int64           `json:"shipping,omitempty"`
	Lines           []storedLine    `json:"lines,omitempty"`
	Discounts       []storedCharge  `json:"discounts,omitempty"`
	Taxes           []storedCharge  `json:"taxes,omitempty"`
	Customer        *storedCustomer `json:"customer,omitempty"`
	ShippingAddress *storedAddress  `json:"ship_to,omitempty"`
	BillingAddress  *storedAddress  `json:"bill_to,omitempty"`
}

type (
	storedLine     checkout.QuoteLine
	storedCharge   checkout.Charge
	storedCustomer checkout.Customer
	storedAddress  checkout.Address
)

// details writes the snapshot of an order.
func (r *record) details(o *checkout.Order) {
	d := o.Details
	if d == nil {
		r.null()
		return
	}
	rest := r.restOfDetails(*d)
	start := r.begin()
	r.data = append(r.data, `{"lines":`...)
	r.data = appendLists(r.data, d.Quote.Lines, writeLine)
	r.data = appendQuote(r.data, o)
	r.data = appendList(append(r.data, `,"customer":`...), &d.Customer, writeCustomer)
	if d.ShippingAddress != nil {
		r.data = appendList(append(r.data, `,"ship_to":`...), d.ShippingAddress, writeAddress)
	}
	if d.BillingAddress != nil {
		r.data = appendList(append(r.data, `,"bill_to":`...), d.BillingAddress, writeAddress)
	}
	if len(rest) > len("{}") {
		r.data = append(append(r.data, ','), rest[1:len(rest)-1]...)
	}
	r.data = append(r.data, '}')
	r.end(start)
}

// restOfDetails are the fields that are not written by hand, as an object.
func (r *record) restOfDetails(d checkout.OrderDetails) []byte {
	d.Quote, d.Customer, d.ShippingAddress, d.BillingAddress = checkout.Quote{}, checkout.Customer{}, nil, nil
	if reflect.ValueOf(d).IsZero() { // as nearly always
		return nil
	}
	rest, err := json.Marshal(storedDetails{OrderDetails: d})
	if err != nil {
		r.fail(fmt.Errorf("%w: %w", errValue, err))
	}
	return rest
}

// appendQuote writes what a quote has beside its lines. Its currency and total are
// usually the order's, and its subtotal follows from the lines.
func appendQuote(data []byte, o *checkout.Order) []byte {
	q := &o.Details.Quote
	if q.Currency != o.Total.Currency {
		data = appendJSONText(append(data, `,"currency":`...), string(q.Currency))
	}
	if q.Total != o.Total.Minor {
		data = strconv.AppendInt(append(data, `,"total":`...), q.Total, 10)
	}
	if q.Subtotal != costOf(q.Lines) {
		data = strconv.AppendInt(append(data, `,"subtotal":`...), q.Subtotal, 10)
	}
	if q.Shipping != 0 {
		data = strconv.AppendInt(append(data, `,"shipping":`...), q.Shipping, 10)
	}
	if len(q.Discounts) > 0 {
		data = appendLists(append(data, `,"discounts":`...), q.Discounts, writeCharge)
	}
	if len(q.Taxes) > 0 {
		data = appendLists(append(data, `,"taxes":`...), q.Taxes, writeCharge)
	}
	return data
}

// costOf is what the units of lines cost.
func costOf(lines []checkout.QuoteLine) (sum int64) {
	for i := range lines {
		sum += lines[i].UnitPrice * lines[i].Qty
	}
	return sum
}

func appendList[T any](data []byte, value T, write func(*list, T)) []byte {
	l := beginList(data)
	write(&l, value)
	return l.end()
}

func writeLine(l *list, line checkout.QuoteLine) {
	l.text(line.SKU)
	l.text(line.Name)
	l.int(line.Qty)
	l.int(line.UnitPrice)
	l.int(line.Total)
	l.text(line.TaxCode)
	l.int(line.Discount)
	l.int(line.Tax)
}

// UnmarshalJSONFrom reads what writeLine wrote.
func (l *storedLine) UnmarshalJSONFrom(in *jsontext.Decoder) error {
	return readList(in, &l.SKU, &l.Name, &l.Qty, &l.UnitPrice, &l.Total, &l.TaxCode, &l.Discount, &l.Tax)
}

func writeCharge(l *list, c checkout.Charge) {
	l.text(c.Name)
	l.int(c.Amount)
}

// UnmarshalJSONFrom reads what writeCharge wrote.
func (c *storedCharge) UnmarshalJSONFrom(in *jsontext.Decoder) error {
	return readList(in, &c.Name, &c.Amount)
}

func writeCustomer(l *list, c *checkout.Customer) {
	l.text(c.Email)
	l.text(c.Name)
	l.text(c.Phone)
	l.text(c.UserID)
	l.text(c.TaxID)
}

// UnmarshalJSONFrom reads what writeCustomer wrote.
func (c *storedCustomer) UnmarshalJSONFrom(in *jsontext.Decoder) error {
	return readList(in, &c.Email, &c.Name, &c.Phone, &c.UserID, &c.TaxID)
}

func writeAddress(l *list, a *checkout.Address) {
	l.text(a.Name)
	l.text(a.Line1)
	l.text(a.City)
	l.text(a.State)
	l.text(a.PostalCode)
	l.text(a.Country)
	l.text(a.Line2)
}

// UnmarshalJSONFrom reads what writeAddress wrote.
func (a *storedAddress) UnmarshalJSONFrom(in *jsontext.Decoder) error {
	return readList(in, &a.Name, &a.Line1, &a.City, &a.State, &a.PostalCode, &a.Country, &a.Line2)
}

// scanDetails reads the snapshot of an order whose amount is known.
func scanDetails(r *row, total money.Money) *checkout.OrderDetails {
	stored := document[storedDetails](r)
	details := stored.OrderDetails
	q := &details.Quote
	q.Currency, q.Total = total.Currency, total.Minor
	if stored.Currency != nil {
		q.Currency = *stored.Currency
	}
	if stored.Total != nil {
		q.Total = *stored.Total
	}
	q.Lines = convert(stored.Lines, func(l storedLine) checkout.QuoteLine { return checkout.QuoteLine(l) })
	q.Subtotal, q.Shipping = costOf(q.Lines), stored.Shipping
	if stored.Subtotal != nil {
		q.Subtotal = *stored.Subtotal
	}
	q.Discounts = convert(stored.Discounts, func(c storedCharge) checkout.Charge { return checkout.Charge(c) })
	q.Taxes = convert(stored.Taxes, func(c storedCharge) checkout.Charge { return checkout.Charge(c) })
	if stored.Customer != nil {
		details.Customer = checkout.Customer(*stored.Customer)
	}
	details.ShippingAddress = (*checkout.Address)(stored.ShippingAddress)
	details.BillingAddress = (*checkout.Address)(stored.BillingAddress)
	return &details
}

func convert[A, B any](values []A, to func(A) B) []B {
	var out []B
	for _, value := range values {
		out = append(out, to(value))
	}
	return out
}
