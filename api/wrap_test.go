package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/store"
)

func TestPanicsStayInside(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.Ready = func(context.Context) error { panic("secret of the inside") } })
	a := r.call("GET", "/readyz", nil, noKey)
	a.refused(500, "internal")
	require.NotContains(t, a.raw, "secret")
	require.NotContains(t, a.raw, "goroutine")
	require.Contains(t, r.log.String(), a.header.Get("X-Request-Id"))
	require.Contains(t, r.log.String(), "secret of the inside")
	r.call("GET", "/healthz", nil, noKey).ok(200)
}

func TestHealth(t *testing.T) {
	t.Parallel()
	ready := error(nil)
	r := newRig(t, func(c *Config) {
		c.Ready = func(context.Context) error { return ready }
		c.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "kassa_up 1\n") })
	})
	require.JSONEq(t, `{"status":"live"}`, r.call("GET", "/healthz", nil, noKey).ok(200).raw)
	require.JSONEq(t, `{"status":"ready"}`, r.call("GET", "/readyz", nil, noKey).ok(200).raw)
	require.Equal(t, "kassa_up 1\n", r.call("GET", "/metrics", nil, noKey).ok(200).raw)
	ready = errors.New("dial tcp 10.0.0.5:5432: refused")
	a := r.call("GET", "/readyz", nil, noKey)
	a.refused(503, "overloaded")
	require.NotContains(t, a.raw, "10.0.0.5")
	require.Equal(t, "1", a.header.Get("Retry-After"))
}

func TestRequestIDs(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	given := r.call("GET", "/healthz", nil, header("X-Request-Id", "shop-7.a_b"))
	require.Equal(t, "shop-7.a_b", given.header.Get("X-Request-Id"))
	for _, bad := range []string{"", "a b", strings.Repeat("x", 65), "<script>", "4242424242424242"} {
		made := r.call("GET", "/healthz", nil, header("X-Request-Id", bad)).header.Get("X-Request-Id")
		require.NotEqual(t, bad, made)
		require.Regexp(t, `^[A-Z2-7]{26}$`, made)
	}
}

// TestLogNamesNobody looks at the log of a whole journey.
func TestLogNamesNobody(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.place(someOrder)
	cart := r.call("POST", "/carts", fields{"items": someItems(1)}, as(storefrontKey)).ok(201).text("cart_id")
	r.call("GET", "/carts/"+cart, nil, as(storefrontKey)).ok(200)
	r.call("POST", "/payment/initiate", p.card("a-key-of-a-client", "pm_card_visa"), buyer(p.token)).ok(201)
	r.call("GET", "/orders/"+p.id+"?token="+p.token, nil, as(storefrontKey)).ok(200)
	log := r.log.String()
	for _, secret := range []string{"asha@example.com", "Asha", "MG Road", p.token, storefrontKey, serverKey, "pm_card_visa", cart, "a-key-of-a-client"} {
		require.NotContains(t, log, secret)
	}
	require.Contains(t, log, p.id)
	require.Contains(t, log, `"route":"GET /carts/{id}"`)
}

// brokenReader fails as a database does that has gone away.
type brokenReader struct{ store.Reader }

func (brokenReader) Order(context.Context, checkout.ID) (*checkout.Order, error) {
	return nil, errors.Join(errors.New(`pq: relation "orders" does not exist`), store.ErrUnavailable)
}

func (brokenReader) Products(context.Context, string, int) ([]*checkout.Product, error) {
	return nil, errors.New(`pq: syntax error in "select * from products"`)
}

func TestDatabaseErrorsStayInside(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.config.Reader = brokenReader{r.store}
	r.serve()
	a := r.call("GET", "/orders/0198c0de-0000-7000-8000-000000000001", nil)
	a.refused(503, "overloaded")
	require.NotContains(t, a.raw, "pq")
	b := r.call("GET", "/products", nil)
	b.refused(500, "internal")
	require.NotContains(t, b.raw, "select")
	require.Contains(t, r.log.String(), "select * from products")
}

// TestOverload: a queue that takes no more sheds load at once.
func TestOverload(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	require.NoError(t, r.engine.Close(context.Background()))
	a := r.call("POST", "/checkout", someOrder)
	a.refused(503, "overloaded")
	require.Equal(t, "1", a.header.Get("Retry-After"))
}

func TestConfigThatMakesNoSense(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for name, spoil := range map[string]func(*Config){
		"no engine":      func(c *Config) { c.Engine = nil },
		"no reader":      func(c *Config) { c.Reader = nil },
		"a short secret": func(c *Config) { c.TokenSecret = []byte("short") },
		"nobody hears":   func(c *Config) { c.Receive = nil },
		"no currency":    func(c *Config) { c.Currency = "XXX" },
	} {
		config := r.config
		spoil(&config)
		_, err := New(config)
		require.Error(t, err, name)
	}
	_, err := New(r.config)
	require.NoError(t, err)
}

// TestServes: the API owns its paths whatever the method, and no others.
func TestServes(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.Metrics = http.NotFoundHandler() })
	api, err := New(r.config)
	require.NoError(t, err)
	for target, want := range map[string]bool{
		"GET /carts/1": true, "POST /checkout": true, "GET /checkout": true, "DELETE /orders/1/cancel": true, "GET /openapi.json": true,
		"GET /docs": true, "GET /metrics": true, "HEAD /healthz": true, "PUT /webhooks/stripe": true,
		"GET /": false, "POST /": false, "GET /cart": false, "GET /pay/1": false, "GET /orders/1/nothing": false, "GET /checkout/": false,
	} {
		method, path, _ := strings.Cut(target, " ")
		req := httptest.NewRequest(method, path, nil)
		require.Equal(t, want, api.Serves(req), target)
		answer := httptest.NewRecorder()
		api.ServeHTTP(answer, req)
		require.NotZero(t, answer.Header().Get("X-Request-Id"), target)
	}
}
