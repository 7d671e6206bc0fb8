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
	first := b.raw("POST", "/v1/payment_intents", "k1", intentForm())
	require.Equal(t, http.StatusOK, first.status)
	require.Empty(t, first.header.Get("Idempotent-Replayed"))
	again := b.raw("POST", "/v1/payment_intents", "k1", intentForm())
	require.Equal(t, http.StatusOK, again.status)
	require.Equal(t, "true", again.header.Get("Idempotent-Replayed"))
	require.Equal(t, first.header.Get("Request-Id"), again.header.Get("Original-Request"))
	require.NotEqual(t, first.header.Get("Request-Id"), again.header.Get("Request-Id"))
	require.Equal(t, string(first.body), string(again.body))
	require.Equal(t, int64(5000), b.truth().Captured)

	answer := b.raw("POST", "/v1/payment_intents", "k1", intentForm("amount", "6000"))
	require.Equal(t, http.StatusBadRequest, answer.status)
	require.Equal(t, idempotencyError, refusal(t, answer.body).Type)
	answer = b.raw("POST", "/v1/refunds", "k1", url.Values{"payment_intent": {b.truth().ID}})
	require.Equal(t, http.StatusBadRequest, answer.status)
	require.Contains(t, refusal(t, answer.body).Message, "same endpoint")
	require.Equal(t, int64(5000), b.truth().Captured)

	b.sandbox.Advance(24*time.Hour - time.Minute)
	answer = b.raw("POST", "/v1/payment_intents", "k1", intentForm())
	require.Equal(t, "true", answer.header.Get("Idempotent-Replayed"))
	b.sandbox.Advance(time.Minute)
	answer = b.raw("POST", "/v1/payment_intents", "k1", intentForm())
	require.Empty(t, answer.header.Get("Idempotent-Replayed"), "after 24 hours the key is forgotten")
	require.Len(t, b.sandbox.Ledger().Payments, 2)
}

func TestDeclinesAreStoredAndBadRequestsAreNot(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	answer := b.raw("POST", "/v1/payment_intents", "k1", intentForm("payment_method", "pm_card_chargeDeclined"))
	require.Equal(t, http.StatusPaymentRequired, answer.status)
	answer = b.raw("POST", "/v1/payment_intents", "k1", intentForm("payment_method", "pm_card_chargeDeclined"))
	require.Equal(t, http.StatusPaymentRequired, answer.status)
	require.Equal(t, "true", answer.header.Get("Idempotent-Replayed"))
	require.Len(t, b.truth().Attempts, 1)

	answer = b.raw("POST", "/v1/payment_intents", "k2", intentForm("amount", "1"))
	require.Equal(t, http.StatusBadRequest, answer.status)
	answer = b.raw("POST", "/v1/payment_intents", "k2", intentForm("amount", "5000"))
	require.Equal(t, http.StatusOK, answer.status, "the key was not used up")

	answer = b.raw("POST", "/v1/payment_intents", strings.Repeat("k", 256), intentForm())
	require.Equal(t, http.StatusBadRequest, answer.status)
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
		done <- b.raw("POST", "/v1/payment_intents", "k1", intentForm()).status
	}()
	<-running
	answer := b.raw("POST", "/v1/payment_intents", "k1", intentForm())
	close(release)
	require.Equal(t, http.StatusConflict, answer.status)
	require.Equal(t, "idempotency_key_in_use", refusal(t, answer.body).Code)
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
			statuses <- b.raw("POST", "/v1/payment_intents", "k1", intentForm()).status
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
