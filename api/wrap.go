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

// trace is what the access log tells of a request beyond its outside. It is
// written by the one goroutine that serves the request.
type trace struct {
	id    string // of the request
	key   checkout.ID
	order string
	code  string // of a refusal
}

type traceKey struct{}

func traceOf(ctx context.Context) *trace {
	if t, ok := ctx.Value(traceKey{}).(*trace); ok {
		return t
	}
	return &trace{}
}

const requestIDHeader = "X-Request-Id"

var saneRequestID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// requestID keeps a caller's id where it is sane and makes one where not.
func requestID(given string) string {
	if saneRequestID.MatchString(given) && !looksLikeCard(given) {
		return given
	}
	return rand.Text()
}

// wrapped puts around the routes what holds for every request.
func (s *server) wrapped() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		t := &trace{id: requestID(r.Header.Get(requestIDHeader))}
		r = r.WithContext(context.WithValue(r.Context(), traceKey{}, t))
		out := &recorder{ResponseWriter: w}
		h := out.Header()
		h.Set(requestIDHeader, t.id)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		s.serve(out, r)
		took := time.Since(start)
		s.OnRequest(r.Method, r.Pattern, out.status, took)
		s.logAccess(r, out, t, took)
	})
}

// serve answers a request, and one that panics with an internal error.
func (s *server) serve(w *recorder, r *http.Request) {
	defer func() {
		cause := recover()
		if cause == nil {
			return
		}
		t := traceOf(r.Context())
		t.code = string(checkout.CodeInternal)
		s.Log.Error("a handler panicked", "request_id", t.id, "order_id", t.order, "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
		if w.status == 0 {
			writeProblem(w, problemOf(fmt.Errorf("panic")))
		}
	}()
	if _, pattern := s.mux.Handler(r); pattern == "" {
		s.noRoute(w, r)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// noRoute answers what no route takes, in the words of the mux: 404, or 405 with
// the methods that are allowed.
func (s *server) noRoute(w http.ResponseWriter, r *http.Request) {
	verdict := &headOnly{header: http.Header{}}
	s.mux.ServeHTTP(verdict, r)
	p := fromRefusal(checkout.Refuse(checkout.CodeNotFound, "there is no such path; see /docs"))
	if verdict.status == http.StatusMethodNotAllowed {
		w.Header()["Allow"] = verdict.header["Allow"]
		p = unreadable(http.StatusMethodNotAllowed, "this path does not take "+shown(r.Method))
	}
	traceOf(r.Context()).code = p.Code
	writeProblem(w, p)
}

// logAccess writes one line for a request: never a body, a key, a token or a
// person. The route stands for the path, which may name a cart.
func (s *server) logAccess(r *http.Request, w *recorder, t *trace, took time.Duration) {
	level := slog.LevelInfo
	if w.status >= http.StatusInternalServerError {
		level = slog.LevelWarn
	}
	attrs := []slog.Attr{
		slog.String("request_id", t.id), slog.String("route", r.Pattern), slog.Int("status", w.status),
		slog.Int64("bytes", w.bytes), slog.Int64("took_us", took.Microseconds()),
	}
	if t.order != "" {
		attrs = append(attrs, slog.String("order_id", t.order))
	}
	if t.code != "" {
		attrs = append(attrs, slog.String("code", t.code))
	}
	if !t.key.IsZero() {
		attrs = append(attrs, slog.String("key_id", t.key.String()))
	}
	s.Log.LogAttrs(r.Context(), level, "request", attrs...)
}

// recorder remembers what was answered.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

// WriteHeader remembers the first status.
func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write counts the body.
func (w *recorder) Write(b []byte) (int, error) {
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

func (w *headOnly) Header() http.Header         { return w.header }
func (w *headOnly) WriteHeader(status int)      { w.status = status }
func (w *headOnly) Write(b []byte) (int, error) { return len(b), nil }
