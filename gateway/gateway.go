// Package gateway is the port to payment gateways: what Kassa asks of one, and
// how an answer is to be read. It must not know orders, stock, stores or HTTP
// handlers; it neither retries nor keeps state.
//
// The port was written against three vendors. Each method maps to:
//
//	| method       | Stripe                                    | Razorpay                                    | Paytm                                     |
//	|--------------|-------------------------------------------|---------------------------------------------|-------------------------------------------|
//	| Create       | POST payment_intents with confirm, or     | POST orders with unique_receipt; the action | initiateTransaction; the action is a      |
//	|              | POST checkout/sessions                    | is a form_post to checkout/embedded, or a   | form_post to showPaymentPage, or a UPI QR |
//	|              |                                           | UPI intent                                  |                                           |
//	| LookUp       | GET payment_intents or checkout/sessions; | GET orders/{id}/payments; by receipt where  | v3/order/status; 331 and 334 are open     |
//	|              | a list by metadata where the id is lost   | the id is lost                              | while the token lives                     |
//	| Close        | sessions/expire or payment_intents/cancel | unsupported: an order cannot be cancelled   | unsupported: the token dies by itself     |
//	| Capture      | payment_intents/capture                   | payments/{id}/capture of the exact amount   | capture, by arrangement                   |
//	| Void         | payment_intents/cancel                    | unsupported: it is released in three days   | release, by arrangement                   |
//	| Refund       | POST refunds with Idempotency-Key         | payments/{id}/refund with                   | refund/apply with refId                   |
//	|              |                                           | X-Refund-Idempotency                        |                                           |
//	| LookUpRefund | GET refunds/{id}, else the payment's list | payments/{id}/refunds, matched by receipt   | v2/refund/status by refId                 |
//	| ParseWebhook | Stripe-Signature over the raw body        | X-Razorpay-Signature over the raw body      | CHECKSUMHASH over the form, or head       |
//	|              |                                           |                                             | .signature over the raw body              |
//	| References   | GatewayRef cs_ or pi_, ChargeID pi_       | GatewayRef order_, ChargeID pay_            | GatewayRef ORDERID, ChargeID TXNID        |
//
// A browser that returns from a gateway proves nothing: it makes Kassa look up.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"kassa/checkout"
	"kassa/money"
)

// Gateway is one account at one payment gateway.
//
// Every method that calls the gateway keeps to its own deadline and to that of
// ctx, calls once or repeats only what cannot act twice, and returns one of:
// a report and nil; or an *Error, whose Kind says what is certain. An error of
// any other type is to be read as Unknown.
type Gateway interface {
	// Capabilities says what the account can do. It does not change.
	Capabilities() Capabilities

	// Create starts an attempt, and with a Token may finish it. Repeated with
	// the same Key it must not charge twice. A decline is a report with status
	// FAILED, not an error.
	Create(ctx context.Context, req CreateRequest) (checkout.PaymentReport, error)

	// LookUp asks for the truth about an attempt and never changes it. Where
	// neither reference is known it searches by PaymentID; a report with
	// NotFound says that the gateway certainly has no such attempt.
	LookUp(ctx context.Context, req LookUpRequest) (checkout.PaymentReport, error)

	// Close ends an open attempt, so that the buyer cannot pay any more, and
	// reports its final state, which may be that it had already succeeded.
	// An *Error of kind Unsupported where the gateway has no such call.
	Close(ctx context.Context, req ActRequest) (checkout.PaymentReport, error)

	// Capture takes authorised money: req.Amount, in full. Capturing what is
	// captured already reports SUCCEEDED.
	Capture(ctx context.Context, req ActRequest) (checkout.PaymentReport, error)

	// Void gives authorised money free. Voiding what is void reports VOIDED.
	Void(ctx context.Context, req ActRequest) (checkout.PaymentReport, error)

	// Refund gives captured money back, in part or whole. Repeated with the same
	// Key it must not refund twice.
	Refund(ctx context.Context, req RefundRequest) (checkout.RefundReport, error)

	// LookUpRefund asks for the truth about a refund.
	LookUpRefund(ctx context.Context, req RefundRequest) (checkout.RefundReport, error)

	// ParseWebhook verifies a message over its raw body and translates it. now
	// is for the tolerance of its timestamp. An *Error of kind Forged where the
	// signature is bad; of kind Refused where it is good and the body is not
	// what the gateway documents. A message of no interest is an event with
	// neither Payment nor Refund.
	ParseWebhook(header http.Header, body []byte, now time.Time) (checkout.WebhookEvent, error)
}

// Capabilities is what an account can do. The matrix is configuration, because
// vendors switch methods on per account.
type Capabilities struct {
	Methods        []checkout.Method
	Currencies     []money.Currency // empty: every currency
	Tokens         bool             // takes the gateway's own tokens and may settle at once
	ManualCapture  bool
	PartialCapture bool
	Close          bool
	Void           bool
	PartialRefund  bool
	MarkReceived   bool // its money arrives outside any API and an operator says so
	FindByRef      bool // some of its messages name an attempt by nothing but its GatewayRef
}

// Offers tells whether the account takes a method in a currency.
func (c Capabilities) Offers(m checkout.Method, cur money.Currency) bool {
	return slices.Contains(c.Methods, m) && (len(c.Currencies) == 0 || slices.Contains(c.Currencies, cur))
}

// CreateRequest is all that an attempt needs.
type CreateRequest struct {
	PaymentID     checkout.ID
	OrderID       checkout.ID
	OrderNumber   string
	Key           string // idempotency key, derived from the payment and the number of the call
	Amount        money.Money
	Method        checkout.Method
	Token         string // the gateway's own token, "" to send the buyer to the gateway's page
	ManualCapture bool
	ReturnURL     string // where the buyer's browser comes back to
	CustomerEmail string
	Lines         []Line
	ExpiresAt     time.Time // when the attempt should die by itself; gateways have minima of their own
}

// Line is what the gateway's page shows of the order.
type Line struct {
	Name  string
	Qty   int64
	Total money.Money
}

// LookUpRequest names an attempt by what is known of it.
type LookUpRequest struct {
	PaymentID  checkout.ID
	OrderID    checkout.ID
	GatewayRef string
	ChargeID   string
	CreatedAt  time.Time // bounds a search where both references are lost
}

// ActRequest names an attempt to act on.
type ActRequest struct {
	LookUpRequest
	Key    string
	Amount money.Money
}

// RefundRequest names a refund, made or to be made.
type RefundRequest struct {
	RefundID   checkout.ID
	PaymentID  checkout.ID
	GatewayRef string // the payment's
	ChargeID   string // the payment's
	RefundRef  string // the refund's own, "" until known
	Key        string
	Amount     money.Money
	Reason     string
	CreatedAt  time.Time
}

// Kind is what an error makes certain.
type Kind string

// The kinds of error.
const (
	// Unknown: the call may have moved money. Look it up; never guess.
	Unknown Kind = "unknown"
	// Unavailable: the gateway certainly did nothing. Trying again is safe.
	Unavailable Kind = "unavailable"
	// Refused: the gateway certainly did nothing, and asking again the same way
	// is useless.
	Refused Kind = "refused"
	// Unsupported: this gateway has no such call.
	Unsupported Kind = "unsupported"
	// Forged: a webhook's signature is missing, wrong or stale.
	Forged Kind = "forged"
)

// Error is a gateway's failure. Its text never holds a secret or card data.
type Error struct {
	Gateway string
	Kind    Kind
	Code    string // the gateway's own
	Message string
	Err     error
}

// Error writes what failed.
func (e *Error) Error() string {
	text := fmt.Sprintf("gateway %s: %s", e.Gateway, e.Kind)
	if e.Code != "" {
		text += " (" + e.Code + ")"
	}
	if e.Message != "" {
		text += ": " + e.Message
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf reads the kind of an error; what has none is Unknown, and no error is "".
func KindOf(err error) Kind {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Unknown
}

// CreateKey derives the idempotency key of an attempt's n-th create call, from 1.
// A key serves two calls: the first repeat asks by the same key, so that a call
// that is still running cannot act twice; one that leads nowhere again (a gateway
// that replays its own 500) gets the next.
func CreateKey(payment checkout.ID, call int) string {
	return fmt.Sprintf("pay_%s:create:%d", payment, (call+1)/2)
}

// ActKey derives the idempotency key of a later call on an attempt, from 1. The
// act itself cannot happen twice, so each call may have its own.
func ActKey(payment checkout.ID, act string, call int) string {
	return fmt.Sprintf("pay_%s:%s:%d", payment, act, call)
}

// RefundKey derives the idempotency key of a refund's n-th call, as CreateKey
// does. It keeps to the letters that every vendor allows.
func RefundKey(refund checkout.ID, call int) string {
	return fmt.Sprintf("refund_%s-%d", refund, (call+1)/2)
}
