package stripe

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/gateway"
)

// answering opens an account at a server that gives the same answer to all.
func answering(t *testing.T, handler http.HandlerFunc) *account {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return newAccount(t, func(c *Config) { c.BaseURL = server.URL })
}

func saying(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body)) // the client may be gone
	}
}

func problem(kind, code string) string {
	return fmt.Sprintf(`{"error":{"type":%q,"code":%q,"message":"It did not work."}}`, kind, code)
}

func tokenRequest() gateway.CreateRequest {
	req := sampleRequest()
	req.Token = "pm_card_visa"
	return req
}

// What each answer makes certain. A money call is never said to have failed
// where it may have worked.
func TestErrorKinds(t *testing.T) {
	t.Parallel()
	const secret = "pi_1_secret_abc"
	for name, c := range map[string]struct {
		status int
		body   string
		kind   gateway.Kind
		code   string
	}{
		"invalid":             {400, problem("invalid_request_error", "parameter_invalid_empty"), gateway.Refused, "parameter_invalid_empty"},
		"invalid, no code":    {400, problem("invalid_request_error", ""), gateway.Refused, "invalid_request_error"},
		"key":                 {401, `{"error":{"type":"invalid_request_error","message":"Invalid API Key provided: ` + secret + `"}}`, gateway.Refused, "invalid_request_error"},
		"permission":          {403, problem("invalid_request_error", "secret_key_required"), gateway.Refused, "secret_key_required"},
		"missing":             {404, problem("invalid_request_error", "resource_missing"), gateway.Refused, "resource_missing"},
		"with the object":     {400, `{"error":{"type":"invalid_request_error","code":"parameter_missing","message":"No.","payment_intent":{"id":"pi_1","client_secret":"` + secret + `"}}}`, gateway.Refused, "parameter_missing"},
		"conflict":            {409, problem("invalid_request_error", "resource_busy"), gateway.Unknown, "resource_busy"},
		"key in use":          {409, problem("idempotency_error", "idempotency_key_in_use"), gateway.Unknown, "idempotency_key_in_use"},
		"key of another call": {400, problem("idempotency_error", ""), gateway.Unknown, "idempotency_error"},
		"request timed out":   {408, problem("api_error", ""), gateway.Unknown, "api_error"},
		"dependency":          {424, problem("api_error", ""), gateway.Unknown, "api_error"},
		"rate limit":          {429, problem("invalid_request_error", "rate_limit"), gateway.Unavailable, "rate_limit"},
		"lock timeout":        {429, problem("invalid_request_error", "lock_timeout"), gateway.Unavailable, "lock_timeout"},
		"500":                 {500, problem("api_error", ""), gateway.Unknown, "api_error"},
		"503":                 {503, problem("api_error", ""), gateway.Unknown, "api_error"},
		"a proxy's page":      {502, "<html>" + secret, gateway.Unknown, ""},
		"a proxy's refusal":   {403, "<html>" + secret, gateway.Unknown, ""},
		"cut short":           {200, `{"id":"pi_1","client_secret":"` + secret, gateway.Unknown, ""},
		"empty":               {200, "", gateway.Unknown, ""},
		"nothing in it":       {200, "{}", gateway.Unknown, "malformed_answer"},
		"a list":              {200, "[]", gateway.Unknown, ""},
		"endless":             {200, `{"id":"pi_1","description":"` + strings.Repeat("x", maxAnswerBytes) + `"}`, gateway.Unknown, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := answering(t, saying(c.status, c.body))
			for _, req := range []gateway.CreateRequest{tokenRequest(), sampleRequest()} {
				_, err := a.Create(t.Context(), req)
				var typed *gateway.Error
				require.ErrorAs(t, err, &typed)
				require.Equal(t, c.kind, typed.Kind, "%v", err)
				require.Equal(t, c.code, typed.Code)
				require.Equal(t, "stripe", typed.Gateway)
				require.NotContains(t, err.Error(), secret)
			}
		})
	}
}

// A redirect would turn the POST into a GET, and hand the key on.
func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	a := answering(t, func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		http.Redirect(w, r, "/v1/elsewhere", http.StatusFound)
	})
	_, err := a.Create(t.Context(), tokenRequest())
	requireKind(t, gateway.Unknown, err)
	require.EqualValues(t, 1, calls.Load())
}

// Retries are the engine's, after a look-up.
func TestCallsOnce(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	a := answering(t, func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		w.Header().Set("Stripe-Should-Retry", "true")
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	_, err := a.Create(t.Context(), tokenRequest())
	require.Error(t, err)
	require.EqualValues(t, 1, calls.Load())
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	a := newAccount(t, func(c *Config) { c.BaseURL = server.URL })
	_, err := a.Create(t.Context(), tokenRequest())
	requireKind(t, gateway.Unavailable, err, "nothing was sent: %v", err)
}

func TestOwnDeadline(t *testing.T) {
	t.Parallel()
	a := newAccount(t, func(c *Config) { c.Timeout = time.Nanosecond })
	_, err := a.LookUp(t.Context(), gateway.LookUpRequest{GatewayRef: "pi_1"})
	requireKind(t, gateway.Unknown, err)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NoError(t, t.Context().Err())
}

const declinedIntent = `"payment_intent":{"id":"pi_1","amount":129950,"currency":"inr","status":"requires_payment_method",` +
	`"last_payment_error":{"type":"card_error","code":"card_declined","decline_code":"lost_card","message":"No."}}`

func TestDeclines(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status           int
		body, ref, cause string
	}{
		"by the bank": {402, `{"error":{"type":"card_error","code":"card_declined","decline_code":"lost_card","message":"No.",` + declinedIntent + `}}`, "pi_1", "lost_card"},
		"expired":     {402, `{"error":{"type":"card_error","code":"expired_card","decline_code":"expired_card","message":"No.",` + declinedIntent + `}}`, "pi_1", "expired_card"},
		"unauthenticated": {400, `{"error":{"type":"invalid_request_error","code":"payment_intent_authentication_failure","message":"No.",` + declinedIntent + `}}`, "pi_1",
			"payment_intent_authentication_failure"},
		"too often": {402, problem("card_error", "card_decline_rate_limit_exceeded"), "", "card_decline_rate_limit_exceeded"},
		"silent":    {402, `{"error":{"type":"card_error"}}`, "", "card_error"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			report, err := answering(t, saying(c.status, c.body)).Create(t.Context(), tokenRequest())
			require.NoError(t, err)
			require.Equal(t, checkout.PaymentFailed, report.Status)
			require.Equal(t, c.ref, report.GatewayRef)
			require.Equal(t, c.cause, report.Failure.Code)
			require.NotEmpty(t, report.Failure.Message)
			require.Equal(t, sampleRequest().PaymentID, report.PaymentID)
			require.Equal(t, inr(129950), report.Amount)
		})
	}
}

// A report is about the payment that was asked for, whatever its metadata says.
func TestAnswersNameTheirPayment(t *testing.T) {
	t.Parallel()
	req := tokenRequest()
	for _, id := range []checkout.ID{{}, req.PaymentID.Child(5)} {
		report, err := answering(t, saying(200, intentOf("pi_1", "succeeded", id))).Create(t.Context(), req)
		require.NoError(t, err)
		require.Equal(t, req.PaymentID, report.PaymentID)
	}
}

// A PaymentIntent that was made and then refused for another reason has not
// been declined: the call was wrong.
func TestRefusalIsNoDecline(t *testing.T) {
	t.Parallel()
	body := `{"error":{"type":"invalid_request_error","code":"parameter_missing","message":"No.","payment_intent":{"id":"pi_1","status":"requires_confirmation"}}}`
	_, err := answering(t, saying(400, body)).Create(t.Context(), tokenRequest())
	requireKind(t, gateway.Refused, err)
}
