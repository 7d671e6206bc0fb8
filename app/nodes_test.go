package app_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Two processes on one database share stock, keys, carts and orders.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]func(t *testing.T, first, second *shop){
		"contention": contend,
		"duplicates": duplicate,
		"a key and a cart of one serve at the other": sharedCart,
	} {
		for server, url := range servers(t) {
			t.Run(server+" "+name, func(t *testing.T) {
				t.Parallel()
				first, second := twoShops(t, url)
				test(t, first, second)
			})
		}
	}
}

func sharedCart(t *testing.T, first, second *shop) {
	t.Helper()
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
}

func twoShops(t *testing.T, url string) (first, second *shop) {
	t.Helper()
	g := startSandbox(t)
	first = openShop(t, url, g)
	second = runShop(t, config(url, g), g)
	return first, second
}
