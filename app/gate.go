package app

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"kassa/engine"
	"kassa/hold"
	"kassa/store"
)

// OpenGate opens the configured admission gate; nil where none is configured. Its keys
// carry a name that the database keeps, so that two databases never share them.
func OpenGate(ctx context.Context, cfg Config, adapters Adapters, s store.Store) (hold.Gate, error) {
	if cfg.Gate.URL == "" {
		return nil, nil
	}
	if strings.HasPrefix(cfg.Store.URL, "sqlite:") {
		return nil, errors.New("config: gate.url is set, but a SQLite file has one process, which knows itself what is sold out; leave it out")
	}
	scheme, _, _ := strings.Cut(cfg.Gate.URL, ":")
	open, ok := adapters.Gates[scheme]
	if !ok {
		return nil, fmt.Errorf("config: gate.url %q: there is no gate %q; use redis://… or rediss://…", maskURL(cfg.Gate.URL), scheme)
	}
	var fresh [8]byte
	_, _ = rand.Read(fresh[:]) // crypto/rand.Read never fails (Go 1.24)
	name, err := s.Secret(ctx, "gate", fresh[:])
	if err != nil {
		return nil, fmt.Errorf("read the name of the admission gate: %w", err)
	}
	return open(cfg.Gate.URL, hex.EncodeToString(name))
}

// CompareGate compares a gate with its database, for the audit.
func CompareGate(gate hold.Gate, reader store.Reader) func(context.Context) (skus int, drift map[string]string, err error) {
	return func(ctx context.Context) (int, map[string]string, error) {
		drifts, skus, err := engine.GateDrift(ctx, gate, reader)
		wrong := make(map[string]string, len(drifts))
		for _, d := range drifts {
			wrong[d.SKU] = fmt.Sprintf("the gate has %d units for sale and the database %d; `kassa holds rebuild` puts it right", d.Gate, d.DB)
		}
		return skus, wrong, err
	}
}
