package api

import (
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"kassa/checkout"
	"kassa/money"
)

// What several calls answer with. Amounts are decimal strings; their currency
// stands in the object or in the one around it.

// itemInput is a wanted quantity of a SKU.
type itemInput struct {
	SKU string `json:"sku" minLength:"1" maxLength:"64" doc:"The product." example:"SKU123"`
	Qty int64  `json:"qty" minimum:"1" maximum:"100000" doc:"How many." example:"2"`
}

type lineBody struct {
	SKU         string           `json:"sku"`
	Name        string           `json:"name"`
	Qty         int64            `json:"qty"`
	UnitPrice   string           `json:"unit_price" example:"499.50"`
	Discount    string           `json:"discount" example:"0.00"`
	Tax         string           `json:"tax" example:"0.00"`
	Total       string           `json:"total" example:"999.00"`
	Allocations []allocationBody `json:"allocations,omitempty" doc:"The warehouses that the line ships from."`
}

type allocationBody struct {
	Warehouse string `json:"warehouse" example:"main"`
	Qty       int64  `json:"qty"`
}

type chargeBody struct {
	Name   string `json:"name"`
	Amount string `json:"amount" example:"90.00"`
}

// totalsBody is a priced list of lines.
type totalsBody struct {
	Amount    string       `json:"amount" doc:"What is to be paid." example:"999.00"`
	Currency  string       `json:"currency" doc:"ISO 4217." example:"INR"`
	Subtotal  string       `json:"subtotal" doc:"The lines alone." example:"999.00"`
	Lines     []lineBody   `json:"lines"`
	Discounts []chargeBody `json:"discounts"`
	Shipping  string       `json:"shipping" example:"0.00"`
	Taxes     []chargeBody `json:"taxes"`
}

func totals(q checkout.Quote, allocations []checkout.Allocation) totalsBody {
	b := totalsBody{
		Amount: text(q.Total, q.Currency), Currency: string(q.Currency), Subtotal: text(q.Subtotal, q.Currency),
		Lines:     make([]lineBody, 0, len(q.Lines)),
		Discounts: charges(q.Discounts, q.Currency),
		Shipping:  text(q.Shipping, q.Currency),
		Taxes:     charges(q.Taxes, q.Currency),
	}
	for _, l := range q.Lines {
		b.Lines = append(b.Lines, line(l, q.Currency, allocations))
	}
	return b
}

func line(l checkout.QuoteLine, currency money.Currency, allocations []checkout.Allocation) lineBody {
	b := lineBody{
		SKU: l.SKU, Name: l.Name, Qty: l.Qty, UnitPrice: text(l.UnitPrice, currency),
		Discount: text(l.Discount, currency), Tax: text(l.Tax, currency), Total: text(l.Total, currency),
	}
	for _, a := range allocations {
		if a.SKU == l.SKU {
			b.Allocations = append(b.Allocations, allocationBody{Warehouse: a.Warehouse, Qty: a.Qty})
		}
	}
	return b
}

func charges(list []checkout.Charge, currency money.Currency) []chargeBody {
	out := make([]chargeBody, 0, len(list))
	for _, c := range list {
		out = append(out, chargeBody{Name: c.Name, Amount: text(c.Amount, currency)})
	}
	return out
}

// orderBody is an order as its buyer and the shop see it.
type orderBody struct {
	OrderID     string `json:"order_id" format:"uuid"`
	OrderNumber string `json:"order_number" doc:"The short form for people." example:"0DSR-4K2Q-7X1B"`
	CartID      string `json:"cart_id,omitempty"`
	Reference   string `json:"reference,omitempty" doc:"The shop's own order number."`
	Status      string `json:"status" enum:"PENDING,AWAITING_PAYMENT,CONFIRMED,PARTIALLY_REFUNDED,REFUNDED,EXPIRED,CANCELLED"`
	totalsBody
	HoldStatus      string            `json:"hold_status" enum:"OPEN,CLAIMED,RELEASED,EXPIRED" doc:"What became of the held stock."`
	HoldExpiresAt   time.Time         `json:"hold_expires_at" doc:"When an order that is not paid ends."`
	Customer        customerBody      `json:"customer"`
	ShippingAddress *addressBody      `json:"shipping_address,omitempty"`
	BillingAddress  *addressBody      `json:"billing_address,omitempty"`
	ShippingMethod  string            `json:"shipping_method,omitempty"`
	Metadata        map[string]string `json:"metadata,omitempty"`
	RefundedAmount  string            `json:"refunded_amount" doc:"The sum of refunds that succeeded." example:"0.00"`
	Payments        []paymentBody     `json:"payments" doc:"Every attempt, the oldest first."`
	Refunds         []refundBody      `json:"refunds"`
	Invoice         *invoiceBody      `json:"invoice,omitempty" doc:"The invoice's number, once the order is confirmed."`
	CancelReason    string            `json:"cancel_reason,omitempty"`
	Superseded      bool              `json:"superseded,omitempty" doc:"A later order of the same cart took its place."`
	CreatedAt       time.Time         `json:"created_at"`
	ConfirmedAt     *time.Time        `json:"confirmed_at,omitempty"`
}

type customerBody struct {
	UserID string `json:"user_id,omitempty"`
	Email  string `json:"email"`
	Name   string `json:"name"`
	Phone  string `json:"phone,omitempty"`
	TaxID  string `json:"tax_id,omitempty"`
}

type addressBody struct {
	Name       string `json:"name"`
	Line1      string `json:"line1"`
	Line2      string `json:"line2,omitempty"`
	City       string `json:"city"`
	State      string `json:"state"`
	PostalCode string `json:"postal_code"`
	Country    string `json:"country"`
}

type invoiceBody struct {
	Series string `json:"series" doc:"The financial year." example:"2026-27"`
	Number int64  `json:"number" doc:"Gapless within the series." example:"1"`
}

// renderOrder writes an order whose details are loaded.
func renderOrder(o *checkout.Order) orderBody {
	d := o.Details
	b := orderBody{
		OrderID: o.ID.String(), OrderNumber: o.ID.Number(), Reference: d.Reference, Status: string(o.Status),
		totalsBody: totals(d.Quote, o.Allocations),
		HoldStatus: string(o.HoldStatus), HoldExpiresAt: instant(o.HoldExpiresAt),
		Customer:        customerBody(d.Customer),
		ShippingAddress: (*addressBody)(d.ShippingAddress), BillingAddress: (*addressBody)(d.BillingAddress),
		ShippingMethod: d.ShippingMethod, Metadata: d.Metadata,
		RefundedAmount: text(refunded(o), o.Total.Currency),
		Payments:       make([]paymentBody, 0, len(o.Payments)),
		Refunds:        make([]refundBody, 0, len(o.Refunds)),
		CancelReason:   o.CancelReason, Superseded: o.Superseded, CreatedAt: instant(o.CreatedAt),
	}
	if !o.CartID.IsZero() {
		b.CartID = o.CartID.String()
	}
	if o.InvoiceSeq > 0 {
		b.Invoice = &invoiceBody{Series: o.InvoiceSeries, Number: o.InvoiceSeq}
	}
	if !o.ConfirmedAt.IsZero() {
		at := instant(o.ConfirmedAt)
		b.ConfirmedAt = &at
	}
	for i := range o.Payments {
		b.Payments = append(b.Payments, renderPayment(&o.Payments[i]))
	}
	for i := range o.Refunds {
		b.Refunds = append(b.Refunds, renderRefund(&o.Refunds[i]))
	}
	return b
}

// refunded sums what was given back of the order's currency.
func refunded(o *checkout.Order) int64 {
	sum := int64(0)
	for _, r := range o.Refunds {
		if r.Status == checkout.RefundSucceeded && r.Amount.Currency == o.Total.Currency {
			sum += r.Amount.Minor
		}
	}
	return sum
}

// paymentBody is one attempt to pay.
type paymentBody struct {
	PaymentID    string       `json:"payment_id" format:"uuid"`
	OrderID      string       `json:"order_id" format:"uuid"`
	Attempt      int          `json:"attempt" doc:"1 for the order's first."`
	Status       string       `json:"status" enum:"INITIATED,PENDING,AUTHORIZED,SUCCEEDED,FAILED,VOIDED"`
	Method       string       `json:"payment_method" example:"card"`
	Gateway      string       `json:"gateway" example:"stripe"`
	GatewayTxnID *string      `json:"gateway_txn_id" doc:"The charge at the gateway; null until it is known."`
	Amount       string       `json:"amount" example:"999.00"`
	Currency     string       `json:"currency" example:"INR"`
	Action       *actionBody  `json:"action" doc:"What the buyer's browser does next; null where nothing is left to do."`
	Failure      *failureBody `json:"failure,omitempty"`
	Extra        bool         `json:"extra,omitempty" doc:"Money that confirms no order; it is refunded in full."`
	CreatedAt    time.Time    `json:"created_at"`
}

// TransformSchema says that a payment's action may be null.
func (paymentBody) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	action := s.Properties["action"]
	s.Properties["action"] = &huma.Schema{
		Description: action.Description, AnyOf: []*huma.Schema{{Ref: action.Ref}, {Type: "null"}},
	}
	return s
}

type actionBody struct {
	Type   string            `json:"type" enum:"redirect,form_post,upi_intent"`
	URL    string            `json:"url,omitempty" doc:"Of redirect and form_post."`
	Fields map[string]string `json:"fields,omitempty" doc:"Of form_post: what is posted to url."`
	URI    string            `json:"uri,omitempty" doc:"Of upi_intent: what opens the buyer's UPI app."`
	QRSVG  string            `json:"qr_svg,omitempty" doc:"Of upi_intent: the same as a QR code."`
}

type failureBody struct {
	Code    string `json:"code" example:"card_declined"`
	Message string `json:"message" doc:"For the buyer." example:"Your card was declined."`
}

func renderPayment(p *checkout.Payment) paymentBody {
	b := paymentBody{
		PaymentID: p.ID.String(), OrderID: p.OrderID.String(), Attempt: p.Attempt, Status: string(p.Status),
		Method: string(p.Method), Gateway: p.Gateway, Amount: p.Amount.String(), Currency: string(p.Amount.Currency),
		Action: (*actionBody)(p.Action), Extra: p.Extra, CreatedAt: instant(p.CreatedAt),
	}
	if p.ChargeID != "" {
		b.GatewayTxnID = &p.ChargeID
	}
	if p.FailureCode != "" {
		b.Failure = &failureBody{Code: p.FailureCode, Message: p.FailureMessage}
	}
	return b
}

// refundBody is one refund.
type refundBody struct {
	RefundID  string       `json:"refund_id" format:"uuid"`
	OrderID   string       `json:"order_id" format:"uuid"`
	PaymentID string       `json:"payment_id" format:"uuid"`
	Status    string       `json:"status" enum:"PENDING,SUCCEEDED,FAILED"`
	Amount    string       `json:"amount" example:"100.00"`
	Currency  string       `json:"currency" example:"INR"`
	Origin    string       `json:"origin" enum:"merchant,automatic,gateway" doc:"Who asked for it."`
	Reason    string       `json:"reason,omitempty"`
	Restock   bool         `json:"restock,omitempty" doc:"The stock went back on sale with it."`
	Failure   *failureBody `json:"failure,omitempty"`
	CreatedAt time.Time    `json:"created_at"`
}

func renderRefund(r *checkout.Refund) refundBody {
	b := refundBody{
		RefundID: r.ID.String(), OrderID: r.OrderID.String(), PaymentID: r.PaymentID.String(), Status: string(r.Status),
		Amount: r.Amount.String(), Currency: string(r.Amount.Currency), Origin: string(r.Origin), Reason: r.Reason,
		Restock: r.Restock, CreatedAt: instant(r.CreatedAt),
	}
	if r.FailureCode != "" {
		b.Failure = &failureBody{Code: r.FailureCode, Message: r.FailureMessage}
	}
	return b
}

// instant is a time as every store gives it back: UTC, whole microseconds.
func instant(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// items checks what cannot be said in a schema: each SKU is named once.
func items(list []itemInput) ([]checkout.Item, error) {
	out := make([]checkout.Item, len(list))
	for i, it := range list {
		if first := slices.IndexFunc(out[:i], func(o checkout.Item) bool { return o.SKU == it.SKU }); first >= 0 {
			return nil, checkout.Invalid(place(i)+".sku", "is the same as that of items[%d]; name each product once", first)
		}
		out[i] = checkout.Item(it)
	}
	return out, nil
}
