package stripe

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/stripe/stripe-go/v85"

	"kassa/checkout"
	"kassa/gateway"
)

// The keys of our metadata. keyCheckout marks the PaymentIntent of a Checkout
// Session: a decline there does not end the attempt.
const (
	keyPayment  = "payment_id"
	keyOrder    = "order_id"
	keyRefund   = "refund_id"
	keyCheckout = "checkout"
	viaSession  = "session"
)

// methodTypes are Stripe's payment method types. Apple Pay and Google Pay are
// cards to Stripe, and its page offers them by itself.
var methodTypes = map[checkout.Method]string{
	checkout.MethodCard:   "card",
	checkout.MethodWallet: "card",
	checkout.MethodUPI:    "upi",
}

// Stripe lets a session live from 30 minutes to 24 hours.
const (
	minSession  = 30 * time.Minute
	maxSession  = 24 * time.Hour
	repeatSlack = 10 * time.Minute // how late a repeated create may be and still ask for the same
	maxLines    = 100              // line items of a session
)

// Create confirms a token at once, or opens a page for the buyer.
func (a *account) Create(ctx context.Context, req gateway.CreateRequest) (checkout.PaymentReport, error) {
	ctx, cancel := a.deadline(ctx)
	defer cancel()
	if err := a.admit(req); err != nil {
		return checkout.PaymentReport{}, err
	}
	amount, err := a.wireAmount(req.Amount)
	if err != nil {
		return checkout.PaymentReport{}, err
	}
	if req.Token != "" {
		return a.createIntent(ctx, req, amount)
	}
	return a.createSession(ctx, req, amount)
}

// admit refuses what the account does not take, before anything is sent.
func (a *account) admit(req gateway.CreateRequest) error {
	if !a.Capabilities().Offers(req.Method, req.Amount.Currency) {
		return a.refuse("method_unavailable", fmt.Sprintf("the account does not take %s in %s", req.Method, req.Amount.Currency))
	}
	if req.Method == checkout.MethodUPI && req.ManualCapture {
		return a.refuse("method_unavailable", "UPI cannot be authorised first and captured later")
	}
	return nil
}

// createIntent takes a token: the PaymentIntent is both the attempt and what
// moves the money, once.
func (a *account) createIntent(ctx context.Context, req gateway.CreateRequest, amount wireMoney) (checkout.PaymentReport, error) {
	pi, err := a.client.V1PaymentIntents.Create(ctx, intentParams(req, amount))
	if report, declined := a.declined(err, req); declined {
		return report, nil
	}
	if err != nil {
		return checkout.PaymentReport{}, a.fail(err)
	}
	return a.answered(req.PaymentID, a.fromIntent(pi))
}

func intentParams(req gateway.CreateRequest, amount wireMoney) *stripe.PaymentIntentCreateParams {
	params := &stripe.PaymentIntentCreateParams{
		Amount:             stripe.Int64(amount.minor),
		CaptureMethod:      stripe.String(captureMethod(req)),
		Confirm:            stripe.Bool(true),
		Currency:           stripe.String(amount.currency),
		Description:        stripe.String(description(req)),
		Metadata:           metadata(req),
		PaymentMethod:      stripe.String(req.Token),
		PaymentMethodTypes: []*string{stripe.String(methodTypes[req.Method])},
		ReturnURL:          optional(req.ReturnURL),
	}
	params.SetIdempotencyKey(req.Key)
	return params
}

// createSession opens Stripe's page.
func (a *account) createSession(ctx context.Context, req gateway.CreateRequest, amount wireMoney) (checkout.PaymentReport, error) {
	session, err := a.client.V1CheckoutSessions.Create(ctx, sessionParams(req, amount, time.Now()))
	if err != nil {
		return checkout.PaymentReport{}, a.fail(err)
	}
	return a.answered(req.PaymentID, a.fromSession(session))
}

func sessionParams(req gateway.CreateRequest, amount wireMoney, now time.Time) *stripe.CheckoutSessionCreateParams {
	ofIntent := metadata(req)
	ofIntent[keyCheckout] = viaSession
	params := &stripe.CheckoutSessionCreateParams{
		CancelURL:         optional(req.ReturnURL),
		ClientReferenceID: stripe.String(req.PaymentID.String()),
		CustomerEmail:     optional(req.CustomerEmail),
		ExpiresAt:         stripe.Int64(sessionEnd(req.ExpiresAt, madeAt(req.PaymentID), now).Unix()),
		LineItems:         lineItems(req, amount),
		Metadata:          metadata(req),
		Mode:              stripe.String(stripe.CheckoutSessionModePayment),
		PaymentIntentData: &stripe.CheckoutSessionCreatePaymentIntentDataParams{
			CaptureMethod: stripe.String(captureMethod(req)),
			Description:   stripe.String(description(req)),
			Metadata:      ofIntent,
		},
		PaymentMethodTypes: []*string{stripe.String(methodTypes[req.Method])},
		SuccessURL:         optional(req.ReturnURL),
	}
	params.SetIdempotencyKey(req.Key)
	return params
}

// sessionEnd is when a session should die: as wanted, within Stripe's bounds. A
// repeated create must ask for the very same, or Stripe refuses its key; so the
// lower bound is counted from the attempt's making, not from now.
func sessionEnd(wanted, made, now time.Time) time.Time {
	least := made.Add(minSession + repeatSlack)
	if made.After(now) || least.Before(now.Add(minSession+time.Minute)) {
		least = now.Add(minSession + repeatSlack)
	}
	most := least.Add(maxSession - minSession - 2*repeatSlack)
	switch {
	case wanted.Before(least):
		return least
	case wanted.After(most):
		return most
	}
	return wanted
}

// madeAt reads the time off a version 7 UUID.
func madeAt(id checkout.ID) time.Time {
	ms := binary.BigEndian.Uint64(id[:8]) >> 16
	return time.UnixMilli(int64(ms)) // 48 bits fit
}

// lineItems shows the order's lines where they add up to the amount, else one
// line: Stripe charges what its page adds up.
func lineItems(req gateway.CreateRequest, amount wireMoney) []*stripe.CheckoutSessionCreateLineItemParams {
	var items []*stripe.CheckoutSessionCreateLineItemParams
	var sum int64
	for _, line := range req.Lines {
		item := lineItem(line)
		if item == nil {
			return wholeOrder(req, amount)
		}
		sum += line.Total.Minor
		items = append(items, item)
	}
	if sum != req.Amount.Minor || len(items) > maxLines {
		return wholeOrder(req, amount)
	}
	return items
}

func wholeOrder(req gateway.CreateRequest, amount wireMoney) []*stripe.CheckoutSessionCreateLineItemParams {
	return []*stripe.CheckoutSessionCreateLineItemParams{newItem(description(req), 1, amount)}
}

// lineItem is nil where the line has no price per unit that Stripe can be told.
func lineItem(line gateway.Line) *stripe.CheckoutSessionCreateLineItemParams {
	if line.Name == "" || line.Qty <= 0 || line.Total.Minor%line.Qty != 0 {
		return nil
	}
	unit := line.Total
	unit.Minor /= line.Qty
	amount, err := toWire(unit)
	if err != nil {
		return nil
	}
	return newItem(line.Name, line.Qty, amount)
}

func newItem(name string, qty int64, unit wireMoney) *stripe.CheckoutSessionCreateLineItemParams {
	return &stripe.CheckoutSessionCreateLineItemParams{
		PriceData: &stripe.CheckoutSessionCreateLineItemPriceDataParams{
			Currency:    stripe.String(unit.currency),
			ProductData: &stripe.CheckoutSessionCreateLineItemPriceDataProductDataParams{Name: stripe.String(name)},
			UnitAmount:  stripe.Int64(unit.minor),
		},
		Quantity: stripe.Int64(qty),
	}
}

func captureMethod(req gateway.CreateRequest) string {
	if req.ManualCapture {
		return string(stripe.PaymentIntentCaptureMethodManual)
	}
	return string(stripe.PaymentIntentCaptureMethodAutomatic)
}

func description(req gateway.CreateRequest) string { return "Order " + req.OrderNumber }

func metadata(req gateway.CreateRequest) map[string]string {
	return map[string]string{keyOrder: req.OrderID.String(), keyPayment: req.PaymentID.String()}
}

// optional leaves a parameter out where there is nothing to say.
func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
