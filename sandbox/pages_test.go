package sandbox

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/stripe/stripe-go/v85"
)

// checkoutParams is a session of 2 × 24.99 INR.
func checkoutParams() *stripe.CheckoutSessionCreateParams {
	return &stripe.CheckoutSessionCreateParams{Mode: stripe.String("payment"), ClientReferenceID: stripe.String("o1"),
		SuccessURL: stripe.String("https://shop.example/done?session={CHECKOUT_SESSION_ID}"), CancelURL: stripe.String("https://shop.example/cart"),
		LineItems: []*stripe.CheckoutSessionCreateLineItemParams{{Quantity: stripe.Int64(2), PriceData: &stripe.CheckoutSessionCreateLineItemPriceDataParams{
			Currency: stripe.String("inr"), UnitAmount: stripe.Int64(2499),
			ProductData: &stripe.CheckoutSessionCreateLineItemPriceDataProductDataParams{Name: stripe.String("Tea <b>")}}}},
		PaymentIntentData: &stripe.CheckoutSessionCreatePaymentIntentDataParams{Metadata: map[string]string{"order_id": "o1"}}}
}

func (b *bench) checkout(params *stripe.CheckoutSessionCreateParams) *stripe.CheckoutSession {
	b.t.Helper()
	session, err := b.stripe.V1CheckoutSessions.Create(b.t.Context(), params)
	require.NoError(b.t, err)
	require.Equal(b.t, stripe.CheckoutSessionStatusOpen, session.Status)
	require.Nil(b.t, session.PaymentIntent, "it is made when the buyer pays")
	return session
}

func (b *bench) reload(id string) *stripe.CheckoutSession {
	b.t.Helper()
	params := &stripe.CheckoutSessionRetrieveParams{}
	params.AddExpand("payment_intent")
	session, err := b.stripe.V1CheckoutSessions.Retrieve(b.t.Context(), id, params)
	require.NoError(b.t, err)
	return session
}

func TestCheckoutPageIsPaid(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	session := b.checkout(checkoutParams())
	require.Equal(t, int64(4998), session.AmountTotal)
	require.Equal(t, b.server.URL+"/c/pay/"+session.ID, session.URL)
	require.True(t, strings.HasPrefix(session.ID, "cs_test_"))

	status, page := b.get(session.URL)
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, page, "SANDBOX")
	require.Contains(t, page, "49.98 INR")
	require.Contains(t, page, "Tea &lt;b&gt;", "what the shop sends is escaped")
	require.Contains(t, page, "4000 0000 0000 9995: insufficient funds")

	status, location, _ := b.post(session.URL, url.Values{"outcome": {"succeed"}, "card_number": {"4242 4242 4242 4242"}})
	require.Equal(t, http.StatusSeeOther, status)
	require.Equal(t, "https://shop.example/done?session="+session.ID, location)

	session = b.reload(session.ID)
	require.Equal(t, stripe.CheckoutSessionStatusComplete, session.Status)
	require.Equal(t, stripe.CheckoutSessionPaymentStatusPaid, session.PaymentStatus)
	require.Equal(t, stripe.PaymentIntentStatusSucceeded, session.PaymentIntent.Status)
	require.Equal(t, "o1", session.PaymentIntent.Metadata["order_id"])
	require.Empty(t, session.URL)
	p := b.truth()
	require.Equal(t, []any{int64(4998), session.ID, "o1"}, []any{p.Captured, p.Session, p.Reference})

	b.drain()
	require.ElementsMatch(t, []string{"payment_intent.created", "charge.succeeded", "payment_intent.succeeded", "checkout.session.completed"}, b.inbox.kinds())

	status, location, _ = b.post(b.server.URL+"/c/pay/"+session.ID, url.Values{"outcome": {"succeed"}})
	require.Equal(t, []any{http.StatusSeeOther, "https://shop.example/done?session=" + session.ID}, []any{status, location}, "a second click goes to the shop")
	require.Equal(t, int64(4998), b.truth().Captured, "and pays nothing more")
}

func TestCheckoutPageTakesAnotherCardAfterADecline(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	session := b.checkout(checkoutParams())
	for number, message := range map[string]string{"4000000000000002": cardDeclinedText, "4000000000009995": "insufficient funds", "4242424242424241": "number is incorrect",
		"4111111111111111": "non test card"} {
		status, location, page := b.post(session.URL, url.Values{"outcome": {"succeed"}, "card_number": {number}})
		require.Equal(t, http.StatusPaymentRequired, status)
		require.Empty(t, location)
		require.Contains(t, page, message)
		require.NotContains(t, page, number)
	}
	first := b.reload(session.ID)
	require.Equal(t, stripe.CheckoutSessionStatusOpen, first.Status)
	require.Equal(t, stripe.PaymentIntentStatusRequiresPaymentMethod, first.PaymentIntent.Status)
	_, err := b.stripe.V1PaymentIntents.Cancel(t.Context(), first.PaymentIntent.ID, nil)
	require.ErrorContains(t, err, "Expire the Checkout Session instead")
	_, err = b.stripe.V1PaymentIntents.Confirm(t.Context(), first.PaymentIntent.ID, &stripe.PaymentIntentConfirmParams{PaymentMethod: stripe.String("pm_card_visa")})
	require.Equal(t, stripe.ErrorCodePaymentIntentUnexpectedState, stripeError(t, err).Code)

	status, _, _ := b.post(session.URL, url.Values{"outcome": {"succeed"}, "instrument": {"pm_card_mastercard"}})
	require.Equal(t, http.StatusSeeOther, status)
	paid := b.reload(session.ID)
	require.Equal(t, first.PaymentIntent.ID, paid.PaymentIntent.ID, "the same PaymentIntent")
	require.Len(t, b.truth().Attempts, 3)
}

func TestCheckoutPageButtons(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	session := b.checkout(checkoutParams())
	status, location, _ := b.post(session.URL, url.Values{"outcome": {"cancel"}})
	require.Equal(t, []any{http.StatusSeeOther, "https://shop.example/cart"}, []any{status, location})
	require.Equal(t, stripe.CheckoutSessionStatusOpen, b.reload(session.ID).Status, "the buyer may come back")

	status, _, _ = b.post(session.URL, url.Values{"outcome": {"explode"}})
	require.Equal(t, http.StatusBadRequest, status)
	status, _, _ = b.post(session.URL, url.Values{"outcome": {"succeed"}, "instrument": {"pm_card_nobody"}})
	require.Equal(t, http.StatusPaymentRequired, status)

	status, _, page := b.post(session.URL, url.Values{"outcome": {"fail"}})
	require.Equal(t, http.StatusPaymentRequired, status)
	require.Contains(t, page, cardDeclinedText)

	status, _, _ = b.post(session.URL, url.Values{"outcome": {"pending"}})
	require.Equal(t, http.StatusSeeOther, status)
	session = b.reload(session.ID)
	require.Equal(t, stripe.CheckoutSessionStatusComplete, session.Status)
	require.Equal(t, stripe.CheckoutSessionPaymentStatusUnpaid, session.PaymentStatus)
	require.Equal(t, stripe.PaymentIntentStatusProcessing, session.PaymentIntent.Status)

	answer := b.raw("POST", "/_sim/payments/"+session.PaymentIntent.ID+"/settle?result=succeeded", "", nil)
	require.Equal(t, http.StatusNoContent, answer.status)
	require.Equal(t, stripe.CheckoutSessionPaymentStatusPaid, b.reload(session.ID).PaymentStatus)
	b.drain()
	require.Contains(t, b.inbox.kinds(), "checkout.session.async_payment_succeeded")
}

func TestPendingCheckoutFails(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	session := b.checkout(checkoutParams())
	b.post(session.URL, url.Values{"outcome": {"pending"}})
	pi := b.reload(session.ID).PaymentIntent.ID
	answer := b.raw("POST", "/_sim/payments/"+pi+"/settle?result=failed", "", nil)
	require.Equal(t, http.StatusNoContent, answer.status)
	answer = b.raw("POST", "/_sim/payments/"+pi+"/settle?result=failed", "", nil)
	require.Equal(t, http.StatusConflict, answer.status)
	b.drain()
	require.Contains(t, b.inbox.kinds(), "checkout.session.async_payment_failed")
	require.Zero(t, b.truth().Captured)
}

func TestCheckoutPageWith3DSecure(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	session := b.checkout(checkoutParams())
	status, bank, _ := b.post(session.URL, url.Values{"outcome": {"succeed"}, "card_number": {"4000000000003220"}})
	require.Equal(t, http.StatusSeeOther, status)
	require.True(t, strings.HasPrefix(bank, b.server.URL+"/3ds/"))
	_, location, _ := b.post(bank, url.Values{"result": {"fail"}})
	require.Equal(t, session.URL, location, "back to the page, for another try")
	_, page := b.get(session.URL)
	require.Contains(t, page, "failed authentication")

	_, stale, _ := b.post(session.URL, url.Values{"outcome": {"succeed"}, "card_number": {"4000000000003220"}})
	_, bank, _ = b.post(session.URL, url.Values{"outcome": {"succeed"}, "card_number": {"4000000000003220"}})
	status, _, _ = b.post(stale, url.Values{"result": {"succeed"}})
	require.Equal(t, http.StatusGone, status, "the bank's page of the earlier try is dead")
	_, location, _ = b.post(bank, url.Values{"result": {"succeed"}})
	require.Equal(t, "https://shop.example/done?session="+session.ID, location)
	require.Equal(t, stripe.CheckoutSessionPaymentStatusPaid, b.reload(session.ID).PaymentStatus)
}

func TestCheckoutWithManualCapture(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	params := checkoutParams()
	params.PaymentIntentData.CaptureMethod = stripe.String("manual")
	session := b.checkout(params)
	b.post(session.URL, url.Values{"outcome": {"succeed"}})
	session = b.reload(session.ID)
	require.Equal(t, stripe.CheckoutSessionPaymentStatusUnpaid, session.PaymentStatus)
	require.Equal(t, stripe.PaymentIntentStatusRequiresCapture, session.PaymentIntent.Status)
	_, err := b.stripe.V1PaymentIntents.Capture(t.Context(), session.PaymentIntent.ID, nil)
	require.NoError(t, err)
	require.Equal(t, stripe.CheckoutSessionPaymentStatusPaid, b.reload(session.ID).PaymentStatus)
}

func TestCheckoutSessionExpires(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	params := checkoutParams()
	params.ExpiresAt = stripe.Int64(b.clock.Now().Add(31 * time.Minute).Unix())
	timed, asked := b.checkout(params), b.checkout(checkoutParams())
	b.post(timed.URL, url.Values{"outcome": {"fail"}})

	expired, err := b.stripe.V1CheckoutSessions.Expire(t.Context(), asked.ID, nil)
	require.NoError(t, err)
	require.Equal(t, stripe.CheckoutSessionStatusExpired, expired.Status)
	_, err = b.stripe.V1CheckoutSessions.Expire(t.Context(), asked.ID, nil)
	require.ErrorContains(t, err, "This Checkout Session has a status of `expired`")

	b.clock.add(32 * time.Minute)
	status, page := b.get(timed.URL)
	require.Equal(t, http.StatusGone, status)
	require.Contains(t, page, "expired")
	status, _, _ = b.post(timed.URL, url.Values{"outcome": {"succeed"}})
	require.Equal(t, http.StatusGone, status)
	require.Equal(t, stripe.PaymentIntentStatusCanceled, b.reload(timed.ID).PaymentIntent.Status)
	require.Zero(t, b.truth().Captured)
	b.drain()
	require.Contains(t, b.inbox.kinds(), "checkout.session.expired")

	status, _ = b.get(b.server.URL + "/c/pay/cs_test_none")
	require.Equal(t, http.StatusNotFound, status)
}

func TestSessionsThatAreRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	soon, late := b.clock.Now().Add(29*time.Minute), b.clock.Now().Add(25*time.Hour)
	for name, c := range map[string]struct {
		change func(*stripe.CheckoutSessionCreateParams)
		want   string
	}{
		"too short":   {func(p *stripe.CheckoutSessionCreateParams) { p.ExpiresAt = stripe.Int64(soon.Unix()) }, "at least 30 minutes"},
		"too long":    {func(p *stripe.CheckoutSessionCreateParams) { p.ExpiresAt = stripe.Int64(late.Unix()) }, "less than 24 hours"},
		"no success":  {func(p *stripe.CheckoutSessionCreateParams) { p.SuccessURL = nil }, "Missing required param: success_url"},
		"no lines":    {func(p *stripe.CheckoutSessionCreateParams) { p.LineItems = nil }, "Missing required param: line_items"},
		"no name":     {func(p *stripe.CheckoutSessionCreateParams) { p.LineItems[0].PriceData.ProductData.Name = nil }, "line_items[0][price_data]"},
		"too little":  {func(p *stripe.CheckoutSessionCreateParams) { p.LineItems[0].PriceData.UnitAmount = stripe.Int64(1) }, "must be at least 0.50 inr"},
		"overflow":    {func(p *stripe.CheckoutSessionCreateParams) { p.LineItems[0].Quantity = stripe.Int64(1 << 62) }, "must be no more than"},
		"other mode":  {func(p *stripe.CheckoutSessionCreateParams) { p.Mode = stripe.String("subscription") }, "Invalid mode"},
		"other price": {func(p *stripe.CheckoutSessionCreateParams) { p.Currency = stripe.String("usd") }, "must be that of the line items"},
	} {
		params := checkoutParams()
		c.change(params)
		_, err := b.stripe.V1CheckoutSessions.Create(t.Context(), params)
		require.ErrorContains(t, err, c.want, name)
	}
}

func TestInstrumentsKeepNoNumbers(t *testing.T) {
	t.Parallel()
	for _, card := range testCards {
		require.True(t, luhn(card.number), card.token)
		in, failed := instrumentByNumber(spaced(card.number))
		require.Nil(t, failed, card.token)
		require.Equal(t, card.number[len(card.number)-4:], in.Last4)
		require.NotContains(t, string(mustJSON(in)), card.number)
	}
}
