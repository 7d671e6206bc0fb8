package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kassa/catalog"
	"kassa/checkout"
	"kassa/store"
)

// everything writes down all that the store holds, to tell that nothing changed.
func (r *rig) everything() string {
	r.t.Helper()
	ctx := context.Background()
	snapshot, err := r.store.Snapshot(ctx)
	require.NoError(r.t, err)
	defer func() { require.NoError(r.t, snapshot.Close()) }()
	var all []any
	keep := func(rows any, err error) {
		require.NoError(r.t, err)
		all = append(all, rows)
	}
	const many = 10_000
	levels, err := snapshot.Levels(ctx, checkout.StockKey{}, many)
	keep(levels, err)
	holds, err := snapshot.Holds(ctx, "", many)
	keep(holds, err)
	carts, err := snapshot.Carts(ctx, checkout.ID{}, many)
	keep(carts, err)
	orders, err := snapshot.Orders(ctx, checkout.ID{}, many)
	keep(orders, err)
	tasks, err := snapshot.Tasks(ctx, checkout.ID{}, many)
	keep(tasks, err)
	webhooks, err := snapshot.Webhooks(ctx, checkout.ID{}, many)
	keep(webhooks, err)
	log, err := snapshot.Log(ctx, 0, many)
	keep(log, err)
	return string(mustJSON(r.t, all))
}

// refusedCase is a bad request, and what is said of it.
type refusedCase struct {
	name   string
	method string
	path   string
	body   any
	status int
	code   string
	field  string // the first one at fault; "" where none is
}

func manyItems(n int) []any {
	list := make([]any, n)
	for i := range list {
		list[i] = fields{"sku": fmt.Sprintf("SKU%d", i), "qty": 1}
	}
	return list
}

func badItems(path string, valid fields) []refusedCase {
	with := func(items any) fields { return valid.with("items", items) }
	one := func(sku, qty any) fields { return with([]any{fields{"sku": sku, "qty": qty}}) }
	return []refusedCase{
		{"qty 0", "POST", path, one("SKU123", 0), 422, "invalid_request", "items[0].qty"},
		{"qty -1", "POST", path, one("SKU123", -1), 422, "invalid_request", "items[0].qty"},
		{"qty 1e9", "POST", path, one("SKU123", 1_000_000_000), 422, "invalid_request", "items[0].qty"},
		{"qty 1.5", "POST", path, one("SKU123", 1.5), 422, "invalid_request", "items[0].qty"},
		{"qty 1e99", "POST", path, one("SKU123", json.RawMessage("1e99")), 422, "invalid_request", "items[0].qty"},
		{"qty 1e999", "POST", path, one("SKU123", json.RawMessage("1e999")), 422, "invalid_request", "items[0].qty"},
		{"qty 1.0", "POST", path, one("SKU123", json.RawMessage("1.0")), 422, "invalid_request", "items.qty"},
		{"qty as text", "POST", path, one("SKU123", "2"), 422, "invalid_request", "items[0].qty"},
		{"qty null", "POST", path, one("SKU123", nil), 422, "invalid_request", "items[0].qty"},
		{"qty missing", "POST", path, with([]any{fields{"sku": "SKU123"}}), 422, "invalid_request", "items[0].qty"},
		{"sku empty", "POST", path, one("", 1), 422, "invalid_request", "items[0].sku"},
		{"sku too long", "POST", path, one(strings.Repeat("S", 65), 1), 422, "invalid_request", "items[0].sku"},
		{"sku a number", "POST", path, one(7, 1), 422, "invalid_request", "items[0].sku"},
		{"sku with a control character", "POST", path, one("SKU\x00123", 1), 422, "invalid_request", "items[0].sku"},
		{"10,000 lines", "POST", path, with(manyItems(10_000)), 422, "invalid_request", "items"},
		{"item with an unknown field", "POST", path, with([]any{fields{"sku": "SKU123", "qty": 1, "price": 1}}), 422, "invalid_request", "items[0].price"},
		{"field in other letters", "POST", path, with([]any{fields{"sku": "SKU123", "QTY": 1}}), 422, "invalid_request", "items[0].qty"},
		{"items a map", "POST", path, with(fields{"sku": "SKU123"}), 422, "invalid_request", "items"},
	}
}

func badBodies(path string) []refusedCase {
	return []refusedCase{
		{"malformed", "POST", path, `{"items": [`, 400, "invalid_request", ""},
		{"not JSON", "POST", path, `items=1`, 400, "invalid_request", ""},
		{"two values", "POST", path, `{} {}`, 400, "invalid_request", ""},
		{"a comma too many", "POST", path, `{"items": [1,]}`, 400, "invalid_request", ""},
		{"a field twice", "POST", path, `{"items": [], "items": []}`, 422, "invalid_request", "items"},
		{"invalid UTF-8", "POST", path, "{\"items\": \"\xff\"}", 400, "invalid_request", ""},
		{"the first half of a surrogate pair", "POST", path, `{"items": "a\ud800b"}`, 400, "invalid_request", ""},
		{"the second half of a surrogate pair", "POST", path, `{"items": "\udc00"}`, 400, "invalid_request", ""},
		{"two first halves", "POST", path, `{"items": "\uD83D\uD83D\uDE00"}`, 400, "invalid_request", ""},
		{"half a pair in a name", "POST", path, `{"\ud83d": 1}`, 400, "invalid_request", ""},
		{"too deep", "POST", path, strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40), 400, "invalid_request", ""},
		{"too many values", "POST", path, `{"` + strings.Repeat("k", 400_000) + `": [1` + strings.Repeat(",1", 200_000) + `]}`, 422, "invalid_request", "body"},
		{"too large", "POST", path, `{"a": "` + strings.Repeat("x", 1<<20) + `"}`, 413, "invalid_request", ""},
		{"empty", "POST", path, "", 400, "invalid_request", ""},
		{"a list", "POST", path, `[]`, 422, "invalid_request", "body"},
		{"null", "POST", path, `null`, 422, "invalid_request", "body"},
		{"unknown field", "POST", path, `{"nonsense": 1}`, 422, "invalid_request", ""},
	}
}

func badCheckouts() []refusedCase {
	to := func(name, field string, value any, status int, code, at string) refusedCase {
		return refusedCase{name, "POST", "/checkout", someOrder.with(field, value), status, code, at}
	}
	customer := fields{"email": "asha@example.com", "name": "Asha"}
	return []refusedCase{
		to("unknown product", "items", []any{fields{"sku": "NOPE", "qty": 1}}, 422, "invalid_request", "items[0].sku"),
		to("unknown product after a known one", "items", []any{fields{"sku": "SKU123", "qty": 1}, fields{"sku": "ABSENT", "qty": 1}}, 422, "invalid_request", "items[1].sku"),
		to("a product twice", "items", []any{fields{"sku": "SKU123", "qty": 1}, fields{"sku": "SKU123", "qty": 1}}, 422, "invalid_request", "items[1].sku"),
		to("no items", "items", []any{}, 422, "invalid_request", "items"),
		to("too much", "items", someItems(101), 409, "out_of_stock", ""),
		to("unknown currency", "currency", "XXX", 422, "invalid_request", "currency"),
		to("a currency without a price", "currency", "USD", 422, "invalid_request", "items[0].sku"),
		to("a coupon", "coupons", []any{"SAVE10"}, 422, "coupon_invalid", "coupons[0]"),
		to("a cart and items", "cart_id", "0198c0de-0000-7000-8000-000000000001", 422, "invalid_request", "items"),
		to("no e-mail", "customer", customer.without("email"), 422, "invalid_request", "customer.email"),
		to("a bad e-mail", "customer", customer.with("email", "asha"), 422, "invalid_request", "customer.email"),
		to("a long e-mail", "customer", customer.with("email", strings.Repeat("a", 300)+"@example.com"), 422, "invalid_request", "customer.email"),
		to("a blank name", "customer", customer.with("name", "  "), 422, "invalid_request", "customer.name"),
		to("a line break in the name", "customer", customer.with("name", "Asha\nRao"), 422, "invalid_request", "customer.name"),
		to("a bad phone", "customer", customer.with("phone", "call me"), 422, "invalid_request", "customer.phone"),
		to("a country by name", "shipping_address", someAddress.with("country", "India"), 422, "invalid_request", "shipping_address.country"),
		to("no such country", "shipping_address", someAddress.with("country", "ZZ"), 422, "invalid_request", "shipping_address.country"),
		to("no such billing country", "billing_address", someAddress.with("country", "QQ"), 422, "invalid_request", "billing_address.country"),
		to("address without a city", "shipping_address", someAddress.without("city"), 422, "invalid_request", "shipping_address.city"),
		to("a long reference", "reference", strings.Repeat("r", 65), 422, "invalid_request", "reference"),
		to("metadata of numbers", "metadata", fields{"a": 1}, 422, "invalid_request", "metadata.a"),
		to("a long name in metadata", "metadata", fields{strings.Repeat("k", 41): "v"}, 422, "invalid_request", "metadata"),
		to("a long value in metadata", "metadata", fields{"k": strings.Repeat("v", 501)}, 422, "invalid_request", "metadata"),
		{"no address", "POST", "/checkout", someOrder.without("shipping_address"), 422, "invalid_request", "shipping_address"},
		{"no customer", "POST", "/checkout", someOrder.without("customer"), 422, "invalid_request", "customer"},
		{"neither cart nor items", "POST", "/checkout", someOrder.without("items"), 422, "invalid_request", "items"},
		{"no such cart", "POST", "/checkout", someOrder.without("items").with("cart_id", "0198c0de-0000-7000-8000-000000000001"), 404, "not_found", ""},
		{"no id for a cart", "POST", "/checkout", someOrder.without("items").with("cart_id", "mine"), 422, "invalid_request", "cart_id"},
	}
}

func badLocks() []refusedCase {
	lock := func(name string, body fields, status int, code, at string) refusedCase {
		return refusedCase{name, "POST", "/inventory/lock", body, status, code, at}
	}
	valid := fields{"items": someItems(1)}
	return []refusedCase{
		lock("no items", valid.with("items", []any{}), 422, "invalid_request", "items"),
		lock("unknown product", valid.with("items", []any{fields{"sku": "NOPE", "qty": 1}}), 422, "invalid_request", "items"),
		lock("too much in sum", valid.with("items", []any{fields{"sku": "SKU123", "qty": 60}, fields{"sku": "SKU123", "qty": 60}}), 409, "out_of_stock", ""),
		lock("past all bounds in sum", valid.with("items", []any{fields{"sku": "SKU123", "qty": 60_000}, fields{"sku": "SKU123", "qty": 60_000}}), 422, "invalid_request", "items"),
		lock("a session that can be guessed", valid.with("session_id", "1"), 422, "invalid_request", "session_id"),
		lock("a session of odd letters", valid.with("session_id", "abcdefgh ijklmnopq"), 422, "invalid_request", "session_id"),
		lock("too short", valid.with("ttl_seconds", 29), 422, "invalid_request", "ttl_seconds"),
		lock("too long", valid.with("ttl_seconds", 1801), 422, "invalid_request", "ttl_seconds"),
		lock("session and order", valid.with("session_id", "abcdefghijklmnop").with("order_id", "0198c0de-0000-7000-8000-000000000001"), 422, "invalid_request", "order_id"),
		lock("no such order", valid.with("order_id", "0198c0de-0000-7000-8000-000000000001"), 404, "not_found", ""),
		{"unlock nothing", "POST", "/inventory/unlock", fields{}, 422, "invalid_request", "session_id"},
	}
}

func badPayments(p placed) []refusedCase {
	valid := p.card("k", "pm_card_visa")
	pay := func(name, field string, value any, status int, code, at string) refusedCase {
		return refusedCase{name, "POST", "/payment/initiate", valid.with(field, value), status, code, at}
	}
	return []refusedCase{
		pay("a paisa less", "amount", json.RawMessage("998.99"), 422, "amount_mismatch", ""),
		pay("a paisa more", "amount", "999.01", 422, "amount_mismatch", ""),
		pay("too many digits", "amount", "999.001", 422, "invalid_request", "amount"),
		pay("a negative amount", "amount", -999, 422, "invalid_request", "amount"),
		pay("no number", "amount", "lots", 422, "invalid_request", "amount"),
		pay("an amount of nothing", "amount", "", 422, "invalid_request", "amount"),
		pay("an amount that is true", "amount", true, 422, "invalid_request", "amount"),
		pay("an amount past counting", "amount", json.RawMessage("1e30"), 422, "invalid_request", "amount"),
		pay("no method of ours", "payment_method", "barter", 422, "method_unavailable", ""),
		pay("no gateway of ours", "gateway", "paypal", 422, "method_unavailable", ""),
		pay("two orders", "order_id", "0198c0de-0000-7000-8000-000000000001", 422, "invalid_request", "order_id"),
		pay("no id", "orderId", "O123", 422, "invalid_request", "orderId"),
		pay("no such order", "orderId", "0198c0de-0000-7000-8000-000000000001", 404, "not_found", ""),
		pay("an empty key", "idempotency_key", "", 422, "invalid_request", "idempotency_key"),
		pay("a long key", "idempotency_key", strings.Repeat("k", 256), 422, "invalid_request", "idempotency_key"),
		pay("a script to return to", "return_url", "javascript:alert(1)", 422, "invalid_request", "return_url"),
		pay("a path to return to", "return_url", "/thanks", 422, "invalid_request", "return_url"),
		pay("a return that shows a password", "return_url", "https://a:b@example.com/", 422, "invalid_request", "return_url"),
		pay("an unknown field", "card_number", "x", 422, "invalid_request", "card_number"),
		{"no key", "POST", "/payment/initiate", valid.without("idempotency_key"), 422, "invalid_request", "idempotency_key"},
		{"no order", "POST", "/payment/initiate", valid.without("orderId"), 422, "invalid_request", "orderId"},
		{"no amount", "POST", "/payment/initiate", valid.without("amount"), 422, "invalid_request", "amount"},
		{"confirm nothing", "POST", "/checkout/confirm", fields{}, 422, "invalid_request", "order_id"},
		{"confirm before any payment", "POST", "/checkout/confirm", fields{"order_id": p.id}, 409, "order_state", ""},
		{"refund before any payment", "POST", "/orders/" + p.id + "/refunds", fields{"reason": "x"}, 409, "order_state", ""},
	}
}

func badOperations() []refusedCase {
	adjust := func(name string, body fields, status int, code, at string) refusedCase {
		return refusedCase{name, "POST", "/inventory/SKU123/adjust", body, status, code, at}
	}
	stock := fields{"warehouse": "main", "delta": 1, "reason": "x"}
	product := fields{"name": "Thing", "prices": fields{"INR": "1.00"}}
	put := func(name, field string, value any, at string) refusedCase {
		return refusedCase{name, "PUT", "/products/NEW", product.with(field, value), 422, "invalid_request", at}
	}
	const nobody = "0198c0de-0000-7000-8000-000000000001"
	return []refusedCase{
		adjust("an unknown warehouse", stock.with("warehouse", "moon"), 422, "invalid_request", "warehouse"),
		adjust("delta 0", stock.with("delta", 0), 422, "invalid_request", "delta"),
		adjust("delta and counted", stock.with("counted", 1), 422, "invalid_request", "delta"),
		adjust("neither", stock.without("delta"), 422, "invalid_request", "delta"),
		adjust("no reason", stock.without("reason"), 422, "invalid_request", "reason"),
		adjust("below nothing", stock.with("delta", -101), 409, "out_of_stock", ""),
		{"no such product", "POST", "/inventory/NOPE/adjust", stock, 404, "not_found", ""},
		put("another sku", "sku", "OTHER", "sku"),
		put("a price of too many digits", "prices", fields{"INR": "1.001"}, "prices.INR"),
		put("a negative price", "prices", fields{"INR": -1}, "prices.INR"),
		put("a price past all bounds", "prices", fields{"INR": "99999999999999"}, "prices.INR"),
		put("a price in nothing", "prices", fields{"ABC": 1}, "prices"),
		put("no prices", "prices", fields{}, "prices"),
		put("a blank name", "name", " ", "name"),
		put("an image that is a script", "image", "javascript:alert(1)", "image"),
		put("an image that is a page", "image", "data:text/html,<script>alert(1)</script>", "image"),
		put("an image without its data", "image", "data:image/png", "image"),
		put("an image that is a path", "image", "/mug.png", "image"),
		put("an image on no host", "image", "https:///mug.png", "image"),
		put("an image of another protocol", "image", "ftp://shop.example/mug.png", "image"),
		{"a sku of spaces", "PUT", "/products/a%20b", product, 422, "invalid_request", "sku"},
		{"an order that is no id", "GET", "/orders/O123", nil, 404, "not_found", ""},
		{"no such order", "GET", "/orders/" + nobody, nil, 404, "not_found", ""},
		{"no such timeline", "GET", "/orders/" + nobody + "/timeline", nil, 404, "not_found", ""},
		{"no such payment", "GET", "/payment/" + nobody, nil, 404, "not_found", ""},
		{"no such payment to capture", "POST", "/payment/" + nobody + "/capture", nil, 404, "not_found", ""},
		{"no such cart", "GET", "/carts/" + nobody, nil, 404, "not_found", ""},
		{"no such order to cancel", "POST", "/orders/" + nobody + "/cancel", nil, 404, "not_found", ""},
		{"no such order to refund", "POST", "/orders/" + nobody + "/refunds", fields{"reason": "x"}, 404, "not_found", ""},
		{"no such task", "POST", "/tasks/" + nobody + "/retry", fields{"note": "x"}, 404, "not_found", ""},
		{"a task without a note", "POST", "/tasks/" + nobody + "/retry", fields{}, 422, "invalid_request", "note"},
		{"no such stock", "GET", "/inventory/NOPE", nil, 404, "not_found", ""},
		{"no such status", "GET", "/orders?status=HAPPY", nil, 422, "invalid_request", "status"},
		{"a bad time", "GET", "/orders?created_from=yesterday", nil, 422, "invalid_request", "created_from"},
		{"a bad cursor", "GET", "/orders?cursor=x", nil, 422, "invalid_request", "cursor"},
		{"a limit of 0", "GET", "/orders?limit=0", nil, 422, "invalid_request", "limit"},
		{"a limit of 501", "GET", "/products?limit=501", nil, 422, "invalid_request", "limit"},
		{"an unknown parameter", "GET", "/orders?state=PENDING", nil, 422, "invalid_request", "state"},
		{"no such path", "GET", "/order", nil, 404, "not_found", ""},
		{"no such method", "DELETE", "/orders", nil, 405, "invalid_request", ""},
	}
}

// TestRefusals sends everything that is wrong: each is a clear problem and
// changes nothing at all.
func TestRefusals(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.place(someOrder)
	var cases []refusedCase
	for _, path := range []string{"/checkout", "/inventory/lock", "/payment/initiate", "/carts"} {
		cases = append(cases, badBodies(path)...)
	}
	cases = append(cases, badItems("/checkout", someOrder)...)
	cases = append(cases, badItems("/inventory/lock", fields{})...)
	cases = append(cases, badItems("/carts", fields{})...)
	cases = append(cases, badCheckouts()...)
	cases = append(cases, badLocks()...)
	cases = append(cases, badPayments(p)...)
	cases = append(cases, badOperations()...)
	before := r.everything()
	for i, c := range cases {
		var options []option
		if c.method == "POST" && (strings.HasSuffix(c.path, "/adjust") || strings.HasSuffix(c.path, "/refunds")) {
			options = append(options, header("Idempotency-Key", fmt.Sprint("case ", i)))
		}
		got := r.call(c.method, c.path, c.body, options...)
		t.Logf("%s %s, %s → %s", c.method, c.path, c.name, got.raw)
		problem := got.refused(c.status, c.code)
		if c.field != "" {
			require.NotEmpty(t, problem.Errors, c.name)
			require.Equal(t, c.field, problem.Errors[0].Field, c.name)
			require.NotEmpty(t, problem.Errors[0].Reason)
		}
	}
	require.Equal(t, before, r.everything(), "a refusal changes nothing")
}

func TestOutOfStockSaysWhatThereIs(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.call("POST", "/checkout", someOrder.with("items", someItems(101)), as(storefrontKey)).refused(409, "out_of_stock")
	require.Equal(t, []checkout.Shortage{{SKU: "SKU123", Requested: 101, Available: 100}}, p.Items)
}

func TestNoPersonalValueIsEchoed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const secret = "very-private-thing"
	for _, field := range []string{"email", "phone", "country"} {
		body := someOrder.with("customer", fields{"email": "a@b.example", "name": "A", field: secret})
		require.NotContains(t, r.call("POST", "/checkout", body).raw, secret)
		body = someOrder.with("shipping_address", someAddress.with(field, secret))
		require.NotContains(t, r.call("POST", "/checkout", body).raw, secret)
	}
	require.NotContains(t, r.log.String(), secret)
}

// TestEscapesOfWholeCharactersAreTaken: what is no half pair is what was sent.
func TestEscapesOfWholeCharactersAreTaken(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for escaped, want := range map[string]string{
		`\uD83D\uDE00`: "\U0001F600", `\\ud800`: `\ud800`, `a\\\"\u00e9`: `a\"` + "\u00e9", `\ufffd`: "\ufffd",
	} {
		a := r.call("PUT", "/products/E", `{"name": "x`+escaped+`", "prices": {"INR": 1}}`)
		require.Less(t, a.status, 300, a.raw)
		require.Equal(t, "x"+want, a.text("name"))
	}
}

func TestImagesOfProducts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	product := fields{"name": "Mug", "prices": fields{"INR": "1.00"}}
	for _, image := range []string{"https://shop.example/mug.png?v=2", "http://localhost:8080/mug.png", "data:image/svg+xml;base64,PHN2Zy8+"} {
		require.Equal(t, image, r.call("PUT", "/products/SKU123", product.with("image", image)).ok(200).text("image"))
	}
	require.NotContains(t, r.call("PUT", "/products/SKU123", product.with("image", "")).ok(200).raw, "image")
	demo, err := catalog.Demo()
	require.NoError(t, err)
	for _, p := range demo {
		require.NoError(t, imageAddress("image", p.Image), p.SKU)
	}
}

func TestOtherMediaTypesAreRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, media := range []string{"text/plain", "application/x-www-form-urlencoded", "application/xml", "application/vnd.x+json", "%"} {
		r.call("POST", "/checkout", someOrder, header("Content-Type", media)).refused(415, "invalid_request")
	}
	r.call("POST", "/checkout", someOrder, header("Content-Type", "application/json; charset=utf-8")).ok(201)
}

// TestEveryCodeHasItsProblem walks the one table.
func TestEveryCodeHasItsProblem(t *testing.T) {
	t.Parallel()
	for code, status := range map[checkout.Code]int{
		"invalid_request": 422, "unauthorized": 401, "forbidden": 403, "not_found": 404, "out_of_stock": 409, "order_state": 409,
		"order_expired": 409, "payment_failed": 409, "payment_in_progress": 409, "method_unavailable": 422, "coupon_invalid": 422,
		"coupon_exhausted": 409, "amount_mismatch": 422, "idempotency_key_reused": 422, "idempotency_in_flight": 409,
		"card_data_refused": 422, "gateway_unavailable": 502, "rate_limited": 429, "overloaded": 503, "internal": 500,
	} {
		p := problemOf(fmt.Errorf("wrapped: %w", checkout.Refuse(code, "why")))
		require.Equal(t, status, p.Status, code)
		require.Equal(t, string(code), p.Code)
		require.NotEmpty(t, p.Title)
		retry := p.GetHeaders().Get("Retry-After")
		require.Equal(t, status == 503 || status == 429, retry != "", code)
	}
	require.Len(t, refusals, 20)
	p := problemOf(fmt.Errorf("pq: relation \"orders\" does not exist"))
	require.Equal(t, http.StatusInternalServerError, p.Status)
	require.NotContains(t, p.Detail, "orders")
	require.Equal(t, 503, problemOf(fmt.Errorf("read: %w", store.ErrUnavailable)).Status)
}
