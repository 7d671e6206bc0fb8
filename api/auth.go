package api

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"hash"
	"net/http"
	"strings"
	"sync"
	"time"

	"kassa/checkout"
	"kassa/store"
)

// scope says which API keys a route takes.
type scope string

const (
	public     scope = "public"     // no key at all
	storefront scope = "storefront" // pk or sk
	serverOnly scope = "server"     // sk
)

// keyring finds API keys and remembers the good ones for a moment, so that a
// revoked key stops soon. What is not a key is not remembered: a new key works at
// once, and nobody can fill the memory.
type keyring struct {
	keys Keys
	now  func() time.Time

	mu   sync.Mutex
	good map[[32]byte]rememberedKey
}

type rememberedKey struct {
	key   checkout.APIKey
	until time.Time
}

const (
	keyMemory    = 5 * time.Second
	maxGoodKeys  = 1024
	maxSecretLen = 256
)

func newKeyring(keys Keys, now func() time.Time) *keyring {
	return &keyring{keys: keys, now: now, good: map[[32]byte]rememberedKey{}}
}

// find returns the key of an Authorization header. Keys are compared by the hash
// of their secret, so that the time of the comparison tells nothing.
func (k *keyring) find(ctx context.Context, header string) (checkout.APIKey, error) {
	scheme, secret, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") || secret == "" || len(secret) > maxSecretLen {
		return checkout.APIKey{}, checkout.Refuse(checkout.CodeUnauthorized, "send an API key as Authorization: Bearer sk_… or pk_…")
	}
	hash := sha256.Sum256([]byte(secret))
	if key, ok := k.remembered(hash); ok {
		return key, nil
	}
	key, err := k.keys.APIKeyByHash(ctx, hash)
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && !key.RevokedAt.IsZero():
		return key, checkout.Refuse(checkout.CodeUnauthorized, "the API key is unknown or was revoked")
	case err != nil:
		return key, err
	}
	k.remember(hash, key)
	return key, nil
}

func (k *keyring) remembered(hash [32]byte) (checkout.APIKey, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	r, ok := k.good[hash]
	return r.key, ok && k.now().Before(r.until)
}

func (k *keyring) remember(hash [32]byte, key checkout.APIKey) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.good) >= maxGoodKeys {
		clear(k.good)
	}
	k.good[hash] = rememberedKey{key: key, until: k.now().Add(keyMemory)}
}

// authenticate finds who calls and whether the route is theirs.
func (s *server) authenticate(r *http.Request, needed scope) (checkout.APIKey, error) {
	key, err := s.keys.find(r.Context(), r.Header.Get("Authorization"))
	if err != nil {
		return key, err
	}
	if needed == serverOnly && key.Scope != checkout.ScopeServer {
		return key, checkout.Refuse(checkout.CodeForbidden, "this call needs a server key (sk_…)")
	}
	return key, nil
}

// minSecret is the least length in bytes of the secret behind order tokens.
const minSecret = 16

// tokenPrefix tells an order token from other secrets.
const tokenPrefix = "ot_"

// orderToken is the capability to read and pay one order: an HMAC of its id, so
// that nothing is stored and a repeat gives the same.
func (s *server) orderToken(order checkout.ID) string {
	mac, _ := s.macs.Get().(hash.Hash)
	defer s.macs.Put(mac)
	mac.Reset()
	mac.Write([]byte("order_token:" + order.String()))
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// OrderToken is how a storefront shows that an order is its buyer's.
type OrderToken struct {
	Query  string `query:"token" maxLength:"128" doc:"The order's order_token. A storefront key needs it here or in the Order-Token header."`
	Header string `header:"Order-Token" maxLength:"128" doc:"The order's order_token, instead of the query parameter."`
}

// mayUse refuses a storefront that does not bring the order's token, in the same
// words as an order that does not exist.
func (s *server) mayUse(ctx context.Context, order checkout.ID, token OrderToken) error {
	callOf(ctx).order = order.String()
	if callOf(ctx).key.Scope == checkout.ScopeServer {
		return nil
	}
	given := token.Header
	if given == "" {
		given = token.Query
	}
	if !hmac.Equal([]byte(given), []byte(s.orderToken(order))) {
		return noSuch("order")
	}
	return nil
}

// order reads an order that the caller may see.
func (s *server) order(ctx context.Context, id checkout.ID, token OrderToken) (*checkout.Order, error) {
	if err := s.mayUse(ctx, id, token); err != nil {
		return nil, err
	}
	o, err := s.Reader.Order(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, noSuch("order")
	}
	return o, err
}

// pathID reads an id of the path. What is no id names nothing.
func pathID(text, what string) (checkout.ID, error) {
	id, err := checkout.ParseID(text)
	if err != nil || id.IsZero() {
		return id, noSuch(what)
	}
	return id, nil
}

// bodyID reads an id of the body.
func bodyID(field, text string) (checkout.ID, error) {
	id, err := checkout.ParseID(text)
	if err != nil || id.IsZero() {
		return id, checkout.Invalid(field, "must be an id: a UUID of 36 characters")
	}
	return id, nil
}

func noSuch(what string) error {
	return checkout.Refuse(checkout.CodeNotFound, "there is no such %s", what)
}
