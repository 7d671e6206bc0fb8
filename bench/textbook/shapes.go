package textbook

import (
	"context"
	"encoding/base32"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"

	"kassa/money"
)

// The codes of refusals.
const (
	codeUnreadable        = "unreadable" // shown as invalid_request, with status 400
	codeInvalid           = "invalid_request"
	codeUnauthorized      = "unauthorized"
	codeNotFound          = "not_found"
	codeOutOfStock        = "out_of_stock"
	codeOrderState        = "order_state"
	codeOrderExpired      = "order_expired"
	codePaymentInProgress = "payment_in_progress"
	codeMethodUnavailable = "method_unavailable"
	codeAmountMismatch    = "amount_mismatch"
	codeKeyReused         = "idempotency_key_reused"
)

var statuses = map[string]int{
	codeUnreadable: http.StatusBadRequest, codeInvalid: http.StatusUnprocessableEntity, codeUnauthorized: http.StatusUnauthorized,
	codeNotFound: http.StatusNotFound, codeOutOfStock: http.StatusConflict, codeOrderState: http.StatusConflict,
	codeOrderExpired: http.StatusConflict, codePaymentInProgress: http.StatusConflict, codeMethodUnavailable: http.StatusUnprocessableEntity,
	codeAmountMismatch: http.StatusUnprocessableEntity, codeKeyReused: http.StatusUnprocessableEntity,
}

// problemBody is an answer that is no success (RFC 9457).
type problemBody struct {
	Type   string       `json:"type"`
	Title  string       `json:"title"`
	Status int          `json:"status"`
	Detail string       `json:"detail"`
	Code   string       `json:"code"`
	Errors []fieldError `json:"errors,omitempty"`
	Items  []Shortage   `json:"items,omitempty"`
}

type fieldError struct {
	Field  string `json:"field"`
	Reason string `json:"reason"`
}

func problem(ctx context.Context, err error) reply {
	var refused *Refusal
	if !errors.As(err, &refused) {
		slog.ErrorContext(ctx, "textbook: a request failed", "error", err)
		return reply{status: http.StatusInternalServerError, body: problemBody{
			Type: "/docs#internal", Title: "Internal error", Status: http.StatusInternalServerError, Code: "internal", Detail: "something went wrong on our side",
		}}
	}
	b := problemBody{Status: statuses[refused.Code], Code: refused.Code, Detail: refused.Detail, Items: refused.Items}
	if b.Code == codeUnreadable {
		b.Code = codeInvalid
	}
	b.Type, b.Title = "/docs#"+b.Code, http.StatusText(b.Status)
	if refused.Field != "" {
		b.Errors = []fieldError{{refused.Field, refused.Detail}}
	}
	return reply{status: b.Status, body: b}
}

// minor writes an amount of minor units as a decimal.
func minor(amount int64, currency string) string {
	return money.New(amount, money.Currency(currency)).String()
}

const (
	warehouse     = "main"
	stripeAccount = "stripe"
)

type lockBody struct {
	LockID    uuid.UUID  `json:"lock_id"`
	SessionID string     `json:"session_id"`
	Status    string     `json:"status"`
	Items     []lockItem `json:"items"`
	ExpiresAt time.Time  `json:"expires_at"`
}

type lockItem struct {
	Item
	Warehouse string `json:"warehouse"`
}

func renderLock(session string, l lock) lockBody {
	b := lockBody{LockID: l.id, SessionID: session, Status: "LOCKED", Items: make([]lockItem, len(l.items)), ExpiresAt: l.expiresAt.UTC()}
	for i, it := range l.items {
		b.Items[i] = lockItem{it, warehouse}
	}
	return b
}

type unlockBody struct {
	SessionID string `json:"session_id"`
	Status    string `json:"status"`
}

type receivedBody struct {
	Received bool `json:"received"`
}

// totalsBody is a priced list of lines. There are no discounts, taxes or shipping,
// as in Kassa's quote where none are configured.
type totalsBody struct {
	Amount    string     `json:"amount"`
	Currency  string     `json:"currency"`
	Subtotal  string     `json:"subtotal"`
	Lines     []lineBody `json:"lines"`
	Discounts []struct{} `json:"discounts"`
	Shipping  string     `json:"shipping"`
	Taxes     []struct{} `json:"taxes"`
}

type lineBody struct {
	SKU         string       `json:"sku"`
	Name        string       `json:"name"`
	Qty         int64        `json:"qty"`
	UnitPrice   string       `json:"unit_price"`
	Discount    string       `json:"discount"`
	Tax         string       `json:"tax"`
	Total       string       `json:"total"`
	Allocations []allocation `json:"allocations,omitempty"`
}

type allocation struct {
	Warehouse string `json:"warehouse"`
	Qty       int64  `json:"qty"`
}

func totals(lines []Line, amount int64, currency string, allocated bool) totalsBody {
	text, zero := minor(amount, currency), minor(0, currency)
	b := totalsBody{
		Amount: text, Currency: currency, Subtotal: text, Shipping: zero,
		Lines: make([]lineBody, len(lines)), Discounts: []struct{}{}, Taxes: []struct{}{},
	}
	for i, l := range lines {
		b.Lines[i] = lineBody{
			SKU: l.SKU, Name: l.Name, Qty: l.Qty, UnitPrice: minor(l.UnitPrice, currency),
			Discount: zero, Tax: zero, Total: minor(l.Total, currency),
		}
		if allocated {
			b.Lines[i].Allocations = []allocation{{warehouse, l.Qty}}
		}
	}
	return b
}

type orderBody struct {
	OrderID     uuid.UUID `json:"order_id"`
	OrderNumber string    `json:"order_number"`
	Status      string    `json:"status"`
	totalsBody
	HoldStatus    string    `json:"hold_status"`
	HoldExpiresAt time.Time `json:"hold_expires_at"`
	Details
	RefundedAmount string        `json:"refunded_amount"`
	Payments       []paymentBody `json:"payments"`
	Refunds        []struct{}    `json:"refunds"`
	Invoice        *invoiceBody  `json:"invoice,omitempty"`
	CreatedAt      time.Time     `json:"created_at"`
	ConfirmedAt    *time.Time    `json:"confirmed_at,omitempty"`
}

type invoiceBody struct {
	Series string `json:"series"`
	Number int64  `json:"number"`
}

type placedBody struct {
	orderBody
	OrderToken string `json:"order_token"`
}

func (s *Shop) placed(o *Order) placedBody { return placedBody{renderOrder(o), s.orderToken(o.ID)} }

func renderOrder(o *Order) orderBody {
	b := orderBody{
		OrderID: o.ID, OrderNumber: orderNumber(o.ID), Status: o.Status, totalsBody: totals(o.Lines, o.Amount, o.Currency, true),
		HoldStatus: o.HoldStatus, HoldExpiresAt: o.HoldExpiresAt.UTC(), Details: o.Details, RefundedAmount: minor(0, o.Currency),
		Payments: make([]paymentBody, len(o.Payments)), Refunds: []struct{}{}, CreatedAt: o.CreatedAt.UTC(),
	}
	for i := range o.Payments {
		b.Payments[i] = renderPayment(&o.Payments[i])
	}
	if o.ConfirmedAt != nil && o.Invoice != nil {
		at := o.ConfirmedAt.UTC()
		b.ConfirmedAt, b.Invoice = &at, &invoiceBody{financialYear(at), *o.Invoice}
	}
	return b
}

// financialYear is the invoice series of a time: years begin in April.
func financialYear(at time.Time) string {
	year := at.Year()
	if at.Month() < time.April {
		year--
	}
	return strconv.Itoa(year) + "-" + strconv.Itoa(year + 1)[2:]
}

// orderNumber is the short form of an order's id for people.
func orderNumber(id uuid.UUID) string {
	text := base32.HexEncoding.EncodeToString(id[1:9])
	return text[:4] + "-" + text[4:8] + "-" + text[8:12]
}

type paymentBody struct {
	PaymentID    uuid.UUID    `json:"payment_id"`
	OrderID      uuid.UUID    `json:"order_id"`
	Attempt      int          `json:"attempt"`
	Status       string       `json:"status"`
	Method       string       `json:"payment_method"`
	Gateway      string       `json:"gateway"`
	GatewayTxnID *string      `json:"gateway_txn_id"`
	Amount       string       `json:"amount"`
	Currency     string       `json:"currency"`
	Action       *actionBody  `json:"action"`
	Failure      *failureBody `json:"failure,omitempty"`
	Extra        bool         `json:"extra,omitempty"`
	CreatedAt    time.Time    `json:"created_at"`
}

type actionBody struct {
	Type string `json:"type"`
	URL  string `json:"url"`
}

type failureBody struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func renderPayment(p *Payment) paymentBody {
	b := paymentBody{
		PaymentID: p.ID, OrderID: p.OrderID, Attempt: p.Attempt, Status: p.Status, Method: p.Method, Gateway: stripeAccount,
		Amount: minor(p.Amount, p.Currency), Currency: p.Currency, Extra: p.Extra, CreatedAt: p.CreatedAt.UTC(),
	}
	if p.TxnID != "" {
		b.GatewayTxnID = &p.TxnID
	}
	if p.ActionURL != "" {
		b.Action = &actionBody{"redirect", p.ActionURL}
	}
	if p.FailureCode != "" {
		b.Failure = &failureBody{p.FailureCode, p.FailureMessage}
	}
	return b
}
