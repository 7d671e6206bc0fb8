package checkout

import (
	"time"

	"kassa/money"
)

// PaymentStatus is the state of one attempt at one gateway.
type PaymentStatus string

// The states of a payment. FAILED may still become AUTHORIZED or SUCCEEDED when
// the gateway finds late that it did work; SUCCEEDED is never moved back.
const (
	PaymentInitiated  PaymentStatus = "INITIATED" // committed, the gateway may not know of it yet
	PaymentPending    PaymentStatus = "PENDING"   // the gateway may know of it, the outcome is open
	PaymentAuthorized PaymentStatus = "AUTHORIZED"
	PaymentSucceeded  PaymentStatus = "SUCCEEDED"
	PaymentFailed     PaymentStatus = "FAILED"
	PaymentVoided     PaymentStatus = "VOIDED"
)

// Method is how the buyer pays.
type Method string

// The methods of payment.
const (
	MethodCard   Method = "card"
	MethodUPI    Method = "upi"
	MethodWallet Method = "wallet"
	// MethodManual is money that arrives outside any gateway: a bank transfer.
	MethodManual Method = "bank_transfer"
)

// Payment is one attempt to take an order's money.
type Payment struct {
	ID              ID
	OrderID         ID
	Attempt         int    // 1 for the order's first
	Gateway         string // name of the configured gateway account
	Method          Method
	Status          PaymentStatus
	Amount          money.Money // what was asked for
	Captured        money.Money // what the gateway took; its currency may be wrong, which is why it is kept
	RefundCommitted int64       // minor units of Captured that refunds have asked for or been promised
	IdempotencyKey  string
	RequestHash     string // of the initiate that made it
	GatewayRef      string // session or gateway order, "" until known
	ChargeID        string // gateway_txn_id: what moves the money, "" until known
	Token           string // the gateway's own token, kept until the gateway has it
	ReturnURL       string // "": the page where the order is paid
	ManualCapture   bool   // authorise only: the shop captures when it ships
	Closable        bool   // its gateway can end an open attempt
	FindByRef       bool   // its gateway may name it by nothing but GatewayRef
	CallNo          int    // create calls that a look-up found no trace of, and one
	Unknown         bool   // a call's outcome is not known yet
	Closing         bool   // we asked the gateway to end it, or will
	Superseded      bool   // another attempt took its place: its success is extra money
	Extra           bool   // money that confirms no order: it is refunded in full
	Action          *Action
	FailureCode     string
	FailureMessage  string
	ActionExpires   time.Time // end of the buyer's session at the gateway, zero where unknown
	LookUps         int
	LookedUpAt      time.Time
	CreatedAt       time.Time
	UpdatedAt       time.Time
}

// Open tells whether the attempt may still move the buyer's money by itself.
func (p *Payment) Open() bool {
	return p.Status == PaymentInitiated || p.Status == PaymentPending || p.Status == PaymentAuthorized
}

// Action is what the buyer's browser must do next.
type Action struct {
	Type   string            `json:"type"` // "redirect", "form_post", "upi_intent"
	URL    string            `json:"url,omitempty"`
	Fields map[string]string `json:"fields,omitempty"`
	URI    string            `json:"uri,omitempty"`
	QRSVG  string            `json:"qr_svg,omitempty"`
}

// Failure is why a gateway refused a payment or a refund, in words for a buyer.
type Failure struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// RefundStatus is the state of a refund.
type RefundStatus string

// The states of a refund. A succeeded refund may still fail later.
const (
	RefundPending   RefundStatus = "PENDING"
	RefundSucceeded RefundStatus = "SUCCEEDED"
	RefundFailed    RefundStatus = "FAILED"
)

// RefundOrigin tells who asked for a refund.
type RefundOrigin string

// The origins of a refund.
const (
	RefundByMerchant RefundOrigin = "merchant"  // the API or an operator
	RefundByKassa    RefundOrigin = "automatic" // extra or late money
	RefundByGateway  RefundOrigin = "gateway"   // made at the gateway's own dashboard
)

// Refund gives captured money back. What is refunded is the sum of refunds that
// did not fail, never a flag.
type Refund struct {
	ID             ID
	OrderID        ID
	PaymentID      ID
	Amount         money.Money
	Status         RefundStatus
	Origin         RefundOrigin
	Reason         string
	Restock        bool
	GatewayRef     string
	CallNo         int
	FailureCode    string
	FailureMessage string
	CreatedAt      time.Time
	UpdatedAt      time.Time
}

// PaymentReport is what a gateway said of one attempt, from an answer, a look-up
// or a verified webhook. It is evidence: saga.Decide says what follows from it.
type PaymentReport struct {
	PaymentID     ID            `json:"payment_id,omitzero"` // ours, where the gateway carries it; else found by the references
	OrderID       ID            `json:"-"`                   // likewise; where an event is kept, it is read again
	Gateway       string        `json:"gateway,omitzero"`
	GatewayRef    string        `json:"gateway_ref,omitzero"`
	ChargeID      string        `json:"charge_id,omitzero"`
	Status        PaymentStatus `json:"status,omitzero"`
	Amount        money.Money   `json:"amount,omitzero"` // authorised or captured, as Status says; else what was asked for
	Action        *Action       `json:"action,omitzero"`
	ActionExpires time.Time     `json:"action_expires,omitzero"`
	Failure       *Failure      `json:"failure,omitzero"`
	NotFound      bool          `json:"not_found,omitzero"` // a look-up: the gateway certainly knows of no such attempt
}

// RefundReport is what a gateway said of one refund.
type RefundReport struct {
	RefundID   ID           `json:"refund_id,omitzero"` // ours, where the gateway carries it
	Gateway    string       `json:"gateway,omitzero"`
	GatewayRef string       `json:"gateway_ref,omitzero"`
	PaymentID  ID           `json:"payment_id,omitzero"`
	PaymentRef string       `json:"payment_ref,omitzero"` // the payment's GatewayRef or ChargeID at the gateway
	Status     RefundStatus `json:"status,omitzero"`
	Amount     money.Money  `json:"amount,omitzero"`
	Failure    *Failure     `json:"failure,omitzero"`
	NotFound   bool         `json:"not_found,omitzero"`
}

// WebhookEvent is one verified message of a gateway. Exactly one of Payment and
// Refund is set; both are nil where the message is of no interest.
type WebhookEvent struct {
	Gateway    string         `json:"gateway,omitzero"`
	Key        string         `json:"key,omitzero"` // unique per gateway account
	Type       string         `json:"type,omitzero"`
	Payment    *PaymentReport `json:"payment,omitzero"`
	Refund     *RefundReport  `json:"refund,omitzero"`
	OccurredAt time.Time      `json:"occurred_at,omitzero"`
}

// WebhookStatus is what became of a stored webhook event.
type WebhookStatus string

// The states of a webhook event.
const (
	WebhookReceived WebhookStatus = "RECEIVED" // its reference is not known yet; it is retried
	WebhookApplied  WebhookStatus = "APPLIED"
	WebhookForeign  WebhookStatus = "FOREIGN" // nobody knew its reference for 72 hours
)

// WebhookRecord is a stored webhook event.
type WebhookRecord struct {
	ID         ID
	Event      WebhookEvent
	Status     WebhookStatus
	OrderID    ID
	ReceivedAt time.Time
	AppliedAt  time.Time
}

// WebhookKey names a webhook event.
type WebhookKey struct{ Gateway, Key string }
