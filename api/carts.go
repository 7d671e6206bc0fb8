package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"kassa/catalog"
	"kassa/checkout"
	"kassa/saga"
	"kassa/store"
)

type cartInput struct {
	Currency        string        `json:"currency,omitempty" doc:"ISO 4217; the shop's own by default, and a cart keeps the one that it has." example:"INR"`
	Items           []itemInput   `json:"items" maxItems:"200" doc:"Each product once."`
	ShippingAddress *addressInput `json:"shipping_address,omitempty"`
	Coupons         []string      `json:"coupons,omitempty" maxItems:"20" maxLength:"64"`
}

type cartBody struct {
	CartID          string                `json:"cart_id" format:"uuid"`
	Currency        string                `json:"currency" example:"INR"`
	Items           []checkout.Item       `json:"items"`
	ShippingAddress *addressBody          `json:"shipping_address,omitempty"`
	Coupons         []string              `json:"coupons"`
	OrderID         string                `json:"order_id,omitempty" doc:"The newest order made of the cart. While it lives the cart cannot be edited."`
	Quote           *totalsBody           `json:"quote,omitempty" doc:"What the cart costs now. Left out where it cannot be priced; errors says why."`
	Errors          []checkout.FieldError `json:"errors,omitempty" doc:"Why the cart cannot be priced any more."`
	CreatedAt       time.Time             `json:"created_at"`
	UpdatedAt       time.Time             `json:"updated_at"`
}

func (s *server) carts() {
	codes := []checkout.Code{checkout.CodeNotFound, checkout.CodeCouponInvalid}
	handle(s, route{
		method: http.MethodPost, path: "/carts", tag: "Carts", scope: storefront, key: keyOptional,
		id: "makeCart", summary: "Make a cart", about: "The cart's id is what gives access to it: keep it with the buyer's session.",
		statuses: []int{http.StatusCreated}, codes: codes[1:],
	}, s.makeCart)
	handle(s, route{
		method: http.MethodGet, path: "/carts/{id}", tag: "Carts", scope: storefront,
		id: "readCart", summary: "Read a cart with a live quote", statuses: []int{http.StatusOK}, codes: codes[:1],
	}, s.readCart)
	handle(s, route{
		method: http.MethodPut, path: "/carts/{id}", tag: "Carts", scope: storefront,
		id: "replaceCart", summary: "Replace a cart's content", about: "Refused with order_state while an order of the cart lives: cancel the order to edit the cart.",
		statuses: []int{http.StatusOK}, codes: append(codes, checkout.CodeOrderState),
	}, s.replaceCart)
}

type makeCartInput struct{ Body cartInput }

func (s *server) makeCart(ctx context.Context, in *makeCartInput) (answer[cartBody], error) {
	command, err := s.cartCommand(in.Body)
	if err != nil {
		return answer[cartBody]{}, err
	}
	if command.Currency, err = s.currency(in.Body.Currency); err != nil {
		return answer[cartBody]{}, err
	}
	a, _, err := decide(ctx, s, "", command, func(r saga.Result) (int, cartBody) {
		return http.StatusCreated, renderSavedCart(r)
	})
	return a, err
}

type replaceCartInput struct {
	ID   string `path:"id"`
	Body cartInput
}

func (s *server) replaceCart(ctx context.Context, in *replaceCartInput) (answer[cartBody], error) {
	id, err := pathID(in.ID, "cart")
	if err != nil {
		return answer[cartBody]{}, err
	}
	command, err := s.cartCommand(in.Body)
	if err != nil {
		return answer[cartBody]{}, err
	}
	command.ID = id
	result, err := s.do(ctx, command)
	if err != nil {
		return answer[cartBody]{}, err
	}
	return answer[cartBody]{status: http.StatusOK, body: renderSavedCart(result)}, nil
}

func (s *server) cartCommand(in cartInput) (saga.SaveCart, error) {
	var c saga.SaveCart
	var err error
	if err := noCoupons(in.Coupons); err != nil {
		return c, err
	}
	if in.Currency != "" {
		if c.Currency, err = s.currency(in.Currency); err != nil {
			return c, err
		}
	}
	if c.Items, err = items(in.Items); err != nil {
		return c, err
	}
	c.ShippingAddress, err = address("shipping_address", in.ShippingAddress)
	return c, err
}

type cartPath struct {
	ID string `path:"id"`
}

func (s *server) readCart(ctx context.Context, in *cartPath) (answer[cartBody], error) {
	id, err := pathID(in.ID, "cart")
	if err != nil {
		return answer[cartBody]{}, err
	}
	cart, err := s.Reader.Cart(ctx, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return answer[cartBody]{}, noSuch("cart")
	case err != nil:
		return answer[cartBody]{}, err
	}
	body := renderCart(cart)
	quote, err := catalog.Quote(ctx, s.Reader, cart)
	var refused *checkout.Error
	switch {
	case errors.As(err, &refused):
		body.Errors = refused.Fields
	case err != nil:
		return answer[cartBody]{}, err
	default:
		t := totals(quote, nil)
		body.Quote = &t
	}
	return answer[cartBody]{status: http.StatusOK, body: body}, nil
}

func renderSavedCart(r saga.Result) cartBody {
	body := renderCart(r.Cart)
	t := totals(*r.Quote, nil)
	body.Quote = &t
	return body
}

func renderCart(c *checkout.Cart) cartBody {
	body := cartBody{
		CartID: c.ID.String(), Currency: string(c.Currency), Items: c.Items, ShippingAddress: (*addressBody)(c.ShippingAddress),
		Coupons: c.Coupons, CreatedAt: instant(c.CreatedAt), UpdatedAt: instant(c.UpdatedAt),
	}
	if body.Items == nil {
		body.Items = []checkout.Item{}
	}
	if body.Coupons == nil {
		body.Coupons = []string{}
	}
	if !c.LastOrder.IsZero() {
		body.OrderID = c.LastOrder.String()
	}
	return body
}
