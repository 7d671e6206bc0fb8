package api

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMoneyNeverPassesThroughAFloat uses amounts that a float64 cannot hold.
func TestMoneyNeverPassesThroughAFloat(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.product("BIG", "10000000000.07", 100_000)
	r.call("PUT", "/products/EXACT", fields{"name": "Exact", "prices": fields{"INR": json.RawMessage("9007199254.93")}}).ok(201)
	require.Equal(t, "9007199254.93", r.call("GET", "/products", nil).text("items.1.prices.INR"))

	p := r.place(someOrder.with("items", []any{fields{"sku": "BIG", "qty": 90_000}}))
	require.Equal(t, "900000000006300.00", p.amount)
	for _, wrong := range []string{"900000000006299.99", "900000000006300.01"} {
		r.call("POST", "/payment/initiate", p.card("k", "pm_card_visa").with("amount", json.RawMessage(wrong))).refused(422, "amount_mismatch")
	}
	p = r.place(someOrder.with("items", []any{fields{"sku": "BIG", "qty": 9007}}))
	require.Equal(t, "90070000000630.49", p.amount, "9007000000063049 paise is past what a float of rupees holds")
}

func TestMoneyOfOtherDigits(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.call("PUT", "/products/WORLD", fields{"name": "World", "prices": fields{"INR": 499.5, "JPY": "999", "KWD": "9.99"}}).ok(201)
	r.call("POST", "/inventory/WORLD/adjust", fields{"warehouse": "main", "delta": 10, "reason": "x"}, header("Idempotency-Key", "w")).ok(200)
	for currency, amount := range map[string]string{"INR": "499.50", "JPY": "999", "KWD": "9.990"} {
		a := r.call("POST", "/checkout", someOrder.with("items", []any{fields{"sku": "WORLD", "qty": 1}}).with("currency", currency)).ok(201)
		require.Equal(t, amount, a.text("amount"))
		require.Equal(t, currency, a.text("currency"))
		require.Equal(t, amount, a.text("lines.0.unit_price"))
	}
	r.call("PUT", "/products/WORLD", fields{"name": "World", "prices": fields{"JPY": "1.5"}}).refused(422, "invalid_request")
	r.call("PUT", "/products/WORLD", fields{"name": "World", "prices": fields{"JPY": "1.0"}}).ok(200)
}

// TestAmountsAsWritten: the founding text sends 999.0.
func TestAmountsAsWritten(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, written := range []any{json.RawMessage("999.0"), json.RawMessage("999"), json.RawMessage("9.99e2"), "999.00", "999", "999.0000"} {
		p := r.place(someOrder)
		got := r.call("POST", "/payment/initiate", p.card("k", "pm_card_visa").with("amount", written)).ok(201)
		require.Equal(t, "999.00", got.text("amount"))
	}
}
