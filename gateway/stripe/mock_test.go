package stripe

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/gateway"
	"kassa/money"
)

// TestRequestsAreLegal sends every request of the adapter to Stripe's own
// stripe-mock, which checks it against Stripe's OpenAPI description: unknown and
// missing parameters, types, enums. It keeps no state, so that answers mean
// nothing here but "your request is legal".
func TestRequestsAreLegal(t *testing.T) {
	t.Parallel()
	recorder := &recorder{}
	base := startStripeMock(t)
	a := newAccount(t, func(c *Config) {
		c.BaseURL, c.HTTPClient = base, &http.Client{Transport: recorder}
		c.Methods = []checkout.Method{checkout.MethodCard, checkout.MethodUPI, checkout.MethodWallet}
		c.Currencies = []money.Currency{"INR", "JPY", "ISK", "KWD"}
		c.Timeout = time.Minute
	})
	var reached []string
	for name, call := range legalCalls(t, a) {
		t.Run(name, func(t *testing.T) {
			recorder.seen = nil
			err := call()
			require.NotEmpty(t, recorder.seen, "the call was made: %v", err)
			for _, seen := range recorder.seen {
				require.Less(t, seen.status, 400, "%s: %s", seen.request, seen.answer)
				if strings.HasPrefix(seen.request, "POST ") {
					require.Regexp(t, "^(pay|refund)_", seen.key, "%s has a key of ours", seen.request)
				}
				reached = append(reached, seen.request)
			}
		})
	}
	require.Subset(t, reached, []string{
		"POST /v1/payment_intents", "GET /v1/payment_intents", "GET /v1/payment_intents/pi_1",
		"POST /v1/payment_intents/pi_1/capture", "POST /v1/payment_intents/pi_1/cancel",
		"POST /v1/checkout/sessions", "GET /v1/checkout/sessions", "GET /v1/checkout/sessions/cs_1", "POST /v1/checkout/sessions/cs_1/expire",
		"POST /v1/refunds", "GET /v1/refunds", "GET /v1/refunds/re_1",
	}, "every endpoint was reached")
}

// legalCalls is each method in each shape that it can take.
func legalCalls(t *testing.T, a *account) map[string]func() error {
	t.Helper()
	ctx := t.Context()
	creating := func(change func(*gateway.CreateRequest)) func() error {
		req := sampleRequest()
		req.PaymentID, req.ExpiresAt = checkout.NewID(time.Now(), [10]byte{1}), time.Now().Add(15*time.Minute)
		change(&req)
		return func() error { _, err := a.Create(ctx, req); return err }
	}
	named := func(ref, charge string) gateway.ActRequest {
		req := sampleRequest()
		return gateway.ActRequest{
			LookUpRequest: gateway.LookUpRequest{PaymentID: req.PaymentID, OrderID: req.OrderID, GatewayRef: ref, ChargeID: charge, CreatedAt: made},
			Key:           gateway.ActKey(req.PaymentID, "act", 1), Amount: req.Amount,
		}
	}
	refunding := func(ref, reason string) gateway.RefundRequest {
		req := sampleRequest()
		return gateway.RefundRequest{
			RefundID: req.PaymentID, PaymentID: req.PaymentID, ChargeID: "pi_1", RefundRef: ref,
			Key: gateway.RefundKey(req.PaymentID, 1), Amount: req.Amount, Reason: reason, CreatedAt: made,
		}
	}
	return map[string]func() error{
		"create by token":            creating(func(r *gateway.CreateRequest) { r.Token = "pm_card_visa" }),
		"create by token, authorise": creating(func(r *gateway.CreateRequest) { r.Token, r.ManualCapture = "pm_card_visa", true }),
		"create by token, bare":      creating(func(r *gateway.CreateRequest) { r.Token, r.ReturnURL = "pm_card_visa", "" }),
		"create page":                creating(func(*gateway.CreateRequest) {}),
		"create page, one line":      creating(func(r *gateway.CreateRequest) { r.Lines = nil }),
		"create page, authorise":     creating(func(r *gateway.CreateRequest) { r.ManualCapture = true }),
		"create page, UPI":           creating(func(r *gateway.CreateRequest) { r.Method = checkout.MethodUPI }),
		"create page, wallet":        creating(func(r *gateway.CreateRequest) { r.Method, r.CustomerEmail = checkout.MethodWallet, "" }),
		"create page, krona":         creating(func(r *gateway.CreateRequest) { r.Amount, r.Lines = money.New(500, "ISK"), nil }),
		"look up intent":             func() error { _, err := a.LookUp(ctx, named("pi_1", "pi_1").LookUpRequest); return err },
		"look up session":            func() error { _, err := a.LookUp(ctx, named("cs_1", "").LookUpRequest); return err },
		"look up lost":               func() error { _, err := a.LookUp(ctx, named("", "").LookUpRequest); return err },
		"close intent":               func() error { _, err := a.Close(ctx, named("pi_1", "pi_1")); return err },
		"close session":              func() error { _, err := a.Close(ctx, named("cs_1", "")); return err },
		"capture":                    func() error { _, err := a.Capture(ctx, named("pi_1", "pi_1")); return err },
		"capture of a session":       func() error { _, err := a.Capture(ctx, named("cs_1", "pi_1")); return err },
		"void":                       func() error { _, err := a.Void(ctx, named("pi_1", "pi_1")); return err },
		"refund":                     func() error { _, err := a.Refund(ctx, refunding("", "damaged")); return err },
		"refund with a reason":       func() error { _, err := a.Refund(ctx, refunding("", "duplicate")); return err },
		"look up refund":             func() error { _, err := a.LookUpRefund(ctx, refunding("re_1", "")); return err },
		"look up lost refund":        func() error { _, err := a.LookUpRefund(ctx, refunding("", "")); return err },
	}
}

// An illegal request is seen, or the test above would prove nothing.
func TestStripeMockSeesIllegalRequests(t *testing.T) {
	t.Parallel()
	base := startStripeMock(t)
	for _, form := range []string{
		"amount=1&currency=inr&no_such_parameter=1", "currency=inr", "amount=x&currency=inr", "amount=1&currency=inr&capture_method=maybe",
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/v1/payment_intents", strings.NewReader(form))
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer sk_test_1")
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, http.StatusBadRequest, res.StatusCode, form)
	}
}

// recorder is a transport that keeps what was answered. It serves one call at a
// time.
type recorder struct{ seen []exchange }

type exchange struct {
	request string
	key     string // Idempotency-Key
	status  int
	answer  string
}

// RoundTrip makes one call.
func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswerBytes))
	if err != nil {
		return nil, err
	}
	if err := res.Body.Close(); err != nil {
		return nil, err
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	r.seen = append(r.seen, exchange{req.Method + " " + req.URL.Path, req.Header.Get("Idempotency-Key"), res.StatusCode, string(body)})
	return res, nil
}

// startStripeMock runs the binary that KASSA_STRIPE_MOCK names or scripts/tools
// builds, on a port of its own, until the test ends.
func startStripeMock(t *testing.T) string {
	t.Helper()
	binary := findStripeMock(t)
	mock := exec.Command(binary, "-http-addr", "127.0.0.1:0", "-https-addr", "127.0.0.1:0")
	output, err := mock.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, mock.Start())
	t.Cleanup(func() {
		require.NoError(t, mock.Process.Kill())
		_ = mock.Wait() // it was killed
	})
	hung := time.AfterFunc(time.Minute, func() { _ = mock.Process.Kill() }) // ends the scan below
	defer hung.Stop()
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		if _, address, found := strings.Cut(lines.Text(), "Listening for HTTP at address: "); found {
			return "http://" + strings.TrimSpace(address)
		}
	}
	require.FailNow(t, "stripe-mock did not start")
	return ""
}

func findStripeMock(t *testing.T) string {
	t.Helper()
	if binary := os.Getenv("KASSA_STRIPE_MOCK"); binary != "" {
		return binary
	}
	path, err := exec.Command("../../scripts/tools", "stripe-mock").Output()
	if err == nil {
		return strings.TrimSpace(string(path))
	}
	if os.Getenv("CI") == "true" {
		require.FailNow(t, "stripe-mock is missing", "scripts/tools stripe-mock: %v", err)
	}
	t.Skip("stripe-mock could not be built: set KASSA_STRIPE_MOCK to its binary, or CI=true to make this fail")
	return ""
}
