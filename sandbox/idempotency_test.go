package sandbox

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/stripe/stripe-go/v85"
)

func intentForm(more ...string) url.Values {
	form := url.Values{"amount": {"5000"}, "currency": {"inr"}, "payment_method_types[]": {"card"}, "payment_method": {"pm_card_visa"}, "confirm": {"true"}}
	for i := 0; i+1 < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	return form
}

func TestIdempotentReplay(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	first, body := b.raw("POST", "/v1/payment_intents", "k1", intentForm())
	require.Equal(t, http.StatusOK, first.StatusCode)
	require.Empty(t, first.Header.Get("Idempotent-Replayed"))
	again, replay := b.raw("POST", "/v1/payment_intents", "k1", intentForm())
	require.Equal(t, http.StatusOK, again.StatusCode)
	require.Equal(t, "true", again.Header.Get("Idempotent-Replayed"))
	require.Equal(t, first.Header.Get("Request-Id"), again.Header.Get("Original-Request"))
	require.NotEqual(t, first.Header.Get("Request-Id"), again.Header.Get("Request-Id"))
	require.Equal(t, string(body), string(replay))
	require.Equal(t, int64(5000), b.truth().Captured)

	resp, body := b.raw("POST", "/v1/payment_intents", "k1", intentForm("amount", "6000"))
	require.Equal(t, http.StatusBadRequest, resp.StatusCode)
	require.Equal(t, idempotencyError, refusal(t, body).Type)
	resp, body = b.raw("POST", "/v1/refunds", "k1", url.Values{"payment_intent": {b.truth().ID}})
	require.Equal(t, http.StatusBadRequest, resp.StatusCode)
	require.Contains(t, refusal(t, body).Message, "same endpoint")
	require.Equal(t, int64(5000), b.truth().Captured)

	b.sandbox.Advance(24*time.Hour - time.Minute)
	resp, _ = b.raw("POST", "/v1/payment_intents", "k1", intentForm())
	require.Equal(t, "true", resp.Header.Get("Idempotent-Replayed"))
	b.sandbox.Advance(time.Minute)
	resp, _ = b.raw("POST", "/v1/payment_intents", "k1", intentForm())
	require.Empty(t, resp.Header.Get("Idempotent-Replayed"), "after 24 hours the key is forgotten")
	require.Len(t, b.sandbox.Ledger().Payments, 2)
}

func TestDeclinesAreStoredAndBadRequestsAreNot(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	resp, _ := b.raw("POST", "/v1/payment_intents", "k1", intentForm("payment_method", "pm_card_chargeDeclined"))
	require.Equal(t, http.StatusPaymentRequired, resp.StatusCode)
	resp, _ = b.raw("POST", "/v1/payment_intents", "k1", intentForm("payment_method", "pm_card_chargeDeclined"))
	require.Equal(t, http.StatusPaymentRequired, resp.StatusCode)
	require.Equal(t, "true", resp.Header.Get("Idempotent-Replayed"))
	require.Len(t, b.truth().Attempts, 1)

	resp, _ = b.raw("POST", "/v1/payment_intents", "k2", intentForm("amount", "1"))
	require.Equal(t, http.StatusBadRequest, resp.StatusCode)
	resp, _ = b.raw("POST", "/v1/payment_intents", "k2", intentForm("amount", "5000"))
	require.Equal(t, http.StatusOK, resp.StatusCode, "the key was not used up")

	resp, _ = b.raw("POST", "/v1/payment_intents", strings.Repeat("k", 256), intentForm())
	require.Equal(t, http.StatusBadRequest, resp.StatusCode)
}

func TestKeyInUse(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	require.NoError(t, b.sandbox.SetFaults(Fault{Name: "webhook_before_response", Operation: "payment_intent.created"}))
	running, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	b.inbox.onLetter = func(stripe.Event) {
		once.Do(func() { close(running) })
		<-release
	}
	done := make(chan int)
	go func() {
		resp, _ := b.raw("POST", "/v1/payment_intents", "k1", intentForm())
		done <- resp.StatusCode
	}()
	<-running
	resp, body := b.raw("POST", "/v1/payment_intents", "k1", intentForm())
	close(release)
	require.Equal(t, http.StatusConflict, resp.StatusCode)
	require.Equal(t, "idempotency_key_in_use", refusal(t, body).Code)
	require.Equal(t, http.StatusOK, <-done)
}

func TestFiftyCopiesHaveOneEffect(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const copies = 50
	statuses := make(chan int, copies)
	var wait sync.WaitGroup
	for range copies {
		wait.Go(func() {
			resp, _ := b.raw("POST", "/v1/payment_intents", "k1", intentForm())
			statuses <- resp.StatusCode
		})
	}
	wait.Wait()
	close(statuses)
	good := 0
	for status := range statuses {
		require.Contains(t, []int{http.StatusOK, http.StatusConflict}, status)
		if status == http.StatusOK {
			good++
		}
	}
	require.Positive(t, good)
	require.Equal(t, int64(5000), b.truth().Captured)
	b.drain()
	require.Len(t, b.inbox.all(), 3)
}
