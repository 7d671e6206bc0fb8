package api

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"

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

// answer is what a handler says: a status and a body, or an answer that was
// rendered for its key.
type answer[B any] struct {
	status   int
	body     B
	rendered []byte
	replayed bool
}

// handler answers a request whose input was read: path, query, headers and body.
type handler[I, B any] func(context.Context, *I) (answer[B], error)

// handle registers a route. huma draws its contract from the types. The usual
// request is read by a shortcut; one that is wrong or just rare goes through huma,
// which says what is wrong with it.
func handle[I, B any](s *server, r route, h handler[I, B]) {
	huma.Register(s.huma, operation[B](s, r), func(ctx context.Context, in *I) (*output, error) {
		a, err := rendered(ctx, h, in, nil)
		if err != nil {
			return nil, s.refuse(ctx, err)
		}
		return a.output(), nil
	})
	pattern := r.method + " " + r.path
	careful := s.careful[pattern]
	short := newShortcut[I](s.huma.OpenAPI(), r)
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, req *http.Request) {
		ctx, c := enter(w, req, r)
		defer func() { c.body.release() }() // there is none yet
		if err := s.receive(w, req, r, c); err != nil {
			writeProblem(w, s.refuse(ctx, err))
			return
		}
		var in I
		if !short.read(req, c.body, &in) {
			req = req.WithContext(ctx)
			req.Body = io.NopCloser(bytes.NewReader(c.body.text()))
			careful(w, req)
			return
		}
		room := rooms.Get().(*[]byte) //nolint:forcetypeassert // nothing else is kept there
		defer rooms.Put(room)
		a, err := rendered(ctx, h, &in, *room)
		if err != nil {
			writeProblem(w, s.refuse(ctx, err))
			return
		}
		a.write(w)
	})
}

// enter says what is known of a request of a route, in the context of its handler.
func enter(w http.ResponseWriter, req *http.Request, r route) (context.Context, *call) {
	c := &call{}
	if out, ok := w.(*recorder); ok {
		c = &out.call
	}
	c.method, c.route, c.path = r.method, r.path, req.URL.Path
	return context.WithValue(req.Context(), callKey{}, c), c
}

// receive finds out who calls, by which key, with what.
func (s *server) receive(w http.ResponseWriter, req *http.Request, r route, c *call) error {
	var err error
	if r.scope != public {
		if c.key, err = s.authenticate(req, r.scope); err != nil {
			return err
		}
	}
	if c.idempotencyKey, err = idempotencyKey(req.Header, r.key); err != nil {
		return err
	}
	if r.cards && looksLikeCard(c.idempotencyKey) {
		return cardRefused(keyHeader)
	}
	if r.method == http.MethodGet {
		return nil
	}
	if c.body, err = readBody(w, req); err != nil || len(c.body.raw) == 0 {
		return err
	}
	if err := checkMedia(req.Header.Get("Content-Type")); err != nil {
		return err
	}
	return c.body.parse(r.cards)
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

func (a answer[B]) output() *output {
	out := &output{Status: a.status, ContentType: jsonType, Body: a.rendered}
	if a.replayed {
		out.Replayed = "true"
	}
	return out
}

// write sends an answer that is rendered.
func (a answer[B]) write(w http.ResponseWriter) {
	w.Header()["Content-Type"] = jsonTypes
	if a.replayed {
		w.Header().Set(replayedHeader, "true")
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.rendered) // the caller may have left
}

// rooms are for answers while they are written.
var rooms = sync.Pool{New: func() any {
	room := make([]byte, 0, 4<<10)
	return &room
}}

// rendered calls a handler and encodes what it answers, where that is not done,
// into the room that there is.
func rendered[I, B any](ctx context.Context, h handler[I, B], in *I, room []byte) (answer[B], error) {
	a, err := h(ctx, in)
	if err == nil && a.rendered == nil {
		a.rendered, err = encode(a.body, room)
	}
	return a, err
}

// inOwnWords writes huma's validation errors as a problem. Their values, which
// may be personal, are left out.
func inOwnWords(ctx huma.Context, _ string, body any) (any, error) {
	m, ok := body.(*huma.ErrorModel)
	if !ok {
		return body, nil
	}
	callOf(ctx.Context()).code = string(checkout.CodeInvalid)
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
