package textbook

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"
)

// The states of an order.
const (
	StatusPending   = "PENDING"
	StatusAwaiting  = "AWAITING_PAYMENT"
	StatusConfirmed = "CONFIRMED"
	StatusExpired   = "EXPIRED"
)

// Order is an order with its lines and payments.
type Order struct {
	ID            uuid.UUID
	Status        string
	HoldStatus    string // OPEN, CLAIMED or EXPIRED
	Amount        int64  // minor units
	Currency      string
	HoldExpiresAt time.Time
	CreatedAt     time.Time
	ConfirmedAt   *time.Time
	Invoice       *int64
	Details       Details
	Lines         []Line
	Payments      []Payment
}

// Details are what an order keeps of its checkout and never changes.
type Details struct {
	Reference       string            `json:"reference,omitempty"`
	Customer        Customer          `json:"customer"`
	ShippingAddress *Address          `json:"shipping_address,omitempty"`
	BillingAddress  *Address          `json:"billing_address,omitempty"`
	ShippingMethod  string            `json:"shipping_method,omitempty"`
	Metadata        map[string]string `json:"metadata,omitempty"`
}

// Customer is who buys.
type Customer struct {
	UserID string `json:"user_id,omitempty"`
	Email  string `json:"email"`
	Name   string `json:"name"`
	Phone  string `json:"phone,omitempty"`
	TaxID  string `json:"tax_id,omitempty"`
}

// Address is a postal address; its country is an ISO 3166-1 alpha-2 code.
type Address struct {
	Name       string `json:"name"`
	Line1      string `json:"line1"`
	Line2      string `json:"line2,omitempty"`
	City       string `json:"city"`
	State      string `json:"state"`
	PostalCode string `json:"postal_code"`
	Country    string `json:"country"`
}

// Line is one product of an order, its prices in minor units.
type Line struct {
	No        int    `json:"line_no"`
	SKU       string `json:"sku"`
	Name      string `json:"name"`
	Qty       int64  `json:"qty"`
	UnitPrice int64  `json:"unit_price"`
	Total     int64  `json:"total"`
}

// Payment is one attempt to pay an order.
type Payment struct {
	ID, OrderID    uuid.UUID
	IdempotencyKey string
	Attempt        int
	Method         string
	Status         string // INITIATED, PENDING, SUCCEEDED or FAILED
	Extra          bool   // money that confirms no order and must be given back
	Amount         int64  // minor units
	Currency       string
	TxnID          string // of the gateway's charge
	ActionURL      string // where the buyer pays
	FailureCode    string
	FailureMessage string
	CreatedAt      time.Time

	email       string // of the order's customer
	requestHash []byte
}

// Order reads an order. The error is a Refusal not_found where there is none.
func (s *Shop) Order(ctx context.Context, id uuid.UUID) (Order, error) {
	o, err := first(ctx, s.db, "order", scanOrder, id)
	if err != nil {
		return o, unlessNoRow(err, refuse(codeNotFound, "there is no such order"))
	}
	if o.Lines, err = list(ctx, s.db, "items", scanLine, id); err != nil {
		return o, err
	}
	o.Payments, err = list(ctx, s.db, "payments", scanPayment, id)
	return o, err
}

func scanOrder(r row) (o Order, err error) {
	var details []byte
	err = r.Scan(&o.ID, &o.Status, &o.HoldStatus, &o.Amount, &o.Currency, &o.HoldExpiresAt, &o.CreatedAt, &o.ConfirmedAt, &o.Invoice, &details)
	if err == nil {
		err = json.Unmarshal(details, &o.Details)
	}
	return o, err
}

func scanLine(r row) (l Line, err error) {
	err = r.Scan(&l.No, &l.SKU, &l.Name, &l.Qty, &l.UnitPrice, &l.Total)
	return l, err
}

func scanPayment(r row) (p Payment, err error) {
	err = r.Scan(&p.ID, &p.OrderID, &p.requestHash, &p.IdempotencyKey, &p.Attempt, &p.Method, &p.Status, &p.Extra, &p.Amount, &p.Currency,
		&p.TxnID, &p.ActionURL, &p.FailureCode, &p.FailureMessage, &p.CreatedAt)
	return p, err
}
