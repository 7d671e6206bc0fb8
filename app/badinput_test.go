package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
)

// badInput is a request that must be refused, and what is said of it.
type badInput struct {
	name   string
	path   string // a POST unless it is a product's
	body   any
	status int
	code   string
	field  string // the first one at fault; "" where none is
	token  string // of an order
}

// Every kind of bad input gets a clear problem and changes nothing at all.
func TestBadInput(t *testing.T) {
	t.Parallel()
	for name, url := range stores(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refuse(t, openShop(t, url, startSandbox(t)))
		})
	}
}

func refuse(t *testing.T, s *shop) {
	t.Helper()
	s.sell("MUG", "499.50", 100)
	s.sellYen("FAN", "999", 100)
	open, yen, paid := s.place(basket("MUG", 2)), s.place(inYen(basket("FAN", 1))), s.place(basket("MUG", 1))
	s.pay(paid, "pm_card_visa")
	s.settle()

	cases := badItems()
	cases = append(cases, badBodies(open)...)
	cases = append(cases, badMoney(open, yen, paid)...)
	cases = append(cases, badTokens(open, yen)...)
	before := s.everything()
	for i, c := range cases {
		requireProblem(t, c, s.call(c.method(), c.path, s.keyFor(c.path), c.body, "Order-Token", c.token, "Idempotency-Key", fmt.Sprint("bad-", i)))
	}
	require.Equal(t, before, s.everything(), "a refusal changes nothing")
	s.place(basket("MUG", 1))
	require.NotEqual(t, before, s.everything(), "what is good does change something")
	s.requireClean()
}

func (c badInput) method() string {
	if strings.HasPrefix(c.path, "/products/") {
		return http.MethodPut
	}
	return http.MethodPost
}

// keyFor is the weakest key that may make a call.
func (s *shop) keyFor(path string) string {
	for _, operator := range []string{"/products/", "/adjust", "/refunds"} {
		if strings.Contains(path, operator) {
			return s.sk
		}
	}
	return s.pk
}

// requireProblem checks an answer against RFC 9457 and our contract.
func requireProblem(t *testing.T, c badInput, a answer) {
	t.Helper()
	what := fmt.Sprintf("%s, %s: %s", c.path, c.name, a.body)
	require.Equal(t, c.status, a.status, what)
	require.Equal(t, "application/problem+json", a.header.Get("Content-Type"), what)
	require.Equal(t, c.code, a.text("code"), what)
	require.EqualValues(t, c.status, a.json["status"], what)
	for _, member := range []string{"type", "title", "detail"} {
		require.NotEmpty(t, a.text(member), what)
	}
	if c.field == "" {
		require.NotContains(t, a.json, "errors", what)
		return
	}
	var problem struct {
		Errors []checkout.FieldError `json:"errors"`
	}
	require.NoError(t, json.Unmarshal(a.body, &problem), what)
	require.NotEmpty(t, problem.Errors, what)
	require.Equal(t, c.field, problem.Errors[0].Field, what)
	require.NotEmpty(t, problem.Errors[0].Reason, what)
}

// with is a copy of a body with one field set.
func with(body object, field string, value any) object {
	c := maps.Clone(body)
	c[field] = value
	return c
}

func without(body object, field string) object {
	c := maps.Clone(body)
	delete(c, field)
	return c
}

// badItems are lists of items that no call takes that has one.
func badItems() []badInput {
	var cases []badInput
	for path, body := range map[string]object{
		"/carts": {"currency": "INR"}, "/checkout": basket("MUG", 1), "/inventory/lock": {"session_id": "abcdefghijklmnop"},
	} {
		bad := func(name, field string, items any) {
			cases = append(cases, badInput{name: name, path: path, body: with(body, "items", items), status: 422, code: "invalid_request", field: field})
		}
		for _, qty := range []string{"0", "-1", "1e9", "1.5"} {
			bad("qty "+qty, "items[0].qty", []object{{"sku": "MUG", "qty": json.Number(qty)}})
		}
		bad("10,000 lines", "items", manyLines(10_000))
		bad("a missing field", "items[0].qty", []object{{"sku": "MUG"}})
		bad("an unknown field", "items[0].price", []object{{"sku": "MUG", "qty": 1, "price": 1}})
		if path == "/inventory/lock" {
			bad("an unknown SKU", "items", []object{{"sku": "NOPE", "qty": 1}})
			continue // it sums a SKU that is there twice, and has no currency
		}
		bad("an unknown SKU", "items[1].sku", []object{{"sku": "MUG", "qty": 1}, {"sku": "NOPE", "qty": 1}})
		bad("a SKU twice", "items[1].sku", []object{{"sku": "MUG", "qty": 1}, {"sku": "MUG", "qty": 1}})
		bad("a product without a price in this currency", "items[0].sku", []object{{"sku": "FAN", "qty": 1}})
	}
	return cases
}

func manyLines(n int) []object {
	lines := make([]object, n)
	for i := range lines {
		lines[i] = object{"sku": fmt.Sprint("SKU-", i), "qty": 1}
	}
	return lines
}

// badBodies are bodies that no call takes.
func badBodies(p placed) []badInput {
	var cases []badInput
	for _, path := range []string{
		"/carts", "/checkout", "/inventory/lock", "/payment/initiate", "/orders/" + p.id + "/refunds", "/inventory/MUG/adjust", "/products/MUG",
	} {
		cases = append(cases,
			badInput{name: "invalid UTF-8", path: path, body: "{\"reason\": \"\xff\"}", status: 400, code: "invalid_request", token: p.token},
			badInput{name: "2 MiB", path: path, body: `{"reason": "` + strings.Repeat("x", 2<<20) + `"}`, status: 413, code: "invalid_request", token: p.token},
		)
	}
	missing := func(path, field string, body object) {
		cases = append(cases,
			badInput{name: "a missing field", path: path, body: without(body, field), status: 422, code: "invalid_request", field: field, token: p.token},
			badInput{name: "an unknown field", path: path, body: with(body, "colour", "red"), status: 422, code: "invalid_request", field: "colour", token: p.token},
		)
	}
	missing("/checkout", "customer", basket("MUG", 1))
	missing("/carts", "items", object{"items": []object{{"sku": "MUG", "qty": 1}}})
	missing("/inventory/lock", "items", object{"items": []object{{"sku": "MUG", "qty": 1}}})
	missing("/payment/initiate", "amount", initiate(p.id, p.amount, "bad", ""))
	missing("/orders/"+p.id+"/refunds", "reason", object{"reason": "damaged"})
	missing("/inventory/MUG/adjust", "reason", object{"warehouse": "main", "delta": 1, "reason": "found"})
	missing("/products/MUG", "name", object{"name": "A mug", "prices": object{"INR": "1.00"}})
	return cases
}

// badMoney are amounts that are not the order's, or no amounts of its currency.
func badMoney(open, yen, paid placed) []badInput {
	return []badInput{
		{name: "a paisa less", path: "/payment/initiate", body: initiate(open.id, "998.99", "bad", ""), status: 422, code: "amount_mismatch", token: open.token},
		{name: "a paisa more", path: "/payment/initiate", body: initiate(open.id, "999.01", "bad", ""), status: 422, code: "amount_mismatch", token: open.token},
		{name: "yen with decimals", path: "/payment/initiate", body: initiate(yen.id, "999.50", "bad", ""), status: 422, code: "invalid_request", field: "amount", token: yen.token},
		{name: "a paisa past the capture", path: "/orders/" + paid.id + "/refunds", body: object{"amount": "499.51", "reason": "damaged"}, status: 422, code: "amount_mismatch"},
		{name: "half a paisa", path: "/orders/" + paid.id + "/refunds", body: object{"amount": "1.005", "reason": "damaged"}, status: 422, code: "invalid_request", field: "amount"},
		{name: "yen with decimals", path: "/products/FAN", body: object{"name": "A fan", "prices": object{"JPY": "999.5"}}, status: 422, code: "invalid_request", field: "prices.JPY"},
		{name: "half a unit", path: "/inventory/MUG/adjust", body: object{"warehouse": "main", "delta": 1.5, "reason": "found"}, status: 422, code: "invalid_request", field: "delta"},
		{name: "more than there is", path: "/inventory/MUG/adjust", body: object{"warehouse": "main", "delta": -1000, "reason": "lost"}, status: 409, code: "out_of_stock"},
		{name: "an unknown SKU", path: "/inventory/NOPE/adjust", body: object{"warehouse": "main", "delta": 1, "reason": "found"}, status: 404, code: "not_found"},
	}
}

// badTokens name an order with another order's token, or with none.
func badTokens(mine, theirs placed) []badInput {
	var cases []badInput
	for name, token := range map[string]string{"a foreign order's token": theirs.token, "no token": ""} {
		cases = append(cases,
			badInput{name: name, path: "/payment/initiate", body: initiate(mine.id, mine.amount, "bad", "pm_card_visa"), status: 404, code: "not_found", token: token},
			badInput{name: name, path: "/checkout/confirm", body: object{"order_id": mine.id}, status: 404, code: "not_found", token: token},
		)
	}
	return cases
}

// sellYen puts a product on sale that has a price in yen alone.
func (s *shop) sellYen(sku, price string, units int) {
	s.t.Helper()
	s.sell(sku, "1.00", units)
	a := s.call("PUT", "/products/"+sku, s.sk, object{"name": "A " + sku, "prices": object{"JPY": price}})
	require.Equal(s.t, 200, a.status, "%s", a.body)
}

func inYen(body object) object { return with(body, "currency", "JPY") }

// placed is an order as its buyer knows it.
type placed struct{ id, token, amount string }

// place orders.
func (s *shop) place(body object) placed {
	s.t.Helper()
	a := s.call("POST", "/checkout", s.pk, body)
	require.Equal(s.t, 201, a.status, "%s", a.body)
	return placed{a.text("order_id"), a.text("order_token"), a.text("amount")}
}

// pay initiates a payment: with a token that settles it at once, or with "" for
// one on the gateway's page.
func (s *shop) pay(p placed, token string) answer {
	s.t.Helper()
	a := s.call("POST", "/payment/initiate", s.pk, initiate(p.id, p.amount, p.id, token), "Order-Token", p.token)
	require.Equal(s.t, 201, a.status, "%s", a.body)
	return a
}

// read is the order as its buyer sees it.
func (s *shop) read(p placed) answer {
	s.t.Helper()
	a := s.call("GET", "/orders/"+p.id, s.pk, nil, "Order-Token", p.token)
	require.Equal(s.t, 200, a.status, "%s", a.body)
	return a
}

// settle waits until webhooks and tasks are done, so that the shop is at rest.
func (s *shop) settle() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), bound)
	defer cancel()
	require.NoError(s.t, s.gateway.Drain(ctx))
	eventually(s.t, bound, "that no task is left", func() bool {
		snapshot, err := s.Store.Snapshot(ctx)
		require.NoError(s.t, err)
		tasks, err := snapshot.Tasks(ctx, checkout.ID{}, 1)
		require.NoError(s.t, err)
		require.NoError(s.t, snapshot.Close())
		return len(tasks) == 0
	})
}

// everything writes down all that the store holds.
func (s *shop) everything() string {
	s.t.Helper()
	const many = 10_000
	ctx, cancel := context.WithTimeout(s.t.Context(), bound)
	defer cancel()
	snapshot, err := s.Store.Snapshot(ctx)
	require.NoError(s.t, err)
	defer func() { require.NoError(s.t, snapshot.Close()) }()
	var all bytes.Buffer
	keep := func(rows any, err error) {
		require.NoError(s.t, err)
		require.NoError(s.t, json.NewEncoder(&all).Encode(rows))
	}
	levels, err := snapshot.Levels(ctx, checkout.StockKey{}, many)
	keep(levels, err)
	adjusted, err := snapshot.Adjusted(ctx, checkout.StockKey{}, many)
	keep(adjusted, err)
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
	events, err := snapshot.Log(ctx, 0, many)
	keep(events, err)
	counters, err := snapshot.Counters(ctx)
	keep(counters, err)
	products, err := s.Store.Products(ctx, "", many)
	keep(products, err)
	return all.String()
}
