package sandbox

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/stripe/stripe-go/v85"
	"github.com/stripe/stripe-go/v85/webhook"
)

const testSecret = "whsec_test"

// bench is a sandbox on a loopback port, a receiver of its webhooks, and clients for both.
type bench struct {
	t       *testing.T
	sandbox *Sandbox
	server  *httptest.Server
	stripe  *stripe.Client
	inbox   *inbox
	browser *http.Client
	clock   *clock
	checked atomic.Int64
}

// clock is a clock that stands still until told otherwise.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// inbox collects webhooks and answers with status.
type inbox struct {
	server *httptest.Server

	mu       sync.Mutex
	letters  []letter
	status   int
	onLetter func(stripe.Event)
}

type letter struct {
	signature string
	body      []byte
	event     stripe.Event
	problem   error // of the signature
}

func (i *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	l := letter{signature: r.Header.Get("Stripe-Signature"), body: body}
	l.event, l.problem = webhook.ConstructEvent(body, l.signature, testSecret)
	i.mu.Lock()
	i.letters = append(i.letters, l)
	status, onLetter := i.status, i.onLetter
	i.mu.Unlock()
	if onLetter != nil {
		onLetter(l.event)
	}
	w.WriteHeader(status)
}

func (i *inbox) all() []letter {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]letter{}, i.letters...)
}

// kinds are the types of what arrived.
func (i *inbox) kinds() []string {
	var kinds []string
	for _, l := range i.all() {
		kinds = append(kinds, string(l.event.Type))
	}
	return kinds
}

func (i *inbox) answer(status int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.status = status
}

func newBench(t *testing.T) *bench { return newBenchWith(t, Config{Seed: 7}) }

// newBenchWith keeps the state on disk, so that every test shows after each request that all its
// changes were recorded.
func newBenchWith(t *testing.T, config Config) *bench {
	t.Helper()
	b := &bench{t: t, inbox: &inbox{status: http.StatusOK}, clock: &clock{now: time.Now()}}
	b.inbox.server = httptest.NewServer(b.inbox)
	t.Cleanup(b.inbox.server.Close)
	config.Now, config.WebhookURL, config.WebhookSecret = b.clock.Now, b.inbox.server.URL, testSecret
	if config.SnapshotPath == "" {
		config.SnapshotPath = filepath.Join(t.TempDir(), "bench.json")
	}
	var err error
	b.sandbox, err = New(config)
	require.NoError(t, err)
	t.Cleanup(func() {
		checkRecorded(t, b.sandbox)
		require.NoError(t, b.sandbox.Close())
	})
	b.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.sandbox.Handler().ServeHTTP(w, r)
		if r.Method == http.MethodPost && b.checked.Add(1) <= 200 { // the check reads all files each time
			checkRecorded(t, b.sandbox)
		}
	}))
	t.Cleanup(b.server.Close)
	b.sandbox.SetPublicURL(b.server.URL)
	b.stripe = b.client(&http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}})
	b.browser = &http.Client{Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return b
}

// client is stripe-go, without retries of its own.
func (b *bench) client(h *http.Client) *stripe.Client {
	return stripe.NewClient(defaultSecretKey, stripe.WithBackends(stripe.NewBackendsWithConfig(&stripe.BackendConfig{
		URL: stripe.String(b.server.URL), HTTPClient: h, MaxNetworkRetries: stripe.Int64(0), LeveledLogger: &stripe.LeveledLogger{Level: stripe.LevelNull}})))
}

// drain waits for the webhooks.
func (b *bench) drain() {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), time.Minute)
	defer cancel()
	require.NoError(b.t, b.sandbox.Drain(ctx))
}

// answer is what came back, read to its end.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// raw is one request without a client library.
func (b *bench) raw(method, path, key string, form url.Values) answer {
	b.t.Helper()
	return b.send(method, path, key, form.Encode())
}

// send is raw with a body that need not be a proper form.
func (b *bench) send(method, path, key, sent string) answer {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.server.URL+path, strings.NewReader(sent))
	require.NoError(b.t, err)
	req.Header.Set("Authorization", "Bearer "+defaultSecretKey)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	resp, err := b.browser.Do(req)
	require.NoError(b.t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(b.t, err)
	require.NoError(b.t, resp.Body.Close())
	return answer{status: resp.StatusCode, header: resp.Header, body: body}
}

// refusal is the error in an answer.
func refusal(t *testing.T, body []byte) apiError {
	t.Helper()
	var envelope errorBody
	require.NoError(t, json.Unmarshal(body, &envelope), "%s", body)
	require.NotNil(t, envelope.Error, "%s", body)
	return *envelope.Error
}

// cardIntent is the request for a card payment of 50.00 INR that is confirmed at once.
func cardIntent(method string) *stripe.PaymentIntentCreateParams {
	return &stripe.PaymentIntentCreateParams{Amount: stripe.Int64(5000), Currency: stripe.String("inr"), Confirm: stripe.Bool(true),
		PaymentMethod: stripe.String(method), PaymentMethodTypes: []*string{stripe.String("card")}}
}

// pay makes a succeeded payment.
func (b *bench) pay(method string) *stripe.PaymentIntent {
	b.t.Helper()
	pi, err := b.stripe.V1PaymentIntents.Create(b.t.Context(), cardIntent(method))
	require.NoError(b.t, err)
	require.Equal(b.t, stripe.PaymentIntentStatusSucceeded, pi.Status)
	return pi
}

// stripeError is the typed error of stripe-go.
func stripeError(t *testing.T, err error) *stripe.Error {
	t.Helper()
	var typed *stripe.Error
	require.ErrorAs(t, err, &typed)
	return typed
}

// truth is the ledger's only payment.
func (b *bench) truth() Payment {
	b.t.Helper()
	l := b.sandbox.Ledger()
	require.Len(b.t, l.Payments, 1)
	return l.Payments[0]
}

// post sends a page's form as a browser would, and returns the answer and where it leads.
func (b *bench) post(page string, form url.Values) (status int, location, body string) {
	b.t.Helper()
	resp, err := b.browser.PostForm(page, form)
	require.NoError(b.t, err)
	raw, err := io.ReadAll(resp.Body)
	require.NoError(b.t, err)
	require.NoError(b.t, resp.Body.Close())
	return resp.StatusCode, resp.Header.Get("Location"), string(raw)
}

// get reads a page.
func (b *bench) get(page string) (int, string) {
	b.t.Helper()
	resp, err := b.browser.Get(page)
	require.NoError(b.t, err)
	raw, err := io.ReadAll(resp.Body)
	require.NoError(b.t, err)
	require.NoError(b.t, resp.Body.Close())
	return resp.StatusCode, string(raw)
}

// listIDs are the ids on a page.
func listIDs(t *testing.T, body []byte) ([]string, bool) {
	t.Helper()
	var page struct {
		Data    []struct{ ID string }
		HasMore bool `json:"has_more"`
	}
	require.NoError(t, json.Unmarshal(body, &page), "%s", body)
	var ids []string
	for _, item := range page.Data {
		ids = append(ids, item.ID)
	}
	return ids, page.HasMore
}
