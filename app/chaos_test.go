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

// buy is one buyer who does what a shop's page would: one in four pays on the
// gateway's page, and a failed attempt is followed by another.
func buy(t *testing.T, s *shop, n int) {
	order := s.call("POST", "/checkout", s.pk, basket("MUG", 1+n%3))
	if order.status != 201 {
		t.Errorf("checkout: %d %s", order.status, order.body)
		return
	}
	id, token := order.text("order_id"), order.text("order_token")
	amount := order.text("amount")
	for attempt := range 5 {
		pay := initiate(id, amount, fmt.Sprintf("%s-%d", id, attempt), "pm_card_visa")
		hosted := n%4 == 0
		if hosted {
			pay = initiate(id, amount, fmt.Sprintf("%s-%d", id, attempt), "")
		}
		a := s.call("POST", "/payment/initiate", s.pk, pay, "Order-Token", token)
		if action, ok := a.json["action"].(object); ok && hosted {
			_, _, _ = payPage(fmt.Sprint(action["url"])) // the sandbox may break this call too
		}
		if confirm(s, id, token) {
			return
		}
	}
}

// confirm asks until the order is confirmed or its attempt has failed.
func confirm(s *shop, id, token string) bool {
	for range 40 {
		a := s.call("POST", "/checkout/confirm", s.pk, object{"order_id": id}, "Order-Token", token)
		switch {
		case a.status == 200:
			return true
		case a.status == 409:
			return false
		}
		time.Sleep(250 * time.Millisecond)
	}
	return true // the look-ups go on without the buyer
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
