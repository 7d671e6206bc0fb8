package api

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/sandbox"
)

// eventually waits for what the background does; a minute bounds a hang.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	require.Eventually(t, ok, time.Minute, 10*time.Millisecond, what)
}

// pay fills in the gateway's page as the buyer does.
func pay(t *testing.T, page, outcome string) {
	t.Helper()
	client := &http.Client{Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.PostForm(page, url.Values{"outcome": {outcome}, "result": {outcome}})
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Less(t, res.StatusCode, 400)
}

// TestFoundingFlow is the flow of the founding text, with its own names.
func TestFoundingFlow(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	lock := r.call("POST", "/inventory/lock", fields{"items": someItems(2)}, as(storefrontKey)).ok(201)
	require.Equal(t, "LOCKED", lock.text("status"))
	require.Equal(t, "main", lock.text("items.0.warehouse"))
	p := r.place(someOrder.with("session_id", lock.text("session_id")))
	initiated := r.call("POST", "/payment/initiate", `{"orderId": "`+p.id+`", "amount": 999.0, "payment_method": "card", "idempotency_key": "0198c0de-0000-7000-8000-000000000001"}`, buyer(p.token)).ok(201)
	require.Equal(t, "PENDING", initiated.text("status"))
	require.Equal(t, "redirect", initiated.text("action.type"))
	require.Nil(t, initiated.at("gateway_txn_id"))
	r.call("POST", "/checkout/confirm", fields{"order_id": p.id}, buyer(p.token)).ok(202)
	pay(t, initiated.text("action.url"), "succeed")
	eventually(t, "the webhook confirms the order", func() bool {
		return r.call("POST", "/checkout/confirm", fields{"order_id": p.id}, buyer(p.token)).status == 200
	})
	order := r.call("POST", "/checkout/confirm", fields{"order_id": p.id}, buyer(p.token)).ok(200)
	require.Equal(t, "CONFIRMED", order.text("status"))
	require.Equal(t, "CLAIMED", order.text("hold_status"))
	require.NotEmpty(t, order.text("invoice.series"))
	stock := r.call("GET", "/inventory/SKU123", nil)
	require.Equal(t, "98 0", stockOf(stock))
}

func stockOf(a reply) string {
	return strings.Trim(string(mustJSON(a.t, a.at("available_qty"))), `"`) + " " + strings.Trim(string(mustJSON(a.t, a.at("locked_qty"))), `"`)
}

func TestDeclineLeavesTheOrderPayable(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.place(someOrder)
	declined := r.call("POST", "/payment/initiate", p.card("one", "pm_card_chargeDeclined"), buyer(p.token)).ok(201)
	require.Equal(t, "FAILED", declined.text("status"))
	require.Nil(t, declined.at("action"))
	require.NotEmpty(t, declined.text("failure.code"))
	require.NotEmpty(t, declined.text("failure.message"))
	r.call("POST", "/checkout/confirm", fields{"order_id": p.id}, buyer(p.token)).refused(409, "payment_failed")
	again := r.call("POST", "/payment/initiate", p.card("one", "pm_card_chargeDeclined"), buyer(p.token)).ok(200)
	require.Equal(t, declined.raw, again.raw)
	require.Equal(t, "true", again.header.Get("Idempotent-Replayed"))
	paid := r.call("POST", "/payment/initiate", p.card("two", "pm_card_visa"), buyer(p.token)).ok(201)
	require.Equal(t, "SUCCEEDED", paid.text("status"))
	require.NotEmpty(t, paid.text("gateway_txn_id"))
	r.call("POST", "/checkout/confirm", fields{"order_id": p.id}, buyer(p.token)).ok(200)
	r.call("POST", "/payment/initiate", p.card("three", "pm_card_visa"), buyer(p.token)).refused(409, "order_state")
	got := r.call("GET", "/payment/"+paid.text("payment_id"), nil, buyer(p.token)).ok(200)
	require.Equal(t, paid.raw, got.raw)
}

func TestKeyInHeaderOrBody(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.place(someOrder)
	bare := p.card("", "pm_card_chargeDeclined").without("idempotency_key").without("orderId").with("order_id", p.id)
	first := r.call("POST", "/payment/initiate", bare, header("Idempotency-Key", "h")).ok(201)
	require.Equal(t, first.raw, r.call("POST", "/payment/initiate", bare, header("Idempotency-Key", "h")).ok(200).raw)
	both := bare.with("idempotency_key", "b").with("orderId", p.id)
	second := r.call("POST", "/payment/initiate", both, header("Idempotency-Key", "h")).ok(201)
	require.NotEqual(t, first.text("payment_id"), second.text("payment_id"), "the body's key rules")
}

// TestAnotherMethod: an open attempt is ended at its gateway before the next.
func TestAnotherMethod(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.place(someOrder)
	older := r.call("POST", "/payment/initiate", p.card("one", "").without("payment_token"), buyer(p.token)).ok(201)
	newer := r.call("POST", "/payment/initiate", p.card("two", "pm_card_visa"), buyer(p.token)).ok(201)
	require.Equal(t, "SUCCEEDED", newer.text("status"))
	require.NotEqual(t, "PENDING", r.call("GET", "/payment/"+older.text("payment_id"), nil).ok(200).text("status"))
	require.Equal(t, "CONFIRMED", string(r.order(p.id).Status))
}

func fault(name, operation string, times int) sandbox.Fault {
	return sandbox.Fault{Name: name, Operation: operation, Times: times}
}

// TestLostAnswer: the gateway charged and its answer was lost. The truth is looked
// up, and the caller gets it.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.place(someOrder)
	require.NoError(t, r.sandbox.SetFaults(fault("lost_answer", "payment_intents.create", 1), fault("webhook_drop", "*", 0)))
	paid := r.call("POST", "/payment/initiate", p.card("k", "pm_card_visa"), buyer(p.token)).ok(201)
	require.Equal(t, "SUCCEEDED", paid.text("status"))
	require.Len(t, r.sandbox.Ledger().Payments, 1)
}

// TestUnknownOutcome: while nobody knows, the answer is 202, another attempt has
// to wait, and the same key later gives the outcome.
func TestUnknownOutcome(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.wait.outcome = 300 * time.Millisecond
	r.serve()
	p := r.place(someOrder)
	require.NoError(t, r.sandbox.SetFaults(fault("lost_answer", "payment_intents.create", 1), fault("error_500", "payment_intents.search", 0),
		fault("error_500", "payment_intents.list", 0), fault("error_500", "payment_intents.retrieve", 0), fault("webhook_drop", "*", 0)))
	open := r.call("POST", "/payment/initiate", p.card("k", "pm_card_visa"), buyer(p.token)).ok(202)
	require.Equal(t, "PENDING", open.text("status"))
	require.Nil(t, open.at("action"))
	r.call("POST", "/payment/initiate", p.card("other", "pm_card_visa"), buyer(p.token)).refused(409, "payment_in_progress")
	require.NoError(t, r.sandbox.SetFaults())
	eventually(t, "the same key gives the outcome", func() bool {
		return r.call("POST", "/payment/initiate", p.card("k", "pm_card_visa"), buyer(p.token)).status == 200
	})
	paid := r.call("POST", "/payment/initiate", p.card("k", "pm_card_visa"), buyer(p.token)).ok(200)
	require.Equal(t, "SUCCEEDED", paid.text("status"))
	require.Equal(t, open.text("payment_id"), paid.text("payment_id"))
	require.Len(t, r.sandbox.Ledger().Payments, 1)
}

// TestGatewayUnavailable: the gateway certainly did nothing, which is the one
// case of 502, and the same key may try again.
func TestGatewayUnavailable(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.place(someOrder)
	require.NoError(t, r.sandbox.SetFaults(fault("rate_limit", "payment_intents.create", 0)))
	r.call("POST", "/payment/initiate", p.card("k", "pm_card_visa"), buyer(p.token)).refused(502, "gateway_unavailable")
	require.NoError(t, r.sandbox.SetFaults())
	paid := r.call("POST", "/payment/initiate", p.card("k", "pm_card_visa"), buyer(p.token)).ok(201)
	require.Equal(t, "SUCCEEDED", paid.text("status"))
	require.Len(t, r.order(p.id).Payments, 1)
}

// TestConfirmAsksTheGateway: the webhook never comes, and confirm learns the truth.
func TestConfirmAsksTheGateway(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	require.NoError(t, r.sandbox.SetFaults(fault("webhook_drop", "*", 0)))
	p := r.place(someOrder)
	page := r.call("POST", "/payment/initiate", p.card("k", "").without("payment_token"), buyer(p.token)).ok(201).text("action.url")
	pay(t, page, "succeed")
	order := r.call("POST", "/checkout/confirm", fields{"order_id": p.id}, buyer(p.token)).ok(200)
	require.Equal(t, "CONFIRMED", order.text("status"))
}

func (r *rig) authorized() (placed, string) {
	r.t.Helper()
	p := r.place(someOrder)
	paid := r.call("POST", "/payment/initiate", p.card("k", "pm_card_visa").with("payment_method", "wallet"), buyer(p.token)).ok(201)
	require.Equal(r.t, "AUTHORIZED", paid.text("status"))
	require.Equal(r.t, "stripe-manual", paid.text("gateway"))
	r.call("POST", "/checkout/confirm", fields{"order_id": p.id}, buyer(p.token)).ok(200)
	return p, "/payment/" + paid.text("payment_id")
}

func TestCaptureOnShipment(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p, payment := r.authorized()
	require.Equal(t, "SUCCEEDED", r.call("POST", payment+"/capture", nil, header("Idempotency-Key", "ship")).ok(200).text("status"))
	require.Equal(t, "SUCCEEDED", r.call("POST", payment+"/capture", nil, header("Idempotency-Key", "ship")).ok(200).text("status"))
	r.call("POST", payment+"/void", nil).refused(409, "order_state")
	r.call("POST", payment+"/mark-received", nil).refused(409, "order_state")
	require.Equal(t, int64(99900), r.sandbox.Ledger().Payments[0].Captured)
	require.Equal(t, checkout.OrderConfirmed, r.order(p.id).Status)
}

func TestVoidBeforeShipment(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p, payment := r.authorized()
	require.Equal(t, "VOIDED", r.call("POST", payment+"/void", nil).ok(200).text("status"))
	require.Equal(t, checkout.OrderCancelled, r.order(p.id).Status)
	require.Equal(t, "100 0", stockOf(r.call("GET", "/inventory/SKU123", nil)))
	r.call("POST", payment+"/capture", nil).refused(409, "order_state")
}

func TestBankTransfer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.place(someOrder)
	body := p.card("k", "").without("payment_token").with("payment_method", "bank_transfer")
	opened := r.call("POST", "/payment/initiate", body, buyer(p.token)).ok(201)
	require.Equal(t, "PENDING", opened.text("status"))
	require.Equal(t, "bank", opened.text("gateway"))
	payment := "/payment/" + opened.text("payment_id")
	r.call("POST", payment+"/mark-received", nil, as(storefrontKey)).refused(403, "forbidden")
	received := r.call("POST", payment+"/mark-received", fields{"reference": "statement 7"}).ok(200)
	require.Equal(t, "SUCCEEDED", received.text("status"))
	require.Equal(t, opened.text("payment_id"), received.text("gateway_txn_id"), "one transfer may pay several orders")
	require.Contains(t, r.call("GET", "/orders/"+p.id+"/timeline", nil).ok(200).raw, "statement 7")
	require.Equal(t, "CONFIRMED", r.call("GET", "/orders/"+p.id, nil, buyer(p.token)).ok(200).text("status"))
}
