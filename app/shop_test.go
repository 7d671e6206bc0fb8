package app_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"kassa/app"
	"kassa/audit"
	"kassa/checkout"
	"kassa/gateway/manual"
	"kassa/gateway/stripe"
	"kassa/hold"
	"kassa/hold/redis"
	"kassa/hold/redis/redistest"
	"kassa/sandbox"
	"kassa/store"
	"kassa/store/memory"
	"kassa/store/mysql"
	"kassa/store/postgres"
	"kassa/store/sqlite"
)

// bound ends a test that hangs. No time decides a test otherwise.
const bound = 60 * time.Second

const webhookSecret = "whsec_test"

var adapters = app.Adapters{
	Stores: map[string]app.StoreAdapter{
		"memory": func(context.Context, app.StoreConfig) (store.Store, error) { return memory.New(memory.Config{}), nil },
		"sqlite": func(ctx context.Context, c app.StoreConfig) (store.Store, error) {
			return sqlite.Open(ctx, sqlite.Config{Path: c.Path, ReadOnly: c.Access == app.ReadOnly, Beside: c.Access == app.Administer})
		},
		"postgres": func(ctx context.Context, c app.StoreConfig) (store.Store, error) {
			return postgres.Open(ctx, postgres.Config{URL: c.URL, MaxConns: c.MaxConns})
		},
		"mysql": func(ctx context.Context, c app.StoreConfig) (store.Store, error) {
			return mysql.Open(ctx, mysql.Config{URL: c.URL, MaxConns: c.MaxConns})
		},
	},
	Gates: map[string]app.GateAdapter{"redis": func(url, name string) (hold.Gate, error) {
		return redis.Open(redis.Config{URL: url, Name: name})
	}},
	Gateways: map[string]app.GatewayAdapter{"stripe": app.Gateway(stripe.New), "manual": app.Gateway(manual.New)},
}

// stores are the databases that the end-to-end tests run on, by name: see behind.
func stores(t *testing.T) map[string]string {
	t.Helper()
	all := servers(t)
	if !raceEnabled || !testing.Short() {
		all["sqlite"] = sqliteURL(t)
	}
	return all
}

// servers are those of them that several processes can share.
func servers(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{"postgres": postgresURL(t), "postgres behind redis": behind(postgresURL(t), redistest.Start(t).URL)}
	if url := mysqlURL(t); url != "" {
		all["mysql"] = url
	}
	return all
}

const gateMark = " behind "

// behind names a database with an admission gate before it.
func behind(storeURL, gateURL string) string { return storeURL + gateMark + gateURL }

func sqliteURL(t *testing.T) string {
	t.Helper()
	return "sqlite:" + filepath.Join(t.TempDir(), "kassa.db")
}

// postgresURL makes a schema of its own for the test and names it in the URL.
func postgresURL(t *testing.T) string {
	t.Helper()
	url := os.Getenv("KASSA_TEST_POSTGRES")
	if url == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("KASSA_TEST_POSTGRES is not set: run the tests by make test")
		}
		t.Skip("KASSA_TEST_POSTGRES is not set: run the tests by make test")
	}
	ctx := context.Background()
	admin, err := pgx.Connect(ctx, url)
	require.NoError(t, err)
	schema := fmt.Sprintf("app_%d_%d", os.Getpid(), schemas.Add(1))
	_, err = admin.Exec(ctx, "create schema "+schema)
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := admin.Exec(ctx, "drop schema "+schema+" cascade")
		require.NoError(t, err)
		require.NoError(t, admin.Close(ctx))
	})
	separator := "?"
	if strings.Contains(url, "?") {
		separator = "&"
	}
	return url + separator + "search_path=" + schema
}

var schemas atomic.Int64

// mysqlURL makes a database of its own for the test and names it in the URL. It is
// empty where there is no server.
func mysqlURL(t *testing.T) string {
	t.Helper()
	server := os.Getenv("KASSA_TEST_MYSQL")
	if server == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("KASSA_TEST_MYSQL is not set: run the tests by make test")
		}
		return ""
	}
	u, err := url.Parse(server)
	require.NoError(t, err)
	admin, err := sql.Open("mysql", fmt.Sprintf("%s@tcp(%s)/", u.User, u.Host))
	require.NoError(t, err)
	ctx := context.Background()
	name := fmt.Sprintf("kassa_test_app_%d_%d", os.Getpid(), schemas.Add(1))
	_, err = admin.ExecContext(ctx, "create database "+name)
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := admin.ExecContext(ctx, "drop database "+name)
		require.NoError(t, err)
		require.NoError(t, admin.Close())
	})
	u.Path = "/" + name
	return u.String()
}

// gatewayServer is a sandbox on a loopback listener.
type gatewayServer struct {
	*sandbox.Sandbox
	URL string
}

func startSandbox(t *testing.T) *gatewayServer {
	t.Helper()
	s, err := sandbox.New(sandbox.Config{WebhookSecret: webhookSecret})
	require.NoError(t, err)
	server := httptest.NewServer(s.Handler())
	s.SetPublicURL(server.URL)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		require.NoError(t, s.Close())
	})
	return &gatewayServer{Sandbox: s, URL: server.URL}
}

func config(place string, g *gatewayServer) app.Config {
	storeURL, gateURL, _ := strings.Cut(place, gateMark)
	cfg := app.DefaultConfig()
	cfg.Gate.URL = gateURL
	cfg.Listen = "127.0.0.1:0"
	cfg.PublicURL = "http://shop.test"
	cfg.Store.URL = storeURL
	cfg.LockLimits = app.LockLimits{}
	cfg.Gateways = map[string]map[string]any{
		"stripe": {
			"secret_key": "sk_test_sandbox", "webhook_secrets": []string{webhookSecret},
			"base_url": g.URL, "methods": []string{"card", "wallet"},
		},
		"transfer": {"kind": "manual"},
	}
	return cfg
}

// shop is a running Kassa with a client of its API.
type shop struct {
	*app.App
	t       *testing.T
	gateway *gatewayServer
	url     string
	client  *http.Client
	pk, sk  string
}

// openShop migrates, starts and keys a shop on a store.
func openShop(t *testing.T, place string, g *gatewayServer) *shop {
	t.Helper()
	cfg := config(place, g)
	ctx := t.Context()
	if !strings.HasPrefix(place, "memory") {
		_, _, err := app.Migrate(ctx, cfg, adapters)
		require.NoError(t, err)
	}
	return runShop(t, cfg, g)
}

// runShop starts a process on a migrated store.
func runShop(t *testing.T, cfg app.Config, g *gatewayServer) *shop {
	t.Helper()
	log := slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelError}))
	a, err := app.Run(t.Context(), cfg, adapters, log, nil)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), bound)
		defer cancel()
		require.NoError(t, a.Close(ctx))
	})
	s := &shop{App: a, t: t, gateway: g, url: a.URL, client: newClient()}
	t.Cleanup(s.client.CloseIdleConnections)
	_, s.pk, err = app.NewKey(t.Context(), a.Store, checkout.ScopeStorefront)
	require.NoError(t, err)
	_, s.sk, err = app.NewKey(t.Context(), a.Store, checkout.ScopeServer)
	require.NoError(t, err)
	g.SetWebhook(a.URL+"/webhooks/stripe", webhookSecret)
	return s
}

func newClient() *http.Client {
	return &http.Client{
		Timeout: bound,
		Transport: &http.Transport{
			MaxIdleConnsPerHost: 512,
			DialContext:         (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		},
	}
}

// testWriter sends the log to the test that it belongs to.
type testWriter struct{ t *testing.T }

func (w testWriter) Write(line []byte) (int, error) {
	w.t.Logf("%s", bytes.TrimSpace(line))
	return len(line), nil
}

// answer is what the API said.
type answer struct {
	status int
	header http.Header
	body   []byte
	json   map[string]any
}

func (a answer) text(key string) string {
	s, _ := a.json[key].(string)
	return s
}

// call makes one request. headers come in pairs.
func (s *shop) call(method, path, key string, body any, headers ...string) answer {
	a, err := s.try(method, path, key, body, headers...)
	require.NoError(s.t, err)
	return a
}

// try is call for tests in which the server may go away.
func (s *shop) try(method, path, key string, body any, headers ...string) (answer, error) {
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(b)
	default:
		text, err := json.Marshal(b)
		if err != nil {
			return answer{}, err
		}
		reader = bytes.NewReader(text)
	}
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, reader)
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := s.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return answer{}, err
	}
	a := answer{status: res.StatusCode, header: res.Header, body: text}
	_ = json.Unmarshal(text, &a.json) // not every answer is JSON
	return a, nil
}

type object = map[string]any

// sell puts a product on sale with units in the main warehouse.
func (s *shop) sell(sku, price string, units int) {
	s.t.Helper()
	a := s.call("PUT", "/products/"+sku, s.sk, object{"name": "A " + sku, "prices": object{"INR": price}})
	require.Less(s.t, a.status, 300, "%s", a.body)
	a = s.call("POST", "/inventory/"+sku+"/adjust", s.sk, object{"warehouse": "main", "delta": units, "reason": "delivery"}, "Idempotency-Key", "sell-"+sku)
	require.Less(s.t, a.status, 300, "%s", a.body)
}

// basket is the body of a checkout.
func basket(sku string, qty int) object {
	return object{
		"items": []object{{"sku": sku, "qty": qty}}, "currency": "INR",
		"customer": object{"email": "asha@example.com", "name": "Asha Rao"},
		"shipping_address": object{
			"name": "Asha Rao", "line1": "12 MG Road", "city": "Bengaluru", "state": "KA", "postal_code": "560001", "country": "IN",
		},
	}
}

// initiate is the body of an initiate with a test token; "" for the hosted page.
func initiate(order, amount, key, token string) object {
	body := object{
		"orderId": order, "amount": json.Number(amount), "payment_method": "card", "idempotency_key": key,
		"return_url": "http://shop.test/return",
	}
	if token != "" {
		body["payment_token"] = token
	}
	return body
}

// requireClean audits the live database.
func (s *shop) requireClean() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	defer cancel()
	var options audit.Options
	if s.Gate != nil {
		options.Gate = app.CompareGate(s.Gate, s.Store)
	}
	report, err := audit.Run(ctx, s.Store, options)
	require.NoError(s.t, err)
	var text bytes.Buffer
	require.NoError(s.t, report.WriteText(&text))
	require.True(s.t, report.Clean(), "%s", text.String())
}

// orders reads every order with its payments and refunds.
func (s *shop) orders() []*checkout.Order {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	defer cancel()
	snapshot, err := s.Store.Snapshot(ctx)
	require.NoError(s.t, err)
	defer func() { require.NoError(s.t, snapshot.Close()) }()
	var all []*checkout.Order
	after := checkout.ID{}
	for {
		page, err := snapshot.Orders(ctx, after, 500)
		require.NoError(s.t, err)
		all = append(all, page...)
		if len(page) < 500 {
			return all
		}
		after = page[len(page)-1].ID
	}
}

// requireSameLedger compares every payment with what the gateway knows of it.
func (s *shop) requireSameLedger() {
	s.t.Helper()
	type money struct{ captured, refunded int64 }
	ours, theirs := map[string]money{}, map[string]money{}
	for _, o := range s.orders() {
		for _, p := range o.Payments {
			m := money{captured: p.Captured.Minor}
			for _, r := range o.Refunds {
				if r.PaymentID == p.ID && r.Status == checkout.RefundSucceeded {
					m.refunded += r.Amount.Minor
				}
			}
			if m != (money{}) {
				ours[p.ID.String()] = m
			}
		}
	}
	for _, p := range s.gateway.Ledger().Payments {
		if m := (money{p.Captured, p.Refunded}); m != (money{}) {
			id := p.Metadata["payment_id"]
			require.NotContains(s.t, theirs, id, "the gateway charged attempt %s twice", id)
			theirs[id] = m
		}
	}
	require.Equal(s.t, theirs, ours, "the gateway's ledger (expected) and ours")
}

// eventually waits until something holds.
func eventually(t *testing.T, limit time.Duration, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not come true within %s", what, limit)
		}
		time.Sleep(100 * time.Millisecond)
	}
}
