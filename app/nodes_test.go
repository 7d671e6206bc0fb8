package app_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Two processes on one PostgreSQL share stock, keys, carts and orders.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	t.Run("contention", func(t *testing.T) {
		t.Parallel()
		first, second := twoShops(t)
		contend(t, first, second)
	})
	t.Run("duplicates", func(t *testing.T) {
		t.Parallel()
		first, second := twoShops(t)
		duplicate(t, first, second)
	})
	t.Run("a key and a cart of one serve at the other", func(t *testing.T) {
		t.Parallel()
		first, second := twoShops(t)
		first.sell("MUG", "499.50", 10)
		cart := first.call("POST", "/carts", first.pk, object{"currency": "INR", "items": []object{{"sku": "MUG", "qty": 2}}})
		require.Equal(t, 201, cart.status, "%s", cart.body)
		seen := second.call("GET", "/carts/"+cart.text("cart_id"), first.pk, nil)
		require.Equal(t, 200, seen.status, "%s", seen.body)
		require.Equal(t, cart.json["items"], seen.json["items"])

		order := second.call("POST", "/checkout", first.pk, basket("MUG", 1))
		require.Equal(t, 201, order.status, "%s", order.body)
		read := first.call("GET", "/orders/"+order.text("order_id"), second.pk, nil, "Order-Token", order.text("order_token"))
		require.Equal(t, 200, read.status, "the token of one process is good at the other: %s", read.body)
	})
}

func twoShops(t *testing.T) (first, second *shop) {
	t.Helper()
	url, g := postgresURL(t), startSandbox(t)
	first = openShop(t, url, g)
	second = runShop(t, config(url, g), g)
	return first, second
}
