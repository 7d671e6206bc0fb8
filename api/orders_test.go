package api

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestListOfOrders(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var ids []string
	for i := range 5 {
		ids = append(ids, r.place(someOrder.with("customer", fields{"email": "b@example.com", "name": "B", "user_id": fmt.Sprint("u", i%2)})).id)
	}
	mine := r.place(someOrder)
	list := func(query string) reply { return r.call("GET", "/orders"+query, nil).ok(200) }
	var got []string
	for query := "?limit=2"; query != ""; {
		page := list(query)
		items, ok := page.at("items").([]any)
		require.True(t, ok)
		for i := range items {
			got = append(got, page.text(fmt.Sprintf("items.%d.order_id", i)))
		}
		query = ""
		if next, ok := page.at("next_cursor").(string); ok {
			query = "?limit=2&cursor=" + url.QueryEscape(next)
		}
	}
	require.Equal(t, []string{mine.id, ids[4], ids[3], ids[2], ids[1], ids[0]}, got, "the newest first, each once")

	count := func(query string) int { return strings.Count(list(query).raw, `"order_number"`) }
	require.Equal(t, 5, count("?customer=b@example.com"))
	require.Equal(t, 3, count("?customer=u0"))
	require.Equal(t, 0, count("?status=CONFIRMED"))
	require.Equal(t, 6, count("?status=PENDING"))
	hour := func(d time.Duration) string { return url.QueryEscape(time.Now().Add(d).UTC().Format(time.RFC3339)) }
	require.Equal(t, 6, count("?created_from="+hour(-time.Hour)+"&created_to="+hour(time.Hour)))
	require.Equal(t, 0, count("?created_to="+hour(-time.Hour)))
	require.Equal(t, 0, count("?created_from="+hour(time.Hour)))
}

func TestListOfProducts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, sku := range []string{"A", "B", "C"} {
		r.product(sku, "1.00", 0)
	}
	first := r.call("GET", "/products?limit=3", nil).ok(200)
	require.Equal(t, "C", first.text("items.2.sku"))
	second := r.call("GET", "/products?limit=3&cursor="+first.text("next_cursor"), nil).ok(200)
	require.Equal(t, "SKU123", second.text("items.0.sku"))
	require.Nil(t, second.at("next_cursor"))
}

// TestOrderSaysAll reads an order with everything that can be said at a checkout.
func TestOrderSaysAll(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	body := fields{
		"items":            someItems(2),
		"customer":         fields{"email": "asha@example.com", "name": "Asha Rao", "phone": "+91 98765 43210", "user_id": "u-7", "tax_id": "29ABCDE1234F1Z5"},
		"shipping_address": someAddress.with("line2", "2nd floor"), "billing_address": someAddress.with("city", "Mysuru"),
		"shipping_method": "express", "reference": "WEB-1001", "metadata": fields{"gift": "yes"}, "currency": "INR",
	}
	created := r.call("POST", "/checkout", body, as(storefrontKey)).ok(201)
	order := r.call("GET", "/orders/"+created.text("order_id"), nil).ok(200)
	for field, want := range map[string]string{
		"customer.tax_id": "29ABCDE1234F1Z5", "customer.phone": "+91 98765 43210", "shipping_address.line2": "2nd floor", "billing_address.city": "Mysuru",
		"shipping_method": "express", "reference": "WEB-1001", "metadata.gift": "yes", "lines.0.unit_price": "499.50", "lines.0.total": "999.00",
		"lines.0.allocations.0.warehouse": "main", "subtotal": "999.00", "shipping": "0.00", "refunded_amount": "0.00", "status": "PENDING",
	} {
		require.Equal(t, want, order.text(field), field)
		require.Equal(t, want, created.text(field), field)
	}
	require.Regexp(t, `^[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}$`, order.text("order_number"))
	require.Contains(t, created.text("checkout_url"), created.text("order_token"))
	require.NotContains(t, order.raw, "order_token")
}

func TestTimeline(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.place(someOrder)
	r.call("POST", "/payment/initiate", p.card("one", "pm_card_chargeDeclined"), buyer(p.token)).ok(201)
	r.call("POST", "/payment/initiate", p.card("two", "").without("payment_token"), buyer(p.token)).ok(201)
	got := r.call("GET", "/orders/"+p.id+"/timeline", nil, buyer(p.token)).ok(200)
	items, ok := got.at("items").([]any)
	require.True(t, ok)
	var kinds []string
	for i := range items {
		require.Equal(t, fmt.Sprint(i+1), fmt.Sprint(got.at(fmt.Sprintf("items.%d.seq", i))), "without a gap")
		kinds = append(kinds, got.text(fmt.Sprintf("items.%d.type", i)))
	}
	require.Equal(t, "order.created", kinds[0])
	require.Contains(t, kinds, "payment.initiated")
	require.Contains(t, kinds, "payment.failed")
	require.Equal(t, "initiate_payment", got.text("next.0.kind"), "it stands in for the first look-up")
	require.NotContains(t, got.raw, "last_error")
}

func TestRefunds(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.place(someOrder)
	r.call("POST", "/payment/initiate", p.card("k", "pm_card_visa")).ok(201)
	refund := func(key string, body fields) reply {
		return r.call("POST", "/orders/"+p.id+"/refunds", body, header("Idempotency-Key", key))
	}
	first := refund("one", fields{"amount": 100, "reason": "scratched"}).ok(201)
	require.Equal(t, "100.00", first.text("amount"))
	refund("two", fields{"amount": "100.00", "reason": "scratched"}).ok(201)
	refund("three", fields{"amount": "799.01", "reason": "x"}).refused(422, "amount_mismatch")
	refund("four", fields{"amount": "1.001", "reason": "x"}).refused(422, "invalid_request")
	refund("five", fields{"amount": 0, "reason": "x"}).refused(422, "invalid_request")
	refund("six", fields{"amount": nil, "reason": "x"}).ok(201)
	refund("seven", fields{"reason": "x"}).refused(409, "order_state")
	eventually(t, "all is refunded", func() bool { return r.call("GET", "/orders/"+p.id, nil).text("status") == "REFUNDED" })
	require.Equal(t, "999.00", r.call("GET", "/orders/"+p.id, nil).text("refunded_amount"))
	require.Equal(t, int64(99900), r.sandbox.Ledger().Payments[0].Refunded)
	require.Equal(t, first.raw, refund("one", fields{"amount": 100, "reason": "scratched"}).ok(201).raw, "as it was answered first")
}

func TestCancelPaidOrder(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.place(someOrder)
	r.call("POST", "/payment/initiate", p.card("k", "pm_card_visa")).ok(201)
	cancelled := r.call("POST", "/orders/"+p.id+"/cancel", fields{"reason": "fraud"}).ok(200)
	require.Equal(t, "PENDING", cancelled.text("refunds.0.status"))
	require.Equal(t, "Asha Rao", cancelled.text("customer.name"))
	eventually(t, "all is refunded", func() bool { return r.call("GET", "/orders/"+p.id, nil).text("status") == "REFUNDED" })
	require.Equal(t, "100 0", stockOf(r.call("GET", "/inventory/SKU123", nil)))
}

// TestAttention: a count that finds less than buyers hold needs an operator, who
// deals with it once.
func TestAttention(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.place(someOrder)
	r.call("POST", "/inventory/SKU123/adjust", fields{"warehouse": "main", "counted": 1, "reason": "stock count"}, header("Idempotency-Key", "count")).ok(200)
	require.Equal(t, "0 2", stockOf(r.call("GET", "/inventory/SKU123", nil)))
	open := r.call("GET", "/attention", nil).ok(200)
	require.Contains(t, open.text("items.0.last_error"), "1 less than buyers hold")
	require.Equal(t, "needs_attention", open.text("items.0.kind"))
	require.Equal(t, "skip", open.text("items.0.actions.0"))
	task := "/tasks/" + open.text("items.0.task_id")
	note, key := fields{"note": "recounted"}, header("Idempotency-Key", "k")
	r.call("POST", task+"/retry", note).refused(409, "order_state")
	r.call("POST", task+"/compensate", note).refused(409, "order_state")
	skipped := r.call("POST", task+"/skip", note, key).ok(200)
	require.Equal(t, "skip", skipped.text("resolution"))
	require.JSONEq(t, `{"items":[],"next_cursor":null}`, r.call("GET", "/attention", nil).raw)
	again := r.call("POST", task+"/skip", note, key).ok(200)
	require.Equal(t, skipped.raw, again.raw, "a repeat gets its answer though the task has gone")
	r.call("POST", task+"/skip", note).refused(404, "not_found")
}
