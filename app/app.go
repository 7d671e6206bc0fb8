// Package app puts the parts together: it opens the store, makes the gateway
// accounts, starts the engine and the task runner, and serves the API. The
// command, the end-to-end tests and the benchmarks run the same Run and Close. It
// must not know flags or which adapters there are: those are handed in.
package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"kassa/api"
	"kassa/batch"
	"kassa/checkout"
	"kassa/engine"
	"kassa/gateway"
	"kassa/hold"
	"kassa/money"
	"kassa/payments"
	"kassa/store"
	"kassa/tasks"
	"kassa/telemetry"
)

// App is one running process.
type App struct {
	URL      string // where the API is reached on this machine
	Engine   *engine.Engine
	Store    store.Store
	Gate     hold.Gate // nil: none is configured
	Payments *payments.Payments

	log    *slog.Logger
	api    *api.API
	runner *tasks.Runner
	server *http.Server
	failed chan error // the listener's end, where it was not asked for
}

// Run starts a process by its configuration. The schema must fit: see Migrate.
// shop, where it is not nil, makes the pages for everything that the API does not
// serve.
func Run(ctx context.Context, cfg Config, adapters Adapters, log *slog.Logger, shop func(store.Reader) (http.Handler, error)) (_ *App, err error) {
	does, err := cfg.roles()
	if err != nil {
		return nil, err
	}
	s, err := OpenStore(ctx, cfg, adapters, Serve)
	if err != nil {
		return nil, err
	}
	a := &App{Store: s, log: log, failed: make(chan error, 1)}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close(context.WithoutCancel(ctx)))
		}
	}()
	if err := checkSchema(ctx, s); err != nil {
		return nil, err
	}
	accounts, err := adapters.accounts(cfg)
	if err != nil {
		return nil, err
	}
	if a.Gate, err = OpenGate(ctx, cfg, adapters, s); err != nil {
		return nil, err
	}
	metrics := telemetry.NewMetrics(func() int { return a.Engine.Waiting() })
	a.startEngine(does, accounts, metrics)
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", cfg.Listen, err)
	}
	a.URL = "http://" + listener.Addr().String()
	if cfg.PublicURL == "" {
		cfg.PublicURL = a.URL
	}
	if a.api, err = a.handler(ctx, cfg, does, accounts, metrics); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	handler := http.Handler(a.api)
	if shop != nil && does.has(RoleAPI) {
		pages, err := shop(s)
		if err != nil {
			return nil, errors.Join(err, listener.Close())
		}
		handler = withShop(a.api, pages)
	}
	a.serve(listener, handler)
	a.runner.Start()
	log.Info("kassa serves", "roles", does, "url", a.URL, "store", maskURL(cfg.Store.URL), "gateways", cfg.accountOrder())
	return a, nil
}

// OpenStore opens the configured store.
func OpenStore(ctx context.Context, cfg Config, adapters Adapters, access Access) (store.Store, error) {
	return adapters.openStore(ctx, cfg.Store, access)
}

// checkSchema refuses a database that this binary does not fit.
func checkSchema(ctx context.Context, s store.Store) error {
	have, want, err := s.Schema(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("read the database's schema: %w", err)
	case have < want:
		return fmt.Errorf("%w: the database is at %d and this version wants %d; run `kassa migrate` with the same configuration", store.ErrSchema, have, want)
	case have > want:
		return fmt.Errorf("%w: the database is at %d and this version knows only %d; run the newer kassa", store.ErrSchema, have, want)
	}
	return nil
}

func (a *App) startEngine(does roles, accounts []payments.Account, metrics *telemetry.Metrics) {
	a.runner = tasks.New(tasks.Config{
		Source: a.Store, Log: a.log,
		Kinds: does.kinds(), NoSweep: !does.has(RoleOrchestrator), Poll: does.poll(),
		Shared: a.Store.Clock() == nil, // else the database is this process's own
		OnRun:  func(kind checkout.TaskKind, took time.Duration, err error) { metrics.TaskRan(string(kind), took, err) },
	})
	a.Engine = engine.New(engine.Config{
		Store: a.Store, Kinds: does.kinds(), Log: a.log,
		Gate: a.Gate, OnAsk: metrics.GateAsked, OnDrift: metrics.GateDrifted,
		Batch: batch.Config{
			OnCommit:  metrics.Committed,
			OnTrouble: func(class batch.Class, _ error) { metrics.Trouble(class.String()) },
		},
	}, a.runner.Enqueue)
	a.Payments = payments.New(payments.Config{
		Engine: a.Engine, Reader: a.Store, Accounts: accounts, Log: a.log, OnCall: metrics.GatewayCalled,
		PayPage: func(order checkout.ID) string { return a.api.PayPage(order) }, // no task runs before there is an API
	})
	a.runner.Bind(a.Engine, a.Payments.Handlers())
}

func (a *App) handler(ctx context.Context, cfg Config, does roles, accounts []payments.Account, metrics *telemetry.Metrics) (*api.API, error) {
	var fresh [32]byte
	_, _ = rand.Read(fresh[:]) // crypto/rand.Read never fails (Go 1.24)
	secret, err := a.Store.Secret(ctx, "order_token", fresh[:])
	if err != nil {
		return nil, fmt.Errorf("read the secret of order tokens: %w", err)
	}
	gateways := map[string]gateway.Gateway{}
	for _, account := range accounts {
		gateways[account.Name] = account.Gateway
	}
	proxies, err := parseProxies(cfg.TrustedProxies)
	if err != nil {
		return nil, err
	}
	return api.New(api.Config{
		Engine: a.Engine, Reader: a.Engine.Reader(), Keys: a.Store, Ready: a.ready,
		Gateways: gateways, Receive: a.Payments.Receive, Routes: payments.Routes(accounts),
		Warehouses: cfg.Warehouses, HoldTTL: cfg.HoldTTL, Currency: money.Currency(cfg.Currency),
		TokenSecret: secret, CheckoutURL: cfg.checkoutURL(),
		MaxUnitsPerSession: cfg.LockLimits.UnitsPerSession, MaxUnitsPerIP: cfg.LockLimits.UnitsPerIP,
		ClientIP:       clientIP(proxies),
		OperationsOnly: !does.has(RoleAPI),
		Metrics:        metrics.Handler(), OnRequest: metrics.Requested, Now: time.Now, Log: a.log,
	})
}

// checkoutURL tells where a buyer pays an order.
func (c Config) checkoutURL() func(order checkout.ID, token string) string {
	page := c.CheckoutURL
	if page == "" {
		page = strings.TrimSuffix(c.PublicURL, "/") + "/pay/{order_id}?token={order_token}"
	}
	return func(order checkout.ID, token string) string {
		return strings.ReplaceAll(strings.ReplaceAll(page, "{order_id}", order.String()), "{order_token}", token)
	}
}

// ready tells whether this process can serve: its database answers and fits.
func (a *App) ready(ctx context.Context) error {
	if err := a.Store.Ping(ctx); err != nil {
		return err
	}
	return checkSchema(ctx, a.Store)
}

// withShop serves the shop's pages beside the API. The API has its own paths, but
// for the page that a browser gets where it posts its checkout; and whoever comes
// with a key wants an answer of the API, never a page.
func withShop(api *api.API, shop http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page := r.Method == http.MethodGet && r.URL.Path == "/checkout"
		keyed := r.Header.Get("Authorization") != "" && !strings.HasPrefix(r.URL.Path, "/shop/")
		if keyed || api.Serves(r) && !page {
			api.ServeHTTP(w, r)
			return
		}
		shop.ServeHTTP(w, r)
	})
}

func (a *App) serve(listener net.Listener, handler http.Handler) {
	a.server = newServer(handler, a.log)
	go func() {
		if err := a.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			a.failed <- err
		}
	}()
}

// newServer has a limit on every way in which a client can take its time.
func newServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// Failed tells of the listener's end that nobody asked for.
func (a *App) Failed() <-chan error { return a.failed }

// Close drains: no new request is taken, the running ones get their answers,
// queued commands are committed, running tasks finish and the others are given
// back. What ctx does not leave time for is left to another process, or to this
// one's next start.
func (a *App) Close(ctx context.Context) error {
	var errs []error
	if a.server != nil {
		errs = append(errs, a.server.Shutdown(ctx))
	}
	if a.runner != nil {
		errs = append(errs, a.runner.Close(ctx))
	}
	if a.Engine != nil {
		errs = append(errs, a.Engine.Close(ctx))
	}
	if a.Gate != nil {
		a.Gate.Close()
	}
	errs = append(errs, a.Store.Close())
	return errors.Join(errs...)
}

// Migrate brings the configured database up to this version.
func Migrate(ctx context.Context, cfg Config, adapters Adapters) (from, to int64, err error) {
	s, err := OpenStore(ctx, cfg, adapters, Serve)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	from, want, err := s.Schema(ctx)
	switch {
	case err != nil:
		return 0, 0, err
	case from > want:
		return from, from, checkSchema(ctx, s)
	}
	if err = s.Migrate(ctx); err != nil {
		return from, 0, err
	}
	to, _, err = s.Schema(ctx)
	return from, to, err
}

func parseTTL(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	return time.ParseDuration(text)
}
