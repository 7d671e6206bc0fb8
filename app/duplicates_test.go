package app_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
)

// Every call of a checkout is sent 50 times at once: one order, one payment, one
// confirmation, one capture.
func TestDuplicates(t *testing.T) {
	t.Parallel()
	for name, url := range stores(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openShop(t, url, startSandbox(t))
			duplicate(t, s, s)
		})
	}
}

// fifty makes one call 50 times at once, by turns at two processes.
func fifty(first, second *shop, call func(s *shop) answer) []answer {
	answers := make([]answer, 50)
	var wg sync.WaitGroup
	for i := range answers {
		s := first
		if i%2 == 1 {
			s = second
		}
		wg.Go(func() { answers[i] = call(s) })
	}
	wg.Wait()
	return answers
}

func requireSameBody(t *testing.T, answers []answer, status ...int) answer {
	t.Helper()
	for _, a := range answers {
		require.Contains(t, status, a.status, "%s", a.body)
		require.Equal(t, string(answers[0].body), string(a.body))
	}
	return answers[0]
}

func duplicate(t *testing.T, first, second *shop) {
	t.Helper()
	first.sell("MUG", "499.50", 100)
	pk := first.pk

	cart := requireSameBody(t, fifty(first, second, func(s *shop) answer {
		return s.call("POST", "/carts", pk, object{"currency": "INR", "items": []object{{"sku": "MUG", "qty": 2}}}, "Idempotency-Key", "cart-1")
	}), 200, 201)
	id := cart.text("cart_id")
	require.NotEmpty(t, id, "%s", cart.body)

	body := basket("MUG", 2)
	delete(body, "items")
	body["cart_id"] = id
	order := requireSameBody(t, fifty(first, second, func(s *shop) answer {
		return s.call("POST", "/checkout", pk, body, "Idempotency-Key", "checkout-1")
	}), 201)
	token := order.text("order_token")

	// Without a key, the cart itself makes sure that there is one order.
	for _, a := range fifty(first, second, func(s *shop) answer { return s.call("POST", "/checkout", pk, body) }) {
		require.Equal(t, 200, a.status, "%s", a.body)
		require.Equal(t, order.text("order_id"), a.text("order_id"))
	}

	payment := fifty(first, second, func(s *shop) answer {
		return s.call("POST", "/payment/initiate", pk, initiate(order.text("order_id"), "999.00", "pay-1", ""), "Order-Token", token)
	})
	for _, a := range payment {
		require.Contains(t, []int{200, 201}, a.status, "%s", a.body)
		require.Equal(t, payment[0].text("payment_id"), a.text("payment_id"))
		require.Equal(t, payment[0].json["action"], a.json["action"])
	}

	kept := keepWebhooks(t, first)
	payHosted(t, payment[0])
	webhooks := kept()
	require.NotEmpty(t, webhooks)
	for _, w := range webhooks {
		for _, a := range fifty(first, second, func(s *shop) answer {
			return s.call("POST", "/webhooks/stripe", "", w.body, "Stripe-Signature", w.signature)
		}) {
			require.Equal(t, 200, a.status, "%s", a.body)
		}
	}

	for _, a := range fifty(first, second, func(s *shop) answer {
		return s.call("POST", "/checkout/confirm", pk, object{"order_id": order.text("order_id")}, "Order-Token", token)
	}) {
		require.Equal(t, 200, a.status, "%s", a.body)
		require.Equal(t, "CONFIRMED", a.text("status"))
		require.Equal(t, order.text("order_id"), a.text("order_id"))
	}
	requireOneSale(t, first)
}

func requireOneSale(t *testing.T, s *shop) {
	t.Helper()
	orders := s.orders()
	require.Len(t, orders, 1)
	require.Equal(t, checkout.OrderConfirmed, orders[0].Status)
	require.Len(t, orders[0].Payments, 1)
	ledger := s.gateway.Ledger().Payments
	require.Len(t, ledger, 1)
	require.Equal(t, int64(99900), ledger[0].Captured)
	require.Len(t, ledger[0].Attempts, 1)
	s.requireSameLedger()
	s.requireClean()
}

// pageClient is a buyer's browser that stops where the gateway sends it back.
var pageClient = &http.Client{
	Timeout:       bound,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// payPage pays on the gateway's page as a buyer's browser would, and tells where
// it was sent next.
func payPage(page string) (status int, next string, err error) {
	res, err := pageClient.Post(page, "application/x-www-form-urlencoded", strings.NewReader("outcome=succeed&instrument=pm_card_visa"))
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = res.Body.Close() }()
	return res.StatusCode, res.Header.Get("Location"), nil
}

// payHosted pays what an initiate's action leads to.
func payHosted(t *testing.T, initiated answer) {
	t.Helper()
	action, _ := initiated.json["action"].(object)
	page, _ := action["url"].(string)
	require.NotEmpty(t, page, "%s", initiated.body)
	status, next, err := payPage(page)
	require.NoError(t, err)
	require.Equal(t, http.StatusSeeOther, status)
	require.Contains(t, next, "shop.test")
}

// webhook is a message as the sandbox sent it.
type webhook struct {
	signature string
	body      string
}

// keepWebhooks takes the sandbox's webhooks instead of the shop.
func keepWebhooks(t *testing.T, s *shop) func() []webhook {
	t.Helper()
	var mu sync.Mutex
	var kept []webhook
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		kept = append(kept, webhook{r.Header.Get("Stripe-Signature"), string(body)})
	}))
	t.Cleanup(receiver.Close)
	s.gateway.SetWebhook(receiver.URL, webhookSecret)
	return func() []webhook {
		ctx, cancel := context.WithTimeout(t.Context(), bound)
		defer cancel()
		require.NoError(t, s.gateway.Drain(ctx))
		mu.Lock()
		defer mu.Unlock()
		return kept
	}
}
