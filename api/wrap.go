package api

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"runtime/debug"
	"time"

	"kassa/checkout"
)

// call is what is known of a request, for its handler and for the access log. It
// is written by the one goroutine that serves the request.
type call struct {
	id             string // of the request
	method         string
	route          string // its path's pattern
	path           string
	key            checkout.APIKey
	idempotencyKey string
	body           *document
	order          string // that it is about, where that is known
	code           string // of a refusal
	request        *http.Request
}

type callKey struct{}

// callOf finds the request that a context is of.
func callOf(ctx context.Context) *call {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c
	}
	return &call{}
}

const requestIDHeader = "X-Request-Id"

var saneRequestID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// requestID keeps a caller's id where it is sane and makes one where not.
func requestID(given string) string {
	if given != "" && saneRequestID.MatchString(given) && !looksLikeCard(given) {
		return given
	}
	return rand.Text()
}

// Headers that every answer has. They are shared: nobody may write to them.
var (
	noSniff   = []string{"nosniff"}
	noStore   = []string{"no-store"}
	jsonTypes = []string{jsonType}
)

// wrapped puts around the routes what holds for every request.
func (s *server) wrapped() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		out := &recorder{ResponseWriter: w, call: call{id: requestID(r.Header.Get(requestIDHeader)), request: r}}
		h := w.Header()
		h[requestIDHeader] = []string{out.call.id}
		h["X-Content-Type-Options"] = noSniff
		h["Cache-Control"] = noStore
		s.serve(out, r)
		took := time.Since(start)
		s.OnRequest(r.Method, r.Pattern, out.status, took)
		s.logAccess(r, out, took)
	})
}

// serve answers a request, and one that panics with an internal error.
func (s *server) serve(w *recorder, r *http.Request) {
	defer func() {
		cause := recover()
		if cause == nil {
			return
		}
		c := &w.call
		c.code = string(checkout.CodeInternal)
		s.Log.Error("a handler panicked", "request_id", c.id, "order_id", c.order, "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
		if w.status == 0 {
			writeProblem(w, problemOf(fmt.Errorf("panic")))
		}
	}()
	s.mux.ServeHTTP(w, r)
	if r.Pattern == "" {
		s.noRoute(w, r)
	}
}

// noRoute answers what no route takes, in the words of the mux: 404, or 405 with
// the methods that are allowed. A process that does not serve the API must not say
// that an order is not there.
func (s *server) noRoute(w *recorder, r *http.Request) {
	p := fromRefusal(checkout.Refuse(checkout.CodeNotFound, "there is no such path; see /docs"))
	switch {
	case w.verdict.status == http.StatusMethodNotAllowed:
		w.ResponseWriter.Header()["Allow"] = w.verdict.header["Allow"]
		p = unreadable(http.StatusMethodNotAllowed, "this path does not take "+shown(r.Method))
	case s.OperationsOnly:
		p = fromRefusal(checkout.Refuse(checkout.CodeOverloaded, "this process has no api role and does not serve the API; send the request to one that has"))
	}
	w.call.code = p.Code
	w.unrouted = true
	writeProblem(w, p)
}

// slow is from when on a request is told of by default.
const slow = time.Second

// logAccess writes one line for a request: never a body, a key, a token or a
// person. The route stands for the path, which may name a cart. A line for each
// costs as much as a tenth of the request, so the usual ones are for debugging.
func (s *server) logAccess(r *http.Request, w *recorder, took time.Duration) {
	level := slog.LevelDebug
	switch {
	case w.status >= http.StatusInternalServerError:
		level = slog.LevelWarn
	case took >= slow:
		level = slog.LevelInfo
	}
	if !s.Log.Enabled(r.Context(), level) {
		return
	}
	c := &w.call
	attrs := []slog.Attr{
		slog.String("request_id", c.id), slog.String("route", r.Pattern), slog.Int("status", w.status),
		slog.Int64("bytes", w.bytes), slog.Int64("took_us", took.Microseconds()),
	}
	if c.order != "" {
		attrs = append(attrs, slog.String("order_id", c.order))
	}
	if c.code != "" {
		attrs = append(attrs, slog.String("code", c.code))
	}
	if !c.key.ID.IsZero() {
		attrs = append(attrs, slog.String("key_id", c.key.ID.String()))
	}
	s.Log.LogAttrs(r.Context(), level, "request", attrs...)
}

// recorder remembers what was answered. What the mux itself says where no route
// takes a request is kept from the caller, who gets a problem instead.
type recorder struct {
	http.ResponseWriter
	call     call
	status   int
	bytes    int64
	verdict  headOnly // of the mux, where no route takes the request
	unrouted bool     // it does not, and noRoute writes
}

// isMux tells whether it is the mux that writes.
func (w *recorder) isMux() bool { return w.call.request.Pattern == "" && !w.unrouted }

// Header keeps the mux's apart from the answer's.
func (w *recorder) Header() http.Header {
	if w.isMux() {
		return w.verdict.Header()
	}
	return w.ResponseWriter.Header()
}

// WriteHeader remembers the first status.
func (w *recorder) WriteHeader(status int) {
	if w.isMux() {
		w.verdict.WriteHeader(status)
		return
	}
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write counts the body.
func (w *recorder) Write(b []byte) (int, error) {
	if w.isMux() {
		return len(b), nil
	}
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// Unwrap gives http.ResponseController the connection's own writer.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// headOnly takes an answer's status and header and drops its body.
type headOnly struct {
	header http.Header
	status int
}

// Header makes the header at its first use.
func (w *headOnly) Header() http.Header {
	if w.header == nil {
		w.header = http.Header{}
	}
	return w.header
}

func (w *headOnly) WriteHeader(status int)      { w.status = status }
func (w *headOnly) Write(b []byte) (int, error) { return len(b), nil }
