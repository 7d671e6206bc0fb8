package sandbox

import (
	"errors"
	"time"
)

// Ledger is the truth about the money at one moment.
type Ledger struct {
	Payments []Payment `json:"payments"` // oldest first
}

// Payment is everything that happened to one thing to be paid: Stripe's PaymentIntent, Razorpay's or Paytm's order.
// Amounts are in minor units of Currency.
type Payment struct {
	Gateway       string            `json:"gateway"`
	ID            string            `json:"id"`
	Amount        int64             `json:"amount"`
	Currency      string            `json:"currency"` // ISO 4217, upper case
	Status        string            `json:"status"`   // the neutral one: open, action, processing, authorized, captured, canceled
	GatewayStatus string            `json:"gateway_status"`
	Authorized    int64             `json:"authorized"`     // ever authorised, over all attempts
	Released      int64             `json:"released"`       // of that, given back without a capture
	Captured      int64             `json:"captured"`       // of that, taken
	Refunded      int64             `json:"refunded"`       // of what was captured, given back for good
	RefundPending int64             `json:"refund_pending"` // of what was captured, on its way back
	Attempts      []Attempt         `json:"attempts"`
	Refunds       []Refund          `json:"refunds"`
	Session       string            `json:"session,omitempty"`
	Reference     string            `json:"reference,omitempty"` // the session's client_reference_id
	Metadata      map[string]string `json:"metadata"`            // the session's and the payment's own
	Created       time.Time         `json:"created"`
}

// Attempt is one try at one payment: Stripe's charge.
type Attempt struct {
	ID      string `json:"id"`
	Status  string `json:"status"`
	Failure string `json:"failure,omitempty"`
}

// Refund is money on its way back, or there.
type Refund struct {
	ID       string            `json:"id"`
	Amount   int64             `json:"amount"`
	Status   string            `json:"status"`
	Metadata map[string]string `json:"metadata,omitempty"`
}

// Find returns the payments that have the metadata key and value, in the order they were made.
func (l Ledger) Find(key, value string) []Payment {
	var found []Payment
	for _, p := range l.Payments {
		if p.Metadata[key] == value {
			found = append(found, p)
		}
	}
	return found
}

// Refusals of the book. The faces check first and word their own; these guard the money itself.
var (
	errState  = errors.New("the state does not allow this")
	errAmount = errors.New("the amount is more than there is")
)

// The neutral states of an intent and of an attempt.
type state string

const (
	stateOpen       state = "open"
	stateAction     state = "action" // the buyer has to do something
	stateProcessing state = "processing"
	stateAuthorized state = "authorized"
	stateCaptured   state = "captured"
	stateCanceled   state = "canceled"

	attemptAction     = stateAction
	attemptProcessing = stateProcessing
	attemptAuthorized = stateAuthorized
	attemptCaptured   = stateCaptured
	attemptFailed     = state("failed")
	attemptReleased   = state("released")

	refundPending   = state("pending")
	refundAction    = state("requires_action")
	refundSucceeded = state("succeeded")
	refundFailed    = state("failed")
	refundCanceled  = state("canceled")
)

// book is the neutral ledger: intents own attempts, attempts own refunds. The faces translate it.
type book struct {
	intents  map[string]*intent
	attempts map[string]*attempt
	refunds  map[string]*refund
	order    []*intent // oldest first
}

// intent is one thing to be paid.
type intent struct {
	ID, Gateway string
	Amount      int64
	Currency    string // upper case
	Created     time.Time
	Canceled    bool
	Attempts    []*attempt
	Metadata    map[string]string // never changed in place, so that answers may share it
}

// attempt is one try at paying an intent with one instrument.
type attempt struct {
	ID                             string
	State                          state
	Instrument                     instrument
	Method                         string // the gateway's id of the instrument
	Submitted                      bool   // the bank has been asked; before that there is nothing to show but the buyer's task
	Authorized, Captured, Released int64
	Refunded                       int64 // of Captured, in refunds that have not failed
	Failure                        *failure
	Created, Settles               time.Time
	Refunds                        []*refund
	intent                         *intent
}

// refund gives captured money back.
type refund struct {
	ID            string
	Amount        int64
	State         state
	Reason        string
	FailureReason string
	PendingReason string
	Metadata      map[string]string
	Created       time.Time
	Settles       time.Time // when State changes by itself; zero: never
	SettlesTo     state
	attempt       *attempt
}

func newBook() *book {
	return &book{intents: map[string]*intent{}, attempts: map[string]*attempt{}, refunds: map[string]*refund{}}
}

// last is the latest attempt, or nil.
func (i *intent) last() *attempt {
	if len(i.Attempts) == 0 {
		return nil
	}
	return i.Attempts[len(i.Attempts)-1]
}

// state follows from the latest attempt: a failed one leaves the intent open for another.
func (i *intent) state() state {
	a := i.last()
	switch {
	case i.Canceled:
		return stateCanceled
	case a == nil || a.State == attemptFailed || a.State == attemptReleased:
		return stateOpen
	}
	return a.State
}

func (b *book) open(i *intent) {
	b.intents[i.ID] = i
	b.order = append(b.order, i)
}

// begin starts an attempt at an open intent.
func (b *book) begin(i *intent, a *attempt) error {
	if i.state() != stateOpen {
		return errState
	}
	a.intent = i
	i.Attempts = append(i.Attempts, a)
	b.attempts[a.ID] = a
	return nil
}

// authorize holds the intent's whole amount.
func (b *book) authorize(a *attempt) error {
	if a.State != attemptAction && a.State != attemptProcessing {
		return errState
	}
	a.State, a.Submitted, a.Authorized = attemptAuthorized, true, a.intent.Amount
	return nil
}

// capture takes amount of what is held; the rest is released.
func (b *book) capture(a *attempt, amount int64) error {
	if a.State != attemptAuthorized {
		return errState
	}
	if amount <= 0 || amount > a.Authorized {
		return errAmount
	}
	a.State, a.Captured, a.Released = attemptCaptured, amount, a.Authorized-amount
	return nil
}

// fail ends an attempt that has not got any money.
func (b *book) fail(a *attempt, f *failure) error {
	if a.State != attemptAction && a.State != attemptProcessing {
		return errState
	}
	a.State, a.Failure = attemptFailed, f
	return nil
}

// cancel ends an intent that nothing was captured of, and releases what is held.
func (b *book) cancel(i *intent) error {
	s := i.state()
	if s == stateCaptured || s == stateCanceled {
		return errState
	}
	i.Canceled = true
	if a := i.last(); a != nil && s == stateAuthorized {
		a.State, a.Released = attemptReleased, a.Authorized
	} else if a != nil && s != stateOpen {
		a.State, a.Failure = attemptFailed, &failure{Code: "payment_intent_payment_attempt_failed", Message: "The payment was canceled."}
	}
	return nil
}

// refund gives amount of an attempt's captured money back.
func (b *book) refund(a *attempt, r *refund) error {
	if a.State != attemptCaptured {
		return errState
	}
	if r.Amount <= 0 || r.Amount > a.Captured-a.Refunded {
		return errAmount
	}
	r.attempt = a
	a.Refunds = append(a.Refunds, r)
	b.refunds[r.ID] = r
	a.Refunded += r.Amount
	return nil
}

// settle moves a refund on. One that fails or is cancelled gives its amount back to what can be refunded.
func (b *book) settle(r *refund, to state, reason string) error {
	if r.State == refundFailed || r.State == refundCanceled {
		return errState
	}
	r.State, r.PendingReason = to, ""
	if to == refundFailed || to == refundCanceled {
		r.FailureReason = reason
		r.attempt.Refunded -= r.Amount
	}
	return nil
}

// payment sums up an intent.
func (i *intent) payment() Payment {
	p := Payment{Gateway: i.Gateway, ID: i.ID, Amount: i.Amount, Currency: i.Currency, Status: string(i.state()),
		Created: i.Created, Attempts: []Attempt{}, Refunds: []Refund{}}
	for _, a := range i.Attempts {
		p.Authorized += a.Authorized
		p.Captured += a.Captured
		p.Released += a.Released
		p.addAttempt(a)
	}
	return p
}

func (p *Payment) addAttempt(a *attempt) {
	shown := Attempt{ID: a.ID, Status: string(a.State)}
	if a.Failure != nil {
		shown.Failure = a.Failure.reason()
	}
	p.Attempts = append(p.Attempts, shown)
	for _, r := range a.Refunds {
		p.Refunds = append(p.Refunds, Refund{ID: r.ID, Amount: r.Amount, Status: string(r.State), Metadata: r.Metadata})
		switch r.State {
		case refundSucceeded:
			p.Refunded += r.Amount
		case refundPending, refundAction:
			p.RefundPending += r.Amount
		}
	}
}
