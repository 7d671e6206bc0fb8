package sandbox

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"
)

// stripeMock is the module that carries Stripe's OpenAPI description. It is read from the module cache, so that neither
// go.mod nor the repository holds it.
const stripeMock = "github.com/stripe/stripe-mock@v0.203.0"

// stripeSpec is Stripe's own description of its API, loaded once.
var stripeSpec = sync.OnceValues(func() (*openapi3.T, error) {
	out, err := exec.CommandContext(context.Background(), "go", "mod", "download", "-json", stripeMock).Output()
	if err != nil {
		return nil, err
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(out, &module); err != nil {
		return nil, err
	}
	return openapi3.NewLoader().LoadFromFile(filepath.Join(module.Dir, "embedded", "openapi", "spec3.json"))
})

// requireSpec returns Stripe's description; without network it skips, but never where CI=true.
func requireSpec(t *testing.T) *openapi3.T {
	t.Helper()
	spec, err := stripeSpec()
	if err != nil && os.Getenv("CI") != "true" {
		t.Skipf("Stripe's OpenAPI is not to be had: %v", err)
	}
	require.NoError(t, err)
	return spec
}

// requireConforms checks one answer against the schema of its object.
func requireConforms(t *testing.T, raw []byte) {
	t.Helper()
	var o map[string]any
	require.NoError(t, json.Unmarshal(raw, &o), "%s", raw)
	name, _ := o["object"].(string)
	switch {
	case o["error"] != nil:
		name = "error"
	case name == "list" || name == "search_result":
		for _, item := range o["data"].([]any) {
			requireConforms(t, mustJSON(item))
		}
		require.Contains(t, o, "has_more")
		require.Contains(t, o, "url")
		return
	}
	ref := requireSpec(t).Components.Schemas[name]
	require.NotNil(t, ref, "Stripe has no object called %q: %s", name, raw)
	require.NoError(t, ref.Value.VisitJSON(o), "%s does not conform: %s", name, raw)
	requireNothingInvented(t, name, o)
}

// requireNothingInvented checks that Stripe knows every field at the top of an object.
func requireNothingInvented(t *testing.T, name string, o map[string]any) {
	t.Helper()
	known := requireSpec(t).Components.Schemas[name].Value.Properties
	for field := range o {
		require.Contains(t, known, field, "Stripe's %s has no field %s", name, field)
	}
}

func TestConformanceCatchesWrongAnswers(t *testing.T) {
	t.Parallel()
	schema := requireSpec(t).Components.Schemas["payment_intent"].Value
	require.Error(t, schema.VisitJSON(map[string]any{"object": "payment_intent", "id": "pi_1"}), "required fields are missing")
	require.Error(t, requireSpec(t).Components.Schemas["refund"].Value.VisitJSON(map[string]any{"id": "re_1", "object": "refund", "amount": "1"}))
}

// TestAnswersConform asks for every kind of answer there is and holds each against Stripe's schema.
func TestAnswersConform(t *testing.T) {
	t.Parallel()
	requireSpec(t)
	b := newBench(t)
	check := func(status int, method, path string, form url.Values) map[string]any {
		t.Helper()
		answer := b.raw(method, path, "", form)
		require.Equal(t, status, answer.status, "%s %s: %s", method, path, answer.body)
		requireConforms(t, answer.body)
		var o map[string]any
		require.NoError(t, json.Unmarshal(answer.body, &o))
		return o
	}
	card := func(token string, more ...string) url.Values {
		form := url.Values{"amount": {"5000"}, "currency": {"usd"}, "payment_method_types[]": {"card", "us_bank_account"}, "payment_method": {token},
			"confirm": {"true"}, "metadata[order_id]": {"o1"}, "return_url": {"https://shop.example/back"}, "expand[]": {"latest_charge", "payment_method"},
			"shipping[name]": {"A. Buyer"}, "shipping[address][line1]": {"Main Street 1"}, "shipping[address][country]": {"IN"}}
		for i := 0; i+1 < len(more); i += 2 {
			if form.Set(more[i], more[i+1]); more[i+1] == "" {
				form.Del(more[i])
			}
		}
		return form
	}
	id := func(o map[string]any) string { return o["id"].(string) }

	paid := check(200, "POST", "/v1/payment_intents", card("pm_card_visa", "expand[]", "latest_charge.refunds"))
	check(200, "POST", "/v1/payment_intents", card("pm_card_amex", "confirm", "false", "return_url", ""))
	check(400, "POST", "/v1/payment_intents", url.Values{"amount": {"5"}})
	check(402, "POST", "/v1/payment_intents", card("pm_card_chargeDeclined"))
	check(402, "POST", "/v1/payment_intents", card("pm_card_authenticationRequired", "off_session", "true"))
	check(200, "POST", "/v1/payment_intents", card("pm_card_threeDSecure2Required"))
	check(200, "POST", "/v1/payment_intents", card("pm_usBankAccount_processing"))
	held := check(200, "POST", "/v1/payment_intents", card("pm_card_visa", "capture_method", "manual"))
	check(200, "POST", "/v1/payment_intents/"+id(held)+"/capture", url.Values{"amount_to_capture": {"2000"}, "expand[]": {"latest_charge.refunds"}})
	check(400, "POST", "/v1/payment_intents/"+id(held)+"/capture", nil)
	void := check(200, "POST", "/v1/payment_intents", card("pm_card_visa", "capture_method", "manual"))
	check(200, "POST", "/v1/payment_intents/"+id(void)+"/cancel", url.Values{"cancellation_reason": {"abandoned"}})
	check(400, "POST", "/v1/payment_intents/"+id(void)+"/confirm", nil)
	check(200, "POST", "/v1/payment_intents/"+id(paid), url.Values{"description": {"new"}})
	check(404, "GET", "/v1/payment_intents/pi_none", nil)
	check(404, "GET", "/v1/nothing", nil)

	refund := check(200, "POST", "/v1/refunds", url.Values{"payment_intent": {id(paid)}, "amount": {"100"}, "reason": {"duplicate"},
		"metadata[a]": {"b"}, "expand[]": {"charge", "payment_intent.latest_charge"}})
	pending := check(200, "POST", "/v1/refunds", url.Values{"payment_intent": {id(paid)}, "amount": {"100"}, "metadata[sim_fault]": {"refund_requires_action"}})
	check(200, "POST", "/v1/refunds/"+id(pending)+"/cancel", nil)
	failing := check(200, "POST", "/v1/refunds", url.Values{"payment_intent": {id(paid)}, "amount": {"100"}, "metadata[sim_fault]": {"refund_fail"}})
	b.sandbox.Advance(time.Minute)
	require.Equal(t, "failed", check(200, "GET", "/v1/refunds/"+id(failing), nil)["status"])
	check(200, "POST", "/v1/refunds/"+id(refund), url.Values{"metadata[a]": {"c"}})
	check(400, "POST", "/v1/refunds/"+id(refund)+"/cancel", nil)
	check(400, "POST", "/v1/refunds", url.Values{"payment_intent": {id(paid)}, "amount": {"999999"}})

	session := check(200, "POST", "/v1/checkout/sessions", sessionForm("expand[]", "line_items"))
	check(200, "GET", "/v1/checkout/sessions/"+id(session)+"/line_items", nil)
	status, _, _ := b.post(session["url"].(string), url.Values{"outcome": {"succeed"}})
	require.Equal(t, http.StatusSeeOther, status)
	check(200, "GET", "/v1/checkout/sessions/"+id(session)+"?expand[]=payment_intent.latest_charge&expand[]=line_items", nil)
	check(400, "POST", "/v1/checkout/sessions/"+id(session)+"/expire", nil)
	other := check(200, "POST", "/v1/checkout/sessions", sessionForm())
	check(200, "POST", "/v1/checkout/sessions/"+id(other)+"/expire", nil)

	for _, path := range []string{"payment_intents?expand[]=data.latest_charge", "checkout/sessions", "refunds", "refunds?payment_intent=" + id(paid),
		"charges?expand[]=data.payment_intent", "charges?payment_intent=" + id(paid), "events?limit=100",
		"payment_intents/search?query=" + url.QueryEscape("metadata['order_id']:'o1'")} {
		page := check(200, "GET", "/v1/"+path, nil)
		require.NotEmpty(t, page["data"], path)
	}
	b.requireEventsConform()
}

// requireEventsConform checks what went to the webhook, and the objects in it.
func (b *bench) requireEventsConform() {
	b.t.Helper()
	b.drain()
	seen := map[string]bool{}
	for _, l := range b.inbox.all() {
		require.NoError(b.t, l.problem)
		requireConforms(b.t, l.body)
		requireConforms(b.t, l.event.Data.Raw)
		seen[string(l.event.Type)] = true
	}
	kinds := slices.Sorted(maps.Keys(seen))
	require.Equal(b.t, []string{"charge.captured", "charge.failed", "charge.pending", "charge.refund.updated", "charge.refunded", "charge.succeeded",
		"checkout.session.completed", "checkout.session.expired", "payment_intent.amount_capturable_updated", "payment_intent.canceled",
		"payment_intent.created", "payment_intent.payment_failed", "payment_intent.processing", "payment_intent.requires_action",
		"payment_intent.succeeded", "refund.created", "refund.failed", "refund.updated"}, kinds)
}

// sessionForm is a Checkout Session of 2 × 24.99 INR, with more fields as name, value pairs.
func sessionForm(more ...string) url.Values {
	form := url.Values{"mode": {"payment"}, "success_url": {"https://shop.example/done?session={CHECKOUT_SESSION_ID}"}, "cancel_url": {"https://shop.example/cart"},
		"line_items[0][quantity]": {"2"}, "line_items[0][price_data][currency]": {"inr"}, "line_items[0][price_data][unit_amount]": {"2499"},
		"line_items[0][price_data][product_data][name]": {"Tea"}, "client_reference_id": {"o1"}, "metadata[order_id]": {"o1"},
		"payment_intent_data[metadata][order_id]": {"o1"}, "customer_email": {"buyer@example.com"}}
	for i := 0; i+1 < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	return form
}

// TestParametersAreStripes compares what each operation takes with what Stripe says it takes.
func TestParametersAreStripes(t *testing.T) {
	t.Parallel()
	spec := requireSpec(t)
	for _, op := range operations() {
		method, path, _ := strings.Cut(op.pattern, " ")
		for _, name := range []string{"intent", "session", "refund", "charge", "id"} {
			try := strings.Replace(path, "{id}", "{"+name+"}", 1)
			if item := spec.Paths.Value(try); item != nil && item.GetOperation(method) != nil {
				path = try
				break
			}
		}
		item := spec.Paths.Value(path)
		require.NotNil(t, item, "Stripe has no %s", path)
		require.ElementsMatch(t, stripeParameters(item.GetOperation(method)), slices.Collect(maps.Keys(op.params)), op.name)
	}
}

// stripeParameters are the query's or the body's parameters, without those of the path.
func stripeParameters(op *openapi3.Operation) []string {
	var names []string
	for _, p := range op.Parameters {
		if p.Value.In == "query" {
			names = append(names, p.Value.Name)
		}
	}
	if op.RequestBody != nil {
		if body := op.RequestBody.Value.Content.Get("application/x-www-form-urlencoded"); body != nil {
			names = slices.AppendSeq(names, maps.Keys(body.Schema.Value.Properties))
		}
	}
	return names
}
