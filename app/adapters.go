package app

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"kassa/gateway"
	"kassa/hold"
	"kassa/payments"
	"kassa/store"
)

// Adapters is what a process can be configured to use. cmd/kassa has the list.
type Adapters struct {
	Stores   map[string]StoreAdapter // by the scheme of store.url
	Gates    map[string]GateAdapter  // by the scheme of gate.url
	Gateways map[string]GatewayAdapter
}

// GateAdapter opens an admission gate. name is the database's own.
type GateAdapter func(url, name string) (hold.Gate, error)

// StoreAdapter opens a store.
type StoreAdapter func(ctx context.Context, cfg StoreConfig) (store.Store, error)

// StoreConfig is what every store adapter is told.
type StoreConfig struct {
	URL      string // as configured
	Path     string // what follows the scheme, for stores that are files
	MaxConns int32
	Access   Access
}

// Access says what a store is opened for.
type Access int

// The kinds of access. They matter to stores that one process serves at a time.
const (
	Serve      Access = iota // to serve or migrate it
	Administer               // for a short write beside a serving process: a key
	ReadOnly                 // beside a serving process, for the audit
)

// GatewayAdapter makes a gateway account of its part of the configuration.
type GatewayAdapter func(name string, part map[string]any) (gateway.Gateway, error)

// Gateway registers an adapter by its constructor. The configuration's keys are
// the fields of the adapter's Config, in snake case; one that it does not have is
// an error. A field Name gets the account's name.
func Gateway[C any](construct func(C) (gateway.Gateway, error)) GatewayAdapter {
	return func(name string, part map[string]any) (gateway.Gateway, error) {
		var cfg C
		keys := map[string]any{"name": name}
		for key, value := range part {
			keys[key] = value
		}
		if err := decode(keys, &cfg); err != nil {
			return nil, err
		}
		return construct(cfg)
	}
}

// openStore opens the store that a URL names.
func (a Adapters) openStore(ctx context.Context, cfg Store, access Access) (store.Store, error) {
	scheme, path, _ := strings.Cut(cfg.URL, ":")
	open, ok := a.Stores[scheme]
	if !ok {
		return nil, fmt.Errorf("config: store.url %q: there is no store %q; use postgres://…, mysql://…, sqlite:PATH or memory", maskURL(cfg.URL), scheme)
	}
	return open(ctx, StoreConfig{URL: cfg.URL, Path: strings.TrimPrefix(path, "//"), MaxConns: cfg.MaxConns, Access: access})
}

// CheckGateways tells whether the configured gateway accounts can be made.
func CheckGateways(cfg Config, adapters Adapters) error {
	_, err := adapters.accounts(cfg)
	return err
}

// accounts makes the configured gateway accounts, in their order.
func (a Adapters) accounts(cfg Config) ([]payments.Account, error) {
	var accounts []payments.Account
	for _, name := range cfg.accountOrder() {
		account, err := a.account(name, cfg.Gateways[name])
		if err != nil {
			return nil, err
		}
		accounts = append(accounts, account)
	}
	return accounts, nil
}

// accountKeys are the keys of an account that Kassa itself reads.
type accountKeys struct {
	Kind          string
	ManualCapture bool
	HoldTTL       string
}

func (a Adapters) account(name string, part map[string]any) (payments.Account, error) {
	own, theirs := map[string]any{}, map[string]any{}
	for key, value := range part {
		if slices.Contains([]string{"kind", "manual_capture", "hold_ttl"}, key) {
			own[key] = value
		} else {
			theirs[key] = value
		}
	}
	var keys accountKeys
	if err := decode(own, &keys); err != nil {
		return payments.Account{}, fmt.Errorf("config: gateways.%s: %w", name, err)
	}
	if keys.Kind == "" {
		keys.Kind = name
	}
	construct, ok := a.Gateways[keys.Kind]
	if !ok {
		return payments.Account{}, fmt.Errorf("config: gateways.%s: there is no gateway adapter %q", name, keys.Kind)
	}
	g, err := construct(name, theirs)
	if err != nil {
		return payments.Account{}, fmt.Errorf("config: gateways.%s: %w", name, err)
	}
	ttl, err := parseTTL(keys.HoldTTL)
	if err != nil {
		return payments.Account{}, fmt.Errorf("config: gateways.%s.hold_ttl: %w", name, err)
	}
	return payments.Account{Name: name, Gateway: g, ManualCapture: keys.ManualCapture, HoldTTL: ttl}, nil
}

// covered stands for a secret.
const covered = "********"

// maskURL covers the passwords of a URL. One that cannot be read is covered whole.
func maskURL(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return covered
	}
	query := u.Query()
	secret := false
	for key := range query {
		if strings.Contains(key, "pass") || strings.Contains(key, "secret") || strings.Contains(key, "key") || strings.Contains(key, "token") {
			query.Set(key, covered)
			secret = true
		}
	}
	if secret {
		u.RawQuery = query.Encode()
	}
	return u.Redacted()
}
