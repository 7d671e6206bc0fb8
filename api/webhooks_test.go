package api

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
)

// signed is Stripe's signature of a body.
func signed(secret, body string, at time.Time) option {
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = fmt.Fprintf(mac, "%d.%s", at.Unix(), body)
	return header("Stripe-Signature", fmt.Sprintf("t=%d,v1=%s", at.Unix(), hex.EncodeToString(mac.Sum(nil))))
}

// anEvent is a message about a payment that nobody knows.
const anEvent = `{"id":"evt_1","object":"event","type":"payment_intent.succeeded","api_version":"2026-03-25.dahlia","created":1790000000,
	"data":{"object":{"id":"pi_elsewhere","object":"payment_intent","status":"succeeded","amount":99900,"amount_received":99900,"currency":"inr","metadata":{},"latest_charge":"ch_1"}}}`

func (r *rig) storedWebhooks() int {
	r.t.Helper()
	snapshot, err := r.store.Snapshot(context.Background())
	require.NoError(r.t, err)
	defer func() { require.NoError(r.t, snapshot.Close()) }()
	stored, err := snapshot.Webhooks(context.Background(), checkout.ID{}, 1000)
	require.NoError(r.t, err)
	return len(stored)
}

func TestForgedWebhooksAreNotStored(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	now := time.Now()
	for name, o := range map[string]option{
		"no signature":      noKey,
		"another secret":    signed("whsec_guessed", anEvent, now),
		"another body":      signed(hookSecret, anEvent+" ", now),
		"an old message":    signed(hookSecret, anEvent, now.Add(-time.Hour)),
		"one of the future": signed(hookSecret, anEvent, now.Add(time.Hour)),
		"nonsense":          header("Stripe-Signature", "t=,v1="),
	} {
		p := r.call("POST", "/webhooks/stripe", anEvent, noKey, o).refused(400, "invalid_request")
		require.Contains(t, p.Detail, "nothing was stored", name)
	}
	r.call("POST", "/webhooks/bank", anEvent, noKey).refused(400, "invalid_request")
	r.call("POST", "/webhooks/paypal", anEvent, noKey).refused(404, "not_found")
	r.call("POST", "/webhooks/stripe", strings.Repeat("x", 1<<20+1), noKey).refused(413, "invalid_request")
	r.call("GET", "/webhooks/stripe", nil, noKey).refused(405, "invalid_request")
	require.Zero(t, r.storedWebhooks())
}

func TestSignedNonsenseIsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, body := range []string{"", "{}", "[]", `{"id":"evt_2","object":"event"}`} {
		r.call("POST", "/webhooks/stripe", body, noKey, signed(hookSecret, body, time.Now())).refused(400, "invalid_request")
	}
	require.Zero(t, r.storedWebhooks())
}

// TestWebhookIsStoredOnce: a reference that nobody knows is kept for later, and
// never dropped; the same message again changes nothing.
func TestWebhookIsStoredOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for range 3 {
		a := r.call("POST", "/webhooks/stripe", anEvent, noKey, signed(hookSecret, anEvent, time.Now())).ok(200)
		require.JSONEq(t, `{"received":true}`, a.raw)
	}
	require.Equal(t, 1, r.storedWebhooks())
}

func TestWebhookIsNotAcknowledgedBeforeItIsDurable(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) {
		c.Receive = func(context.Context, checkout.WebhookEvent) error {
			return checkout.Refuse(checkout.CodeOverloaded, "too much is going on; try again in a second")
		}
	})
	a := r.call("POST", "/webhooks/stripe", anEvent, noKey, signed(hookSecret, anEvent, time.Now()))
	a.refused(503, "overloaded")
	require.Equal(t, "1", a.header.Get("Retry-After"))
}
