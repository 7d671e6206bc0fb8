package api

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
)

// named are the things that the paths of the contract name, so that no refusal is
// for want of the thing.
func named(p placed, payment, cart string) *strings.Replacer {
	return strings.NewReplacer("/orders/{id}", "/orders/"+p.id, "/carts/{id}", "/carts/"+cart, "{payment_id}", payment,
		"/tasks/{id}", "/tasks/0198c0de-0000-7000-8000-000000000001", "{sku}", "SKU123", "{account}", "stripe")
}

// TestEveryRouteAsksWhoCalls walks the contract: each route with no key, a wrong
// one, a storefront's and a server's.
func TestEveryRouteAsksWhoCalls(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.place(someOrder)
	payment := r.call("POST", "/payment/initiate", p.card("k", "pm_card_chargeDeclined")).ok(201).text("payment_id")
	cart := r.call("POST", "/carts", fields{"items": someItems(1)}).ok(201).text("cart_id")
	names := named(p, payment, cart)
	public := []string{"/healthz", "/readyz", "/webhooks/{account}"}
	server := []string{
		"GET /inventory/{sku}", "POST /inventory/{sku}/adjust", "PUT /products/{sku}", "GET /products", "GET /orders",
		"POST /orders/{id}/cancel", "POST /orders/{id}/refunds", "GET /attention", "POST /tasks/{id}/retry", "POST /tasks/{id}/skip",
		"POST /tasks/{id}/compensate", "POST /payment/{payment_id}/capture", "POST /payment/{payment_id}/void", "POST /payment/{payment_id}/mark-received",
	}
	routes := 0
	for template, operations := range r.contract.paths {
		for method := range operations {
			method, path := strings.ToUpper(method), names.Replace(template)
			send := func(o option) reply { return r.call(method, path, `{}`, header("Idempotency-Key", "k"), o) }
			routes++
			if slices.Contains(public, template) {
				require.NotEqual(t, http.StatusUnauthorized, send(noKey).status, template)
				continue
			}
			require.Contains(t, send(noKey).header.Get("WWW-Authenticate"), "Bearer")
			send(noKey).refused(401, "unauthorized")
			send(as("sk_wrong")).refused(401, "unauthorized")
			send(header("Authorization", "Basic "+serverKey)).refused(401, "unauthorized")
			send(header("Authorization", serverKey)).refused(401, "unauthorized")
			send(as(strings.Repeat("x", 5000))).refused(401, "unauthorized")
			if slices.Contains(server, method+" "+template) {
				send(as(storefrontKey)).refused(403, "forbidden")
			} else {
				require.NotContains(t, []int{401, 403}, send(as(storefrontKey)).status, template)
			}
			if method != "POST" || !strings.Contains(path, "cancel") {
				require.NotContains(t, []int{401, 403}, send(as(serverKey)).status, template)
			}
		}
	}
	require.Equal(t, len(server)+len(public)+11, routes, "each route was looked at")
}

// TestAnotherBuyersOrder: under a storefront key an order that is not shown to be
// the buyer's does not exist.
func TestAnotherBuyersOrder(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	mine, theirs := r.place(someOrder), r.place(someOrder)
	payment := r.call("POST", "/payment/initiate", mine.card("k", "pm_card_visa")).ok(201).text("payment_id")
	absent := "0198c0de-0000-7000-8000-000000000001"
	calls := []struct {
		method, path string
		body         func(order string) any
	}{
		{"GET", "/orders/{order}", nil},
		{"GET", "/orders/{order}/timeline", nil},
		{"GET", "/payment/{payment}", nil},
		{"POST", "/checkout/confirm", func(order string) any { return fields{"order_id": order} }},
		{"POST", "/payment/initiate", func(order string) any { return mine.card("k", "pm_card_visa").with("orderId", order) }},
		{"POST", "/inventory/lock", func(order string) any { return fields{"order_id": order, "items": someItems(2)} }},
		{"POST", "/inventory/unlock", func(order string) any { return fields{"order_id": order} }},
	}
	for _, c := range calls {
		send := func(order, payment string, o option) reply {
			var body any
			if c.body != nil {
				body = c.body(order)
			}
			return r.call(c.method, strings.NewReplacer("{order}", order, "{payment}", payment).Replace(c.path), body, o)
		}
		unknown := send(absent, absent, buyer(mine.token))
		unknown.refused(404, "not_found")
		for _, token := range []string{"", theirs.token, mine.token[:len(mine.token)-1], "ot_"} {
			got := send(mine.id, payment, buyer(token))
			got.refused(404, "not_found")
			require.Equal(t, unknown.raw, got.raw, "in the words of an order that does not exist")
		}
		require.NotEqual(t, 404, send(mine.id, payment, buyer(mine.token)).status, c.path)
	}
	r.call("GET", "/orders/"+mine.id+"?token="+mine.token, nil, as(storefrontKey)).ok(200)
	r.call("GET", "/orders/"+mine.id, nil, as(serverKey)).ok(200)
}

func TestOrderTokenIsTheSameEachTime(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.place(someOrder)
	r.serve() // another process with the same secret
	r.call("GET", "/orders/"+p.id, nil, buyer(p.token)).ok(200)
	r.config.TokenSecret = []byte("another secret of thirty-two byt")
	r.serve()
	r.call("GET", "/orders/"+p.id, nil, buyer(p.token)).refused(404, "not_found")
}

func TestRevokedKeyStopsWithinSeconds(t *testing.T) {
	t.Parallel()
	clock := time.Now()
	r := newRig(t, func(c *Config) { c.Now = func() time.Time { return clock } })
	key := r.addKey("sk_short_lived", checkout.ScopeServer)
	list := func() reply { return r.call("GET", "/products", nil, as("sk_short_lived")) }
	list().ok(200)
	require.NoError(t, r.store.RevokeAPIKey(context.Background(), key.ID))
	clock = clock.Add(5*time.Second + time.Millisecond)
	list().refused(401, "unauthorized")
	r.call("GET", "/products", nil, as("sk_not_yet")).refused(401, "unauthorized")
	r.addKey("sk_not_yet", checkout.ScopeServer)
	r.call("GET", "/products", nil, as("sk_not_yet")).ok(200)
}
