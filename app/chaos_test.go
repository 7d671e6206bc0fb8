package app_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/sandbox"
)

// The gateway loses a fifth of its webhooks, sends a fifth twice, mixes their
// order, answers a tenth of the calls with 500 and breaks the connection after the
// charge in a twentieth. Every order ends confirmed or compensated, and both
// ledgers agree.
func TestChaos(t *testing.T) {
	t.Parallel()
	orders := 2000
	if testing.Short() {
		orders = 200
	}
	s := openShop(t, postgresURL(t), startSandbox(t))
	s.sell("MUG", "499.50", 10*orders)
	require.NoError(t, s.gateway.SetFaults(
		sandbox.Fault{Name: "webhook_drop", Operation: "*", Probability: 0.2},
		sandbox.Fault{Name: "webhook_duplicate", Operation: "*", Probability: 0.2},
		sandbox.Fault{Name: "webhook_shuffle", Operation: "*"},
		sandbox.Fault{Name: "error_500", Operation: "*", Probability: 0.1},
		sandbox.Fault{Name: "lost_answer", Operation: "*", Probability: 0.05},
	))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			for n := next.Add(1); n <= int64(orders); n = next.Add(1) {
				buy(t, s, int(n))
			}
		})
	}
	wg.Wait()
	settled := func() bool {
		for _, o := range s.orders() {
			if !atRest(o) {
				return false
			}
		}
		return true
	}
	eventually(t, 5*time.Minute, "that every order is at rest", settled)
	confirmed := 0
	for _, o := range s.orders() {
		if o.Status == checkout.OrderConfirmed {
			confirmed++
		}
	}
	require.Greater(t, confirmed, orders*9/10, "most buyers must get their order")
	s.requireSameLedger()
	s.requireClean()
}

// buy is one buyer who does what a shop's page would: a call that was not answered
// is repeated with its key, one buyer in four pays on the gateway's page, and a
// failed attempt is followed by another.
func buy(t *testing.T, s *shop, n int) {
	order := s.call("POST", "/checkout", s.pk, basket("MUG", 1+n%3))
	if order.status != 201 {
		t.Errorf("checkout: %d %s", order.status, order.body)
		return
	}
	b := buyer{s: s, order: order.text("order_id"), token: order.text("order_token"), amount: order.text("amount")}
	token := "pm_card_visa"
	if n%4 == 0 {
		token = ""
	}
	for attempt := range 5 {
		if b.pay(fmt.Sprintf("%s-%d", b.order, attempt), token) {
			return
		}
	}
	t.Errorf("order %s could not be paid in five attempts", b.order)
}

type buyer struct {
	s                    *shop
	order, token, amount string
}

// pay makes one attempt and tells whether it confirmed the order. It gives up
// where the attempt has failed.
func (b buyer) pay(key, token string) bool {
	for range 100 {
		a := b.s.call("POST", "/payment/initiate", b.s.pk, initiate(b.order, b.amount, key, token), "Order-Token", b.token)
		if action, ok := a.json["action"].(object); ok {
			_, _, _ = payPage(fmt.Sprint(action["url"])) // the sandbox may break this call too: then again
		}
		done := b.s.call("POST", "/checkout/confirm", b.s.pk, object{"order_id": b.order}, "Order-Token", b.token)
		switch {
		case done.status == 200:
			return true
		case done.status == 409 && done.text("code") == "payment_failed":
			return false
		}
		time.Sleep(250 * time.Millisecond)
	}
	return false
}

// atRest tells whether nothing is on its way any more.
func atRest(o *checkout.Order) bool {
	for i := range o.Payments {
		if o.Payments[i].Open() {
			return false
		}
	}
	for i := range o.Refunds {
		if o.Refunds[i].Status == checkout.RefundPending {
			return false
		}
	}
	return !o.Payable() || len(o.Payments) == 0 || o.OpenPayment() == nil
}
