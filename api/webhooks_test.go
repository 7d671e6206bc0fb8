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

// TestWebhookThatNamesAnotherOrder: what an event says of itself spares a look, and
// is believed only where the database says the same.
func TestWebhookThatNamesAnotherOrder(t *testing.T) {
	t.Parallel()
	const nobody = "0198c0de-0000-7000-8000-000000000001"
	r := newRig(t)
	for name, c := range map[string]struct {
		order func(mine, other placed) string
		known bool // by its payment's id
	}{
		"its own":      {func(mine, _ placed) string { return mine.id }, true},
		"another's":    {func(_, other placed) string { return other.id }, true},
		"nobody's":     {func(placed, placed) string { return nobody }, true},
		"none":         {func(placed, placed) string { return "" }, true},
		"no payment's": {func(mine, _ placed) string { return mine.id }, false},
	} {
		t.Run(name, func(t *testing.T) {
			mine, other := r.place(someOrder), r.place(someOrder)
			payment, stored := r.begin(mine).ID.String(), r.storedWebhooks()
			r.begin(other)
			if !c.known {
				payment = nobody
			}
			event := fmt.Sprintf(`{"id":"evt_%[1]s","object":"event","type":"payment_intent.succeeded","created":1790000000,"data":{"object":{"id":"pi_%[1]s","object":"payment_intent",`+
				`"status":"succeeded","amount":99900,"amount_received":99900,"currency":"inr","metadata":{"checkout":"session","payment_id":%[2]q,"order_id":%[3]q}}}}`,
				mine.id, payment, c.order(mine, other))
			r.call("POST", "/webhooks/stripe", event, noKey, signed(hookSecret, event, time.Now())).ok(200)
			require.Equal(t, c.known, r.order(mine.id).Paid())
			require.False(t, r.order(other.id).Paid())
			require.Equal(t, stored+1, r.storedWebhooks(), "it is kept in any case")
		})
	}
}
