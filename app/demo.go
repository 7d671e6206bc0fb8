package app

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"

	"kassa/catalog"
	"kassa/checkout"
	"kassa/sandbox"
	"kassa/store"
	"kassa/web"
)

// The demo's keys. They are made by the demo alone and exist only there.
const (
	DemoStorefrontKey = "pk_demo"
	DemoServerKey     = "sk_demo"
)

// DemoConfigFile is the demo's configuration in its folder, for the other commands:
// `kassa keys list --config .kassa-demo/kassa.yaml`.
const DemoConfigFile = "kassa.yaml"

// demoMethods are what the sandbox's gateways take.
var demoMethods = []checkout.Method{checkout.MethodCard, checkout.MethodWallet}

// DemoOptions says where the demo listens and keeps its files.
type DemoOptions struct {
	Addr  string // of the shop and the API; port 0 takes a free one
	Data  string // folder of the database and the sandbox's state
	Reset bool   // begin anew
}

// Demo is a whole shop on one machine: Kassa on SQLite, and sandbox gateways on
// loopback that speak their vendors' protocols to the adapters of production.
type Demo struct {
	*App
	SandboxURL string
	Sandbox    *sandbox.Sandbox

	sandboxServer *http.Server
}

// RunDemo starts the demo. It migrates its database by itself and fills it with a
// catalogue.
func RunDemo(ctx context.Context, options DemoOptions, adapters Adapters, log *slog.Logger) (_ *Demo, err error) {
	if err := demoFolder(options); err != nil {
		return nil, err
	}
	d := &Demo{}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.Close(context.WithoutCancel(ctx)))
		}
	}()
	webhookSecret, err := d.startSandbox(ctx, options, log)
	if err != nil {
		return nil, err
	}
	cfg, err := demoConfig(options, d.SandboxURL, webhookSecret)
	if err != nil {
		return nil, err
	}
	if err := cfg.write(filepath.Join(options.Data, DemoConfigFile)); err != nil {
		return nil, err
	}
	if _, _, err := Migrate(ctx, cfg, adapters); err != nil {
		return nil, err
	}
	shop := func(reader store.Reader) (http.Handler, error) {
		return web.New(web.Config{StorefrontKey: DemoStorefrontKey, Currency: cfg.Currency, Title: "Kassa demo shop", Reader: reader, Methods: demoMethods})
	}
	if d.App, err = Run(ctx, cfg, adapters, log, shop); err != nil {
		return nil, err
	}
	d.Sandbox.SetWebhook(d.URL+"/webhooks/stripe", webhookSecret)
	return d, d.fill(ctx)
}

// demoFolder makes the folder, and empties it of the demo's own files.
func demoFolder(options DemoOptions) error {
	if err := os.MkdirAll(options.Data, 0o700); err != nil {
		return fmt.Errorf("make the demo's folder: %w", err)
	}
	if !options.Reset {
		return nil
	}
	for _, name := range []string{"kassa.db", "kassa.db-wal", "kassa.db-shm", "sandbox.json", "sandbox.json.journal", "webhook_secret"} {
		if err := os.Remove(filepath.Join(options.Data, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("reset the demo: %w", err)
		}
	}
	return nil
}

func (d *Demo) startSandbox(ctx context.Context, options DemoOptions, log *slog.Logger) (webhookSecret string, err error) {
	webhookSecret, err = demoSecret(filepath.Join(options.Data, "webhook_secret"))
	if err != nil {
		return "", err
	}
	listener, err := sandboxListener(ctx, options.Addr)
	if err != nil {
		return "", err
	}
	d.SandboxURL = "http://" + listener.Addr().String()
	d.Sandbox, err = sandbox.New(sandbox.Config{
		WebhookSecret: webhookSecret, PublicURL: d.SandboxURL,
		SnapshotPath: filepath.Join(options.Data, "sandbox.json"), Logger: log.With("part", "sandbox"),
	})
	if err != nil {
		return "", errors.Join(err, listener.Close())
	}
	d.sandboxServer = newServer(d.Sandbox.Handler(), log)
	go func() {
		if err := d.sandboxServer.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("the sandbox ended", "error", err)
		}
	}()
	return webhookSecret, nil
}

// demoSecret keeps one secret over restarts, so that events that were signed
// before are still good.
func demoSecret(path string) (string, error) {
	kept, err := os.ReadFile(path) //nolint:gosec // the demo's own folder
	if err == nil {
		return string(kept), nil
	}
	var random [16]byte
	_, _ = rand.Read(random[:]) // crypto/rand.Read never fails (Go 1.24)
	secret := "whsec_" + hex.EncodeToString(random[:])
	if err := os.WriteFile(path, []byte(secret), 0o600); err != nil {
		return "", fmt.Errorf("keep the sandbox's webhook secret: %w", err)
	}
	return secret, nil
}

// sandboxListener takes the port after the shop's, so that a restarted demo's
// payment pages keep their addresses; where it is taken, any free one.
func sandboxListener(ctx context.Context, shop string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(shop)
	if err != nil {
		return nil, fmt.Errorf("the demo's address %q: %w", shop, err)
	}
	var config net.ListenConfig
	if n, err := strconv.Atoi(port); err == nil && n > 0 {
		listener, err := config.Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(n+1)))
		if err == nil {
			return listener, nil
		}
	}
	return config.Listen(ctx, "tcp", net.JoinHostPort(host, "0"))
}

func demoConfig(options DemoOptions, sandboxURL, webhookSecret string) (Config, error) {
	path, err := filepath.Abs(filepath.Join(options.Data, "kassa.db"))
	if err != nil {
		return Config{}, err
	}
	cfg := DefaultConfig()
	cfg.Listen = options.Addr
	cfg.Store.URL = "sqlite:" + path
	cfg.Log = Log{Level: "info", Format: "text"}
	cfg.Gateways = map[string]map[string]any{
		"stripe": {
			"kind": "stripe", "secret_key": "sk_test_sandbox", "webhook_secrets": []string{webhookSecret},
			"base_url": sandboxURL, "methods": demoMethods,
		},
		"transfer": {"kind": "manual", "hold_ttl": "168h"},
	}
	return cfg, nil
}

// fill gives a new demo its keys and its catalogue.
func (d *Demo) fill(ctx context.Context) error {
	for secret, scope := range map[string]checkout.KeyScope{
		DemoStorefrontKey: checkout.ScopeStorefront, DemoServerKey: checkout.ScopeServer,
	} {
		_, err := d.Store.APIKeyByHash(ctx, sha256.Sum256([]byte(secret)))
		if errors.Is(err, store.ErrNotFound) {
			_, err = addKey(ctx, d.Store, scope, secret)
		}
		if err != nil {
			return fmt.Errorf("make the demo's keys: %w", err)
		}
	}
	_, err := catalog.Seed(ctx, d.Engine.Do, d.Store)
	return err
}

// Close ends the demo: first Kassa, which may still talk to the sandbox.
func (d *Demo) Close(ctx context.Context) error {
	var errs []error
	if d.App != nil {
		errs = append(errs, d.App.Close(ctx))
	}
	if d.sandboxServer != nil {
		errs = append(errs, d.sandboxServer.Shutdown(ctx))
	}
	if d.Sandbox != nil {
		errs = append(errs, d.Sandbox.Close())
	}
	return errors.Join(errs...)
}
