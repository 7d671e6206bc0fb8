package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/engine"
	"kassa/gateway"
	"kassa/gateway/manual"
	"kassa/gateway/stripe"
	"kassa/payments"
	"kassa/sandbox"
	"kassa/store/memory"
	"kassa/tasks"
)

const (
	serverKey     = "sk_test_0123456789"
	storefrontKey = "pk_test_0123456789"
	hookSecret    = "whsec_api_tests"
	gatewayKey    = "sk_test_api"
)

// rig is the whole of Kassa behind its API: the memory store, the engine, the
// task runner, and Stripe's adapter against the sandbox over real HTTP.
type rig struct {
	t       *testing.T
	store   *memory.Store
	engine  *engine.Engine
	sandbox *sandbox.Sandbox
	server  *httptest.Server
	config  Config
	log     *lockedBuffer
	wait    patience
	api     *server
	ahead   atomic.Int64 // how far the store's clock is before the tests', in nanoseconds

	contract *contract
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// newRig starts everything. change may alter the configuration.
func newRig(t *testing.T, change ...func(*Config)) *rig {
	t.Helper()
	r := &rig{t: t, log: &lockedBuffer{}, wait: usual}
	r.store = memory.New(memory.Config{Now: func() time.Time { return time.Now().Add(time.Duration(r.ahead.Load())) }})
	log := slog.New(slog.NewJSONHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	accounts := r.accounts()
	runner := tasks.New(tasks.Config{Source: r.store, Poll: 20 * time.Millisecond, Log: log})
	r.engine = engine.New(engine.Config{Store: r.store, Log: log}, runner.Enqueue)
	pay := payments.New(payments.Config{Engine: r.engine, Reader: r.store, Accounts: accounts, Log: log, PayPage: func(order checkout.ID) string { return shopPage(order, r.api.orderToken(order)) }})
	runner.Bind(r.engine, pay.Handlers())
	runner.Start()
	t.Cleanup(func() {
		require.NoError(t, runner.Close(context.Background()))
		require.NoError(t, r.engine.Close(context.Background()))
	})
	r.addKey(serverKey, checkout.ScopeServer)
	r.addKey(storefrontKey, checkout.ScopeStorefront)
	r.config = Config{
		Engine: r.engine, Reader: r.engine.Reader(), Keys: r.store, Ready: r.store.Ping,
		Gateways: map[string]gateway.Gateway{"stripe": accounts[0].Gateway, "bank": accounts[2].Gateway},
		Receive:  pay.Receive, Routes: payments.Routes(accounts), TokenSecret: []byte("0123456789abcdef0123456789abcdef"),
		CheckoutURL: shopPage,
		Log:         log,
	}
	for _, f := range change {
		f(&r.config)
	}
	r.serve()
	r.product("SKU123", "499.50", 100)
	return r
}

func shopPage(order checkout.ID, token string) string {
	return "https://shop.example/pay/" + order.String() + "?token=" + token
}

func (r *rig) accounts() []payments.Account {
	r.t.Helper()
	var err error
	r.sandbox, err = sandbox.New(sandbox.Config{SecretKey: gatewayKey, WebhookSecret: hookSecret})
	require.NoError(r.t, err)
	r.t.Cleanup(func() { require.NoError(r.t, r.sandbox.Close()) })
	standIn := httptest.NewServer(r.sandbox.Handler())
	r.t.Cleanup(standIn.Close)
	r.sandbox.SetPublicURL(standIn.URL)
	config := stripe.Config{
		Name: "stripe", SecretKey: gatewayKey, WebhookSecrets: []string{hookSecret}, BaseURL: standIn.URL, Timeout: 2 * time.Second,
		Methods: []checkout.Method{checkout.MethodCard},
	}
	cards, err := stripe.New(config)
	require.NoError(r.t, err)
	config.Name, config.Methods = "stripe-manual", []checkout.Method{checkout.MethodWallet}
	shipped, err := stripe.New(config)
	require.NoError(r.t, err)
	bank, err := manual.New(manual.Config{Name: "bank"})
	require.NoError(r.t, err)
	return []payments.Account{
		{Name: "stripe", Gateway: cards},
		{Name: "stripe-manual", Gateway: shipped, ManualCapture: true},
		{Name: "bank", Gateway: bank, HoldTTL: 72 * time.Hour},
	}
}

// serve starts a server of the rig's configuration; its answers are compared with
// its own contract.
func (r *rig) serve() {
	r.t.Helper()
	s, err := newServer(r.config)
	require.NoError(r.t, err)
	s.wait = r.wait
	r.api = s
	r.server = httptest.NewServer(s.wrapped())
	r.t.Cleanup(r.server.Close)
	r.contract = loadContract(r.t, r.call("GET", "/openapi.json", nil).raw)
	r.sandbox.SetWebhook(r.server.URL+"/webhooks/stripe", hookSecret)
}

func (r *rig) addKey(secret string, scope checkout.KeyScope) checkout.APIKey {
	r.t.Helper()
	key := checkout.APIKey{ID: r.engine.NewID(), Scope: scope, Hash: sha256.Sum256([]byte(secret)), CreatedAt: time.Now()}
	require.NoError(r.t, r.store.AddAPIKey(context.Background(), key))
	return key
}

// product puts a product on sale.
func (r *rig) product(sku, price string, units int) {
	r.t.Helper()
	r.call("PUT", "/products/"+sku, map[string]any{"name": "Thing " + sku, "prices": map[string]any{"INR": price}}).ok(201)
	if units > 0 {
		r.call("POST", "/inventory/"+sku+"/adjust", map[string]any{"warehouse": "main", "delta": units, "reason": "delivery"},
			header("Idempotency-Key", "stock "+sku)).ok(200)
	}
}

// reply is an answer of the API.
type reply struct {
	t      *testing.T
	status int
	header http.Header
	raw    string
}

type option func(*http.Request)

func header(name, value string) option {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func as(key string) option { return header("Authorization", "Bearer "+key) }

// buyer calls as a storefront that may have the order's token.
func buyer(token string) option {
	return func(r *http.Request) {
		as(storefrontKey)(r)
		if token != "" {
			header("Order-Token", token)(r)
		}
	}
}

// call sends a request as the server key, unless an option says otherwise. A
// string or bytes are the body as they are; anything else is sent as JSON.
func (r *rig) call(method, path string, body any, options ...option) reply {
	r.t.Helper()
	reader := io.Reader(http.NoBody)
	switch b := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(b)
	case []byte:
		reader = bytes.NewReader(b)
	default:
		raw, err := json.Marshal(b)
		require.NoError(r.t, err)
		reader = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(context.Background(), method, r.server.URL+path, reader)
	require.NoError(r.t, err)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	as(serverKey)(req)
	for _, o := range options {
		o(req)
	}
	client := &http.Client{Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	require.NoError(r.t, err)
	defer func() { require.NoError(r.t, res.Body.Close()) }()
	raw, err := io.ReadAll(res.Body)
	require.NoError(r.t, err)
	a := reply{t: r.t, status: res.StatusCode, header: res.Header, raw: string(raw)}
	if r.contract != nil {
		r.contract.check(r.t, method, path, a)
	}
	return a
}

// ok requires a status and returns the reply.
func (a reply) ok(status int) reply {
	a.t.Helper()
	require.Equal(a.t, status, a.status, a.raw)
	return a
}

// refused requires a problem of a status and a code, whose shape it checks.
func (a reply) refused(status int, code string) Problem {
	a.t.Helper()
	require.Equal(a.t, status, a.status, a.raw)
	require.Equal(a.t, "application/problem+json", a.header.Get("Content-Type"), a.raw)
	var p Problem
	dec := json.NewDecoder(strings.NewReader(a.raw))
	dec.DisallowUnknownFields()
	require.NoError(a.t, dec.Decode(&p), a.raw)
	require.Equal(a.t, code, p.Code, a.raw)
	require.Equal(a.t, status, p.Status)
	require.Equal(a.t, "/docs#"+code, p.Type)
	require.NotEmpty(a.t, p.Title)
	require.NotEmpty(a.t, p.Detail)
	return p
}

// at reads a field of the JSON body by its path: "lines.0.sku".
func (a reply) at(path string) any {
	a.t.Helper()
	var value any
	dec := json.NewDecoder(strings.NewReader(a.raw))
	dec.UseNumber()
	require.NoError(a.t, dec.Decode(&value), a.raw)
	for part := range strings.SplitSeq(path, ".") {
		switch v := value.(type) {
		case map[string]any:
			require.Contains(a.t, v, part, a.raw)
			value = v[part]
		case []any:
			i, err := strconv.Atoi(part)
			require.NoError(a.t, err)
			require.Less(a.t, i, len(v), a.raw)
			value = v[i]
		default:
			require.Failf(a.t, "no such field", "%s in %s", path, a.raw)
		}
	}
	return value
}

func (a reply) text(path string) string {
	a.t.Helper()
	value, ok := a.at(path).(string)
	require.True(a.t, ok, "%s is not a string in %s", path, a.raw)
	return value
}

// fields is a JSON object; with puts other values into a copy of it.
type fields map[string]any

func (f fields) with(name string, value any) fields {
	out := fields{}
	for k, v := range f {
		out[k] = v
	}
	out[name] = value
	return out
}

func (f fields) without(name string) fields {
	out := f.with(name, nil)
	delete(out, name)
	return out
}

func someItems(qty int) []any { return []any{fields{"sku": "SKU123", "qty": qty}} }

var (
	someAddress = fields{"name": "Asha Rao", "line1": "12 MG Road", "city": "Bengaluru", "state": "KA", "postal_code": "560001", "country": "IN"}
	someOrder   = fields{
		"items": someItems(2), "customer": fields{"email": "asha@example.com", "name": "Asha Rao"}, "shipping_address": someAddress,
	}
)

// placed is an order that a buyer has made.
type placed struct {
	id, token, amount string
}

func (r *rig) place(body fields, options ...option) placed {
	r.t.Helper()
	a := r.call("POST", "/checkout", body, append([]option{as(storefrontKey)}, options...)...).ok(201)
	return placed{id: a.text("order_id"), token: a.text("order_token"), amount: a.text("amount")}
}

// card is the body of an initiate that a token settles at once.
func (p placed) card(key, token string) fields {
	return fields{"orderId": p.id, "amount": json.Number(p.amount), "payment_method": "card", "idempotency_key": key, "payment_token": token}
}

func (r *rig) order(id string) *checkout.Order {
	r.t.Helper()
	parsed, err := checkout.ParseID(id)
	require.NoError(r.t, err)
	o, err := r.store.Order(context.Background(), parsed)
	require.NoError(r.t, err)
	return o
}
