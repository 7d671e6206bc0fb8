package api

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"kassa/checkout"
)

// route describes one call: who may make it, what it answers, and its words in
// the documentation.
type route struct {
	method, path string
	id           string // of the operation: what generated clients call it
	tag          string
	summary      string
	about        string
	scope        scope
	key          keyUse
	cards        bool            // its body is searched for card numbers
	statuses     []int           // of success, the usual first
	codes        []checkout.Code // refusals beyond those of every call
}

// call is what is known of a request before its handler runs.
type call struct {
	method, route, path string
	key                 checkout.APIKey
	idempotencyKey      string
	body                []byte
	ip                  string
}

type callKey struct{}

func callOf(ctx context.Context) *call {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c
	}
	return &call{}
}

// keyScope is the scope of the call's idempotency key: endpoint, API key, and
// the thing that is named.
func (c *call) keyScope(named string) string {
	return c.method + " " + c.route + "|" + c.key.ID.String() + "|" + named
}

// output is how huma is told an answer that is encoded already.
type output struct {
	Status      int
	ContentType string `header:"Content-Type" hidden:"true"`
	Replayed    string `header:"Idempotent-Replayed" hidden:"true"`
	Body        []byte
}

func (a answer[B]) output() (*output, error) {
	out := &output{Status: a.status, ContentType: "application/json", Body: a.rendered}
	if a.replayed {
		out.Replayed = "true"
	}
	if out.Body != nil {
		return out, nil
	}
	var err error
	out.Body, err = encode(a.body)
	return out, err
}

// handle registers a route. I is huma's input: path, query and body.
func handle[I, B any](s *server, r route, h func(context.Context, *I) (answer[B], error)) {
	op := operation[B](s, r)
	op.Middlewares = huma.Middlewares{s.prepare(r)}
	huma.Register(s.huma, op, func(ctx context.Context, in *I) (*output, error) {
		a, err := h(ctx, in)
		if err != nil {
			return nil, s.refuse(ctx, err)
		}
		return a.output()
	})
}

// prepare runs before huma reads the request: who calls, by which key, with what.
func (s *server) prepare(r route) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		req, w := humago.Unwrap(ctx)
		c, err := s.receive(w, req, r)
		if err != nil {
			writeProblem(w, s.refuse(req.Context(), err))
			return
		}
		next(huma.WithValue(ctx, callKey{}, c))
	}
}

func (s *server) receive(w http.ResponseWriter, req *http.Request, r route) (*call, error) {
	c := &call{method: r.method, route: r.path, path: req.URL.Path, ip: s.ClientIP(req)}
	var err error
	if r.scope != public {
		if c.key, err = s.authenticate(req, r.scope); err != nil {
			return nil, err
		}
		traceOf(req.Context()).key = c.key.ID
	}
	if c.idempotencyKey, err = idempotencyKey(req.Header, r.key); err != nil {
		return nil, err
	}
	if r.cards && looksLikeCard(c.idempotencyKey) {
		return nil, cardRefused(keyHeader)
	}
	if r.method == http.MethodGet {
		return c, nil
	}
	if c.body, err = readBody(w, req); err != nil {
		return nil, err
	}
	req.Body = io.NopCloser(bytes.NewReader(c.body))
	return c, checkBody(req.Header.Get("Content-Type"), c.body, r.cards)
}

// inOwnWords writes huma's validation errors as a problem. Their values, which
// may be personal, are left out.
func inOwnWords(ctx huma.Context, _ string, body any) (any, error) {
	m, ok := body.(*huma.ErrorModel)
	if !ok {
		return body, nil
	}
	traceOf(ctx.Context()).code = string(checkout.CodeInvalid)
	if len(m.Errors) == 0 {
		return unreadable(m.Status, m.Detail), nil
	}
	fields := make([]checkout.FieldError, 0, len(m.Errors))
	for _, e := range m.Errors {
		fields = append(fields, fieldError(e.Location, e.Message))
	}
	p := invalid(fields)
	p.Status = m.Status
	return p, nil
}

// fieldError translates one of huma's errors.
func fieldError(location, message string) checkout.FieldError {
	field := location
	for _, part := range []string{"body", "query", "header", "path"} {
		if field == part {
			field = ""
		}
		field = strings.TrimPrefix(field, part+".")
	}
	if name, ok := strings.CutPrefix(message, "expected required property "); ok {
		name, _ = strings.CutSuffix(name, " to be present")
		return checkout.FieldError{Field: shown(join(field, name)), Reason: "is required"}
	}
	if rest, ok := strings.CutPrefix(message, ofField); ok {
		name, reason, _ := strings.Cut(rest, ": ")
		return checkout.FieldError{Field: shown(join(field, name)), Reason: reason}
	}
	for _, w := range wordings {
		if rest, ok := strings.CutPrefix(message, w.theirs); ok {
			message = w.ours + rest + w.after
			break
		}
	}
	if field == "" {
		field = "body"
	}
	return checkout.FieldError{Field: shown(field), Reason: message}
}

// ofField begins a message of unmarshal that names its field.
const ofField = "field "

// wordings are huma's reasons, by their beginning, and ours around what follows.
var wordings = []struct{ theirs, ours, after string }{
	{"expected number >= ", "must be at least ", ""},
	{"expected number <= ", "must be at most ", ""},
	{"expected length >= 1", "must not be empty", ""},
	{"expected length <= ", "must have at most ", " characters"},
	{"expected array length >= 1", "must not be empty", ""},
	{"expected array length <= ", "must have at most ", " entries"},
	{"expected object with at ", "must have at ", ""},
	{"expected value to be one of ", "must be one of ", ""},
	{"expected value to match exactly one schema but matched none", "must be an amount that is not negative, as a number or a string such as \"999.00\"", ""},
	{"expected integer", "must be a whole number", ""},
	{"expected string to be ", "must be ", ""},
	{"expected array", "must be a list", ""},
	{"expected object", "must be an object", ""},
	{"expected boolean", "must be true or false", ""},
	{"expected ", "must be a ", ""},
	{"unexpected property", "is not a field of this call", ""},
	{"unknown query parameter", "is not a parameter of this call", ""},
	{"invalid ", "must be a valid ", ""},
}
