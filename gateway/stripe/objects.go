package stripe

import "github.com/stripe/stripe-go/v85"

// The fields of Stripe's objects that are read. What Stripe calls expandable
// comes as an id, or as the object where that was asked for.

type intent struct {
	ID               string                     `json:"id"`
	Status           stripe.PaymentIntentStatus `json:"status"`
	Currency         stripe.Currency            `json:"currency"`
	Amount           int64                      `json:"amount"`
	AmountReceived   int64                      `json:"amount_received"`
	AmountCapturable int64                      `json:"amount_capturable"`
	Metadata         map[string]string          `json:"metadata"`
	LatestCharge     *charge                    `json:"latest_charge"`
	LastPaymentError *refusal                   `json:"last_payment_error"`
	NextAction       *nextAction                `json:"next_action"`
}

// UnmarshalJSON reads an id or an object.
func (pi *intent) UnmarshalJSON(data []byte) error {
	if data[0] == '"' {
		return unmarshal(data, &pi.ID)
	}
	type plain intent
	return unmarshal(data, (*plain)(pi))
}

type charge struct {
	ID     string              `json:"id"`
	Status stripe.ChargeStatus `json:"status"`
}

// UnmarshalJSON reads an id or an object.
func (c *charge) UnmarshalJSON(data []byte) error {
	if data[0] == '"' {
		return unmarshal(data, &c.ID)
	}
	type plain charge
	return unmarshal(data, (*plain)(c))
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
	Metadata          map[string]string                   `json:"metadata"`
	PaymentIntent     *intent                             `json:"payment_intent"`
}

type refundObject struct {
	ID            string                     `json:"id"`
	Status        stripe.RefundStatus        `json:"status"`
	Currency      stripe.Currency            `json:"currency"`
	Amount        int64                      `json:"amount"`
	Metadata      map[string]string          `json:"metadata"`
	PaymentIntent *intent                    `json:"payment_intent"`
	FailureReason stripe.RefundFailureReason `json:"failure_reason"`
}
