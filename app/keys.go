package app

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strings"
	"time"

	"kassa/checkout"
	"kassa/store"
)

// NewKey makes an API key and stores its hash. The secret is returned once and
// cannot be read again.
func NewKey(ctx context.Context, s store.Store, scope checkout.KeyScope) (checkout.APIKey, string, error) {
	var random [20]byte
	_, _ = rand.Read(random[:]) // crypto/rand.Read never fails (Go 1.24)
	secret := string(scope) + "_" + strings.ToLower(base32.StdEncoding.EncodeToString(random[:]))
	key, err := addKey(ctx, s, scope, secret)
	return key, secret, err
}

func addKey(ctx context.Context, s store.Store, scope checkout.KeyScope, secret string) (checkout.APIKey, error) {
	if scope != checkout.ScopeServer && scope != checkout.ScopeStorefront {
		return checkout.APIKey{}, fmt.Errorf("scope %q: use sk (a server, everything) or pk (a storefront)", scope)
	}
	var random [10]byte
	_, _ = rand.Read(random[:])
	key := checkout.APIKey{
		ID: checkout.NewID(time.Now(), random), Scope: scope, Hash: sha256.Sum256([]byte(secret)),
		Hint: secret[len(secret)-4:], CreatedAt: time.Now().UTC().Truncate(time.Microsecond),
	}
	if err := s.AddAPIKey(ctx, key); err != nil {
		return checkout.APIKey{}, fmt.Errorf("store the key: %w", err)
	}
	return key, nil
}
