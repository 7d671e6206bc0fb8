package sandbox

import (
	"time"
)

// Retention. Stripe keeps events for 30 days and idempotency keys for 24 h; the counts bound memory under load tests.
const (
	maxEvents          = 100_000
	authorizationLife  = 7 * 24 * time.Hour
	refundSettles      = 3 * time.Second // Stripe says "later"; short, so that a demo shows it
	processingSettles  = 10 * time.Second
	gatewayStripe      = "stripe"
	captureManual      = "manual"
	methodCardType     = "card"
	redirectsAlways    = "always"
	redirectsNever     = "never"
	secureAutomatic    = "automatic"
	cancelAutomatic    = "automatic"
	cancelExpired      = "expired"
	refundFailedReason = "expired_or_canceled_card"
)

// stripeFace is what Stripe keeps beside the neutral book.
type stripeFace struct {
	intents  *listing[*paymentIntent]
	charges  *listing[*attempt] // those that the bank was asked about
	refunds  *listing[*refund]
	events   *listing[*event]
	sessions map[string]*session
	ordered  *listing[*session]
	tagged   map[string][]*paymentIntent // by metadata key, NUL, value; may hold stale ones, so check them
}

// paymentIntent is Stripe's view of an intent.
type paymentIntent struct {
	Core                *intent
	Automatic           bool   // automatic_payment_methods
	Redirects           string // of them: always or never
	CaptureMethod       string
	ClientSecret        string
	Description         string
	ReceiptEmail        string
	ReturnURL           string
	SetupFutureUsage    string
	StatementDescriptor string
	StatementSuffix     string
	MethodTypes         []string
	Secure              string // payment_method_options[card][request_three_d_secure]
	Shipping            *shipping
	Method              *paymentMethod
	LastError           *apiError
	CanceledAt          time.Time
	CancelReason        string
	Session             string
}

// paymentMethod is an instrument under the id that Stripe gave it.
type paymentMethod struct {
	ID         string
	Created    time.Time
	Instrument instrument
}

func newStripeFace() *stripeFace {
	return &stripeFace{intents: newListing[*paymentIntent](0), charges: newListing[*attempt](0), refunds: newListing[*refund](0),
		events: newListing[*event](maxEvents), sessions: map[string]*session{}, ordered: newListing[*session](0),
		tagged: map[string][]*paymentIntent{}}
}

func (pi *paymentIntent) key() string          { return pi.Core.ID }
func (pi *paymentIntent) createdAt() time.Time { return pi.Core.Created }
func (a *attempt) key() string                 { return a.ID }
func (a *attempt) createdAt() time.Time        { return a.Created }
func (r *refund) key() string                  { return r.ID }
func (r *refund) createdAt() time.Time         { return r.Created }

// add files a new PaymentIntent.
func (f *stripeFace) add(pi *paymentIntent) {
	f.intents.add(pi)
	f.tag(pi)
}

// tag makes a PaymentIntent findable by its metadata.
func (f *stripeFace) tag(pi *paymentIntent) {
	for key, value := range pi.Core.Metadata {
		f.tagged[key+"\x00"+value] = append(f.tagged[key+"\x00"+value], pi)
	}
}

// of is Stripe's view of an intent that was made by this face.
func (f *stripeFace) of(i *intent) *paymentIntent {
	pi, _ := f.intents.find(i.ID)
	return pi
}

// status is Stripe's word for the state.
func (pi *paymentIntent) status() string {
	switch pi.Core.state() {
	case stateAction:
		return "requires_action"
	case stateProcessing:
		return "processing"
	case stateAuthorized:
		return "requires_capture"
	case stateCaptured:
		return "succeeded"
	case stateCanceled:
		return "canceled"
	}
	if pi.Method != nil {
		return "requires_confirmation"
	}
	return "requires_payment_method"
}

// charge is the latest attempt that the bank was asked about, or nil.
func (pi *paymentIntent) charge() *attempt {
	for i := len(pi.Core.Attempts) - 1; i >= 0; i-- {
		if pi.Core.Attempts[i].Submitted {
			return pi.Core.Attempts[i]
		}
	}
	return nil
}

// received is what has been captured.
func (pi *paymentIntent) received() int64 {
	var sum int64
	for _, a := range pi.Core.Attempts {
		sum += a.Captured
	}
	return sum
}

// mergeMetadata returns a new map with the changes applied; an empty value removes a key.
func mergeMetadata(old, changes map[string]string) map[string]string {
	merged := make(map[string]string, len(old)+len(changes))
	for key, value := range old {
		merged[key] = value
	}
	for key, value := range changes {
		if value == "" {
			delete(merged, key)
		} else {
			merged[key] = value
		}
	}
	return merged
}

// ledger sums up everything, oldest first.
func (tx *tx) ledger() Ledger {
	l := Ledger{Payments: make([]Payment, 0, len(tx.book.order))}
	for _, i := range tx.book.order {
		p := i.payment()
		tx.addStripe(&p, tx.stripe.of(i))
		l.Payments = append(l.Payments, p)
	}
	return l
}

// addStripe adds what the session knows to a payment.
func (tx *tx) addStripe(p *Payment, pi *paymentIntent) {
	p.GatewayStatus = pi.status()
	p.Metadata = pi.Core.Metadata
	if session := tx.stripe.sessions[pi.Session]; session != nil {
		p.Session, p.Reference = session.ID, session.Reference
		p.Metadata = mergeMetadata(session.Metadata, pi.Core.Metadata)
	}
}
