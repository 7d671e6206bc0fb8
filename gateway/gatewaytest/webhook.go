package gatewaytest

import (
	"bytes"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/gateway"
)

// await reads the vendor's messages until one verifies and is what was waited
// for. A message that does not verify fails the test.
func await(t *testing.T, h Harness, wanted func(checkout.WebhookEvent) bool) (Message, checkout.WebhookEvent) {
	t.Helper()
	end := time.After(bound)
	for {
		select {
		case message := <-h.Webhooks:
			event, err := h.Gateway.ParseWebhook(message.Header, message.Body, time.Now())
			require.NoError(t, err, "%s", message.Body)
			require.NotEmpty(t, event.Key)
			require.NotEmpty(t, event.Gateway)
			require.NotEmpty(t, event.Type)
			require.False(t, event.Payment != nil && event.Refund != nil, "an event is about one thing")
			if wanted(event) {
				return message, event
			}
		case <-end:
			require.FailNow(t, "the awaited webhook did not come")
		}
	}
}

func paid(event checkout.WebhookEvent) bool {
	return event.Payment != nil && event.Payment.Status == checkout.PaymentSucceeded
}

func testWebhook(t *testing.T, h Harness) {
	req, report := pay(t.Context(), t, h, unchanged)
	_, event := await(t, h, paid)
	require.Equal(t, req.Amount, event.Payment.Amount)
	require.Equal(t, report.Gateway, event.Gateway)
	if !event.Payment.OrderID.IsZero() {
		require.Equal(t, req.OrderID, event.Payment.OrderID)
	}
	require.WithinDuration(t, time.Now(), event.OccurredAt, 24*time.Hour)
	if !event.Payment.PaymentID.IsZero() || !h.Gateway.Capabilities().FindByRef {
		require.Equal(t, req.PaymentID, event.Payment.PaymentID)
		return
	}
	require.Contains(t, []string{report.GatewayRef, report.ChargeID},
		firstOf(event.Payment.GatewayRef, event.Payment.ChargeID), "a webhook names its payment, by our id or by a reference")
}

func firstOf(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

// The same message twice has one key; another message has another.
func testWebhookKeys(t *testing.T, h Harness) {
	pay(t.Context(), t, h, unchanged)
	message, event := await(t, h, paid)
	again, err := h.Gateway.ParseWebhook(message.Header, message.Body, time.Now())
	require.NoError(t, err)
	require.Equal(t, event, again)

	pay(t.Context(), t, h, unchanged)
	_, other := await(t, h, paid)
	require.NotEqual(t, event.Key, other.Key)
}

// Every byte of a message is changed in turn. Bytes outside the signature may
// change; what the message says may not.
func testWebhookForged(t *testing.T, h Harness) {
	pay(t.Context(), t, h, unchanged)
	message, event := await(t, h, paid)
	for i := range message.Body {
		forged := bytes.Clone(message.Body)
		forged[i] ^= 1
		got, err := h.Gateway.ParseWebhook(message.Header, forged, time.Now())
		if err == nil {
			require.Equal(t, event, got, "byte %d of %s", i, message.Body)
		}
	}
	_, err := h.Gateway.ParseWebhook(http.Header{}, []byte(`{"id":"evt_1","type":"payment_intent.succeeded"}`), time.Now())
	requireKind(t, h, err, gateway.Forged)
	_, err = h.Gateway.ParseWebhook(message.Header, message.Body[:len(message.Body)/2], time.Now())
	requireKind(t, h, err, gateway.Forged)
}

func testWebhookStale(t *testing.T, h Harness) {
	pay(t.Context(), t, h, unchanged)
	message, _ := await(t, h, paid)
	for _, now := range []time.Time{
		time.Now().Add(h.WebhookTolerance + time.Hour),
		time.Now().Add(-h.WebhookTolerance - time.Hour),
	} {
		_, err := h.Gateway.ParseWebhook(message.Header, message.Body, now)
		requireKind(t, h, err, gateway.Forged)
	}
}

// An adapter without webhooks takes none.
func testWebhookUnsigned(t *testing.T, h Harness) {
	for _, body := range []string{"", "{}", "null", `{"id":"evt_1"}`, "STATUS=TXN_SUCCESS&CHECKSUMHASH=", "\x00\xff"} {
		for _, header := range []http.Header{nil, {}, {"Content-Type": {"application/x-www-form-urlencoded"}}} {
			_, err := h.Gateway.ParseWebhook(header, []byte(body), time.Now())
			requireKind(t, h, err, gateway.Forged)
		}
	}
}

func testRefundWebhook(t *testing.T, h Harness) {
	ctx := t.Context()
	req, report := pay(ctx, t, h, unchanged)
	fail := h.SpoilRefunds(t, report)
	ask := newRefund(t, req, report, req.Amount)
	made := refund(ctx, t, h, ask)
	fail()
	_, event := await(t, h, func(e checkout.WebhookEvent) bool {
		return e.Refund != nil && e.Refund.Status == checkout.RefundFailed
	})
	require.Equal(t, made.GatewayRef, event.Refund.GatewayRef)
	require.Equal(t, ask.RefundID, event.Refund.RefundID)
	require.Equal(t, ask.Amount, event.Refund.Amount)
}
