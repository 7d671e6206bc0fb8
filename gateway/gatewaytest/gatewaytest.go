// Package gatewaytest is the conformance suite of the gateway port. Every
// adapter runs it against a live stand-in of its vendor, over real HTTP.
//
// The suite knows the port alone. What is the vendor's own (tokens, pages,
// faults, the vendor's books) comes in with the Harness. It must not know any
// adapter, any stand-in, orders or stores.
package gatewaytest

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/gateway"
	"kassa/money"
)

// bound ends a test that hangs. It decides nothing else.
const bound = 60 * time.Second

// Harness is one account of the adapter under test at a vendor's stand-in, and
// the hands of everybody else: the buyer, the network and the vendor's staff.
// A nil function says that the vendor or its stand-in cannot do it, and leaves
// out the tests that need it.
type Harness struct {
	// Gateway is the adapter. Its own timeout is longer than a minute, so that
	// only an ended context can make a hanging call return in time.
	Gateway gateway.Gateway
	// Impatient is the same account with a timeout below a second. It is used
	// for calls that hang and for nothing else.
	Impatient gateway.Gateway

	Method checkout.Method // a method that the account takes
	Amount money.Money     // an amount that it takes; half of it must be one too
	Tokens Tokens

	// Pay does what a report's action asks of a buyer, and pays.
	Pay func(t *testing.T, report checkout.PaymentReport)
	// Decline does the same as a buyer whose bank says no.
	Decline func(t *testing.T, report checkout.PaymentReport)
	// SpoilRefunds makes the vendor accept a payment's refunds and fail them
	// later: when the returned function is called.
	SpoilRefunds func(t *testing.T, paid checkout.PaymentReport) (fail func())
	// Truth reads the vendor's books.
	Truth func(t *testing.T, payment checkout.ID) Truth
	// Fault makes the vendor misbehave at its next API call, once.
	Fault func(t *testing.T, fault Fault)

	// Webhooks is what the vendor sends, in the order of arrival; nil where it
	// sends nothing.
	Webhooks <-chan Message
	// WebhookTolerance is the age at which a message is stale; 0 where the
	// vendor's signature covers no time.
	WebhookTolerance time.Duration

	// Secrets are texts that no error may hold.
	Secrets []string
}

// Tokens are the vendor's own test tokens; "" where the adapter takes none.
type Tokens struct {
	Succeed      string // settles at once
	Decline      string // is declined at once
	Authenticate string // asks the buyer to authenticate first
}

// Truth is what the vendor's books say of one payment, in minor units.
type Truth struct {
	Attempts   int   // charges, sessions or orders that were made for it
	Authorized int64 // held and not captured
	Captured   int64 // taken, refunds not subtracted
	Refunded   int64 // given back or on its way
	Refunds    int   // refunds that did not fail
}

// Message is one webhook as it came over the wire.
type Message struct {
	Header http.Header
	Body   []byte
}

// Fault is a way for a vendor's API to misbehave.
type Fault string

// The faults. After each, Truth says what really happened.
const (
	FaultServerError Fault = "server_error" // answers 500
	FaultResetBefore Fault = "reset_before" // drops the connection and does nothing
	FaultResetAfter  Fault = "reset_after"  // does it and drops the connection
	FaultMalformed   Fault = "malformed"    // answers 200 with what it never sends
	FaultRateLimit   Fault = "rate_limit"   // answers 429 and does nothing
	FaultHang        Fault = "hang"         // answers nothing until the caller gives up
)

// Run checks an adapter. Each test opens a harness of its own, so that tests
// run side by side.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	t.Helper()
	probe := open(t)
	for _, c := range cases {
		if !c.applies(probe) {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, open(t))
		})
	}
}

var serial atomic.Int64

// newID makes an id as Kassa does.
func newID(t *testing.T) checkout.ID {
	t.Helper()
	var random [10]byte
	_, err := rand.Read(random[:])
	require.NoError(t, err)
	return checkout.NewID(time.Now(), random)
}

// newRequest asks for a payment on the vendor's page.
func newRequest(t *testing.T, h Harness) gateway.CreateRequest {
	t.Helper()
	id := newID(t)
	return gateway.CreateRequest{
		PaymentID:     id,
		OrderID:       newID(t),
		OrderNumber:   fmt.Sprintf("T-%d", serial.Add(1)),
		Key:           gateway.CreateKey(id, 1),
		Amount:        h.Amount,
		Method:        h.Method,
		ReturnURL:     "https://shop.test/return",
		CustomerEmail: "asha@example.test",
		Lines:         []gateway.Line{{Name: "Tea", Qty: 1, Total: h.Amount}},
		ExpiresAt:     time.Now().Add(15 * time.Minute),
	}
}

// newTokenRequest asks for a payment by one of the vendor's tokens.
func newTokenRequest(t *testing.T, h Harness, token string) gateway.CreateRequest {
	t.Helper()
	req := newRequest(t, h)
	req.Token = token
	return req
}

// create starts an attempt that must not fail.
func create(ctx context.Context, t *testing.T, h Harness, req gateway.CreateRequest) checkout.PaymentReport {
	t.Helper()
	report, err := h.Gateway.Create(ctx, req)
	require.NoError(t, err)
	require.Equal(t, req.PaymentID, report.PaymentID, "a report names the payment it is about")
	require.NotEmpty(t, report.Gateway, "a report names its gateway")
	require.False(t, report.NotFound)
	return report
}

// pay makes a payment that has its money: by token where the vendor has tokens,
// else on its page. It returns what a look-up says of it.
func pay(ctx context.Context, t *testing.T, h Harness, change func(*gateway.CreateRequest)) (gateway.CreateRequest, checkout.PaymentReport) {
	t.Helper()
	req := newTokenRequest(t, h, h.Tokens.Succeed)
	change(&req)
	report := create(ctx, t, h, req)
	if req.Token == "" {
		h.Pay(t, report)
	}
	return req, lookUp(ctx, t, h, req, report)
}

func unchanged(*gateway.CreateRequest)  {}
func manually(r *gateway.CreateRequest) { r.ManualCapture = true }

// named is the request that names an attempt by what its report said.
func named(req gateway.CreateRequest, report checkout.PaymentReport) gateway.LookUpRequest {
	return gateway.LookUpRequest{
		PaymentID: req.PaymentID, OrderID: req.OrderID,
		GatewayRef: report.GatewayRef, ChargeID: report.ChargeID, CreatedAt: time.Now(),
	}
}

// lost is the request that names an attempt of which every answer was lost.
func lost(req gateway.CreateRequest) gateway.LookUpRequest {
	return gateway.LookUpRequest{PaymentID: req.PaymentID, OrderID: req.OrderID, CreatedAt: time.Now()}
}

// act is the n-th call of an act, from 1.
func act(req gateway.CreateRequest, report checkout.PaymentReport, what string, call int) gateway.ActRequest {
	return gateway.ActRequest{
		LookUpRequest: named(req, report), Key: gateway.ActKey(req.PaymentID, what, call), Amount: req.Amount,
	}
}

func lookUp(ctx context.Context, t *testing.T, h Harness, req gateway.CreateRequest, report checkout.PaymentReport) checkout.PaymentReport {
	t.Helper()
	found, err := h.Gateway.LookUp(ctx, named(req, report))
	require.NoError(t, err)
	require.Equal(t, req.PaymentID, found.PaymentID, "a look-up names the payment that it was asked of")
	return found
}

// requireKind checks an error's kind, and that its text is fit for a log.
func requireKind(t *testing.T, h Harness, err error, kinds ...gateway.Kind) {
	t.Helper()
	require.Error(t, err)
	var typed *gateway.Error
	require.ErrorAs(t, err, &typed, "every error says what is certain")
	require.Contains(t, kinds, typed.Kind, "%v", err)
	require.NotEmpty(t, typed.Gateway)
	for _, secret := range h.Secrets {
		require.NotContains(t, err.Error(), secret, "an error's text never holds a secret")
	}
}

// requireCaptured checks a report's status and amount and the vendor's books.
func requireCaptured(t *testing.T, h Harness, req gateway.CreateRequest, report checkout.PaymentReport, amount money.Money) {
	t.Helper()
	require.Equal(t, checkout.PaymentSucceeded, report.Status)
	require.Equal(t, amount, report.Amount)
	require.NotEmpty(t, report.ChargeID, "money that moved has a charge")
	require.Nil(t, report.Failure)
	if h.Truth != nil {
		require.Equal(t, amount.Minor, h.Truth(t, req.PaymentID).Captured)
	}
}

func half(amount money.Money) money.Money { return money.New(amount.Minor/2, amount.Currency) }
