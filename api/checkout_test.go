package api

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCartsLiveOrder(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	cart := r.call("POST", "/carts", fields{"items": someItems(2), "shipping_address": someAddress}, as(storefrontKey)).ok(201)
	id := cart.text("cart_id")
	body := fields{"cart_id": id, "customer": someOrder["customer"]}
	first := r.call("POST", "/checkout", body, as(storefrontKey)).ok(201)
	again := r.call("POST", "/checkout", body, as(storefrontKey)).ok(200)
	require.Equal(t, first.raw, again.raw)
	keyed := r.call("POST", "/checkout", body, as(storefrontKey), header("Idempotency-Key", "k")).ok(200)
	require.Equal(t, first.raw, keyed.raw)
	require.Equal(t, "98 2", stockOf(r.call("GET", "/inventory/SKU123", nil)))
	r.call("PUT", "/carts/"+id, fields{"items": someItems(1)}, as(storefrontKey)).refused(409, "order_state")
	require.Equal(t, first.text("order_id"), r.call("GET", "/carts/"+id, nil, as(storefrontKey)).text("order_id"))

	r.call("POST", "/orders/"+first.text("order_id")+"/cancel", nil).ok(200)
	r.call("PUT", "/carts/"+id, fields{"items": someItems(3), "shipping_address": someAddress}, as(storefrontKey)).ok(200)
	second := r.call("POST", "/checkout", body, as(storefrontKey), header("Idempotency-Key", "k")).ok(201)
	require.NotEqual(t, first.text("order_id"), second.text("order_id"))
	require.Equal(t, "1498.50", second.text("amount"))
	require.Equal(t, "97 3", stockOf(r.call("GET", "/inventory/SKU123", nil)))
}

func TestCartOfParallelCheckouts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	cart := r.call("POST", "/carts", fields{"items": someItems(2), "shipping_address": someAddress}).ok(201).text("cart_id")
	created := 0
	replies := r.together(30, "/checkout", fields{"cart_id": cart, "customer": someOrder["customer"]}, as(storefrontKey))
	for _, a := range replies {
		require.Equal(t, replies[0].raw, a.raw)
		if a.status == 201 {
			created++
		}
	}
	require.Equal(t, 1, created)
}

// TestCartsQuoteIsLive: a cart is priced at each look, an order never again.
func TestCartsQuoteIsLive(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	cart := r.call("POST", "/carts", fields{"items": someItems(2)}, as(storefrontKey)).ok(201)
	path := "/carts/" + cart.text("cart_id")
	require.Equal(t, "999.00", cart.text("quote.amount"))
	p := r.place(someOrder)
	r.call("PUT", "/products/SKU123", fields{"name": "Thing", "prices": fields{"INR": "600"}}).ok(200)
	require.Equal(t, "1200.00", r.call("GET", path, nil, as(storefrontKey)).ok(200).text("quote.amount"))
	require.Equal(t, "999.00", r.call("GET", "/orders/"+p.id, nil).text("amount"))
	r.call("PUT", "/products/SKU123", fields{"name": "Thing", "prices": fields{"INR": "600"}, "active": false}).ok(200)
	gone := r.call("GET", path, nil, as(storefrontKey)).ok(200)
	require.Equal(t, "items[0].sku", gone.text("errors.0.field"))
	require.NotContains(t, gone.raw, `"quote"`)
	empty := r.call("POST", "/carts", fields{"items": []any{}, "currency": "JPY"}, as(storefrontKey)).ok(201)
	require.Equal(t, "0", empty.text("quote.amount"))
	r.call("POST", "/checkout", fields{"cart_id": empty.text("cart_id"), "customer": someOrder["customer"], "shipping_address": someAddress}).refused(422, "invalid_request")
}

func TestCheckoutAdoptsTheSessionsLock(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	session := r.call("POST", "/inventory/lock", fields{"items": someItems(5)}, as(storefrontKey)).ok(201).text("session_id")
	require.Equal(t, "95 5", stockOf(r.call("GET", "/inventory/SKU123", nil)))
	p := r.place(someOrder.with("session_id", session))
	require.Equal(t, "98 2", stockOf(r.call("GET", "/inventory/SKU123", nil)), "its surplus is released")
	r.call("POST", "/inventory/unlock", fields{"session_id": session}, as(storefrontKey)).ok(200)
	require.Equal(t, "98 2", stockOf(r.call("GET", "/inventory/SKU123", nil)), "the lock is the order's now")
	lock := r.call("POST", "/inventory/lock", fields{"order_id": p.id, "items": someItems(2)}, buyer(p.token)).ok(200)
	require.Equal(t, p.id, lock.text("order_id"))
	r.call("POST", "/inventory/lock", fields{"order_id": p.id, "items": someItems(3)}, buyer(p.token)).refused(409, "order_state")
	for range 2 {
		r.call("POST", "/inventory/unlock", fields{"order_id": p.id}, buyer(p.token)).ok(200)
		require.Equal(t, "100 0", stockOf(r.call("GET", "/inventory/SKU123", nil)))
	}
	require.Equal(t, "CANCELLED", r.call("GET", "/orders/"+p.id, nil).text("status"))
	r.call("POST", "/inventory/lock", fields{"order_id": p.id, "items": someItems(2)}, buyer(p.token)).refused(409, "order_state")
	r.call("POST", "/checkout/confirm", fields{"order_id": p.id}, buyer(p.token)).refused(409, "order_state")
}

func TestPaidOrderIsNotUnlocked(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.place(someOrder)
	r.call("POST", "/payment/initiate", p.card("k", "pm_card_visa"), buyer(p.token)).ok(201)
	r.call("POST", "/inventory/unlock", fields{"order_id": p.id}, buyer(p.token)).refused(409, "order_state")
	require.Equal(t, "CONFIRMED", r.call("GET", "/orders/"+p.id, nil).text("status"))
}

// TestLocks: a repeat is the same lock, other items replace it in one step, and
// where that is refused the old one stays.
func TestLocks(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.product("OTHER", "10", 10)
	const session = "session-of-a-buyer"
	lock := func(items ...any) reply {
		return r.call("POST", "/inventory/lock", fields{"session_id": session, "items": items, "ttl_seconds": 60}, as(storefrontKey))
	}
	one := fields{"sku": "SKU123", "qty": 1}
	first := lock(one, one).ok(201)
	require.Equal(t, "2", fmt.Sprint(first.at("items.0.qty")), "the same product is summed")
	require.Equal(t, first.raw, lock(fields{"sku": "SKU123", "qty": 2}).ok(200).raw)
	expires, err := time.Parse(time.RFC3339, first.text("expires_at"))
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(time.Minute), expires, 30*time.Second)
	lock(fields{"sku": "SKU123", "qty": 4}, fields{"sku": "OTHER", "qty": 11}).refused(409, "out_of_stock")
	require.Equal(t, "98 2", stockOf(r.call("GET", "/inventory/SKU123", nil)))
	lock(fields{"sku": "OTHER", "qty": 10}).ok(201)
	require.Equal(t, "100 0", stockOf(r.call("GET", "/inventory/SKU123", nil)))
	require.Equal(t, "0 10", stockOf(r.call("GET", "/inventory/OTHER", nil)))
	for range 2 {
		r.call("POST", "/inventory/unlock", fields{"session_id": session}, as(storefrontKey)).ok(200)
	}
	require.Equal(t, "10 0", stockOf(r.call("GET", "/inventory/OTHER", nil)))
}

func TestLockCaps(t *testing.T) {
	t.Parallel()
	clock := time.Now()
	r := newRig(t, func(c *Config) {
		c.MaxUnitsPerSession, c.MaxUnitsPerIP = 6, 10
		c.Now = func() time.Time { return clock }
	})
	lock := func(session string, qty int, key string) reply {
		return r.call("POST", "/inventory/lock", fields{"session_id": session, "items": someItems(qty), "ttl_seconds": 60}, as(key))
	}
	const a, b, c = "aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb", "cccccccccccccccc"
	lock(a, 7, storefrontKey).refused(422, "invalid_request")
	lock(a, 6, storefrontKey).ok(201)
	lock(a, 6, storefrontKey).ok(200)
	limited := lock(b, 5, storefrontKey)
	limited.refused(429, "rate_limited")
	require.Equal(t, "1", limited.header.Get("Retry-After"))
	lock(b, 4, storefrontKey).ok(201)
	lock(c, 50, serverKey).ok(201)
	r.call("POST", "/inventory/unlock", fields{"session_id": a}, as(storefrontKey)).ok(200)
	lock(b, 5, storefrontKey).ok(201)
	clock = clock.Add(61 * time.Second)
	lock("dddddddddddddddd", 6, storefrontKey).ok(201)
}

// TestLockThatAnOrderAdoptedIsNotCounted: it is the order's from then on, also
// where the shop's server placed it.
func TestLockThatAnOrderAdoptedIsNotCounted(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.MaxUnitsPerIP = 10 })
	lock := func(session string) reply {
		return r.call("POST", "/inventory/lock", fields{"session_id": session, "items": someItems(10)}, as(storefrontKey))
	}
	cart := r.call("POST", "/carts", fields{"items": someItems(10)}).ok(201).text("cart_id")
	ofCart := someOrder.without("items").with("cart_id", cart)
	for i, key := range []string{storefrontKey, serverKey} {
		session := fmt.Sprint("session-of-buyer-", i)
		lock(session).ok(201)
		lock("another-session-0").refused(429, "rate_limited")
		r.call("POST", "/checkout", someOrder.with("items", []any{fields{"sku": "NOPE", "qty": 1}}).with("session_id", session), as(key)).
			refused(422, "invalid_request")
		lock("another-session-0").refused(429, "rate_limited")
		r.call("POST", "/checkout", ofCart.with("session_id", session), as(key)).ok(201 - i)
		if i == 1 { // the cart's order was there: it adopts no lock
			lock("another-session-0").refused(429, "rate_limited")
			r.call("POST", "/checkout", someOrder.with("session_id", session), as(key)).ok(201)
		}
	}
	lock("another-session-0").ok(201)
}

// TestLockThatWasRefusedIsNotCounted: nothing was locked, so nothing counts.
func TestLockThatWasRefusedIsNotCounted(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.MaxUnitsPerIP = 150 })
	r.call("POST", "/inventory/lock", fields{"items": someItems(101)}, as(storefrontKey)).refused(409, "out_of_stock")
	r.call("POST", "/inventory/lock", fields{"items": someItems(100)}, as(storefrontKey)).ok(201)
}
