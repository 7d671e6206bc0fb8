package stripe

import (
	"context"
	"fmt"
	"slices"
	"strconv"
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
	if !slices.Contains(a.config.Methods, req.Method) || !slices.Contains(a.config.Currencies, req.Amount.Currency) {
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
	var pi intent
	err := a.call(ctx, post("/v1/payment_intents", req.Key, intentForm(req, amount)), &pi)
	if report, declined := a.declined(err, req); declined {
		return report, nil
	}
	if err != nil {
		return checkout.PaymentReport{}, a.fail(err)
	}
	return a.answered(req.PaymentID, a.fromIntent(&pi))
}

func intentForm(req gateway.CreateRequest, amount wireMoney) (f form) {
	f.addInt("amount", amount.minor)
	f.add("capture_method", captureMethod(req))
	f.add("confirm", "true")
	f.add("currency", amount.currency)
	f.add("description", description(req))
	f.addIDs("metadata", req)
	f.add("payment_method", req.Token)
	f.add("payment_method_types[0]", methodTypes[req.Method])
	f.add("return_url", req.ReturnURL)
	return f
}

// createSession opens Stripe's page.
func (a *account) createSession(ctx context.Context, req gateway.CreateRequest, amount wireMoney) (checkout.PaymentReport, error) {
	var made session
	if err := a.call(ctx, post("/v1/checkout/sessions", req.Key, sessionForm(req, amount, time.Now())), &made); err != nil {
		return checkout.PaymentReport{}, a.fail(err)
	}
	return a.answered(req.PaymentID, a.fromSession(&made))
}

func sessionForm(req gateway.CreateRequest, amount wireMoney, now time.Time) (f form) {
	f.add("cancel_url", req.ReturnURL)
	f.add("client_reference_id", req.PaymentID.String())
	f.add("customer_email", req.CustomerEmail)
	f.addInt("expires_at", sessionEnd(req.ExpiresAt, req.PaymentID.Time(), now).Unix())
	for i, item := range lineItems(req, amount) {
		f.addItem("line_items["+strconv.Itoa(i)+"]", item)
	}
	f.addIDs("metadata", req)
	f.add("mode", string(stripe.CheckoutSessionModePayment))
	f.add("payment_intent_data[capture_method]", captureMethod(req))
	f.add("payment_intent_data[description]", description(req))
	f.addIDs("payment_intent_data[metadata]", req)
	f.add("payment_intent_data[metadata]["+keyCheckout+"]", viaSession)
	f.add("payment_method_types[0]", methodTypes[req.Method])
	f.add("success_url", req.ReturnURL)
	return f
}

func (f *form) addIDs(at string, req gateway.CreateRequest) {
	f.add(at+"["+keyOrder+"]", req.OrderID.String())
	f.add(at+"["+keyPayment+"]", req.PaymentID.String())
}

func (f *form) addItem(at string, item lineItem) {
	f.add(at+"[price_data][currency]", item.unit.currency)
	f.add(at+"[price_data][product_data][name]", item.name)
	f.addInt(at+"[price_data][unit_amount]", item.unit.minor)
	f.addInt(at+"[quantity]", item.qty)
}

// sessionEnd is when a session should die: as wanted, within Stripe's bounds. A
// repeated create must ask for the very same, or Stripe refuses its key; so the
// lower bound is counted from the attempt's making, not from now: that is the database's
// time, of which this process's clock may be a little short.
func sessionEnd(wanted, made, now time.Time) time.Time {
	least := made.Add(minSession + repeatSlack)
	if made.After(now.Add(repeatSlack)) || least.Before(now.Add(minSession+time.Minute)) {
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

// lineItem is a line of Stripe's page.
type lineItem struct {
	name string
	qty  int64
	unit wireMoney
}

// lineItems shows the order's lines where they add up to the amount, else one
// line: Stripe charges what its page adds up.
func lineItems(req gateway.CreateRequest, amount wireMoney) []lineItem {
	var items []lineItem
	var sum int64
	for _, line := range req.Lines {
		item, ok := itemOf(line)
		if !ok {
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

func wholeOrder(req gateway.CreateRequest, amount wireMoney) []lineItem {
	return []lineItem{{description(req), 1, amount}}
}

// itemOf fails where the line has no price per unit that Stripe can be told.
func itemOf(line gateway.Line) (lineItem, bool) {
	if line.Name == "" || line.Qty <= 0 || line.Total.Minor%line.Qty != 0 {
		return lineItem{}, false
	}
	unit := line.Total
	unit.Minor /= line.Qty
	amount, err := toWire(unit)
	return lineItem{line.Name, line.Qty, amount}, err == nil
}

func captureMethod(req gateway.CreateRequest) string {
	if req.ManualCapture {
		return string(stripe.PaymentIntentCaptureMethodManual)
	}
	return string(stripe.PaymentIntentCaptureMethodAutomatic)
}

func description(req gateway.CreateRequest) string { return "Order " + req.OrderNumber }
