package stripe

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/gateway"
)

// attempt is one at the sandbox, by page unless a token is set, and those who deal with it.
type attempt struct {
	*standIn
	gateway gateway.Gateway
	req     gateway.CreateRequest
	report  checkout.PaymentReport
}

func openAttempt(t *testing.T, change func(*gateway.CreateRequest)) *attempt {
	t.Helper()
	s := newStandIn(t)
	g, err := New(s.config(time.Minute))
	require.NoError(t, err)
	req := sampleRequest()
	req.PaymentID = checkout.NewID(time.Now(), [10]byte{1})
	req.ExpiresAt = time.Now().Add(time.Hour)
	change(&req)
	report, err := g.Create(t.Context(), req)
	require.NoError(t, err)
	return &attempt{s, g, req, report}
}

func (o *attempt) lookUp(t *testing.T) checkout.PaymentReport {
	t.Helper()
	report, err := o.gateway.LookUp(t.Context(), gateway.LookUpRequest{PaymentID: o.req.PaymentID, GatewayRef: o.report.GatewayRef})
	require.NoError(t, err)
	return report
}

func TestSessionReport(t *testing.T) {
	t.Parallel()
	o := openAttempt(t, func(*gateway.CreateRequest) {})
	require.Regexp(t, "^cs_", o.report.GatewayRef)
	require.Empty(t, o.report.ChargeID, "Stripe makes the PaymentIntent when the buyer pays")
	require.Equal(t, o.req.ExpiresAt.Unix(), o.report.ActionExpires.Unix())
	require.Equal(t, o.req.Amount, o.report.Amount)
}

// A decline inside a session does not end it: the buyer takes another card.
func TestDeclinedSessionStaysOpen(t *testing.T) {
	t.Parallel()
	o := openAttempt(t, func(*gateway.CreateRequest) {})
	o.answer("fail")(t, o.report)
	declined := o.lookUp(t)
	require.Equal(t, checkout.PaymentPending, declined.Status)
	require.Nil(t, declined.Failure)
	require.Equal(t, o.report.Action, declined.Action)
	require.Regexp(t, "^pi_", declined.ChargeID)

	o.answer("succeed")(t, declined)
	paid := o.lookUp(t)
	require.Equal(t, checkout.PaymentSucceeded, paid.Status)
	require.Nil(t, paid.Action)
	o.requireNoFailure(t)
}

// requireNoFailure reads every webhook up to the session's end.
func (o *attempt) requireNoFailure(t *testing.T) {
	t.Helper()
	for {
		select {
		case message := <-o.messages:
			event, err := o.gateway.ParseWebhook(message.Header, message.Body, time.Now())
			require.NoError(t, err)
			if event.Payment != nil {
				require.NotEqual(t, checkout.PaymentFailed, event.Payment.Status, event.Type)
			}
			if event.Type == "checkout.session.completed" {
				return
			}
		case <-time.After(time.Minute):
			require.FailNow(t, "the session's end was not told")
		}
	}
}

func TestSessionExpires(t *testing.T) {
	t.Parallel()
	o := openAttempt(t, func(*gateway.CreateRequest) {})
	o.answer("fail")(t, o.report)
	o.sandbox.Advance(2 * time.Hour)
	report := o.lookUp(t)
	require.Equal(t, checkout.PaymentFailed, report.Status)
	require.Equal(t, failureExpired, report.Failure.Code)
	require.Nil(t, report.Action)
}

// A slow method completes the session long before the money is there, or not.
func TestSessionSettlesLate(t *testing.T) {
	t.Parallel()
	for result, want := range map[string]checkout.PaymentStatus{"succeeded": checkout.PaymentSucceeded, "failed": checkout.PaymentFailed} {
		t.Run(result, func(t *testing.T) {
			t.Parallel()
			o := openAttempt(t, func(*gateway.CreateRequest) {})
			o.answer("pending")(t, o.report)
			waiting := o.lookUp(t)
			require.Equal(t, checkout.PaymentPending, waiting.Status)
			require.Nil(t, waiting.Action, "the buyer has done all that there is to do")

			settle := o.url + "/_sim/payments/" + waiting.ChargeID + "/settle?result=" + result
			require.Equal(t, http.StatusNoContent, o.post(t, settle, url.Values{}, ""))
			report := o.lookUp(t)
			require.Equal(t, want, report.Status)
			require.Equal(t, want == checkout.PaymentFailed, report.Failure != nil)
		})
	}
}

// The bank lets an authorisation go after a week.
func TestAuthorizationExpires(t *testing.T) {
	t.Parallel()
	for name, token := range map[string]string{"token": "pm_card_visa", "page": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := openAttempt(t, func(r *gateway.CreateRequest) { r.ManualCapture, r.Token = true, token })
			if token == "" {
				o.answer("succeed")(t, o.report)
			}
			require.Equal(t, checkout.PaymentAuthorized, o.lookUp(t).Status)
			o.sandbox.Advance(8 * 24 * time.Hour)
			require.Equal(t, checkout.PaymentVoided, o.lookUp(t).Status)
		})
	}
}

// A key that comes again with other parameters says nothing about the payment.
func TestKeyOfAnotherCall(t *testing.T) {
	t.Parallel()
	o := openAttempt(t, func(*gateway.CreateRequest) {})
	o.req.Amount.Minor++
	_, err := o.gateway.Create(t.Context(), o.req)
	requireKind(t, gateway.Unknown, err)
}
