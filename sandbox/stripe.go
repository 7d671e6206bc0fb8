package sandbox

import (
	"io"
	"net/http"
	"strings"
)

// operation is one call of Stripe's API.
type operation struct {
	name    string // as fault rules name it
	pattern string // method and path
	params  params
	run     func(*call) (any, *apiError)
}

// call is one request being executed, under the lock.
type call struct {
	*tx
	form   *form
	id     string // that the path names, "" for none
	expand expand
}

// operations is everything of Stripe's API that the sandbox speaks.
func operations() []operation {
	only := params{"expand": expandList()}
	return []operation{
		{"payment_intents.create", "POST /v1/payment_intents", createIntentParams, (*call).createIntent},
		{"payment_intents.list", "GET /v1/payment_intents", listParams(params{"customer": text(5000)}.without("customer_account")), (*call).listIntents},
		{"payment_intents.search", "GET /v1/payment_intents/search", searchParams, (*call).searchIntents},
		{"payment_intents.get", "GET /v1/payment_intents/{id}", params{"expand": expandList(), "client_secret": text(5000)}, (*call).getIntent},
		{"payment_intents.update", "POST /v1/payment_intents/{id}", updateIntentParams, (*call).updateIntent},
		{"payment_intents.confirm", "POST /v1/payment_intents/{id}/confirm", confirmIntentParams, (*call).confirmIntent},
		{"payment_intents.capture", "POST /v1/payment_intents/{id}/capture", captureIntentParams, (*call).captureIntent},
		{"payment_intents.cancel", "POST /v1/payment_intents/{id}/cancel", cancelIntentParams, (*call).cancelIntent},
		{"checkout.sessions.create", "POST /v1/checkout/sessions", createSessionParams, (*call).createSession},
		{"checkout.sessions.list", "GET /v1/checkout/sessions", listParams(params{"payment_intent": text(5000), "customer": text(5000),
			"status": enum(sessionOpen, sessionComplete, sessionExpired), "customer_details": object(params{"email": must(text(800))})}.without(
			"customer_account", "payment_link", "subscription")), (*call).listSessions},
		{"checkout.sessions.get", "GET /v1/checkout/sessions/{id}", only, (*call).getSession},
		{"checkout.sessions.line_items", "GET /v1/checkout/sessions/{id}/line_items", params{"limit": integer(1),
			"starting_after": text(5000), "expand": expandList()}.without("ending_before"), (*call).sessionItems},
		{"checkout.sessions.expire", "POST /v1/checkout/sessions/{id}/expire", only, (*call).expireSession},
		{"refunds.create", "POST /v1/refunds", createRefundParams, (*call).createRefund},
		{"refunds.list", "GET /v1/refunds", listParams(params{"payment_intent": text(5000), "charge": text(5000)}), (*call).listRefunds},
		{"refunds.get", "GET /v1/refunds/{id}", only, (*call).getRefund},
		{"refunds.update", "POST /v1/refunds/{id}", updateRefundParams, (*call).updateRefund},
		{"refunds.cancel", "POST /v1/refunds/{id}/cancel", only, (*call).cancelRefund},
		{"charges.list", "GET /v1/charges", listParams(params{"payment_intent": text(5000), "customer": text(5000)}.without("transfer_group")), (*call).listCharges},
		{"charges.get", "GET /v1/charges/{id}", only, (*call).getCharge},
		{"events.list", "GET /v1/events", listParams(params{"type": text(5000), "types": array(text(5000))}.without("delivery_success")), (*call).listEvents},
		{"events.get", "GET /v1/events/{id}", only, (*call).getEvent},
	}
}

// routes mounts Stripe's API, the pages and the control API.
func (s *Sandbox) routes() http.Handler {
	mux := http.NewServeMux()
	for _, op := range operations() {
		mux.HandleFunc(op.pattern, func(w http.ResponseWriter, r *http.Request) { s.newExchange(&op, w, r).serve() })
	}
	unknown := operation{name: "unknown"}
	mux.HandleFunc("/v1/", func(w http.ResponseWriter, r *http.Request) {
		x := s.newExchange(&unknown, w, r)
		x.write(x.fail(&apiError{status: 404, Type: invalidRequest, Message: "Unrecognized request URL (" + r.Method + ": " + r.URL.Path +
			"). Please see https://stripe.com/docs or we can help at https://support.stripe.com/."}))
	})
	s.addPages(mux)
	s.addControl(mux)
	return mux
}

// page answers a list call.
func page[T identified, O any](c *call, l *listing[T], kind string, keep func(T) bool, render func(T, expand) O) (any, *apiError) {
	if customer := c.form.get("customer"); customer != "" {
		return nil, missing("customer", "customer", customer)
	}
	q, err := newPageQuery(c.form)
	if err != nil {
		return nil, err
	}
	found, more, err := l.page(q, kind, keep)
	if err != nil {
		return nil, err
	}
	answer := &list{Object: "list", Data: make([]any, 0, len(found)), HasMore: more, URL: "/v1/" + listPath(kind)}
	for _, item := range found {
		answer.Data = append(answer.Data, render(item, c.expand.under("data")))
	}
	return answer, nil
}

func listPath(kind string) string { return strings.ReplaceAll(kind, ".", "/") + "s" }

const maxRequestBytes = 1 << 20

// readForm decodes the query of a GET or the body of a POST.
func readForm(r *http.Request) (*form, *apiError) {
	if r.Method != http.MethodPost {
		return decodeForm(r.URL.RawQuery)
	}
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxRequestBytes+1))
	if err != nil {
		return nil, paramError("", "", "The request's body could not be read.")
	}
	if len(raw) > maxRequestBytes {
		return nil, paramError("", "", "The request's body is larger than %d bytes.", maxRequestBytes)
	}
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if len(raw) > 0 && strings.TrimSpace(kind) != "application/x-www-form-urlencoded" {
		return nil, paramError("", "", "Invalid request (check that your POST content type is application/x-www-form-urlencoded). "+
			"If you have any questions, we can help at https://support.stripe.com/.")
	}
	return decodeForm(string(raw))
}

func decodeForm(raw string) (*form, *apiError) {
	f, err := parseForm(raw)
	if err != nil {
		return nil, paramError("", "", "Invalid request: %s.", err)
	}
	return f, nil
}
