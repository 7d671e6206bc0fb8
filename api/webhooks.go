package api

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"kassa/checkout"
	"kassa/gateway"
)

// webhooks takes gateways' messages. They stay outside huma: the signature is
// over the body's own bytes.
func (s *server) webhooks() {
	const path = "/webhooks/{account}"
	s.mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
		ctx, _ := enter(w, r, route{method: http.MethodPost, path: path})
		if err := s.webhook(ctx, w, r); err != nil {
			writeProblem(w, s.refuse(ctx, err))
			return
		}
		w.Header()["Content-Type"] = jsonTypes
		_, _ = io.WriteString(w, "{\"received\":true}\n") // the gateway may have left, and asks again
	})
	op := huma.Operation{
		OperationID: "receiveWebhook", Method: http.MethodPost, Path: path, Tags: []string{"Webhooks"},
		Summary: "Take a gateway's message",
		Description: "Called by payment gateways. The signature is verified on the raw body; the event is stored once and answered at once. " +
			"A bad signature is 400 and nothing is stored. An event about an unknown payment is stored and retried.",
		Security:   []map[string][]string{},
		Parameters: []*huma.Param{{Name: "account", In: "path", Required: true, Description: "The gateway account, such as stripe.", Schema: &huma.Schema{Type: huma.TypeString}}},
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
			"application/json":                  {Schema: &huma.Schema{}},
			"application/x-www-form-urlencoded": {Schema: &huma.Schema{Type: huma.TypeString}},
		}},
		Responses: map[string]*huma.Response{"200": success[receivedBody](s.huma, route{}, http.StatusOK)},
	}
	refused(s.huma, &op, []checkout.Code{checkout.CodeInvalid, checkout.CodeNotFound, checkout.CodeOverloaded, checkout.CodeInternal})
	for _, never := range []string{"415", "422"} { // the gateway alone knows the body's form
		delete(op.Responses, never)
	}
	s.huma.OpenAPI().AddOperation(&op)
}

type receivedBody struct {
	Received bool `json:"received"`
}

// webhook verifies, stores and applies one message.
func (s *server) webhook(ctx context.Context, w http.ResponseWriter, r *http.Request) error {
	account := r.PathValue("account")
	g, ok := s.Gateways[account]
	if !ok {
		return noSuch("gateway account")
	}
	body, err := readBody(w, r)
	defer body.release()
	if err != nil {
		return err
	}
	event, err := g.ParseWebhook(r.Header, body.raw, s.Now())
	if err != nil {
		return s.unverified(ctx, account, err)
	}
	event.Gateway = account
	if event.OccurredAt.IsZero() {
		event.OccurredAt = s.Now()
	}
	return s.Receive(ctx, event)
}

// unverified tells a gateway what is wrong with its message, and the log more.
func (s *server) unverified(ctx context.Context, account string, err error) error {
	s.Log.WarnContext(ctx, "a webhook was refused", "request_id", callOf(ctx).id, "gateway", account, "error", err)
	var refused *gateway.Error
	if !errors.As(err, &refused) {
		return err
	}
	switch refused.Kind {
	case gateway.Forged:
		return unreadable(http.StatusBadRequest, "the signature is missing, wrong or stale; nothing was stored")
	case gateway.Refused:
		return unreadable(http.StatusBadRequest, "the signature is right and the message is not what the gateway documents; nothing was stored")
	case gateway.Unsupported:
		return noSuch("webhook of this gateway account")
	}
	return err
}
