package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
)

// TestReplays sends each POST twice with one key: the second answer has the same
// status and bytes, and nothing happens twice.
func TestReplays(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	paid := r.place(someOrder)
	r.call("POST", "/payment/initiate", paid.card("k", "pm_card_visa")).ok(201)
	doomed := r.place(someOrder)
	byBank := r.place(someOrder)
	transfer := r.call("POST", "/payment/initiate", byBank.card("k", "").without("payment_token").with("payment_method", "bank_transfer")).ok(201).text("payment_id")
	for _, c := range []struct {
		path   string
		body   any
		status int
	}{
		{"/carts", fields{"items": someItems(1)}, 201},
		{"/checkout", someOrder, 201},
		{"/inventory/lock", fields{"items": someItems(1)}, 201},
		{"/inventory/lock", fields{"items": someItems(1), "session_id": "session-of-a-buyer"}, 201},
		{"/inventory/unlock", fields{"session_id": "session-of-a-buyer"}, 200},
		{"/inventory/SKU123/adjust", fields{"warehouse": "main", "delta": -1, "reason": "broken"}, 200},
		{"/orders/" + paid.id + "/refunds", fields{"amount": "100.00", "reason": "scratched"}, 201},
		{"/orders/" + doomed.id + "/cancel", fields{"reason": "out of business"}, 200},
		{"/payment/" + transfer + "/mark-received", fields{"reference": "statement 7"}, 200},
	} {
		key := header("Idempotency-Key", "key of "+c.path)
		first := r.call("POST", c.path, c.body, key).ok(c.status)
		require.Empty(t, first.header.Get("Idempotent-Replayed"), c.path)
		before := r.counts()
		again := r.call("POST", c.path, c.body, key).ok(c.status)
		require.Equal(t, first.raw, again.raw, c.path)
		require.Equal(t, "true", again.header.Get("Idempotent-Replayed"), c.path)
		require.Equal(t, before, r.counts(), "%s happens once", c.path)
	}
}

// counts says how many of everything there are, and how much stock.
func (r *rig) counts() map[string]any {
	r.t.Helper()
	ctx := context.Background()
	snapshot, err := r.store.Snapshot(ctx)
	require.NoError(r.t, err)
	defer func() { require.NoError(r.t, snapshot.Close()) }()
	orders, err := snapshot.Orders(ctx, checkout.ID{}, 1000)
	require.NoError(r.t, err)
	carts, err := snapshot.Carts(ctx, checkout.ID{}, 1000)
	require.NoError(r.t, err)
	holds, err := snapshot.Holds(ctx, "", 1000)
	require.NoError(r.t, err)
	levels, err := snapshot.Levels(ctx, checkout.StockKey{}, 1000)
	require.NoError(r.t, err)
	payments, refunds := 0, 0
	for _, o := range orders {
		payments += len(o.Payments)
		refunds += len(o.Refunds)
	}
	return map[string]any{
		"orders": len(orders), "carts": len(carts), "holds": len(holds), "payments": payments, "refunds": refunds, "levels": levels,
	}
}

func TestKeyReusedForAnotherRequest(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	key := header("Idempotency-Key", "one")
	first := r.call("POST", "/checkout", someOrder, key).ok(201)
	before := r.everything()
	r.call("POST", "/checkout", someOrder.with("reference", "other"), key).refused(422, "idempotency_key_reused")
	require.Equal(t, before, r.everything())
	spaced := strings.Replace(string(mustJSON(t, someOrder)), "{", "{ \n", 1)
	require.Equal(t, first.raw, r.call("POST", "/checkout", spaced, key).ok(201).raw, "spaces are no other request")

	p := r.place(someOrder)
	r.call("POST", "/payment/initiate", p.card("one", "pm_card_chargeDeclined")).ok(201)
	r.call("POST", "/payment/initiate", p.card("one", "pm_card_visa")).refused(422, "idempotency_key_reused")
}

// TestScopesOfKeys: endpoint, API key and the thing named.
func TestScopesOfKeys(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	key := header("Idempotency-Key", "one")
	a := r.call("POST", "/checkout", someOrder, key).ok(201)
	b := r.call("POST", "/checkout", someOrder, key, as(storefrontKey)).ok(201)
	require.NotEqual(t, a.text("order_id"), b.text("order_id"), "another API key")
	c := r.call("POST", "/checkout", someOrder.with("session_id", "session-of-a-buyer"), key).ok(201)
	require.NotEqual(t, a.text("order_id"), c.text("order_id"), "another session")
	r.call("POST", "/carts", fields{"items": someItems(1)}, key).ok(201)
	for _, id := range []string{a.text("order_id"), b.text("order_id")} {
		r.call("POST", "/orders/"+id+"/cancel", nil, key).ok(200)
	}
}

func TestRefusalsAreNotKept(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	key := header("Idempotency-Key", "one")
	wanted := someOrder.with("items", someItems(150))
	r.call("POST", "/checkout", wanted, key).refused(409, "out_of_stock")
	r.call("POST", "/inventory/SKU123/adjust", fields{"warehouse": "main", "delta": 100, "reason": "delivery"}, key).ok(200)
	r.call("POST", "/checkout", wanted, key).ok(201)
}

func TestKeysThatAreNone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	before := r.everything()
	for _, bad := range []string{"", strings.Repeat("k", 256), "käse", "tab\there"} {
		r.call("POST", "/checkout", someOrder, func(req *http.Request) { req.Header["Idempotency-Key"] = []string{bad} }).refused(400, "invalid_request")
	}
	r.call("POST", "/checkout", someOrder, func(req *http.Request) { req.Header["Idempotency-Key"] = []string{"a", "b"} }).refused(400, "invalid_request")
	p := "0198c0de-0000-7000-8000-000000000001"
	r.call("POST", "/orders/"+p+"/refunds", fields{"reason": "x"}).refused(400, "invalid_request")
	r.call("POST", "/inventory/SKU123/adjust", fields{"warehouse": "main", "delta": 1, "reason": "x"}).refused(400, "invalid_request")
	require.Equal(t, before, r.everything())
}

// together sends the same request many times at once.
func (r *rig) together(n int, path string, body any, options ...option) []reply {
	replies := make([]reply, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { replies[i] = r.call("POST", path, body, options...) })
	}
	wg.Wait()
	return replies
}

func TestParallelCheckoutsOfOneKey(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	replies := r.together(50, "/checkout", someOrder, header("Idempotency-Key", "one"))
	replayed := 0
	for _, a := range replies {
		require.Equal(t, replies[0].raw, a.ok(201).raw)
		if a.header.Get("Idempotent-Replayed") == "true" {
			replayed++
		}
	}
	require.Equal(t, 49, replayed)
	require.Equal(t, "98", fmt.Sprint(r.call("GET", "/inventory/SKU123", nil).at("available_qty")), "held once")
}

func TestParallelInitiatesOfOneKey(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.place(someOrder)
	replies := r.together(50, "/payment/initiate", p.card("one", "pm_card_visa"), buyer(p.token))
	created := 0
	for _, a := range replies {
		require.Contains(t, []int{200, 201}, a.status, a.raw)
		require.Equal(t, replies[0].raw, a.raw)
		require.Equal(t, "SUCCEEDED", a.text("status"))
		if a.status == 201 {
			created++
		}
	}
	require.Equal(t, 1, created)
	require.Len(t, r.order(p.id).Payments, 1)
	ledger := r.sandbox.Ledger()
	require.Len(t, ledger.Payments, 1, "the gateway was asked once")
}

// TestKeyInFlight: a commit that takes too long is not waited for, and a repeat of
// the same key gets its answer.
func TestKeyInFlight(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.wait.commit = time.Nanosecond
	r.serve()
	key := header("Idempotency-Key", "one")
	r.call("POST", "/checkout", someOrder, key).refused(409, "idempotency_in_flight")
	r.call("POST", "/carts", fields{"items": someItems(1)}).refused(503, "overloaded")
	r.wait.commit = usual.commit
	r.serve()
	r.call("POST", "/checkout", someOrder, key).ok(201)
	require.Equal(t, "98 2", stockOf(r.call("GET", "/inventory/SKU123", nil)), "it happened once at most")
}

// FuzzIdempotencyKey: a key is taken as the documentation says or refused, and
// never changes on its way.
func FuzzIdempotencyKey(f *testing.F) {
	for _, seed := range []string{"a", "", " ", "0198c0de-0000-7000-8000-000000000001", "ключ", "\x00", "\x7f", strings.Repeat("k", 255), strings.Repeat("k", 256)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, key string) {
		h := http.Header{keyHeader: {key}}
		got, err := idempotencyKey(h, keyOptional)
		printable := len(key) >= 1 && len(key) <= 255
		for _, b := range []byte(key) {
			printable = printable && b >= 0x20 && b < 0x7f
		}
		if printable {
			require.NoError(t, err)
			require.Equal(t, key, got)
			return
		}
		require.Equal(t, http.StatusBadRequest, problemOf(err).Status)
	})
}

func TestRequestHashTellsRequestsApart(t *testing.T) {
	t.Parallel()
	hashOf := func(path, body string) string {
		d := &document{raw: []byte(body)}
		if body != "" {
			require.NoError(t, d.parse(false), body)
		}
		return requestHash("POST", path, d)
	}
	one := hashOf("/checkout", `{"a":1,"b":[1,2]}`)
	require.Equal(t, one, hashOf("/checkout", " {\"b\": [1, 2], \"\\u0061\": 1}\n"))
	for _, other := range []string{
		`{"a":1,"b":[2,1]}`, `{"a":"1","b":[1,2]}`, `{"a":1.0,"b":[1,2]}`, `{"a":9007199254740993}`, `{"a":9007199254740992}`, ``, `"x"`,
		`{"a":"b","c":"d"}`, `{"a":"b1:c1:d"}`, `[[1],2]`, `[[1,2]]`, `[null]`, `["null"]`, `{"a":{"b":1}}`, `{"a":{},"b":1}`,
	} {
		hash := hashOf("/checkout", other)
		require.NotEqual(t, one, hash, other)
		one = hash
	}
	require.NotEqual(t, requestHash("POST", "/a", nil), requestHash("POST", "/b", nil))
}
