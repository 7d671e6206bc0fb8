// Package textbook is a checkout as most teams write it: one transaction for each
// step, one statement for each round trip, the lock of the SKU's row, a table of
// idempotency keys and an outbox. It answers the routes that a benchmark drives
// with Kassa's shapes, so that both can be measured side by side.
//
// It must not know Kassa's engine, saga or stores: what it is compared with. Of
// Kassa it shares the arithmetic of money alone.
package textbook

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v85"
)

// Config is one shop.
type Config struct {
	// URL is the database: postgres://… as pgx reads it, or sqlite:PATH.
	URL string
	// Schema is PostgreSQL's search_path of every connection; "" leaves the
	// URL's. It must exist.
	Schema string
	// MaxConns bounds PostgreSQL's connections; 0 means 16.
	MaxConns int
	// StripeURL is a stand-in's address without /v1; "" is Stripe itself.
	StripeURL, StripeKey string
	// WebhookSecret (whsec_…) verifies webhooks.
	WebhookSecret string
	// APIKey is the bearer that every route takes, the webhooks' excepted.
	APIKey string
}

// Shop is a checkout on one database.
type Shop struct {
	config Config
	db     database
	stripe *stripe.Client
	now    func() time.Time
}

// Open opens the database and creates the tables that are not there. It fails
// where the URL is of no known database or the database cannot be reached.
func Open(ctx context.Context, config Config) (*Shop, error) {
	db, err := openDatabase(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("textbook: open the database: %w", err)
	}
	return &Shop{config: config, db: db, stripe: newStripe(config), now: microseconds}, nil
}

func openDatabase(ctx context.Context, config Config) (database, error) {
	scheme, path, _ := strings.Cut(config.URL, ":")
	switch scheme {
	case "postgres", "postgresql":
		return openPostgres(ctx, config)
	case "sqlite":
		return openSQLite(ctx, strings.TrimPrefix(path, "//"))
	}
	return nil, errors.New("the URL must be postgres://… or sqlite:PATH")
}

// microseconds is the time in the precision that the databases keep.
func microseconds() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// Close ends all connections.
func (s *Shop) Close() error { return s.db.close() }

// Item is a quantity of a SKU.
type Item struct {
	SKU string `json:"sku"`
	Qty int64  `json:"qty"`
}

// ErrSoldOut is behind every refusal for want of stock.
var ErrSoldOut = errors.New("sold out")

// Refusal is a request that cannot be granted.
type Refusal struct {
	Code   string // as in the API's problems
	Detail string
	Field  string     // at fault, if one is
	Items  []Shortage // where stock is short
}

// Shortage is a SKU of which there is less than was asked for.
type Shortage struct {
	SKU       string `json:"sku"`
	Requested int64  `json:"requested"`
	Available int64  `json:"available"`
}

// Error writes the code and the detail.
func (r *Refusal) Error() string { return r.Code + ": " + r.Detail }

// Unwrap is ErrSoldOut where stock is short.
func (r *Refusal) Unwrap() error {
	if r.Code == codeOutOfStock {
		return ErrSoldOut
	}
	return nil
}

func refuse(code, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Detail: fmt.Sprintf(format, args...)}
}

func invalid(field, format string, args ...any) *Refusal {
	reason := fmt.Sprintf(format, args...)
	return &Refusal{Code: codeInvalid, Detail: field + ": " + reason, Field: field}
}

func soldOut(short ...Shortage) *Refusal {
	return &Refusal{Code: codeOutOfStock, Detail: "there is not enough stock; nothing was held", Items: short}
}
