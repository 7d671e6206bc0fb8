package api

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// A process that does not serve the API says so, and never that something is not
// there. Its health is asked for as everywhere.
func TestOperationsOnly(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	cfg := r.config
	cfg.OperationsOnly = true
	cfg.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("kassa_queue_waiting 0\n")) })
	server, err := New(cfg)
	require.NoError(t, err)
	ask := func(method, path string) *httptest.ResponseRecorder {
		out := httptest.NewRecorder()
		server.ServeHTTP(out, httptest.NewRequest(method, path, http.NoBody))
		return out
	}
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		require.Equal(t, http.StatusOK, ask("GET", path).Code, path)
	}
	require.Equal(t, http.StatusMethodNotAllowed, ask("POST", "/healthz").Code)
	for path, method := range map[string]string{
		"/orders/019f0000-0000-7000-8000-000000000000": "GET", "/checkout": "POST", "/webhooks/stripe": "POST", "/openapi.json": "GET", "/docs": "GET", "/": "GET",
	} {
		out := ask(method, path)
		require.Equal(t, http.StatusServiceUnavailable, out.Code, path)
		require.Equal(t, problemType, out.Header().Get("Content-Type"))
		require.Equal(t, retryAfter, out.Header().Get("Retry-After"))
		var p Problem
		require.NoError(t, json.Unmarshal(out.Body.Bytes(), &p))
		require.Contains(t, p.Detail, "no api role", path)
	}
}
