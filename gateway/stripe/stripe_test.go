package stripe

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/gateway/gatewaytest"
	"kassa/money"
	"kassa/sandbox"
)

func TestGateway(t *testing.T) {
	t.Parallel()
	t.Run("tokens", func(t *testing.T) {
		t.Parallel()
		gatewaytest.Run(t, func(t *testing.T) gatewaytest.Harness { return newStandIn(t).harness(t) })
	})
	t.Run("pages", func(t *testing.T) {
		t.Parallel()
		gatewaytest.Run(t, func(t *testing.T) gatewaytest.Harness {
			h := newStandIn(t).harness(t)
			h.Tokens = gatewaytest.Tokens{} // so that every payment goes over Stripe's page
			return h
		})
	})
}

const (
	standInKey    = "sk_test_conformance"
	standInSecret = "whsec_conformance"
)

// standIn is Kassa's Stripe sandbox on a loopback port, its webhooks' receiver,
// and a buyer's browser.
type standIn struct {
	sandbox  *sandbox.Sandbox
	url      string
	messages chan gatewaytest.Message
	browser  *http.Client
}

func newStandIn(t *testing.T) *standIn {
	t.Helper()
	s := &standIn{messages: make(chan gatewaytest.Message, 1000), browser: &http.Client{
		Timeout:       time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	receiver := httptest.NewServer(http.HandlerFunc(s.receive))
	t.Cleanup(receiver.Close)
	var err error
	s.sandbox, err = sandbox.New(sandbox.Config{SecretKey: standInKey, WebhookSecret: standInSecret, WebhookURL: receiver.URL})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.sandbox.Close()) })
	server := httptest.NewServer(s.sandbox.Handler())
	t.Cleanup(server.Close)
	s.url = server.URL
	s.sandbox.SetPublicURL(server.URL)
	return s
}

// receive keeps a webhook as it came. What nobody reads any more is dropped.
func (s *standIn) receive(_ http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return
	}
	select {
	case s.messages <- gatewaytest.Message{Header: r.Header.Clone(), Body: body}:
	default:
	}
}

func (s *standIn) config(timeout time.Duration) Config {
	return Config{
		Name: "stripe", SecretKey: standInKey, WebhookSecrets: []string{"whsec_older", standInSecret}, BaseURL: s.url, Timeout: timeout,
	}
}

func (s *standIn) harness(t *testing.T) gatewaytest.Harness {
	t.Helper()
	patient, err := New(s.config(2 * time.Minute))
	require.NoError(t, err)
	impatient, err := New(s.config(200 * time.Millisecond))
	require.NoError(t, err)
	return gatewaytest.Harness{
		Gateway:   patient,
		Impatient: impatient,
		Method:    checkout.MethodCard,
		Amount:    money.New(129950, "INR"),
		Tokens: gatewaytest.Tokens{
			Succeed: "pm_card_visa", Decline: "pm_card_chargeDeclined", Authenticate: "pm_card_threeDSecure2Required",
		},
		Pay:              s.answer("succeed"),
		Decline:          s.answer("fail"),
		SpoilRefunds:     s.spoilRefunds,
		Truth:            s.truth,
		Fault:            s.fault,
		Webhooks:         s.messages,
		WebhookTolerance: 5 * time.Minute,
		Secrets:          []string{standInKey, standInSecret, "_secret_"},
	}
}

// answer fills in the page that a report's action leads to: Stripe's checkout, or
// the bank's 3D Secure.
func (s *standIn) answer(word string) func(*testing.T, checkout.PaymentReport) {
	return func(t *testing.T, report checkout.PaymentReport) {
		t.Helper()
		require.NotNil(t, report.Action)
		require.Equal(t, "redirect", report.Action.Type)
		page := s.post(t, report.Action.URL, url.Values{"outcome": {word}, "result": {word}}, "")
		require.Less(t, page, 403, "the page took the answer")
	}
}

// post sends a form and returns the status.
func (s *standIn) post(t *testing.T, to string, form url.Values, key string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, to, strings.NewReader(form.Encode()))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	res, err := s.browser.Do(req)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	return res.StatusCode
}

// spoilRefunds marks the PaymentIntent; the sandbox's refunds of it are accepted
// and fail three seconds later by the sandbox's own clock.
func (s *standIn) spoilRefunds(t *testing.T, paid checkout.PaymentReport) func() {
	t.Helper()
	status := s.post(t, s.url+"/v1/payment_intents/"+paid.ChargeID, url.Values{"metadata[sim_fault]": {"refund_fail"}}, standInKey)
	require.Equal(t, http.StatusOK, status)
	return func() { s.sandbox.Advance(10 * time.Second) }
}

var sandboxFaults = map[gatewaytest.Fault]string{
	gatewaytest.FaultServerError: "error_500",
	gatewaytest.FaultResetBefore: "reset",
	gatewaytest.FaultResetAfter:  "lost_answer",
	gatewaytest.FaultMalformed:   "malformed",
	gatewaytest.FaultRateLimit:   "rate_limit",
	gatewaytest.FaultHang:        "hang",
}

func (s *standIn) fault(t *testing.T, fault gatewaytest.Fault) {
	t.Helper()
	require.Contains(t, sandboxFaults, fault)
	require.NoError(t, s.sandbox.SetFaults(sandbox.Fault{Name: sandboxFaults[fault], Operation: "*", Times: 1}))
}

// truth adds up the sandbox's ledger. A session that nobody has tried to pay has
// no PaymentIntent, so it is counted from the list of sessions.
func (s *standIn) truth(t *testing.T, payment checkout.ID) gatewaytest.Truth {
	t.Helper()
	require.NoError(t, s.sandbox.SetFaults())
	truth := gatewaytest.Truth{Attempts: s.countSessions(t, payment)}
	for _, p := range s.sandbox.Ledger().Find("payment_id", payment.String()) {
		if p.Session == "" {
			truth.Attempts++
		}
		truth.Authorized += p.Authorized - p.Released - p.Captured
		truth.Captured += p.Captured
		truth.Refunded += p.Refunded + p.RefundPending
		for _, refund := range p.Refunds {
			if refund.Status != "failed" && refund.Status != "canceled" {
				truth.Refunds++
			}
		}
	}
	return truth
}

func (s *standIn) countSessions(t *testing.T, payment checkout.ID) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/v1/checkout/sessions?limit=100", http.NoBody)
	require.NoError(t, err)
	req.SetBasicAuth(standInKey, "")
	res, err := s.browser.Do(req)
	require.NoError(t, err)
	defer func() { require.NoError(t, res.Body.Close()) }()
	require.Equal(t, http.StatusOK, res.StatusCode)
	var page struct {
		Data []struct {
			Metadata map[string]string `json:"metadata"`
		} `json:"data"`
	}
	require.NoError(t, json.NewDecoder(res.Body).Decode(&page))
	count := 0
	for _, session := range page.Data {
		if session.Metadata["payment_id"] == payment.String() {
			count++
		}
	}
	return count
}
