package sandbox

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/stripe/stripe-go/v85"
)

// create asks for a payment with a key, and with the faults of the object itself.
func (b *bench) create(key string, faults ...string) (*stripe.PaymentIntent, error) {
	params := cardIntent("pm_card_visa")
	params.SetIdempotencyKey(key)
	if len(faults) > 0 {
		params.AddMetadata("sim_fault", strings.Join(faults, ","))
	}
	return b.stripe.V1PaymentIntents.Create(b.t.Context(), params)
}

func TestFaultsBeforeTheEffect(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]int{"rate_limit": 429, "lock_timeout": 429, "error_500": 500, "error_502": 502, "error_503": 503,
		"html_502": 502, "html_503": 503, "reset": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			require.NoError(t, b.sandbox.SetFaults(Fault{Name: name, Operation: "payment_intents.*", Nth: 1, RetryAfterS: 3}))
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.server.URL+"/v1/payment_intents", strings.NewReader(intentForm().Encode()))
			require.NoError(t, err)
			req.Header.Set("Authorization", "Bearer "+defaultSecretKey)
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			resp, err := b.browser.Do(req)
			if want == 0 {
				require.Error(t, err, "the connection breaks")
			} else {
				require.NoError(t, err)
				require.NoError(t, resp.Body.Close())
				require.Equal(t, want, resp.StatusCode)
				require.Equal(t, want == 429, resp.Header.Get("Retry-After") == "3")
				require.Equal(t, strings.HasPrefix(name, "html"), resp.Header.Get("Content-Type") == "text/html")
			}
			require.Empty(t, b.sandbox.Ledger().Payments, "nothing happened")
			_, err = b.create("k1")
			require.NoError(t, err, "only the first call was struck")
		})
	}
}

// TestAnswerIsLostAfterTheEffect is the case that matters most: money moved, and the caller does not know.
func TestAnswerIsLostAfterTheEffect(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"lost_answer", "lost_answer_504", "malformed"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			_, err := b.create("k1", name)
			require.Error(t, err)
			require.Equal(t, int64(5000), b.truth().Captured, "the money moved all the same")
			pi, err := b.create("k1", name)
			require.NoError(t, err, "the same key gets the stored answer")
			require.Equal(t, b.truth().ID, pi.ID)
			require.Equal(t, int64(5000), b.truth().Captured)
		})
	}
}

func TestStored500(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for range 3 {
		_, err := b.create("k1", "stored_500")
		require.Equal(t, http.StatusInternalServerError, stripeError(t, err).HTTPStatusCode, "the same key gets the same 500 for ever")
	}
	require.Equal(t, int64(5000), b.truth().Captured)
	found, err := b.stripe.V1PaymentIntents.Retrieve(t.Context(), b.truth().ID, nil)
	require.NoError(t, err)
	require.Equal(t, stripe.PaymentIntentStatusSucceeded, found.Status, "a look-up tells")
}

func TestHang(t *testing.T) {
	t.Parallel()
	for name, captured := range map[string]int64{"hang": 0, "hang_after": 5000} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			require.NoError(t, b.sandbox.SetFaults(Fault{Name: name, Operation: "payment_intents.create", Times: 1}))
			ctx, cancel := context.WithCancel(t.Context())
			if name == "hang" {
				time.AfterFunc(50*time.Millisecond, cancel)
			} else {
				b.inbox.onLetter = func(stripe.Event) { cancel() } // so the effect is there
			}
			params := cardIntent("pm_card_visa")
			_, err := b.stripe.V1PaymentIntents.Create(ctx, params)
			cancel()
			require.ErrorIs(t, err, context.Canceled)
			var sum int64
			for _, p := range b.sandbox.Ledger().Payments {
				sum += p.Captured
			}
			require.Equal(t, captured, sum)
		})
	}
}

func TestLatency(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	require.NoError(t, b.sandbox.SetFaults(Fault{Name: "latency", Operation: "*", LatencyMS: 30}))
	start := time.Now()
	b.pay("pm_card_visa")
	require.GreaterOrEqual(t, time.Since(start), 30*time.Millisecond)
}

func TestFaultRules(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for want, rule := range map[string]Fault{
		"no fault is called":         {Name: "earthquake", Operation: "*"},
		"needs an operation":         {Name: "reset"},
		"not between 0 and 1":        {Name: "reset", Operation: "*", Probability: 2},
		"negative":                   {Name: "reset", Operation: "*", Nth: -1},
		"only be asked for by metad": {Name: "refund_fail", Operation: "*"},
	} {
		require.ErrorContains(t, b.sandbox.SetFaults(rule), want)
	}
	require.Empty(t, b.sandbox.faults.list())

	require.NoError(t, b.sandbox.SetFaults(Fault{Name: "error_503", Operation: "refunds.*"}, Fault{Name: "error_500", Operation: "payment_intents.create", Nth: 2},
		Fault{Name: "error_502", Operation: "payment_intents.get", Times: 2}))
	var statuses []int
	for range 3 {
		statuses = append(statuses, b.raw("POST", "/v1/payment_intents", "", intentForm()).status)
	}
	for range 3 {
		statuses = append(statuses, b.raw("GET", "/v1/payment_intents/pi_x", "", nil).status)
	}
	require.Equal(t, []int{200, 500, 200, 502, 502, 404}, statuses)
	list := b.sandbox.faults.list()
	require.Equal(t, []int{0, 3, 3}, []int{list[0].Seen, list[1].Seen, list[2].Seen})
	require.Equal(t, []int{0, 1, 2}, []int{list[0].Struck, list[1].Struck, list[2].Struck})
}

func TestProbabilityFollowsTheSeed(t *testing.T) {
	t.Parallel()
	run := func() (pattern string) {
		b := newBench(t)
		require.NoError(t, b.sandbox.SetFaults(Fault{Name: "error_500", Operation: "*", Probability: 0.5}))
		for range 40 {
			pattern += string("ab"[b.raw("GET", "/v1/refunds", "", nil).status/500])
		}
		return pattern
	}
	first := run()
	require.Equal(t, first, run())
	require.Contains(t, first, "a")
	require.Contains(t, first, "b")
}

func TestSeedRepeatsIDs(t *testing.T) {
	t.Parallel()
	require.Equal(t, newBench(t).pay("pm_card_visa").ID, newBench(t).pay("pm_card_visa").ID)
	require.NotEqual(t, newBenchWith(t, Config{}).pay("pm_card_visa").ID, newBenchWith(t, Config{}).pay("pm_card_visa").ID)
}

// received pays once under webhook faults and returns what arrived about payment_intent.succeeded.
func received(t *testing.T, b *bench, faults ...Fault) []letter {
	t.Helper()
	require.NoError(t, b.sandbox.SetFaults(faults...))
	b.pay("pm_card_visa")
	b.drain()
	return slices.DeleteFunc(b.inbox.all(), func(l letter) bool { return !strings.Contains(string(l.body), `"type":"payment_intent.succeeded"`) })
}

func TestWebhookFaults(t *testing.T) {
	t.Parallel()
	on := "payment_intent.succeeded"
	for name, c := range map[string]struct {
		fault Fault
		check func(t *testing.T, letters []letter)
	}{
		"drop": {Fault{Name: faultDrop, Operation: on}, func(t *testing.T, l []letter) { require.Empty(t, l) }},
		"duplicate": {Fault{Name: faultDuplicate, Operation: on, Count: 3}, func(t *testing.T, l []letter) {
			require.Len(t, l, 3)
			require.Equal(t, l[0].event.ID, l[2].event.ID)
			require.NoError(t, l[2].problem)
		}},
		"delay": {Fault{Name: faultDelay, Operation: on, LatencyMS: 20}, func(t *testing.T, l []letter) { require.Len(t, l, 1) }},
		"bad signature": {Fault{Name: faultBadSignature, Operation: on}, func(t *testing.T, l []letter) {
			require.ErrorContains(t, l[0].problem, "no valid signature")
		}},
		"old secret": {Fault{Name: faultOldSecret, Operation: on}, func(t *testing.T, l []letter) {
			require.ErrorContains(t, l[0].problem, "no valid signature")
			require.Contains(t, l[0].signature, sign("whsec_from_before", l[0].signature[2:12], l[0].body))
		}},
		"rotated": {Fault{Name: faultRotated, Operation: on}, func(t *testing.T, l []letter) {
			require.NoError(t, l[0].problem, "one of the two signatures is good")
			require.Equal(t, 2, strings.Count(l[0].signature, "v1="))
		}},
		"skewed clock": {Fault{Name: faultSkewedClock, Operation: on}, func(t *testing.T, l []letter) {
			require.ErrorContains(t, l[0].problem, "tolerance")
		}},
		"wrong amount": {Fault{Name: faultWrongAmount, Operation: on}, func(t *testing.T, l []letter) {
			require.NoError(t, l[0].problem, "it is signed all right")
			require.Equal(t, json.Number("50000"), number(t, l[0], "amount_received"))
		}},
		"wrong currency": {Fault{Name: faultWrongCurrency, Operation: on}, func(t *testing.T, l []letter) {
			require.Equal(t, "usd", l[0].event.Data.Object["currency"])
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			c.check(t, received(t, b, c.fault))
			p := b.truth()
			require.Equal(t, []any{int64(5000), "INR"}, []any{p.Captured, p.Currency}, "the ledger knows better")
		})
	}
}

// number reads a number of the object in an event.
func number(t *testing.T, l letter, name string) json.Number {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(string(l.event.Data.Raw)))
	decoder.UseNumber()
	var o map[string]any
	require.NoError(t, decoder.Decode(&o))
	return o[name].(json.Number)
}

func TestWebhookComesBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	require.NoError(t, b.sandbox.SetFaults(Fault{Name: faultBeforeResponse, Operation: "*"}))
	b.pay("pm_card_visa")
	require.Equal(t, []string{"payment_intent.created", "charge.succeeded", "payment_intent.succeeded"}, b.inbox.kinds(), "all are there when the answer is")
}

func TestWebhooksAreShuffled(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	require.NoError(t, b.sandbox.SetFaults(Fault{Name: faultShuffle, Operation: "*", Count: 3, WindowMS: 60_000}))
	b.pay("pm_card_visa")
	b.drain()
	require.ElementsMatch(t, []string{"payment_intent.created", "charge.succeeded", "payment_intent.succeeded"}, b.inbox.kinds())

	plan := newFaultPlan(7)
	for range 100 {
		order := plan.shuffle(3)
		require.False(t, slices.IsSorted(order))
		slices.Sort(order)
		require.Equal(t, []int{0, 1, 2}, order)
	}
}

func TestShuffleWindowEnds(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	require.NoError(t, b.sandbox.SetFaults(Fault{Name: faultShuffle, Operation: "*", Count: 100, WindowMS: 10}))
	b.pay("pm_card_visa")
	b.drain()
	require.Len(t, b.inbox.all(), 3, "nothing is held for ever")
}

func TestFaultsOfOneObject(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	_, err := b.create("k1", faultDrop, "refund_pending", "error_503")
	require.Equal(t, http.StatusServiceUnavailable, stripeError(t, err).HTTPStatusCode)
	pi, err := b.create("k1", faultDrop, "refund_pending", "error_503")
	require.NoError(t, err, "the key was struck once, so the retry gets through")
	r, err := b.refund(pi.ID, 1000)
	require.NoError(t, err)
	require.Equal(t, stripe.RefundStatusPending, r.Status)
	b.drain()
	require.Equal(t, []string{"refund.created"}, b.inbox.kinds(), "the refund has metadata of its own; all else was dropped")
	b.pay("pm_card_visa")
	b.drain()
	require.Len(t, b.inbox.kinds(), 4, "other objects are not struck")
}
