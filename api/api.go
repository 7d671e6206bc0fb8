// Package api is the JSON API over HTTP: it reads a request strictly, turns it
// into one command of package saga or one read, and writes what came of it. It
// holds who may call what, how an answer is kept for its idempotency key, and the
// one table from a refusal's code to its HTTP status.
//
// It must not know any particular store or gateway, the rules of checkout (they
// are in saga), how tasks are run, or how the process is assembled.
package api

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"kassa/checkout"
	"kassa/engine"
	"kassa/gateway"
	"kassa/money"
	"kassa/saga"
	"kassa/store"
)

// Config is what the API works on. Fields without a default must be set.
type Config struct {
	Engine *engine.Engine
	Reader store.Reader
	Keys   Keys
	// Ready tells whether requests can be served: the store answers and its
	// schema fits. Nil means always.
	Ready func(context.Context) error
	// Gateways verify webhooks, by the account's name, which is also the last
	// part of the webhook's path.
	Gateways map[string]gateway.Gateway
	// Receive stores and applies a verified webhook event and returns when that
	// is durable. It must be set where Gateways are.
	Receive func(context.Context, checkout.WebhookEvent) error
	// Routes say which gateway account takes a payment, the preferred first.
	Routes     []saga.Route
	Warehouses []string       // that stock can be adjusted in; "main" by default
	HoldTTL    time.Duration  // of a lock or an order that names none; 15 min by default
	Currency   money.Currency // of carts and checkouts that name none; INR by default
	// TokenSecret keys the order tokens: at least 16 bytes, the same on every
	// process.
	TokenSecret []byte
	// CheckoutURL is the page where a buyer pays an order. It must be pure: its
	// result is kept with an answer. Nil leaves checkout_url out.
	CheckoutURL func(order checkout.ID, token string) string
	// MaxUnitsPerSession caps the units of one lock, and MaxUnitsPerIP those of
	// all open locks that storefronts took from one address through this
	// process. 0 means no cap.
	MaxUnitsPerSession int64
	MaxUnitsPerIP      int64
	// ClientIP finds a caller's address, for deployments behind a proxy. The
	// connection's remote address by default.
	ClientIP func(*http.Request) string
	Metrics  http.Handler // served at /metrics; nil leaves it out
	// OperationsOnly leaves nothing but /healthz, /readyz and /metrics: other
	// processes serve the API.
	OperationsOnly bool
	// OnRequest is told of every answer. route is the pattern, never the path.
	OnRequest func(method, route string, status int, took time.Duration)
	Now       func() time.Time // for ages of webhooks, keys and locks; time.Now by default
	Log       *slog.Logger     // discards by default
}

// Keys finds API keys.
type Keys interface {
	// APIKeyByHash finds a key by the SHA-256 of its secret, or answers
	// store.ErrNotFound.
	APIKeyByHash(ctx context.Context, hash [32]byte) (checkout.APIKey, error)
}

func (c Config) withDefaults() Config {
	if c.Warehouses == nil {
		c.Warehouses = []string{checkout.MainWarehouse}
	}
	if c.HoldTTL == 0 {
		c.HoldTTL = checkout.DefaultHoldTTL
	}
	if c.Currency == "" {
		c.Currency = "INR"
	}
	if c.Ready == nil {
		c.Ready = func(context.Context) error { return nil }
	}
	if c.ClientIP == nil {
		c.ClientIP = remoteHost
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.OnRequest == nil {
		c.OnRequest = func(string, string, int, time.Duration) {}
	}
	return c
}

func (c Config) check() error {
	switch {
	case c.Engine == nil || c.Reader == nil || c.Keys == nil:
		return errors.New("api: Engine, Reader and Keys must be set")
	case len(c.TokenSecret) < minSecret:
		return fmt.Errorf("api: TokenSecret has %d bytes, at least %d are needed", len(c.TokenSecret), minSecret)
	case len(c.Gateways) > 0 && c.Receive == nil:
		return errors.New("api: Receive must be set where there are Gateways")
	case !c.Currency.Known():
		return fmt.Errorf("api: %q is no currency", c.Currency)
	}
	return nil
}

func remoteHost(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// server answers requests.
type server struct {
	Config
	mux     *http.ServeMux
	huma    huma.API
	careful shelf // huma's handlers
	keys    *keyring
	macs    sync.Pool // of order tokens, keyed
	caps    *lockCaps
	wait    patience
}

// shelf keeps huma's handlers by their pattern, in the place of a mux.
type shelf map[string]http.HandlerFunc

// HandleFunc keeps a handler.
func (s shelf) HandleFunc(pattern string, h func(http.ResponseWriter, *http.Request)) { s[pattern] = h }

// ServeHTTP is never called: handlers are taken off the shelf.
func (s shelf) ServeHTTP(http.ResponseWriter, *http.Request) {}

// patience is how long a request waits, at most.
type patience struct {
	commit  time.Duration // for its command's commit
	room    time.Duration // for an older attempt to end at its gateway
	outcome time.Duration // for the gateway's answer to an attempt
	action  time.Duration // for the buyer's action, where a webhook was faster than the answer
	truth   time.Duration // for the gateway's word on an open payment
}

var usual = patience{
	commit: 8 * time.Second, room: 5 * time.Second, outcome: 10 * time.Second, action: 3 * time.Second, truth: 5 * time.Second,
}

// New makes the handler of the whole API. It fails where the configuration does
// not make sense. While a gateway is asked, an answer may take up to 40 s, which a
// server's WriteTimeout must allow.
func New(cfg Config) (*API, error) {
	s, err := newServer(cfg)
	if err != nil {
		return nil, err
	}
	return &API{handler: s.wrapped(), server: s}, nil
}

// API is the handler of the whole API.
type API struct {
	handler http.Handler
	server  *server
}

// PayPage is where an order's buyer pays it: the checkout_url of its checkout's
// answer.
func (a *API) PayPage(order checkout.ID) string {
	return a.server.payPage(order, a.server.orderToken(order))
}

// ServeHTTP answers a request. What no route takes gets a problem, too.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.handler.ServeHTTP(w, r) }

// Serves tells whether a request's path is one of the API's, by this method or by
// another, so that other handlers can have the paths that are left.
func (a *API) Serves(r *http.Request) bool {
	verdict, pattern := a.server.mux.Handler(r)
	if pattern != "" {
		return true
	}
	out := &headOnly{}
	verdict.ServeHTTP(out, r)
	return out.status == http.StatusMethodNotAllowed
}

func newServer(cfg Config) (*server, error) {
	cfg = cfg.withDefaults()
	if err := cfg.check(); err != nil {
		return nil, err
	}
	strictHuma()
	careful := shelf{}
	s := &server{
		Config:  cfg,
		mux:     http.NewServeMux(),
		huma:    humago.New(careful, humaConfig()),
		careful: careful,
		keys:    newKeyring(cfg.Keys, cfg.Now),
		caps:    newLockCaps(cfg.MaxUnitsPerSession, cfg.MaxUnitsPerIP, cfg.Now),
		wait:    usual,
	}
	s.macs.New = func() any { return hmac.New(sha256.New, cfg.TokenSecret) }
	if cfg.OperationsOnly {
		s.health()
		return s, nil
	}
	for _, resource := range []func(){
		s.carts, s.inventory, s.products, s.checkout, s.payments, s.orders, s.refunds, s.tasks, s.webhooks, s.health,
	} {
		resource()
	}
	if err := s.documents(); err != nil {
		return nil, err
	}
	return s, nil
}

// strictHuma sets the two switches that huma has only for the whole process: a
// field's name must be written exactly, and a list is never null.
var strictHuma = sync.OnceFunc(func() {
	huma.ValidateStrictCasing = true
	huma.DefaultArrayNullable = false
})

// marks names the accounts whose money an operator may mark as received.
func (s *server) marks() []string {
	var names []string
	for _, r := range s.Routes {
		if r.MarkReceived {
			names = append(names, r.Gateway)
		}
	}
	return slices.Compact(names)
}
