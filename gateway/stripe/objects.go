package stripe

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/stripe/stripe-go/v85"
)

// The fields of Stripe's objects that are read. What Stripe calls expandable
// comes as an id, or as the object where that was asked for.

type intent struct {
	ID               string                     `json:"id"`
	Status           stripe.PaymentIntentStatus `json:"status"`
	Currency         stripe.Currency            `json:"currency"`
	Amount           int64                      `json:"amount"`
	AmountReceived   int64                      `json:"amount_received"`
	AmountCapturable int64                      `json:"amount_capturable"`
	Metadata         metadata                   `json:"metadata"`
	LatestCharge     *charge                    `json:"latest_charge"`
	LastPaymentError *refusal                   `json:"last_payment_error"`
	NextAction       *nextAction                `json:"next_action"`
}

// UnmarshalJSONFrom reads an id or an object.
func (pi *intent) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if dec.PeekKind() == '"' {
		return json.UnmarshalDecode(dec, &pi.ID)
	}
	type plain intent
	return json.UnmarshalDecode(dec, (*plain)(pi))
}

type charge struct {
	ID     string              `json:"id"`
	Status stripe.ChargeStatus `json:"status"`
}

// UnmarshalJSONFrom reads an id or an object.
func (c *charge) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if dec.PeekKind() == '"' {
		return json.UnmarshalDecode(dec, &c.ID)
	}
	type plain charge
	return json.UnmarshalDecode(dec, (*plain)(c))
}

// metadata is what we wrote on an object of ours.
type metadata struct {
	PaymentID string `json:"payment_id"`
	OrderID   string `json:"order_id"`
	RefundID  string `json:"refund_id"`
	Checkout  string `json:"checkout"`
}

// refusal is why a bank or Stripe said no.
type refusal struct {
	Type        stripe.ErrorType   `json:"type"`
	Code        stripe.ErrorCode   `json:"code"`
	DeclineCode stripe.DeclineCode `json:"decline_code"`
	Message     string             `json:"message"`
	// PaymentIntent comes with the answer to a call.
	PaymentIntent *intent `json:"payment_intent"`
}

type nextAction struct {
	RedirectToURL *struct {
		URL string `json:"url"`
	} `json:"redirect_to_url"`
	UPI *struct {
		InstructionsURL string `json:"hosted_instructions_url"`
	} `json:"upi_handle_redirect_or_display_qr_code"`
}

type session struct {
	ID                string                              `json:"id"`
	Status            stripe.CheckoutSessionStatus        `json:"status"`
	Mode              stripe.CheckoutSessionMode          `json:"mode"`
	PaymentStatus     stripe.CheckoutSessionPaymentStatus `json:"payment_status"`
	Currency          stripe.Currency                     `json:"currency"`
	AmountTotal       int64                               `json:"amount_total"`
	URL               string                              `json:"url"`
	ExpiresAt         int64                               `json:"expires_at"`
	ClientReferenceID string                              `json:"client_reference_id"`
	Metadata          metadata                            `json:"metadata"`
	PaymentIntent     *intent                             `json:"payment_intent"`
}

type refundObject struct {
	ID            string                     `json:"id"`
	Status        stripe.RefundStatus        `json:"status"`
	Currency      stripe.Currency            `json:"currency"`
	Amount        int64                      `json:"amount"`
	Metadata      metadata                   `json:"metadata"`
	PaymentIntent *intent                    `json:"payment_intent"`
	FailureReason stripe.RefundFailureReason `json:"failure_reason"`
}
