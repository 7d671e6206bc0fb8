package textbook

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
)

const (
	holdTTL         = 15 * time.Minute // of orders, and of locks that name none
	defaultCurrency = "INR"
)

// CheckoutRequest is what a buyer orders. Its JSON is the request's body.
type CheckoutRequest struct {
	IdempotencyKey string `json:"-"`
	Items          []Item `json:"items"`
	SessionID      string `json:"session_id,omitempty"` // whose lock the order adopts
	Currency       string `json:"currency,omitempty"`   // INR by default
	Details
}

// Checkout holds the stock and makes the order. A request with the key of an
// earlier one gets that one's order. The error is ErrSoldOut, or another Refusal,
// where there is no order.
func (s *Shop) Checkout(ctx context.Context, req CheckoutRequest) (Order, error) {
	o, answer, replayed, err := s.place(ctx, req)
	if err != nil || !replayed {
		return o, err
	}
	var placed struct {
		ID uuid.UUID `json:"order_id"`
	}
	if err := json.Unmarshal(answer, &placed); err != nil {
		return o, err
	}
	return s.Order(ctx, placed.ID)
}

// place makes the order and its answer, or finds the answer that was kept for its
// key. All that a success answers is known before the transaction, so that the key
// is written once, with the answer.
func (s *Shop) place(ctx context.Context, req CheckoutRequest) (o Order, answer []byte, replayed bool, err error) {
	if req.Currency == "" {
		req.Currency = defaultCurrency
	}
	key := newKey("checkout", req.IdempotencyKey, req)
	items := summed(req.Items)
	o, err = s.newOrder(ctx, req, items)
	if err != nil {
		answer, err = s.earlier(ctx, key, err)
		return o, answer, err == nil, err
	}
	answer = []byte(encode(s.placed(&o)))
	err = s.db.inTx(ctx, func(tx querier) error {
		kept, err := s.claim(ctx, tx, key, answer)
		if err != nil {
			return err
		}
		if kept != nil {
			answer, replayed = kept, true
			return nil
		}
		if err := s.save(ctx, tx, &o); err != nil {
			return err
		}
		if req.SessionID == "" {
			return take(ctx, tx, items)
		}
		held, err := dropHold(ctx, tx, req.SessionID)
		if err != nil {
			return err
		}
		return take(ctx, tx, without(items, held))
	})
	return o, answer, replayed, err
}

// earlier finds the answer of a request that could not be granted now: it may be
// the repeat of one that was.
func (s *Shop) earlier(ctx context.Context, key requestKey, refused error) ([]byte, error) {
	if key.key == "" {
		return nil, refused
	}
	kept, err := s.kept(ctx, s.db, key)
	return kept, unlessNoRow(err, refused)
}

// newOrder prices the items. It refuses what is sold out by now, unless a session
// may have locked it.
func (s *Shop) newOrder(ctx context.Context, req CheckoutRequest, items []Item) (o Order, err error) {
	shelf, err := s.shelf(ctx, items)
	if err != nil {
		return o, err
	}
	if req.SessionID == "" {
		if err := short(shelf, items); err != nil {
			return o, err
		}
	}
	lines, amount, err := price(items, shelf, req.Currency)
	now := s.now()
	return Order{
		ID: newID(), Status: StatusPending, HoldStatus: "OPEN", Amount: amount, Currency: req.Currency,
		HoldExpiresAt: now.Add(holdTTL), CreatedAt: now, Details: req.Details, Lines: lines,
	}, err
}

// price makes lines of items and adds them up.
func price(items []Item, shelf map[string]goods, currency string) (lines []Line, amount int64, err error) {
	lines = make([]Line, len(items))
	for i, it := range items {
		g := shelf[it.SKU]
		if g.Currency != currency {
			return nil, 0, invalid(fmt.Sprintf("items[%d].sku", i), "has no price in this currency")
		}
		lines[i] = Line{i + 1, it.SKU, g.Name, it.Qty, g.Price, g.Price * it.Qty}
		amount += lines[i].Total
	}
	return lines, amount, nil
}

// save writes a new order, its lines and its event.
func (s *Shop) save(ctx context.Context, tx querier, o *Order) error {
	if _, err := tx.exec(ctx, "insert_order", o.ID, o.Amount, o.Currency, o.HoldExpiresAt, o.CreatedAt, encode(o.Details)); err != nil {
		return err
	}
	if _, err := tx.exec(ctx, "insert_items", o.ID, encode(o.Lines)); err != nil {
		return err
	}
	return s.tell(ctx, tx, o.ID, "order.created", map[string]any{"amount": o.Amount, "currency": o.Currency})
}

// tell writes an event to the outbox.
func (s *Shop) tell(ctx context.Context, tx querier, order uuid.UUID, kind string, data map[string]any) error {
	_, err := tx.exec(ctx, "tell", order, kind, encode(data), s.now())
	return err
}

// requestKey is an idempotency key with the hash of its request.
type requestKey struct {
	endpoint, key string
	hash          []byte
}

func newKey(endpoint, key string, request any) requestKey {
	if key == "" {
		return requestKey{}
	}
	hash := sha256.Sum256([]byte(encode(request)))
	return requestKey{endpoint, key, hash[:]}
}

// claim keeps an answer for its key. Where the key was taken, the answer that was
// kept comes back and nothing may be done; a request with the same key that still
// runs is waited for, by the unique index.
func (s *Shop) claim(ctx context.Context, tx querier, key requestKey, answer []byte) (kept []byte, err error) {
	if key.key == "" {
		return nil, nil
	}
	n, err := tx.exec(ctx, "claim", key.endpoint, key.key, key.hash, string(answer), s.now())
	if err != nil || n == 1 {
		return nil, err
	}
	return s.kept(ctx, tx, key)
}

// kept reads the answer of a key's first request.
func (s *Shop) kept(ctx context.Context, q querier, key requestKey) ([]byte, error) {
	var hash []byte
	answer, err := first(ctx, q, "kept", func(r row) (answer []byte, err error) {
		err = r.Scan(&hash, &answer)
		return answer, err
	}, key.endpoint, key.key)
	if err == nil && !bytes.Equal(hash, key.hash) {
		return nil, refuse(codeKeyReused, "the Idempotency-Key was used with another request")
	}
	return answer, err
}
