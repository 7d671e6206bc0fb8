package textbook

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"github.com/stripe/stripe-go/v85/webhook"
)

const (
	secret     = "whsec_textbook"
	apiKey     = "sk_textbook"
	defaultURL = "postgres://postgres@127.0.0.1:5432/test?sslmode=disable"
)

// onBoth runs a test on PostgreSQL and on SQLite.
func onBoth(t *testing.T, test func(*testing.T, *bundle)) {
	t.Parallel()
	for _, on := range []struct {
		name   string
		config func(testing.TB) Config
	}{{"postgres", onPostgres}, {"sqlite", onSQLite}} {
		t.Run(on.name, func(t *testing.T) {
			t.Parallel()
			test(t, newBundle(t, on.config(t)))
		})
	}
}

func onSQLite(t testing.TB) Config {
	return Config{URL: "sqlite:" + filepath.Join(t.TempDir(), "shop.db")}
}

// onPostgres makes a schema of the test's own. Without a server the test is
// skipped, and fails where CI=true.
func onPostgres(t testing.TB) Config {
	url := os.Getenv("KASSA_TEST_POSTGRES")
	if url == "" {
		url = defaultURL
	}
	ctx := context.Background()
	admin, err := pgx.Connect(ctx, url)
	if err != nil && os.Getenv("CI") != "true" {
		t.Skipf("no PostgreSQL at KASSA_TEST_POSTGRES: %v", err)
	}
	require.NoError(t, err, "KASSA_TEST_POSTGRES must name a PostgreSQL server")
	id := newID()
	schema := fmt.Sprintf("textbook_%x", id[:])
	_, err = admin.Exec(ctx, "create schema "+schema)
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := admin.Exec(ctx, "drop schema "+schema+" cascade")
		require.NoError(t, err)
		require.NoError(t, admin.Close(ctx))
	})
	return Config{URL: url, Schema: schema}
}

// bundle is a shop with 10 mugs and 1,000 pens, its server and its gateway.
type bundle struct {
	*Shop
	url    string
	stripe *fakeStripe
}

func newBundle(t testing.TB, config Config) *bundle {
	fake := &fakeStripe{sessions: map[string]json.RawMessage{}}
	gateway := httptest.NewServer(fake)
	t.Cleanup(gateway.Close)
	config.StripeURL, config.StripeKey, config.WebhookSecret, config.APIKey = gateway.URL, "sk_test_x", secret, apiKey
	shop, err := Open(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, shop.Close()) })
	require.NoError(t, shop.AddProducts(t.Context(), []Product{
		{SKU: "MUG", Name: "Mug", Price: 49900, Currency: "INR", Stock: 10},
		{SKU: "PEN", Name: "Pen", Price: 1050, Currency: "INR", Stock: 1000},
	}))
	server := httptest.NewServer(shop.Handler())
	t.Cleanup(server.Close)
	return &bundle{Shop: shop, url: server.URL, stripe: fake}
}

// fakeStripe opens Checkout Sessions, one for each idempotency key.
type fakeStripe struct {
	mu       sync.Mutex
	sessions map[string]json.RawMessage // by key
	decline  bool
}

func (f *fakeStripe) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := r.Header.Get("Idempotency-Key")
	if f.decline || r.URL.Path != "/v1/checkout/sessions" || r.ParseForm() != nil || key == "" {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"error": {"type": "invalid_request_error", "code": "parameter_invalid", "message": "No."}}`)
		return
	}
	if f.sessions[key] == nil {
		amount, _ := strconv.Atoi(r.PostForm.Get("line_items[0][price_data][unit_amount]"))
		f.sessions[key], _ = json.Marshal(map[string]any{
			"id": "cs_" + key, "object": "checkout.session", "status": "open", "payment_status": "unpaid", "url": "https://pay.example/" + key,
			"amount_total": amount, "currency": r.PostForm.Get("line_items[0][price_data][currency]"),
			"metadata": map[string]string{"payment_id": r.PostForm.Get("metadata[payment_id]"), "order_id": r.PostForm.Get("metadata[order_id]")},
		})
	}
	_, _ = w.Write(f.sessions[key])
}

// message is a signed event about a payment's session, with fields changed.
func (f *fakeStripe) message(t testing.TB, id, kind string, payment string, changes map[string]any) *webhook.SignedPayload {
	f.mu.Lock()
	defer f.mu.Unlock()
	var session map[string]any
	require.NoError(t, json.Unmarshal(f.sessions[payment], &session))
	for name, value := range changes {
		session[name] = value
	}
	body, err := json.Marshal(map[string]any{
		"id": id, "object": "event", "type": kind, "created": time.Now().Unix(), "api_version": "2020-08-27",
		"data": map[string]any{"object": session},
	})
	require.NoError(t, err)
	return webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{Payload: body, Secret: secret})
}

func (f *fakeStripe) paid(t testing.TB, id, payment string) *webhook.SignedPayload {
	return f.message(t, id, "checkout.session.completed", payment, map[string]any{
		"status": "complete", "payment_status": "paid", "payment_intent": "pi_" + payment,
	})
}

// send delivers a message to the shop.
func (b *bundle) send(t testing.TB, m *webhook.SignedPayload) int {
	status, _ := b.call(t, "POST", "/webhooks/stripe", m.Payload, "Stripe-Signature", m.Header)
	return status
}

// call makes a request and decodes its answer. body is sent as it is or as JSON.
func (b *bundle) call(t testing.TB, method, path string, body any, headers ...string) (int, map[string]any) {
	raw, ok := body.([]byte)
	if !ok && body != nil {
		var err error
		raw, err = json.Marshal(body)
		require.NoError(t, err)
	}
	req, err := http.NewRequestWithContext(context.Background(), method, b.url+path, bytes.NewReader(raw))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+apiKey)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { require.NoError(t, res.Body.Close()) }()
	var out map[string]any
	require.NoError(t, json.NewDecoder(res.Body).Decode(&out))
	return res.StatusCode, out
}

type object = map[string]any

// order is the body of a checkout.
func order(items ...Item) object {
	return object{
		"items": items, "currency": "INR", "customer": object{"email": "asha@example.com", "name": "Asha Rao"},
		"shipping_address": object{"name": "Asha Rao", "line1": "12 MG Road", "city": "Bengaluru", "state": "KA", "postal_code": "560001", "country": "IN"},
	}
}

// pay checks out and initiates, and returns the order's and the payment's ids.
func (b *bundle) pay(t testing.TB, key string, items ...Item) (orderID, paymentID string) {
	status, o := b.call(t, "POST", "/checkout", order(items...), "Idempotency-Key", key)
	require.Equal(t, http.StatusCreated, status, o)
	orderID = o["order_id"].(string)
	status, p := b.call(t, "POST", "/payment/initiate", initiate(orderID, o["amount"], key))
	require.Equal(t, http.StatusCreated, status, p)
	return orderID, p["payment_id"].(string)
}

func initiate(order string, amount any, key string) object {
	return object{"orderId": order, "amount": amount, "payment_method": "card", "idempotency_key": key}
}

// clean wants an audit without findings and says how a SKU stands.
func (b *bundle) clean(t testing.TB, sku string) (available int64) {
	wrong, err := b.Audit(t.Context())
	require.NoError(t, err)
	require.Empty(t, wrong)
	g, err := first(t.Context(), b.db, "shelf", scanGoods, []string{sku})
	require.NoError(t, err)
	return g.available
}
