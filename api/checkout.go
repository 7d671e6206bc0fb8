package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"kassa/checkout"
	"kassa/engine"
	"kassa/saga"
	"kassa/store"
)

func (s *server) checkout() {
	handle(s, route{
		method: http.MethodPost, path: "/checkout", tag: "Checkout", scope: storefront, key: keyOptional, cards: true,
		id: "placeOrder", summary: "Hold the stock and make the order",
		about: "Names a cart or items. The stock is held and the order made in one step: out_of_stock leaves nothing behind. A session_id's lock is adopted: " +
			"what it lacks is held and what it has too much is released. A cart has one live order: a second call answers that order (200).",
		statuses: []int{http.StatusCreated, http.StatusOK},
		codes:    []checkout.Code{checkout.CodeNotFound, checkout.CodeOutOfStock, checkout.CodeCouponInvalid, checkout.CodeCouponExhausted},
	}, s.placeOrder)
	handle(s, route{
		method: http.MethodPost, path: "/checkout/confirm", tag: "Checkout", scope: storefront, key: keyNatural,
		id: "confirmOrder", summary: "Learn how an order stands",
		about: "200 with the CONFIRMED order; 202 with the current order while its payment is open: the gateway is asked for the truth first, at most once " +
			"in five seconds. Any number of calls give one order. An order that nothing is due for is confirmed by this call.",
		statuses: []int{http.StatusOK, http.StatusAccepted},
		codes:    []checkout.Code{checkout.CodeNotFound, checkout.CodePaymentFailed, checkout.CodeOrderState, checkout.CodeOrderExpired},
	}, s.confirm)
}

type checkoutInput struct {
	CartID          string            `json:"cart_id,omitempty" doc:"The cart to order."`
	Items           []itemInput       `json:"items,omitempty" minItems:"1" maxItems:"200" doc:"What to order, each product once. Instead of cart_id."`
	SessionID       string            `json:"session_id,omitempty" maxLength:"128" doc:"The session whose lock the order adopts."`
	Customer        customerInput     `json:"customer"`
	ShippingAddress *addressInput     `json:"shipping_address,omitempty" doc:"Needed unless the cart has one."`
	BillingAddress  *addressInput     `json:"billing_address,omitempty" doc:"The shipping address by default."`
	ShippingMethod  string            `json:"shipping_method,omitempty" maxLength:"64"`
	Coupons         []string          `json:"coupons,omitempty" maxItems:"20" maxLength:"64"`
	Currency        string            `json:"currency,omitempty" doc:"ISO 4217; the cart's or the shop's own by default." example:"INR"`
	Reference       string            `json:"reference,omitempty" maxLength:"64" doc:"The shop's own order number."`
	Metadata        map[string]string `json:"metadata,omitempty" maxProperties:"20" doc:"Up to 20 names of 40 and values of 500 characters, for the shop's own use."`
}

type placeOrderInput struct{ Body checkoutInput }

// placedBody is an order with what its creation alone answers.
type placedBody struct {
	orderBody
	OrderToken  string `json:"order_token" doc:"Lets a storefront key read, pay and confirm this order."`
	CheckoutURL string `json:"checkout_url,omitempty" doc:"The hosted page where the buyer pays."`
}

func (s *server) placeOrder(ctx context.Context, in *placeOrderInput) (answer[placedBody], error) {
	command, err := s.placeCommand(ctx, in.Body)
	if err != nil {
		return answer[placedBody]{}, err
	}
	named := in.Body.SessionID
	if in.Body.CartID != "" {
		named = in.Body.CartID
	}
	reply, err := s.keyed(ctx, named, command, placedAnswer)
	switch {
	case err != nil && len(in.Body.Items) > 0:
		return answer[placedBody]{}, atRequest(err, asked(in.Body.Items), command.Items)
	case err != nil:
		return answer[placedBody]{}, err
	case reply.Replayed:
		return s.placedAgain(ctx, *reply.Answer)
	}
	callOf(ctx).order = reply.Order.ID.String()
	if reply.Existing {
		return s.placedBefore(ctx, reply.Order.ID)
	}
	s.caps.release(in.Body.SessionID) // an order that was there adopts nothing
	return answer[placedBody]{status: http.StatusCreated, body: s.placed(reply.Order.AsPlaced())}, nil
}

// placedAnswer is what is kept of a new order for its key: nothing but its id. A
// cart's live order is answered as it stands each time; the 202 keeps the engine
// from keeping that.
func placedAnswer(r saga.Result) (checkout.Answer, error) {
	if r.Existing {
		return checkout.Answer{Status: http.StatusAccepted}, nil
	}
	return checkout.Answer{Status: http.StatusCreated, Order: r.Order.ID}, nil
}

// placedAgain writes a first answer anew, to the byte, from what never changes of
// its order.
func (s *server) placedAgain(ctx context.Context, kept checkout.Answer) (answer[placedBody], error) {
	o, err := s.Reader.Order(ctx, kept.Order)
	if err != nil {
		return answer[placedBody]{}, err
	}
	return answer[placedBody]{status: kept.Status, body: s.placed(o.AsPlaced()), replayed: true}, nil
}

// placedBefore answers a cart's live order.
func (s *server) placedBefore(ctx context.Context, id checkout.ID) (answer[placedBody], error) {
	o, err := s.Reader.Order(ctx, id)
	if err != nil {
		return answer[placedBody]{}, err
	}
	return answer[placedBody]{status: http.StatusOK, body: s.placed(o)}, nil
}

func (s *server) placed(o *checkout.Order) placedBody {
	body := placedBody{orderBody: renderOrder(o), OrderToken: s.orderToken(o.ID)}
	body.CheckoutURL = s.payPage(o.ID, body.OrderToken)
	return body
}

func (s *server) payPage(order checkout.ID, token string) string {
	if s.CheckoutURL == nil {
		return ""
	}
	return s.CheckoutURL(order, token)
}

func asked(in []itemInput) []checkout.Item {
	out := make([]checkout.Item, len(in))
	for i, it := range in {
		out[i] = checkout.Item(it)
	}
	return out
}

func (s *server) placeCommand(ctx context.Context, in checkoutInput) (saga.PlaceOrder, error) {
	c := saga.PlaceOrder{SessionID: in.SessionID, HoldTTL: s.HoldTTL, Details: checkout.OrderDetails{
		Customer: in.Customer.customer(), ShippingMethod: in.ShippingMethod, Reference: in.Reference, Metadata: in.Metadata,
	}}
	if err := noCoupons(in.Coupons); err != nil {
		return c, err
	}
	if err := metadata(in.Metadata); err != nil {
		return c, err
	}
	if err := s.nameGoods(&c, in); err != nil {
		return c, err
	}
	return c, s.nameAddresses(ctx, &c, in)
}

// nameGoods says what is ordered: a cart or items.
func (s *server) nameGoods(c *saga.PlaceOrder, in checkoutInput) (err error) {
	if (in.CartID == "") == (len(in.Items) == 0) {
		return checkout.Invalid("items", "name a cart or items, and not both")
	}
	if in.CartID != "" {
		if c.CartID, err = bodyID("cart_id", in.CartID); err != nil || in.Currency == "" {
			return err
		}
	} else {
		list, err := items(in.Items)
		if err != nil {
			return err
		}
		c.Items = sortedItems(list)
	}
	c.Currency, err = s.currency(in.Currency)
	return err
}

// nameAddresses takes the request's addresses, or the cart's where it has one.
func (s *server) nameAddresses(ctx context.Context, c *saga.PlaceOrder, in checkoutInput) (err error) {
	d := &c.Details
	if d.ShippingAddress, err = address("shipping_address", in.ShippingAddress); err != nil {
		return err
	}
	if d.BillingAddress, err = address("billing_address", in.BillingAddress); err != nil {
		return err
	}
	if d.ShippingAddress == nil && !c.CartID.IsZero() {
		cart, err := s.Reader.Cart(ctx, c.CartID)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return noSuch("cart")
		case err != nil:
			return err
		}
		d.ShippingAddress = cart.ShippingAddress
	}
	if d.ShippingAddress == nil {
		return checkout.Invalid("shipping_address", "is required")
	}
	return nil
}

type confirmInput struct {
	OrderToken
	Body struct {
		OrderID string `json:"order_id"`
	}
}

func (s *server) confirm(ctx context.Context, in *confirmInput) (answer[orderBody], error) {
	id, err := bodyID("order_id", in.Body.OrderID)
	if err != nil {
		return answer[orderBody]{}, err
	}
	if err := s.mayUse(ctx, id, in.OrderToken); err != nil {
		return answer[orderBody]{}, err
	}
	if err := s.settle(ctx, id); err != nil {
		return answer[orderBody]{}, ours(err)
	}
	o, err := s.Reader.Order(ctx, id)
	if err != nil {
		return answer[orderBody]{}, err
	}
	status := http.StatusAccepted
	if o.Paid() {
		status = http.StatusOK
	}
	return answer[orderBody]{status: status, body: renderOrder(o)}, nil
}

// settle asks how the order stands. Where that makes the gateway be asked, it
// waits for the word and asks once more.
func (s *server) settle(ctx context.Context, id checkout.ID) error {
	watch := s.Engine.Watch(id)
	defer watch.Close()
	result, err := s.do(ctx, saga.ConfirmOrder{OrderID: id})
	if err != nil || !result.Waiting {
		return err
	}
	asked := *result.Payment
	_, _, err = await(ctx, watch, s.wait.truth, func(o *checkout.Order) bool {
		p := o.Payment(asked.ID)
		return p == nil || p.Status != asked.Status || p.LookUps > asked.LookUps
	})
	if err != nil {
		return err
	}
	_, err = s.do(ctx, saga.ConfirmOrder{OrderID: id})
	return err
}

// await waits a bounded time until the order is as wished. The order is what was
// seen last, nil where nothing was.
func await(ctx context.Context, w *engine.Watch, patience time.Duration, wished func(*checkout.Order) bool) (o *checkout.Order, ok bool, err error) {
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	o, err = w.Until(waiting, wished)
	switch {
	case err == nil:
		return o, true, nil
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
		return o, false, nil
	}
	return o, false, err
}

// ours says "there is no such order" in the words of an order of somebody else.
func ours(err error) error {
	if checkout.CodeOf(err) == checkout.CodeNotFound {
		return noSuch("order")
	}
	return err
}
