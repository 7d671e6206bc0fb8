package sandbox

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/stripe/stripe-go/v85/webhook"
)

// roundTripper answers without a network, so that a test's clock can be a bubble's.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// payWithoutNetwork makes a payment by calling the handler.
func payWithoutNetwork(t *testing.T, s *Sandbox, more ...string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/v1/payment_intents", strings.NewReader(intentForm(more...).Encode()))
	r.Header.Set("Authorization", "Bearer "+defaultSecretKey)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	require.Equal(t, http.StatusOK, w.Code, w.Body)
}

func TestWebhookRetriesWithBackoff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var at []time.Duration
		var stamps []string
		client := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			at = append(at, time.Since(start).Truncate(100*time.Millisecond))
			stamps = append(stamps, r.Header.Get("Stripe-Signature")[:12])
			return &http.Response{StatusCode: http.StatusServiceUnavailable, Body: http.NoBody, Request: r}, nil
		})}
		s, err := New(Config{Seed: 1, HTTPClient: client, WebhookURL: "http://receiver.example/", WebhookSecret: testSecret})
		require.NoError(t, err)
		require.NoError(t, s.SetFaults(Fault{Name: faultDrop, Operation: "charge.*"}, Fault{Name: faultDrop, Operation: "payment_intent.created"}))
		payWithoutNetwork(t, s)
		require.NoError(t, s.Drain(t.Context()))
		ms := time.Millisecond
		require.Equal(t, []time.Duration{0, 500 * ms, 1500 * ms, 3500 * ms, 7500 * ms, 15500 * ms, 31500 * ms, 61500 * ms}, at)
		require.NotEqual(t, stamps[0], stamps[7], "each try is signed afresh")
		last := s.courier.deliveries()[2]
		require.Equal(t, []any{"failed", deliveryTries, 503}, []any{last.State, last.Tries, last.Status})
		require.NoError(t, s.Close())
	})
}

func TestSlowReceiverIsTriedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var tries atomic.Int32
		client := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			if tries.Add(1) <= 3 { // the first try of each event takes too long
				<-r.Context().Done()
				return nil, r.Context().Err()
			}
			return &http.Response{StatusCode: http.StatusNoContent, Body: http.NoBody, Request: r}, nil
		})}
		s, err := New(Config{Seed: 1, HTTPClient: client, WebhookURL: "http://receiver.example/", WebhookSecret: testSecret})
		require.NoError(t, err)
		start := time.Now()
		payWithoutNetwork(t, s)
		require.NoError(t, s.Drain(t.Context()))
		require.Equal(t, 5500*time.Millisecond, time.Since(start))
		for _, d := range s.courier.deliveries() {
			require.Equal(t, []any{"delivered", 2, http.StatusNoContent}, []any{d.State, d.Tries, d.Status})
		}
		require.NoError(t, s.Close())
	})
}

func TestSignatureIsStripes(t *testing.T) {
	t.Parallel()
	body := []byte(`{"object":"event"}`)
	now := time.Now()
	require.NoError(t, webhook.ValidatePayload(body, signature(nil, now, body, testSecret, ""), testSecret))
	require.Error(t, webhook.ValidatePayload(body, signature(nil, now, body, "whsec_other", ""), testSecret))
	require.NoError(t, webhook.ValidatePayload(body, signature([]Fault{{Name: faultOldSecret}}, now, body, "whsec_new", testSecret), testSecret))
}

func TestRedelivery(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	require.NoError(t, b.sandbox.SetFaults(Fault{Name: faultDrop, Operation: "payment_intent.succeeded"}))
	b.pay("pm_card_visa")
	b.drain()
	require.NotContains(t, b.inbox.kinds(), "payment_intent.succeeded")
	var dropped Delivery
	for _, d := range b.sandbox.courier.deliveries() {
		if d.State == "dropped" {
			dropped = d
		}
	}
	require.Equal(t, "payment_intent.succeeded", dropped.Type)
	answer := b.raw("POST", "/_sim/deliveries/"+dropped.ID+"/redeliver", "", nil)
	require.Equal(t, http.StatusAccepted, answer.status)
	b.drain()
	require.Contains(t, b.inbox.kinds(), "payment_intent.succeeded")
	answer = b.raw("POST", "/_sim/deliveries/del_999/redeliver", "", nil)
	require.Equal(t, http.StatusNotFound, answer.status)
}

func TestSnapshotSurvivesARestart(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "demo", "sandbox.json")
	b := newBenchWith(t, Config{Seed: 7, SnapshotPath: path})
	b.inbox.answer(http.StatusInternalServerError)
	paid := b.pay("pm_card_refundFail")
	_, err := b.refund(paid.ID, 1000)
	require.NoError(t, err)
	authorised := held(b)
	session := b.checkout(checkoutParams())
	b.raw("POST", "/v1/payment_intents", "k1", intentForm())
	b.raw("POST", "/v1/payment_intents", "", intentForm("payment_method", "pm_card_chargeDeclined"))
	before := b.sandbox.Ledger()
	require.NoError(t, b.sandbox.Close())

	next := newBenchWith(t, Config{Seed: 7, SnapshotPath: killed(t, path)})
	require.Equal(t, mustJSON(before), mustJSON(next.sandbox.Ledger()))
	next.drain()
	require.Contains(t, next.inbox.kinds(), "payment_intent.succeeded", "what the first process could not deliver")
	require.NotEqual(t, authorised.ID, next.pay("pm_card_visa").ID, "the seed draws others after a restart")
	answer := next.raw("POST", "/v1/payment_intents", "k1", intentForm())
	require.Equal(t, "true", answer.header.Get("Idempotent-Replayed"))
	require.Equal(t, http.StatusOK, next.raw("GET", "/v1/events", "", nil).status)
	status, _ := next.get(next.server.URL + "/c/pay/" + session.ID)
	require.Equal(t, http.StatusOK, status)

	next.sandbox.Advance(8 * 24 * time.Hour)
	require.Equal(t, "expired", string(next.reload(session.ID).Status))
	pi, err := next.stripe.V1PaymentIntents.Retrieve(t.Context(), authorised.ID, nil)
	require.NoError(t, err)
	require.Equal(t, "canceled", string(pi.Status))
	require.Zero(t, next.sandbox.Ledger().Payments[0].Refunded, "the refund failed, as it was bound to")
}

func TestSnapshotThatIsNone(t *testing.T) {
	t.Parallel()
	_, err := New(Config{SnapshotPath: "webhooks_test.go"})
	require.ErrorContains(t, err, "not a snapshot")
	old := filepath.Join(t.TempDir(), "old.json")
	require.NoError(t, os.WriteFile(old, []byte(`{"Format":1}`), 0o600))
	_, err = New(Config{SnapshotPath: old})
	require.ErrorContains(t, err, "format 1, but this version reads 2")
}

// TestTimePassesWithoutRequests: with the real clock nobody has to ask for what is due, nor for the snapshot.
func TestTimePassesWithoutRequests(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "sandbox.json")
	synctest.Test(t, func(t *testing.T) {
		kinds := make(chan string, 10)
		client := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			var e struct{ Type string }
			if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
				return nil, err
			}
			kinds <- e.Type
			return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r}, nil
		})}
		s, err := New(Config{Seed: 1, HTTPClient: client, WebhookURL: "http://receiver.example/", SnapshotPath: path})
		require.NoError(t, err)
		require.NoError(t, s.SetFaults(Fault{Name: faultDrop, Operation: "charge.*"}, Fault{Name: faultDrop, Operation: "payment_intent.created"},
			Fault{Name: faultDrop, Operation: "payment_intent.processing"}))
		payWithoutNetwork(t, s, "currency", "usd", "payment_method_types[]", "us_bank_account", "payment_method", "pm_usBankAccount_success")
		time.Sleep(time.Second)
		require.FileExists(t, path)
		require.Empty(t, kinds)
		time.Sleep(time.Minute)
		require.NoError(t, s.Drain(t.Context()))
		require.Len(t, kinds, 1)
		require.Equal(t, "payment_intent.succeeded", <-kinds)
		require.NoError(t, s.Close())
	})
}
