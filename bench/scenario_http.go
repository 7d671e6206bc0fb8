package bench

import (
	"fmt"
	"net/http"
	"time"
)

// basketSize is how many products an order has.
const basketSize = 2

func lifecycle(b *buyer) op {
	return func(p *probe) (bool, error) {
		o, refused, err := b.checkout(b.basket(basketSize, anyProduct), b.newKey())
		if err != nil || refused {
			return false, wereRefused(refused, err)
		}
		at := p.step(0, p.begun)
		return true, b.payFor(p, o, at, 1)
	}
}

// payFor does what follows a checkout: steps 1 to 4.
func (b *buyer) payFor(p *probe, o placed, at time.Time, webhooks int) error {
	payment, status, err := b.initiate(o, "")
	if err != nil {
		return err
	}
	if status != "PENDING" {
		return fmt.Errorf("POST /payment/initiate: the payment is %s and not PENDING", status)
	}
	at = p.step(1, at)
	if err := b.pay(payment, webhooks); err != nil {
		return err
	}
	at = p.step(2, at)
	if err := b.confirmed(o); err != nil {
		return err
	}
	p.step(3, at)
	p.step(4, p.begun)
	return nil
}

// wereRefused is the error of a refusal where there is stock.
func wereRefused(refused bool, err error) error {
	if refused {
		return fmt.Errorf("there is no stock, though there should be plenty")
	}
	return err
}

func hot(b *buyer) op {
	return func(p *probe) (bool, error) {
		refused, err := b.lock(0)
		if err != nil || refused {
			return false, wereRefused(refused, err)
		}
		p.step(0, p.begun)
		return true, nil
	}
}

func hotCheckout(b *buyer) op {
	return func(p *probe) (bool, error) {
		_, refused, err := b.checkout(b.basket(1, oneProduct), b.newKey())
		if err != nil || refused {
			return false, wereRefused(refused, err)
		}
		p.step(0, p.begun)
		return true, nil
	}
}

// soldout counts refusals. The units that sell before are not counted.
func soldout(b *buyer) op {
	return func(p *probe) (bool, error) {
		refused, err := b.lock(0)
		if err != nil || !refused {
			return false, err
		}
		p.step(0, p.begun)
		return true, nil
	}
}

// browse makes a cart, looks at it, changes it and looks again.
func browse(b *buyer) op {
	return func(p *probe) (bool, error) {
		status, err := b.call(http.MethodPost, "/carts", b.cartBody())
		if err != nil {
			return false, err
		}
		if err := b.expect("POST /carts", status, http.StatusCreated); err != nil {
			return false, err
		}
		path := "/carts/" + string(field(b.res.Body(), "cart_id"))
		at := p.step(0, p.begun)
		if err := b.look(path); err != nil {
			return false, err
		}
		at = p.step(1, at)
		if status, err = b.call(http.MethodPut, path, b.cartBody()); err != nil {
			return false, err
		}
		if err := b.expect("PUT /carts/{id}", status, http.StatusOK); err != nil {
			return false, err
		}
		at = p.step(2, at)
		if err := b.look(path); err != nil {
			return false, err
		}
		p.step(1, at)
		p.step(3, p.begun)
		return true, nil
	}
}

func (b *buyer) look(path string) error {
	status, err := b.call(http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	return b.expect("GET /carts/{id}", status, http.StatusOK)
}

func (b *buyer) cartBody() []byte {
	out := b.body[:0]
	out = append(out, '{')
	out = appendItems(out, b.basket(basketSize, anyProduct))
	out = append(out, '}')
	b.body = out
	return b.body
}

// The shares of buyers in mixed who do not go the straight way.
const (
	abandoned  = 0.03
	declined   = 0.02
	duplicated = 0.01
)

// declinedToken is Stripe's own test token of a card that is declined.
const declinedToken = "pm_card_chargeDeclined" //nolint:gosec // a published test token

func mixed(b *buyer) op {
	return func(p *probe) (bool, error) {
		mood := b.random.Float64()
		times := 1
		if mood < duplicated {
			times = 2
		}
		o, err := b.placeTimes(times)
		if err != nil {
			return false, err
		}
		at := p.step(0, p.begun)
		switch mood -= duplicated; {
		case mood >= 0 && mood < abandoned:
			_, _, err := b.initiate(o, "")
			return err == nil, err
		case mood >= 0 && mood < abandoned+declined:
			if err := b.beDeclined(o); err != nil {
				return false, err
			}
			at = time.Now()
		}
		return true, b.payFor(p, o, at, times)
	}
}

// placeTimes sends the same checkout several times: it must make one order.
func (b *buyer) placeTimes(times int) (o placed, err error) {
	body, key := b.checkoutBody(b.basket(basketSize, popularProduct)), b.newKey()
	for i := range times {
		again, refused, err := b.place(body, key)
		switch {
		case err != nil || refused:
			return o, wereRefused(refused, err)
		case i > 0 && again.id != o.id:
			return o, fmt.Errorf("the same Idempotency-Key made two orders: %s and %s", o.id, again.id)
		}
		o = again
	}
	return o, nil
}

func (b *buyer) beDeclined(o placed) error {
	_, status, err := b.initiate(o, declinedToken)
	if err == nil && status != "FAILED" {
		return fmt.Errorf("POST /payment/initiate with a declined card: the payment is %s and not FAILED", status)
	}
	return err
}
