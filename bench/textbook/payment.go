package textbook

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"kassa/money"
)

// The states of a payment.
const (
	PaymentInitiated = "INITIATED"
	PaymentPending   = "PENDING"
	PaymentSucceeded = "SUCCEEDED"
	PaymentFailed    = "FAILED"
)

// payTime is what an initiate leaves the buyer at least.
const payTime = 10 * time.Minute

// InitiateRequest asks for an attempt to pay. Its JSON is the request's body.
type InitiateRequest struct {
	OrderID        uuid.UUID     `json:"order_id"`
	Amount         money.Literal `json:"amount"` // must equal the order's
	Method         string        `json:"payment_method"`
	IdempotencyKey string        `json:"idempotency_key"` // names the attempt
	ReturnURL      string        `json:"return_url,omitempty"`
}

// Session is what the gateway made of an attempt: its name for it and the page
// where the buyer pays.
type Session struct{ Ref, URL string }

// InitiatePayment is the first half of an initiate: it writes the attempt down,
// INITIATED. The gateway is called after it, in no transaction. existing tells
// that the key's attempt was there; where that is still INITIATED, the gateway's
// answer was lost and the call is repeated.
func (s *Shop) InitiatePayment(ctx context.Context, req InitiateRequest) (p Payment, existing bool, err error) {
	if req.IdempotencyKey == "" || len(req.IdempotencyKey) > 255 {
		return p, false, invalid("idempotency_key", "must have 1 to 255 characters, in the body or as the Idempotency-Key header")
	}
	key := newKey("initiate", req.IdempotencyKey, req)
	err = s.db.inTx(ctx, func(tx querier) error {
		o, err := first(ctx, tx, "lock_order", scanOrder, req.OrderID)
		if err != nil {
			return unlessNoRow(err, refuse(codeNotFound, "there is no such order"))
		}
		if o.Status != StatusPending { // else there was no attempt
			if o.Payments, err = list(ctx, tx, "payments", scanPayment, o.ID); err != nil {
				return err
			}
		}
		i := slices.IndexFunc(o.Payments, func(p Payment) bool { return p.IdempotencyKey == req.IdempotencyKey })
		if existing = i >= 0; existing {
			p = o.Payments[i]
			p.email = o.Details.Customer.Email
			return sameRequest(p, key)
		}
		if err := s.payable(&o, req); err != nil {
			return err
		}
		p = s.newPayment(&o, req, key)
		return s.savePayment(ctx, tx, &o, p)
	})
	return p, existing, err
}

func sameRequest(p Payment, key requestKey) error {
	if !bytes.Equal(p.requestHash, key.hash) {
		return refuse(codeKeyReused, "the idempotency_key was used with another request; use a new one")
	}
	return nil
}

// payable refuses where the order takes no money, or not by this request.
func (s *Shop) payable(o *Order, req InitiateRequest) error {
	amount, err := req.Amount.Money(money.Currency(o.Currency))
	switch {
	case o.Status == StatusExpired, o.Status != StatusConfirmed && !o.HoldExpiresAt.After(s.now()):
		return refuse(codeOrderExpired, "the order has expired; start a new checkout")
	case o.Status == StatusConfirmed:
		return refuse(codeOrderState, "the order is %s", o.Status)
	case err != nil:
		return invalid("amount", "%s", err)
	case amount.Minor != o.Amount:
		return refuse(codeAmountMismatch, "the order is for %s %s", minor(o.Amount, o.Currency), o.Currency)
	case req.Method != "card":
		return refuse(codeMethodUnavailable, "the gateway does not take %s", req.Method)
	}
	for _, p := range o.Payments {
		if p.Status == PaymentInitiated || p.Status == PaymentPending {
			return refuse(codePaymentInProgress, "attempt %s is still in progress", p.ID)
		}
	}
	return nil
}

func (s *Shop) newPayment(o *Order, req InitiateRequest, key requestKey) Payment {
	return Payment{
		ID: newID(), OrderID: o.ID, IdempotencyKey: req.IdempotencyKey, Attempt: len(o.Payments) + 1, Method: req.Method,
		Status: PaymentInitiated, Amount: o.Amount, Currency: o.Currency, CreatedAt: s.now(),
		email: o.Details.Customer.Email, requestHash: key.hash,
	}
}

func (s *Shop) savePayment(ctx context.Context, tx querier, o *Order, p Payment) error {
	_, err := tx.exec(ctx, "insert_payment", p.ID, p.OrderID, p.IdempotencyKey, p.requestHash, p.Attempt, p.Method, p.Amount, p.Currency, p.CreatedAt)
	if err != nil {
		return err
	}
	until := o.HoldExpiresAt
	if least := s.now().Add(payTime); until.Before(least) {
		until = least
	}
	if _, err := tx.exec(ctx, "await_payment", o.ID, until); err != nil {
		return err
	}
	return s.tell(ctx, tx, o.ID, "payment.initiated", map[string]any{"payment_id": p.ID, "attempt": p.Attempt})
}

// FinishInitiate is the second half of an initiate: it writes down what the
// gateway answered. Where a webhook was faster, the payment comes back as that
// left it.
func (s *Shop) FinishInitiate(ctx context.Context, p Payment, answer Session) (Payment, error) {
	n, err := s.db.exec(ctx, "open_payment", p.ID, answer.Ref, answer.URL)
	return s.finished(ctx, p, n, err, func(p *Payment) { p.Status, p.ActionURL = PaymentPending, answer.URL })
}

// failInitiate writes down that the gateway refused the attempt.
func (s *Shop) failInitiate(ctx context.Context, p Payment, code, message string) (Payment, error) {
	n, err := s.db.exec(ctx, "fail_payment", p.ID, code, message)
	return s.finished(ctx, p, n, err, func(p *Payment) { p.Status, p.FailureCode, p.FailureMessage = PaymentFailed, code, message })
}

// finished is the payment after an update of n rows.
func (s *Shop) finished(ctx context.Context, p Payment, n int64, err error, update func(*Payment)) (Payment, error) {
	switch {
	case err != nil:
		return p, err
	case n == 1:
		update(&p)
		return p, nil
	}
	all, err := list(ctx, s.db, "payments", scanPayment, p.OrderID)
	for _, now := range all {
		if now.ID == p.ID {
			p = now
		}
	}
	return p, err
}
