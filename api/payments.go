package api

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"kassa/checkout"
	"kassa/engine"
	"kassa/saga"
	"kassa/store"
)

func (s *server) payments() {
	handle(s, route{
		method: http.MethodPost, path: "/payment/initiate", tag: "Payments", scope: storefront, key: keyNatural, cards: true,
		id: "initiatePayment", summary: "Start a payment",
		about: "The body's idempotency_key, else the Idempotency-Key header, names the attempt: a repeat answers the attempt as it stands (200). " +
			"A decline answers 201 with status FAILED, and the order stays payable. Where the gateway's answer is not known yet: 202 with status PENDING and no action; " +
			"the same key later gives the outcome. gateway_unavailable only where the gateway certainly did nothing. Card data is refused.",
		statuses: []int{http.StatusCreated, http.StatusOK, http.StatusAccepted},
		codes: []checkout.Code{
			checkout.CodeNotFound, checkout.CodeAmountMismatch, checkout.CodeMethodUnavailable, checkout.CodePaymentInProgress,
			checkout.CodeOrderState, checkout.CodeOrderExpired, checkout.CodeKeyReused, checkout.CodeGatewayUnavailable, checkout.CodeRateLimited,
		},
	}, s.initiate)
	handle(s, route{
		method: http.MethodGet, path: "/payment/{payment_id}", tag: "Payments", scope: storefront,
		id: "readPayment", summary: "Read a payment", statuses: []int{http.StatusOK}, codes: []checkout.Code{checkout.CodeNotFound},
	}, s.readPayment)
	for _, act := range []struct{ name, summary, about string }{
		{"capture", "Capture authorised money", "The shop ships. 202 while the gateway has not answered yet; read the payment to learn how it ends."},
		{"void", "Void authorised money", "An order that the money had confirmed is cancelled and its stock put back. 202 while the gateway has not answered yet."},
	} {
		handle(s, route{
			method: http.MethodPost, path: "/payment/{payment_id}/" + act.name, tag: "Payments", scope: serverOnly, key: keyOptional,
			id: act.name + "Payment", summary: act.summary, about: act.about,
			statuses: []int{http.StatusOK, http.StatusAccepted}, codes: []checkout.Code{checkout.CodeNotFound, checkout.CodeOrderState},
		}, s.act(act.name))
	}
	handle(s, route{
		method: http.MethodPost, path: "/payment/{payment_id}/mark-received", tag: "Payments", scope: serverOnly, key: keyOptional,
		id: "markPaymentReceived", summary: "Say that money from outside has arrived", about: "Cash or a bank transfer, in full. It confirms the order.",
		statuses: []int{http.StatusOK}, codes: []checkout.Code{checkout.CodeNotFound, checkout.CodeOrderState},
	}, s.markReceived)
}

type initiateInput struct {
	OrderToken
	Body struct {
		OrderIDCamel   string `json:"orderId,omitempty" doc:"The order; order_id is the same."`
		OrderID        string `json:"order_id,omitempty"`
		Amount         amount `json:"amount" doc:"Must equal the order's."`
		PaymentMethod  string `json:"payment_method" pattern:"^[a-z_]{1,32}$" patternDescription:"card, upi, wallet or another method of a configured gateway" doc:"card, upi, wallet, or bank_transfer where it is configured." example:"card"`
		IdempotencyKey string `json:"idempotency_key,omitempty" maxLength:"255" pattern:"^[ -~]+$" patternDescription:"1 to 255 printable ASCII characters" doc:"Names the attempt. Needed unless the header is sent."`
		Gateway        string `json:"gateway,omitempty" maxLength:"64" doc:"The gateway account; the first that offers the method by default."`
		PaymentToken   string `json:"payment_token,omitempty" maxLength:"255" doc:"The gateway's own token for a card or wallet; it settles the payment at once where the gateway can." example:"pm_card_visa"`
		ReturnURL      string `json:"return_url,omitempty" maxLength:"2048" doc:"Where the buyer's browser comes back to; the order's checkout_url by default."`
	}
}

func (s *server) initiate(ctx context.Context, in *initiateInput) (answer[paymentBody], error) {
	command, err := s.initiateCommand(ctx, in)
	if err != nil {
		return answer[paymentBody]{}, err
	}
	watch := s.Engine.Watch(command.OrderID)
	defer watch.Close()
	result, err := s.start(ctx, watch, command)
	if err != nil {
		return answer[paymentBody]{}, ours(err)
	}
	p, known, err := s.outcome(ctx, watch, result)
	if err != nil {
		return answer[paymentBody]{}, err
	}
	if p.Status == checkout.PaymentFailed && p.FailureCode == saga.GatewayUnavailable {
		return answer[paymentBody]{}, checkout.Refuse(checkout.CodeGatewayUnavailable, "%s could not be reached; nothing was charged", p.Gateway)
	}
	a := answer[paymentBody]{status: http.StatusCreated, body: renderPayment(p), replayed: result.Existing}
	switch {
	case !known:
		a.status = http.StatusAccepted
		a.body.Status, a.body.Action = string(checkout.PaymentPending), nil
	case result.Existing:
		a.status = http.StatusOK
	}
	return a, nil
}

func (s *server) initiateCommand(ctx context.Context, in *initiateInput) (saga.InitiatePayment, error) {
	b, call := in.Body, callOf(ctx)
	c := saga.InitiatePayment{
		Amount: b.Amount.Literal, Method: checkout.Method(b.PaymentMethod), Gateway: b.Gateway, Token: b.PaymentToken,
		ReturnURL: b.ReturnURL, IdempotencyKey: b.IdempotencyKey, Routes: s.Routes,
		RequestHash: requestHash(call.method, call.path, call.body),
	}
	order := b.OrderID
	if order == "" {
		order = b.OrderIDCamel
	}
	if c.IdempotencyKey == "" {
		c.IdempotencyKey = call.idempotencyKey
	}
	switch {
	case order == "":
		return c, checkout.Invalid("orderId", "is required")
	case b.OrderIDCamel != "" && order != b.OrderIDCamel:
		return c, checkout.Invalid("order_id", "differs from orderId")
	case c.IdempotencyKey == "":
		return c, checkout.Invalid("idempotency_key", "is required, here or as the Idempotency-Key header")
	}
	var err error
	if c.OrderID, err = bodyID("orderId", order); err != nil {
		return c, err
	}
	if err := webAddress("return_url", b.ReturnURL); err != nil {
		return c, err
	}
	return c, s.mayUse(ctx, c.OrderID, in.OrderToken)
}

// start begins the attempt, once an older one that still waits for its buyer has
// been ended at its gateway.
func (s *server) start(ctx context.Context, w *engine.Watch, c saga.InitiatePayment) (saga.Result, error) {
	result, err := s.do(ctx, c)
	if err != nil || !result.Waiting {
		return result, err
	}
	older := result.Payment.ID
	_, ended, err := await(ctx, w, s.wait.room, func(o *checkout.Order) bool {
		p := o.Payment(older)
		return p == nil || !p.Open()
	})
	if err != nil {
		return result, err
	}
	if ended {
		if result, err = s.do(ctx, c); err != nil || !result.Waiting {
			return result, err
		}
	}
	return result, checkout.Refuse(checkout.CodePaymentInProgress, "an older attempt is being ended at its gateway; try again in a moment")
}

// outcome waits for the gateway's answer. known is false where there is none yet.
func (s *server) outcome(ctx context.Context, w *engine.Watch, result saga.Result) (p *checkout.Payment, known bool, err error) {
	p = result.Payment
	for heard := true; heard && !s.answered(p); {
		patience := s.wait.outcome
		if p.Status == checkout.PaymentPending && !p.Unknown {
			patience = s.wait.action
		}
		last := *p
		o, changed, err := await(ctx, w, patience, func(o *checkout.Order) bool {
			now := o.Payment(last.ID)
			return now != nil && (s.answered(now) || now.Status != last.Status && !now.Unknown)
		})
		if err != nil {
			return nil, false, err
		}
		if heard = changed; o != nil && o.Payment(last.ID) != nil {
			p = o.Payment(last.ID)
		}
	}
	return p, s.answered(p), nil
}

// answered tells whether the gateway's answer to the attempt is known. An open
// attempt without an action is one whose webhook was faster than the answer, or
// one that the gateway still works on; where money comes from outside, there is
// nothing for the buyer's browser to do.
func (s *server) answered(p *checkout.Payment) bool {
	switch {
	case p.Status == checkout.PaymentInitiated || p.Unknown:
		return false
	case p.Status == checkout.PaymentPending:
		return p.Action != nil || slices.Contains(s.marks(), p.Gateway)
	}
	return true
}

type paymentPath struct {
	OrderToken
	PaymentID string `path:"payment_id"`
}

func (s *server) readPayment(ctx context.Context, in *paymentPath) (answer[paymentBody], error) {
	_, p, err := s.payment(ctx, in.PaymentID, in.OrderToken)
	if err != nil {
		return answer[paymentBody]{}, err
	}
	return answer[paymentBody]{status: http.StatusOK, body: renderPayment(p)}, nil
}

// payment reads a payment that the caller may see. One of another buyer's order
// does not exist.
func (s *server) payment(ctx context.Context, text string, token OrderToken) (*checkout.Order, *checkout.Payment, error) {
	id, err := pathID(text, "payment")
	if err != nil {
		return nil, nil, err
	}
	order, _, err := s.Reader.FindPayment(ctx, store.PaymentRef{ID: id})
	if err == nil {
		var o *checkout.Order
		if o, err = s.order(ctx, order, token); err == nil {
			if p := o.Payment(id); p != nil {
				return o, p, nil
			}
			err = store.ErrNotFound
		}
	}
	if errors.Is(err, store.ErrNotFound) || checkout.CodeOf(err) == checkout.CodeNotFound {
		return nil, nil, noSuch("payment")
	}
	return nil, nil, err
}

type actInput struct {
	PaymentID string `path:"payment_id"`
}

// act captures or voids. The gateway is asked after the commit, so the answer
// waits for it, and is 202 where it takes longer.
func (s *server) act(name string) func(context.Context, *actInput) (answer[paymentBody], error) {
	return func(ctx context.Context, in *actInput) (answer[paymentBody], error) {
		o, p, err := s.payment(ctx, in.PaymentID, OrderToken{})
		if err != nil {
			return answer[paymentBody]{}, err
		}
		var command saga.Command = saga.CapturePayment{OrderID: o.ID, PaymentID: p.ID}
		if name == "void" {
			command = saga.VoidPayment{OrderID: o.ID, PaymentID: p.ID}
		}
		watch := s.Engine.Watch(o.ID)
		defer watch.Close()
		a, result, err := decide(ctx, s, p.ID.String(), command, renderAct)
		if err != nil || a.status != http.StatusAccepted {
			return a, err
		}
		return s.acted(ctx, watch, result)
	}
}

// renderAct answers 202, which is not kept for a key, while the gateway is asked.
func renderAct(r saga.Result) (int, paymentBody) {
	status := http.StatusOK
	if r.Waiting {
		status = http.StatusAccepted
	}
	return status, renderPayment(r.Payment)
}

func (s *server) acted(ctx context.Context, w *engine.Watch, result saga.Result) (answer[paymentBody], error) {
	p := result.Payment
	o, done, err := await(ctx, w, s.wait.outcome, func(o *checkout.Order) bool {
		now := o.Payment(p.ID)
		return now != nil && now.Status != checkout.PaymentAuthorized
	})
	switch {
	case err != nil:
		return answer[paymentBody]{}, err
	case !done:
		return answer[paymentBody]{status: http.StatusAccepted, body: renderPayment(p)}, nil
	}
	return answer[paymentBody]{status: http.StatusOK, body: renderPayment(o.Payment(p.ID))}, nil
}

type markReceivedInput struct {
	PaymentID string `path:"payment_id"`
	Body      *struct {
		Reference string `json:"reference,omitempty" maxLength:"128" doc:"Of the bank's statement."`
	}
}

func (s *server) markReceived(ctx context.Context, in *markReceivedInput) (answer[paymentBody], error) {
	o, p, err := s.payment(ctx, in.PaymentID, OrderToken{})
	if err != nil {
		return answer[paymentBody]{}, err
	}
	command := saga.ReceiveMoney{OrderID: o.ID, PaymentID: p.ID, Gateways: s.marks()}
	if in.Body != nil {
		command.Reference = in.Body.Reference
	}
	a, _, err := decide(ctx, s, p.ID.String(), command, renderAct)
	return a, err
}
