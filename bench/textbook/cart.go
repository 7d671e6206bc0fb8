package textbook

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/google/uuid"

	"kassa/money"
)

// cart is what a buyer means to order. Its JSON is the answer.
type cart struct {
	CartID          uuid.UUID    `json:"cart_id"`
	Currency        string       `json:"currency"`
	Items           []Item       `json:"items"`
	ShippingAddress *Address     `json:"shipping_address,omitempty"`
	Coupons         []string     `json:"coupons"`
	Quote           *totalsBody  `json:"quote,omitempty"`
	Errors          []fieldError `json:"errors,omitempty"` // why there is no quote
	CreatedAt       time.Time    `json:"created_at"`
	UpdatedAt       time.Time    `json:"updated_at"`
}

func scanCart(r row) (cart, error) {
	c := cart{Coupons: []string{}}
	var items, address []byte
	if err := r.Scan(&c.CartID, &c.Currency, &items, &address, &c.CreatedAt, &c.UpdatedAt); err != nil {
		return c, err
	}
	c.CreatedAt, c.UpdatedAt = c.CreatedAt.UTC(), c.UpdatedAt.UTC()
	return c, errors.Join(json.Unmarshal(items, &c.Items), json.Unmarshal(address, &c.ShippingAddress))
}

type cartInput struct {
	Currency        string   `json:"currency"`
	Items           []Item   `json:"items"`
	ShippingAddress *Address `json:"shipping_address"`
	Coupons         []string `json:"coupons"`
}

func readCart(r *http.Request) (in cartInput, err error) {
	if err = read(r, &in); err != nil {
		return in, err
	}
	switch {
	case len(in.Coupons) > 0:
		return in, invalid("coupons", "there are none")
	case in.Currency != "" && !money.Currency(in.Currency).Known():
		return in, invalid("currency", "must be an ISO 4217 code such as INR")
	case len(in.Items) == 0:
		in.Items = []Item{}
		return in, nil
	}
	return in, checkItems(in.Items)
}

// quote prices a cart.
func (s *Shop) quote(ctx context.Context, c *cart) error {
	shelf, err := s.shelf(ctx, c.Items)
	if err != nil {
		return err
	}
	lines, amount, err := price(c.Items, shelf, c.Currency)
	if err != nil {
		return err
	}
	t := totals(lines, amount, c.Currency, false)
	c.Quote = &t
	return nil
}

func (s *Shop) postCart(r *http.Request) (reply, error) {
	in, err := readCart(r)
	if err != nil {
		return reply{}, err
	}
	key := newKey("carts", r.Header.Get("Idempotency-Key"), in)
	if in.Currency == "" {
		in.Currency = defaultCurrency
	}
	now := s.now()
	c := cart{newID(), in.Currency, in.Items, in.ShippingAddress, []string{}, nil, nil, now, now}
	if err := s.quote(r.Context(), &c); err != nil {
		return reply{}, err
	}
	answer, replayed, err := s.saveCart(r.Context(), key, &c)
	return reply{http.StatusCreated, answer, replayed}, err
}

// saveCart writes a new cart; with a key in a transaction with its answer.
func (s *Shop) saveCart(ctx context.Context, key requestKey, c *cart) (answer []byte, replayed bool, err error) {
	answer = []byte(encode(c))
	insert := func(q querier) error {
		_, err := q.exec(ctx, "insert_cart", c.CartID, c.Currency, encode(c.Items), encode(c.ShippingAddress), c.CreatedAt)
		return err
	}
	if key.key == "" {
		return answer, false, insert(s.db)
	}
	err = s.db.inTx(ctx, func(tx querier) error {
		kept, err := s.claim(ctx, tx, key, answer)
		if err != nil {
			return err
		}
		if kept != nil {
			answer, replayed = kept, true
			return nil
		}
		return insert(tx)
	})
	return answer, replayed, err
}

func (s *Shop) findCart(r *http.Request) (cart, error) {
	missing := refuse(codeNotFound, "there is no such cart")
	id, err := uuid.Parse(r.PathValue("id"))
	if err != nil {
		return cart{}, missing
	}
	c, err := first(r.Context(), s.db, "cart", scanCart, id)
	return c, unlessNoRow(err, missing)
}

func (s *Shop) getCart(r *http.Request) (reply, error) {
	c, err := s.findCart(r)
	if err != nil {
		return reply{}, err
	}
	var refused *Refusal
	if err := s.quote(r.Context(), &c); errors.As(err, &refused) {
		c.Errors = []fieldError{{refused.Field, refused.Detail}}
	} else if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusOK, body: c}, nil
}

func (s *Shop) putCart(r *http.Request) (reply, error) {
	in, err := readCart(r)
	if err != nil {
		return reply{}, err
	}
	c, err := s.findCart(r)
	if err != nil {
		return reply{}, err
	}
	if in.Currency != "" && in.Currency != c.Currency {
		return reply{}, invalid("currency", "the cart is in %s", c.Currency)
	}
	c.Items, c.ShippingAddress, c.UpdatedAt = in.Items, in.ShippingAddress, s.now()
	if err := s.quote(r.Context(), &c); err != nil {
		return reply{}, err
	}
	_, err = s.db.exec(r.Context(), "update_cart", c.CartID, encode(c.Items), encode(c.ShippingAddress), c.UpdatedAt)
	return reply{status: http.StatusOK, body: c}, err
}
