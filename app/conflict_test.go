package app_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A webhook that says what cannot be true (one order's charge pays another) is
// kept and never applied; one bank reference may pay two orders.
func TestContradictions(t *testing.T) {
	t.Parallel()
	for name, url := range stores(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openShop(t, url, startSandbox(t))
			s.sell("MUG", "499.50", 10)
			contradict(t, s)
			shareTransfer(t, s)
			s.requireClean()
		})
	}
}

func contradict(t *testing.T, s *shop) {
	t.Helper()
	paid := s.place(basket("MUG", 1))
	first := s.pay(paid, "pm_card_visa")
	require.Equal(t, "SUCCEEDED", first.text("status"), "%s", first.body)
	other := s.place(basket("MUG", 1))
	open := s.pay(other, "")
	body := fmt.Sprintf(`{"id":"evt_contradiction","object":"event","type":"payment_intent.succeeded","created":%d,
		"data":{"object":{"id":%q,"object":"payment_intent","amount":49950,"amount_received":49950,"currency":"inr","status":"succeeded",
		"metadata":{"payment_id":%q,"order_id":%q}}}}`, time.Now().Unix(), first.text("gateway_txn_id"), open.text("payment_id"), other.id)
	at := time.Now().Unix()
	mac := hmac.New(sha256.New, []byte(webhookSecret))
	_, _ = fmt.Fprintf(mac, "%d.%s", at, body)
	a := s.call("POST", "/webhooks/stripe", "", body, "Stripe-Signature", fmt.Sprintf("t=%d,v1=%s", at, hex.EncodeToString(mac.Sum(nil))))
	require.Equal(t, 200, a.status, "it is kept: %s", a.body)
	require.Equal(t, "AWAITING_PAYMENT", s.read(other).text("status"), "and confirms nothing")
}

func shareTransfer(t *testing.T, s *shop) {
	t.Helper()
	for range 2 {
		order := s.place(basket("MUG", 1))
		a := s.call("POST", "/payment/initiate", s.pk, object{
			"orderId": order.id, "amount": order.amount, "payment_method": "bank_transfer", "idempotency_key": order.id,
		}, "Order-Token", order.token)
		require.Less(t, a.status, 300, "%s", a.body)
		a = s.call("POST", "/payment/"+a.text("payment_id")+"/mark-received", s.sk, object{"reference": "UTR1"})
		require.Less(t, a.status, 300, "%s", a.body)
		require.Equal(t, "CONFIRMED", s.read(order).text("status"))
	}
}
