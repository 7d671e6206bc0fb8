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

func TestAPIVersionIsThatOfTheSDK(t *testing.T) {
	t.Parallel()
	require.Equal(t, stripe.APIVersion, APIVersion)
}

func TestNewRefusesLiveKeys(t *testing.T) {
	t.Parallel()
	_, err := New(Config{SecretKey: "sk_live_abc"})
	require.ErrorContains(t, err, "live key")
}

func TestPaymentSucceeds(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	params := cardIntent("pm_card_visa")
	params.AddMetadata("order_id", "o1")
	params.AddExpand("latest_charge")
	pi, err := b.stripe.V1PaymentIntents.Create(t.Context(), params)
	require.NoError(t, err)
	require.Equal(t, stripe.PaymentIntentStatusSucceeded, pi.Status)
	require.Equal(t, int64(5000), pi.AmountReceived)
	require.Equal(t, stripe.CurrencyINR, pi.Currency)
	require.Equal(t, "4242", pi.LatestCharge.PaymentMethodDetails.Card.Last4)
	require.True(t, pi.LatestCharge.Captured)

	again, err := b.stripe.V1PaymentIntents.Retrieve(t.Context(), pi.ID, nil)
	require.NoError(t, err)
	require.Equal(t, pi.LatestCharge.ID, again.LatestCharge.ID)

	b.drain()
	require.ElementsMatch(t, []string{"payment_intent.created", "charge.succeeded", "payment_intent.succeeded"}, b.inbox.kinds())
	for _, l := range b.inbox.all() {
		require.NoError(t, l.problem)
		require.Equal(t, APIVersion, l.event.APIVersion)
	}
	p := b.truth()
	require.Equal(t, "captured", p.Status)
	require.Equal(t, []int64{5000, 5000, 0}, []int64{p.Authorized, p.Captured, p.Refunded})
	require.Equal(t, "INR", p.Currency)
	require.Equal(t, "o1", p.Metadata["order_id"])
	require.Equal(t, []Payment{p}, b.sandbox.Ledger().Find("order_id", "o1"))
}

func TestDeclinesCarryTheirReason(t *testing.T) {
	t.Parallel()
	for method, want := range map[string]struct {
		code    stripe.ErrorCode
		decline stripe.DeclineCode
	}{
		"pm_card_chargeDeclined":                       {stripe.ErrorCodeCardDeclined, "generic_decline"},
		"pm_card_visa_chargeDeclined":                  {stripe.ErrorCodeCardDeclined, "generic_decline"},
		"pm_card_visa_chargeDeclinedInsufficientFunds": {stripe.ErrorCodeCardDeclined, "insufficient_funds"},
		"pm_card_visa_chargeDeclinedLostCard":          {stripe.ErrorCodeCardDeclined, "lost_card"},
		"pm_card_visa_chargeDeclinedStolenCard":        {stripe.ErrorCodeCardDeclined, "stolen_card"},
		"pm_card_chargeDeclinedExpiredCard":            {stripe.ErrorCodeExpiredCard, "expired_card"},
		"pm_card_chargeDeclinedIncorrectCvc":           {stripe.ErrorCodeIncorrectCVC, "incorrect_cvc"},
		"pm_card_chargeDeclinedProcessingError":        {stripe.ErrorCodeProcessingError, "processing_error"},
	} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			_, err := b.stripe.V1PaymentIntents.Create(t.Context(), cardIntent(method))
			failed := stripeError(t, err)
			require.Equal(t, http.StatusPaymentRequired, failed.HTTPStatusCode)
			require.Equal(t, stripe.ErrorTypeCard, failed.Type)
			require.Equal(t, want.code, failed.Code)
			require.Equal(t, want.decline, failed.DeclineCode)
			require.Equal(t, stripe.PaymentIntentStatusRequiresPaymentMethod, failed.PaymentIntent.Status)
			require.Equal(t, want.code, failed.PaymentIntent.LastPaymentError.Code)
			require.NotEmpty(t, failed.RequestID)
			b.drain()
			require.ElementsMatch(t, []string{"payment_intent.created", "charge.failed", "payment_intent.payment_failed"}, b.inbox.kinds())
			require.Zero(t, b.truth().Authorized)
		})
	}
}

func TestSameIntentIsPaidAfterADecline(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	_, err := b.stripe.V1PaymentIntents.Create(t.Context(), cardIntent("pm_card_chargeDeclined"))
	id := stripeError(t, err).PaymentIntent.ID
	pi, err := b.stripe.V1PaymentIntents.Confirm(t.Context(), id, &stripe.PaymentIntentConfirmParams{PaymentMethod: stripe.String("pm_card_visa")})
	require.NoError(t, err)
	require.Equal(t, stripe.PaymentIntentStatusSucceeded, pi.Status)
	require.Nil(t, pi.LastPaymentError)
	p := b.truth()
	require.Len(t, p.Attempts, 2)
	require.Equal(t, "generic_decline", p.Attempts[0].Failure)
	require.Equal(t, int64(5000), p.Captured)
}

func TestIntentWithoutConfirmation(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	pi, err := b.stripe.V1PaymentIntents.Create(t.Context(), &stripe.PaymentIntentCreateParams{Amount: stripe.Int64(5000), Currency: stripe.String("inr")})
	require.NoError(t, err)
	require.Equal(t, stripe.PaymentIntentStatusRequiresPaymentMethod, pi.Status)
	require.True(t, pi.AutomaticPaymentMethods.Enabled)

	_, err = b.stripe.V1PaymentIntents.Confirm(t.Context(), pi.ID, nil)
	require.Equal(t, stripe.ErrorCodePaymentIntentUnexpectedState, stripeError(t, err).Code)
	_, err = b.stripe.V1PaymentIntents.Confirm(t.Context(), pi.ID, &stripe.PaymentIntentConfirmParams{PaymentMethod: stripe.String("pm_card_visa")})
	require.Equal(t, "return_url", stripeError(t, err).Param, "automatic methods may redirect, so Stripe wants to know where back to")

	pi, err = b.stripe.V1PaymentIntents.Update(t.Context(), pi.ID, &stripe.PaymentIntentUpdateParams{Amount: stripe.Int64(6000),
		PaymentMethod: stripe.String("pm_card_visa"), Metadata: map[string]string{"a": "b"}})
	require.NoError(t, err)
	require.Equal(t, stripe.PaymentIntentStatusRequiresConfirmation, pi.Status)
	pi, err = b.stripe.V1PaymentIntents.Confirm(t.Context(), pi.ID, &stripe.PaymentIntentConfirmParams{ReturnURL: stripe.String("https://shop.example/")})
	require.NoError(t, err)
	require.Equal(t, int64(6000), pi.AmountReceived)
	require.Equal(t, "b", pi.Metadata["a"])

	_, err = b.stripe.V1PaymentIntents.Update(t.Context(), pi.ID, &stripe.PaymentIntentUpdateParams{Amount: stripe.Int64(1000)})
	require.Equal(t, stripe.ErrorCodePaymentIntentUnexpectedState, stripeError(t, err).Code)
}

func TestThreeDSecure(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ method, result, redirect, status, failure string }{
		"succeeds":            {"pm_card_threeDSecure2Required", "succeed", "succeeded", "succeeded", ""},
		"fails":               {"pm_card_threeDSecure2Required", "fail", "failed", "requires_payment_method", "payment_intent_authentication_failure"},
		"succeeds, no credit": {"pm_card_threeDSecureRequiredChargeDeclined", "succeed", "failed", "requires_payment_method", "generic_decline"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			params := cardIntent(c.method)
			params.ReturnURL = stripe.String("https://shop.example/back?cart=1")
			pi, err := b.stripe.V1PaymentIntents.Create(t.Context(), params)
			require.NoError(t, err)
			require.Equal(t, stripe.PaymentIntentStatusRequiresAction, pi.Status)
			require.Equal(t, stripe.PaymentIntentNextActionTypeRedirectToURL, pi.NextAction.Type)
			require.Nil(t, pi.LatestCharge, "the bank has not been asked yet")

			page := pi.NextAction.RedirectToURL.URL
			status, body := b.get(page)
			require.Equal(t, http.StatusOK, status)
			require.Contains(t, body, "50.00 INR")
			status, location, _ := b.post(page, url.Values{"result": {c.result}})
			require.Equal(t, http.StatusSeeOther, status)
			back, err := url.Parse(location)
			require.NoError(t, err)
			require.Equal(t, []string{"1", pi.ID, c.redirect}, []string{back.Query().Get("cart"), back.Query().Get("payment_intent"), back.Query().Get("redirect_status")})

			status, _ = b.get(page)
			require.Equal(t, http.StatusGone, status, "the page works once")
			pi, err = b.stripe.V1PaymentIntents.Retrieve(t.Context(), pi.ID, nil)
			require.NoError(t, err)
			require.Equal(t, c.status, string(pi.Status))
			require.Equal(t, c.failure, b.truth().Attempts[0].Failure)
		})
	}
}

func TestThreeDSecureWithoutABuyer(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	params := cardIntent("pm_card_authenticationRequired")
	params.ErrorOnRequiresAction = stripe.Bool(true)
	_, err := b.stripe.V1PaymentIntents.Create(t.Context(), params)
	require.Equal(t, stripe.ErrorCodeAuthenticationRequired, stripeError(t, err).Code)

	params = cardIntent("pm_card_threeDSecureOptional")
	pi, err := b.stripe.V1PaymentIntents.Create(t.Context(), params)
	require.NoError(t, err)
	require.Equal(t, stripe.PaymentIntentStatusSucceeded, pi.Status, "the card does not insist")
	params.PaymentMethodOptions = &stripe.PaymentIntentCreatePaymentMethodOptionsParams{
		Card: &stripe.PaymentIntentCreatePaymentMethodOptionsCardParams{RequestThreeDSecure: stripe.String("any")}}
	pi, err = b.stripe.V1PaymentIntents.Create(t.Context(), params)
	require.NoError(t, err)
	require.Equal(t, stripe.PaymentIntentStatusRequiresAction, pi.Status, "the merchant insists")
	require.Equal(t, stripe.PaymentIntentNextActionTypeUseStripeSDK, pi.NextAction.Type, "no return_url was given")
}

// held makes an authorised payment.
func held(b *bench) *stripe.PaymentIntent {
	b.t.Helper()
	params := cardIntent("pm_card_visa")
	params.CaptureMethod = stripe.String("manual")
	pi, err := b.stripe.V1PaymentIntents.Create(b.t.Context(), params)
	require.NoError(b.t, err)
	require.Equal(b.t, stripe.PaymentIntentStatusRequiresCapture, pi.Status)
	require.Equal(b.t, int64(5000), pi.AmountCapturable)
	return pi
}

func TestManualCapture(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	pi := held(b)
	_, err := b.stripe.V1Refunds.Create(t.Context(), &stripe.RefundCreateParams{PaymentIntent: stripe.String(pi.ID)})
	require.ErrorContains(t, err, "does not have a successful charge to refund")
	_, err = b.stripe.V1PaymentIntents.Capture(t.Context(), pi.ID, &stripe.PaymentIntentCaptureParams{AmountToCapture: stripe.Int64(5001)})
	require.Equal(t, stripe.ErrorCodeAmountTooLarge, stripeError(t, err).Code)

	params := &stripe.PaymentIntentCaptureParams{AmountToCapture: stripe.Int64(2000)}
	params.AddExpand("latest_charge.refunds")
	pi, err = b.stripe.V1PaymentIntents.Capture(t.Context(), pi.ID, params)
	require.NoError(t, err)
	require.Equal(t, stripe.PaymentIntentStatusSucceeded, pi.Status)
	require.Equal(t, []int64{2000, 0}, []int64{pi.AmountReceived, pi.AmountCapturable})
	require.Equal(t, int64(2000), pi.LatestCharge.AmountCaptured)
	requireNothingRefunded(t, pi.LatestCharge)

	_, err = b.stripe.V1PaymentIntents.Capture(t.Context(), pi.ID, nil)
	require.ErrorContains(t, err, "already been captured")
	p := b.truth()
	require.Equal(t, []int64{5000, 2000, 3000, 0}, []int64{p.Authorized, p.Captured, p.Released, p.Refunded})

	b.drain()
	require.ElementsMatch(t, []string{"payment_intent.created", "charge.succeeded", "payment_intent.amount_capturable_updated",
		"charge.captured", "payment_intent.succeeded"}, b.inbox.kinds(), "the released rest has no event")

	refund := &stripe.RefundCreateParams{PaymentIntent: stripe.String(pi.ID)}
	refund.AddExpand("charge")
	refunded, err := b.stripe.V1Refunds.Create(t.Context(), refund)
	require.NoError(t, err)
	require.True(t, refunded.Charge.Refunded, "all that was captured")
	require.Equal(t, int64(2000), refunded.Charge.AmountRefunded)
	require.Equal(t, int64(2000), b.truth().Refunded)
}

// requireNothingRefunded checks a charge whose refunds are expanded.
func requireNothingRefunded(t *testing.T, charge *stripe.Charge) {
	t.Helper()
	require.False(t, charge.Refunded)
	require.Zero(t, charge.AmountRefunded)
	require.Empty(t, charge.Refunds.Data)
}

func TestCancelReleasesWhatIsHeld(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	pi := held(b)
	params := &stripe.PaymentIntentCancelParams{CancellationReason: stripe.String("abandoned")}
	params.AddExpand("latest_charge.refunds")
	pi, err := b.stripe.V1PaymentIntents.Cancel(t.Context(), pi.ID, params)
	require.NoError(t, err)
	require.Equal(t, stripe.PaymentIntentStatusCanceled, pi.Status)
	require.Equal(t, stripe.PaymentIntentCancellationReasonAbandoned, pi.CancellationReason)
	require.NotZero(t, pi.CanceledAt)
	require.Zero(t, pi.AmountCapturable)
	require.Zero(t, pi.LatestCharge.AmountCaptured)
	requireNothingRefunded(t, pi.LatestCharge)
	p := b.truth()
	require.Equal(t, []int64{5000, 5000, 0, 0}, []int64{p.Authorized, p.Released, p.Captured, p.Refunded})
	b.drain()
	require.ElementsMatch(t, []string{"payment_intent.created", "charge.succeeded", "payment_intent.amount_capturable_updated",
		"payment_intent.canceled"}, b.inbox.kinds())

	for _, again := range []func() error{
		func() error { _, err := b.stripe.V1PaymentIntents.Cancel(t.Context(), pi.ID, nil); return err },
		func() error { _, err := b.stripe.V1PaymentIntents.Capture(t.Context(), pi.ID, nil); return err },
		func() error { _, err := b.stripe.V1PaymentIntents.Confirm(t.Context(), pi.ID, nil); return err },
	} {
		failed := stripeError(t, again())
		require.Equal(t, stripe.ErrorCodePaymentIntentUnexpectedState, failed.Code)
		require.Equal(t, http.StatusBadRequest, failed.HTTPStatusCode)
		require.Equal(t, stripe.PaymentIntentStatusCanceled, failed.PaymentIntent.Status)
	}
}

func TestAuthorisationDiesAfterSevenDays(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	pi := held(b)
	b.sandbox.Advance(7*24*time.Hour - time.Second)
	require.Equal(t, "authorized", b.truth().Status)
	b.sandbox.Advance(time.Second)
	p := b.truth()
	require.Equal(t, "canceled", p.Status)
	require.Equal(t, []int64{5000, 5000, 0, 0}, []int64{p.Authorized, p.Released, p.Captured, p.Refunded})
	params := &stripe.PaymentIntentRetrieveParams{}
	params.AddExpand("latest_charge.refunds")
	pi, err := b.stripe.V1PaymentIntents.Retrieve(t.Context(), pi.ID, params)
	require.NoError(t, err)
	require.Equal(t, stripe.PaymentIntentCancellationReasonExpired, pi.CancellationReason)
	require.Zero(t, pi.AmountCapturable)
	requireNothingRefunded(t, pi.LatestCharge)
	b.drain()
	require.ElementsMatch(t, []string{"payment_intent.created", "charge.succeeded", "payment_intent.amount_capturable_updated",
		"charge.expired", "payment_intent.canceled"}, b.inbox.kinds())
}

func TestDelayedMethod(t *testing.T) {
	t.Parallel()
	for method, want := range map[string]stripe.PaymentIntentStatus{
		"pm_usBankAccount_success":           stripe.PaymentIntentStatusSucceeded,
		"pm_usBankAccount_insufficientFunds": stripe.PaymentIntentStatusRequiresPaymentMethod,
		"pm_usBankAccount_processing":        stripe.PaymentIntentStatusProcessing,
	} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			params := cardIntent(method)
			params.Currency, params.PaymentMethodTypes = stripe.String("usd"), []*string{stripe.String("us_bank_account")}
			pi, err := b.stripe.V1PaymentIntents.Create(t.Context(), params)
			require.NoError(t, err)
			require.Equal(t, stripe.PaymentIntentStatusProcessing, pi.Status)
			b.sandbox.Advance(time.Hour)
			pi, err = b.stripe.V1PaymentIntents.Retrieve(t.Context(), pi.ID, nil)
			require.NoError(t, err)
			require.Equal(t, want, pi.Status)
		})
	}
}

func TestRequestsAreCheckedStrictly(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	good := "amount=5000&currency=inr&payment_method_types[]=card"
	for _, c := range []struct{ body, code, param string }{
		{good + "&amuont=1", "parameter_unknown", "amuont"},
		{good + "&automatic_payment_methods[enabled]=true&automatic_payment_methods[foo]=1", "parameter_unknown", "automatic_payment_methods[foo]"},
		{"currency=inr", "parameter_missing", "amount"},
		{"amount=5000", "parameter_missing", "currency"},
		{"amount=fifty&currency=inr", "parameter_invalid_integer", "amount"},
		{"amount=50.00&currency=inr", "parameter_invalid_integer", "amount"},
		{"amount=0&currency=inr", "parameter_invalid_integer", "amount"},
		{"amount=-1&currency=inr", "parameter_invalid_integer", "amount"},
		{"amount=49&currency=inr", "amount_too_small", "amount"},
		{"amount=1000000000&currency=inr", "amount_too_large", "amount"},
		{"amount=49&currency=jpy", "amount_too_small", "amount"},
		{"amount=5001&currency=kwd", "", "amount"},
		{"amount=5050&currency=isk", "invalid_charge_amount_no_decimal_compatible", "amount"},
		{"amount=5000&currency=xyz", "", "currency"},
		{good + "&capture_method=later", "", "capture_method"},
		{good + "&confirm=yes", "", "confirm"},
		{good + "&description=", "parameter_invalid_empty", "description"},
		{good + "&receipt_email=nobody", "email_invalid", "receipt_email"},
		{good + "&confirm=true&return_url=nowhere&payment_method=pm_card_visa", "url_invalid", "return_url"},
		{good + "&return_url=https://x.example", "", "return_url"},
		{good + "&metadata[k]=" + strings.Repeat("x", 501), "", "metadata[k]"},
		{good + "&metadata[" + strings.Repeat("k", 41) + "]=v", "", "metadata[" + strings.Repeat("k", 41) + "]"},
		{good + "&metadata=x", "", "metadata"},
		{good + "&expand[]=nonsense", "", "expand"},
		{good + "&amount[x]=1", "", ""},
		{good + "&transfer_group=g", "", "transfer_group"},
		{good + "&payment_method=pm_nobody", "resource_missing", "payment_method"},
		{good + "&customer=cus_nobody", "resource_missing", "customer"},
		{good + "&payment_method=pm_usBankAccount_success", "payment_intent_incompatible_payment_method", "payment_method"},
		{"amount=5000&currency=inr&payment_method_types[]=upi", "payment_intent_invalid_parameter", "payment_method_types"},
		{good + "&confirm=true", "payment_intent_unexpected_state", ""},
		{"%zz=1", "", ""},
	} {
		answer := b.send("POST", "/v1/payment_intents", "", c.body)
		failed := refusal(t, answer.body)
		require.Contains(t, []int{http.StatusBadRequest, http.StatusNotFound}, answer.status, "%s: %s", c.body, answer.body)
		require.Equal(t, []string{invalidRequest, c.code, c.param}, []string{failed.Type, failed.Code, failed.Param}, "%s: %s", c.body, answer.body)
		require.NotEmpty(t, failed.Message)
	}
	require.Empty(t, b.sandbox.Ledger().Payments, "nothing was made on the way")
}

func TestAuthentication(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for header, want := range map[string]int{
		"":                           401,
		"Bearer ":                    401,
		"Bearer sk_test_other":       401,
		"Bearer sk_live_abcdef":      401,
		"Bearer " + defaultSecretKey: 200,
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.server.URL+"/v1/payment_intents", nil)
		require.NoError(t, err)
		if header != "" {
			req.Header.Set("Authorization", header)
		}
		resp, err := b.browser.Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, want, resp.StatusCode, header)
		require.NotEmpty(t, resp.Header.Get("Request-Id"))
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.server.URL+"/v1/payment_intents", nil)
	require.NoError(t, err)
	req.SetBasicAuth(defaultSecretKey, "")
	req.Header.Set("Stripe-Version", "2025-01-01.acacia")
	resp, err := b.browser.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Equal(t, "2025-01-01.acacia", resp.Header.Get("Stripe-Version"))
}

func TestBodyMustBeAForm(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.server.URL+"/v1/payment_intents", strings.NewReader(`{"amount":5000}`))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+defaultSecretKey)
	req.Header.Set("Content-Type", "application/json")
	resp, err := b.browser.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusBadRequest, resp.StatusCode)
}

func TestUnknownPathAndObject(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	answer := b.raw("GET", "/v1/customers", "", nil)
	require.Equal(t, http.StatusNotFound, answer.status)
	require.Contains(t, refusal(t, answer.body).Message, "Unrecognized request URL (GET: /v1/customers)")
	for _, path := range []string{"payment_intents/x", "checkout/sessions/x", "refunds/x", "charges/x", "events/x"} {
		answer := b.raw("GET", "/v1/"+path, "", nil)
		require.Equal(t, http.StatusNotFound, answer.status)
		require.Equal(t, "resource_missing", refusal(t, answer.body).Code)
	}
}
