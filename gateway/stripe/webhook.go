package stripe

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stripe/stripe-go/v85"

	"kassa/checkout"
	"kassa/gateway"
)

// signatureHeader is "t=<unix>,v1=<hex>[,v1=<hex>]". The hex is HMAC-SHA256 over
// "<t>.<raw body>", keyed with the whole whsec_… text. Source:
// docs.stripe.com/webhooks, "Verify webhook signatures manually".
const (
	signatureHeader    = "Stripe-Signature"
	toleranceSeconds   = 300
	maxSignatures      = 16
	asyncPaymentFailed = "checkout.session.async_payment_failed"
)

// ParseWebhook verifies an event and translates it. The event's api_version is
// not checked: only ids, states and amounts are read, which no version changed.
func (a *account) ParseWebhook(header http.Header, body []byte, now time.Time) (checkout.WebhookEvent, error) {
	if problem := a.verify(header.Get(signatureHeader), body, now); problem != "" {
		return checkout.WebhookEvent{}, &gateway.Error{Gateway: a.config.Name, Kind: gateway.Forged, Message: problem}
	}
	var raw rawEvent
	if err := unmarshal(body, &raw); err != nil {
		return checkout.WebhookEvent{}, a.refuse("malformed_event", "the body is not the JSON of an event")
	}
	if raw.ID == "" || raw.Object != "event" || raw.Type == "" {
		return checkout.WebhookEvent{}, a.refuse("malformed_event", "the body is no event with an id and a type")
	}
	event := checkout.WebhookEvent{
		Gateway: a.config.Name, Key: raw.ID, Type: raw.Type, OccurredAt: time.Unix(raw.Created, 0).UTC(),
	}
	return a.translate(event, raw.Data.Object)
}

// rawEvent is the envelope of an event.
type rawEvent struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Type    string `json:"type"`
	Created int64  `json:"created"`
	Data    struct {
		Object jsontext.Value `json:"object"`
	} `json:"data"`
}

// verify says what is wrong with a signature, or "".
func (a *account) verify(header string, body []byte, now time.Time) string {
	signed, signatures, ok := parseSignature(header)
	if !ok {
		return "the header " + signatureHeader + " is missing or malformed"
	}
	at, err := strconv.ParseInt(signed, 10, 64)
	if err != nil || at < now.Unix()-toleranceSeconds || at > now.Unix()+toleranceSeconds {
		return "the signature is of another time"
	}
	for _, secret := range a.config.WebhookSecrets {
		expected := sign(secret, signed, body)
		for _, signature := range signatures {
			if hmac.Equal(signature, expected) {
				return ""
			}
		}
	}
	return "no signature matches; check the endpoint's signing secret"
}

func sign(secret, at string, body []byte) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(at + "."))
	mac.Write(body)
	return mac.Sum(nil)
}

// parseSignature splits the header. Unknown schemes and signatures that are not
// hex are passed over; a part that is no pair spoils the header.
func parseSignature(header string) (at string, signatures [][]byte, ok bool) {
	for part := range strings.SplitSeq(header, ",") {
		key, value, pair := strings.Cut(part, "=")
		if !pair || strings.Contains(value, "=") {
			return "", nil, false
		}
		switch key {
		case "t":
			if at != "" {
				return "", nil, false
			}
			at = value
		case "v1":
			signature, err := hex.DecodeString(value)
			if err == nil && len(signatures) < maxSignatures {
				signatures = append(signatures, signature)
			}
		}
	}
	return at, signatures, at != "" && len(signatures) > 0
}

// translate reads what an event is about. What is not listed is of no interest:
// charges repeat what PaymentIntents say, charge.refunded what refunds say, and a
// dispute changes no state that Kassa keeps.
func (a *account) translate(event checkout.WebhookEvent, object jsontext.Value) (checkout.WebhookEvent, error) {
	var err error
	switch {
	case strings.HasPrefix(event.Type, "payment_intent."):
		event.Payment, err = a.intentEvent(object)
	case strings.HasPrefix(event.Type, "checkout.session."):
		event.Payment, err = a.sessionEvent(event.Type, object)
	case strings.HasPrefix(event.Type, "refund."), event.Type == "charge.refund.updated":
		event.Refund, err = a.refundEvent(object)
	}
	return event, err
}

func (a *account) intentEvent(object jsontext.Value) (*checkout.PaymentReport, error) {
	var pi intent
	if err := unmarshal(object, &pi); err != nil || pi.ID == "" || pi.Status == "" {
		return nil, a.refuse("malformed_event", "the event's object is no PaymentIntent")
	}
	report := a.fromIntent(&pi)
	return &report, nil
}

func (a *account) sessionEvent(kind string, object jsontext.Value) (*checkout.PaymentReport, error) {
	var s session
	if err := unmarshal(object, &s); err != nil || s.ID == "" || s.Status == "" {
		return nil, a.refuse("malformed_event", "the event's object is no Checkout Session")
	}
	if s.Mode != stripe.CheckoutSessionModePayment {
		return nil, nil // a subscription's or a saved card's: not ours
	}
	report := a.fromSession(&s)
	if kind == asyncPaymentFailed {
		report.Status = checkout.PaymentFailed
		report.Failure = &checkout.Failure{Code: "async_payment_failed", Message: "The payment did not go through."}
	}
	return &report, nil
}

func (a *account) refundEvent(object jsontext.Value) (*checkout.RefundReport, error) {
	var refund refundObject
	if err := unmarshal(object, &refund); err != nil || refund.ID == "" || refund.Status == "" {
		return nil, a.refuse("malformed_event", "the event's object is no refund")
	}
	report := a.fromRefund(&refund)
	return &report, nil
}
