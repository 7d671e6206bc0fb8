package saga

import (
	"slices"
	"time"

	"kassa/checkout"
	"kassa/money"
)

// GatewayUnavailable is the failure code of an attempt that certainly never
// reached its gateway. The same key may try again.
const GatewayUnavailable = "gateway_unavailable"

// Route is what one gateway account offers, as far as deciding needs it.
type Route struct {
	Gateway       string
	Methods       []checkout.Method
	Currencies    []money.Currency // empty: every currency
	Tokens        bool             // takes payment tokens
	Closable      bool
	FindByRef     bool
	ManualCapture bool          // authorise at the payment, capture at shipment
	MarkReceived  bool          // an operator says when its money has come
	HoldTTL       time.Duration // a hold of its own for money that takes days; 0: none
}

func (r Route) offers(c InitiatePayment, currency money.Currency) bool {
	return (c.Gateway == "" || c.Gateway == r.Gateway) &&
		slices.Contains(r.Methods, c.Method) &&
		(len(r.Currencies) == 0 || slices.Contains(r.Currencies, currency)) &&
		(c.Token == "" || r.Tokens)
}

// InitiatePayment starts an attempt to take the order's money. Routes are the
// configured gateway accounts; the first that offers the method is taken.
type InitiatePayment struct {
	OrderID        checkout.ID
	Amount         money.Literal
	Method         checkout.Method
	Gateway        string // "" for any
	Token          string
	ReturnURL      string
	IdempotencyKey string
	RequestHash    string
	Routes         []Route
}

func (c InitiatePayment) needs(*State) Keys { return Keys{Orders: []checkout.ID{c.OrderID}} }

func (c InitiatePayment) decide(d *draft) (Result, error) {
	o := d.order(c.OrderID)
	if o == nil {
		return Result{}, noOrder(c.OrderID)
	}
	if p := paymentByKey(o, c.IdempotencyKey); p != nil {
		return c.repeat(d, o, p)
	}
	if err := payable(d, o); err != nil {
		return Result{}, err
	}
	route, err := c.check(o)
	if err != nil {
		return Result{}, err
	}
	if open := o.OpenPayment(); open != nil {
		waiting, err := d.makeRoom(o, open)
		if err != nil || waiting {
			return Result{Order: o, Payment: open, Waiting: waiting}, err
		}
	}
	p := c.newPayment(d, o, route)
	return Result{Order: o, Payment: p}, nil
}

// check compares the amount and finds the gateway.
func (c InitiatePayment) check(o *checkout.Order) (Route, error) {
	amount, err := c.Amount.Money(o.Total.Currency)
	if err != nil {
		return Route{}, checkout.Invalid("amount", "%s", err)
	}
	if amount != o.Total {
		return Route{}, checkout.Refuse(checkout.CodeAmountMismatch, "the order is for %s %s, not %s",
			o.Total, o.Total.Currency, amount)
	}
	if o.Total.IsZero() {
		return Route{}, checkout.Refuse(checkout.CodeOrderState, "nothing is due: confirm the order without a payment")
	}
	if len(o.Payments) >= checkout.MaxAttempts {
		return Route{}, checkout.Refuse(checkout.CodeRateLimited, "the order has had %d attempts to pay; start a new checkout", len(o.Payments))
	}
	for _, r := range c.Routes {
		if r.offers(c, o.Total.Currency) {
			return r, nil
		}
	}
	return Route{}, checkout.Refuse(checkout.CodeMethodUnavailable, "no configured gateway offers %s in %s as asked", c.Method, o.Total.Currency)
}

// repeat answers an initiate whose key is known: the attempt as it stands. Where
// the gateway certainly did nothing, the same attempt is tried again.
func (c InitiatePayment) repeat(d *draft, o *checkout.Order, p *checkout.Payment) (Result, error) {
	if p.RequestHash != c.RequestHash {
		return Result{}, checkout.Refuse(checkout.CodeKeyReused, "this idempotency_key was used with another request; use a new one")
	}
	if p.FailureCode == GatewayUnavailable && p.Status == checkout.PaymentFailed && payable(d, o) == nil && o.OpenPayment() == nil {
		p.Status, p.FailureCode, p.FailureMessage = checkout.PaymentInitiated, "", ""
		p.Token = c.Token
		p.Closing, p.Superseded, p.LookUps = false, false, 0
		p.CallNo++
		p.UpdatedAt = d.now()
		d.event(o, "payment.initiated", paymentData(p))
		d.runNow(checkout.Task{ID: p.ID, Kind: checkout.TaskInitiate, OrderID: o.ID})
		return Result{Order: o, Payment: p}, nil
	}
	return Result{Order: o, Payment: p, Existing: true}, d.discard()
}

func (c InitiatePayment) newPayment(d *draft, o *checkout.Order, r Route) *checkout.Payment {
	o.Payments = append(o.Payments, checkout.Payment{
		ID:             d.newID(),
		OrderID:        o.ID,
		Attempt:        len(o.Payments) + 1,
		Gateway:        r.Gateway,
		Method:         c.Method,
		Status:         checkout.PaymentInitiated,
		Amount:         o.Total,
		Captured:       money.New(0, o.Total.Currency),
		IdempotencyKey: c.IdempotencyKey,
		RequestHash:    c.RequestHash,
		Token:          c.Token,
		ReturnURL:      c.ReturnURL,
		ManualCapture:  r.ManualCapture,
		Closable:       r.Closable,
		FindByRef:      r.FindByRef,
		CallNo:         1,
		CreatedAt:      d.now(),
		UpdatedAt:      d.now(),
	})
	p := &o.Payments[len(o.Payments)-1]
	o.Status = checkout.OrderAwaitingPayment
	d.extendHold(o, r)
	d.event(o, "payment.initiated", paymentData(p))
	d.runNow(checkout.Task{ID: p.ID, Kind: checkout.TaskInitiate, OrderID: o.ID})
	return p
}

// extendHold gives the buyer time to pay: the first initiate leaves at least ten
// minutes, and a method whose money takes days has a time of its own.
func (d *draft) extendHold(o *checkout.Order, r Route) {
	least := checkout.PaymentExtension
	if r.HoldTTL > 0 {
		least = r.HoldTTL
	}
	if until := d.now().Add(least); (!o.HoldExtended || r.HoldTTL > 0) && o.HoldExpiresAt.Before(until) {
		o.HoldExpiresAt = until
	}
	o.HoldExtended = true
}

// makeRoom deals with the open attempt before another may start. One whose state
// is not known blocks. One that waits for the buyer is closed at its gateway
// first; where the gateway cannot, it is superseded and its success would be
// extra money.
func (d *draft) makeRoom(o *checkout.Order, open *checkout.Payment) (waiting bool, err error) {
	if open.Status != checkout.PaymentPending || open.Unknown {
		return false, checkout.Refuse(checkout.CodePaymentInProgress, "attempt %s is still in progress; confirm the order to learn how it ends", open.ID)
	}
	if !open.Closable {
		open.Superseded = true
		open.UpdatedAt = d.now()
		d.event(o, "payment.superseded", paymentData(open))
		return false, nil
	}
	d.closePayment(o, open)
	return true, nil
}

// closePayment asks the gateway to end an open attempt. One whose creation is
// under way goes on until that is answered; one whose outcome is unknown is looked
// up first, because there is nothing to name it by.
func (d *draft) closePayment(o *checkout.Order, p *checkout.Payment) {
	if p.Closing || p.Status == checkout.PaymentAuthorized {
		return
	}
	p.Closing = true
	p.UpdatedAt = d.now()
	d.event(o, "payment.closing", paymentData(p))
	if p.Status == checkout.PaymentInitiated {
		return
	}
	kind := checkout.TaskLookUp
	if p.Closable && p.GatewayRef != "" {
		kind = checkout.TaskClose
	}
	d.runNow(checkout.Task{ID: p.ID, Kind: kind, OrderID: o.ID})
}

// payable refuses where the order takes no more money.
func payable(d *draft, o *checkout.Order) error {
	switch {
	case o.Status == checkout.OrderExpired:
		return checkout.Refuse(checkout.CodeOrderExpired, "the order has expired; start a new checkout")
	case !o.Payable():
		return checkout.Refuse(checkout.CodeOrderState, "the order is %s", o.Status)
	case !o.HoldExpiresAt.After(d.now()) || !o.ClosingSince.IsZero():
		return checkout.Refuse(checkout.CodeOrderExpired, "the order's time is over; start a new checkout")
	}
	return nil
}

func paymentByKey(o *checkout.Order, key string) *checkout.Payment {
	for i := range o.Payments {
		if key != "" && o.Payments[i].IdempotencyKey == key {
			return &o.Payments[i]
		}
	}
	return nil
}

func noOrder(id checkout.ID) error {
	return checkout.Refuse(checkout.CodeNotFound, "there is no order %s", id)
}

func paymentData(p *checkout.Payment) map[string]any {
	data := map[string]any{
		"payment_id": p.ID.String(), "attempt": p.Attempt, "gateway": p.Gateway, "status": string(p.Status),
	}
	if p.ChargeID != "" {
		data["gateway_txn_id"] = p.ChargeID
	}
	if p.FailureCode != "" {
		data["failure"] = p.FailureCode
	}
	return data
}
