package textbook

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/stripe/stripe-go/v85"
	"github.com/stripe/stripe-go/v85/webhook"
)

const (
	stripeTimeout = 15 * time.Second
	// sessionTime is how long Stripe's page lives, counted from the attempt: a
	// repeated call must ask for the very same. Stripe wants 30 minutes at least.
	sessionTime = 40 * time.Minute
)

func newStripe(config Config) *stripe.Client {
	backend := &stripe.BackendConfig{
		EnableTelemetry:   stripe.Bool(false),
		HTTPClient:        &http.Client{Timeout: stripeTimeout, Transport: &http.Transport{ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 64, IdleConnTimeout: 90 * time.Second}},
		LeveledLogger:     &stripe.LeveledLogger{Level: stripe.LevelNull},
		MaxNetworkRetries: stripe.Int64(0), // the caller repeats, with the same key
	}
	if config.StripeURL != "" {
		backend.URL = stripe.String(config.StripeURL)
	}
	return stripe.NewClient(config.StripeKey, stripe.WithBackends(stripe.NewBackendsWithConfig(backend)))
}

// createSession opens Stripe's page for an attempt. The attempt's id is the
// idempotency key, so that a repeat opens no second page.
func (s *Shop) createSession(ctx context.Context, p Payment, returnURL string) (Session, error) {
	metadata := map[string]string{"order_id": p.OrderID.String(), "payment_id": p.ID.String()}
	params := &stripe.CheckoutSessionCreateParams{
		ClientReferenceID: stripe.String(p.ID.String()),
		CustomerEmail:     stripe.String(p.email),
		ExpiresAt:         stripe.Int64(p.CreatedAt.Add(sessionTime).Unix()),
		LineItems: []*stripe.CheckoutSessionCreateLineItemParams{{
			PriceData: &stripe.CheckoutSessionCreateLineItemPriceDataParams{
				Currency:    stripe.String(strings.ToLower(p.Currency)),
				ProductData: &stripe.CheckoutSessionCreateLineItemPriceDataProductDataParams{Name: stripe.String("Order " + orderNumber(p.OrderID))},
				UnitAmount:  stripe.Int64(p.Amount),
			},
			Quantity: stripe.Int64(1),
		}},
		Metadata:           metadata,
		Mode:               stripe.String(stripe.CheckoutSessionModePayment),
		PaymentIntentData:  &stripe.CheckoutSessionCreatePaymentIntentDataParams{Metadata: metadata},
		PaymentMethodTypes: []*string{stripe.String("card")},
	}
	if returnURL != "" {
		params.SuccessURL, params.CancelURL = stripe.String(returnURL), stripe.String(returnURL)
	}
	params.SetIdempotencyKey(p.ID.String())
	session, err := s.stripe.V1CheckoutSessions.Create(ctx, params)
	if err != nil {
		return Session{}, err
	}
	return Session{session.ID, session.URL}, nil
}

// declined tells Stripe's no from an answer that is not known.
func declined(err error) (code, message string, ok bool) {
	var e *stripe.Error
	if !errors.As(err, &e) || e.HTTPStatusCode < 400 || e.HTTPStatusCode >= 500 || e.HTTPStatusCode == http.StatusTooManyRequests {
		return "", "", false
	}
	if code = string(e.Code); code == "" {
		code = string(e.Type)
	}
	return code, e.Msg, true
}

// parseWebhook verifies a message of Stripe's and reads what it is about.
func (s *Shop) parseWebhook(header http.Header, body []byte) (Event, error) {
	raw, err := webhook.ConstructEventWithOptions(body, header.Get("Stripe-Signature"), s.config.WebhookSecret,
		webhook.ConstructEventOptions{IgnoreAPIVersionMismatch: true})
	if err != nil {
		return Event{}, err
	}
	event := Event{ID: raw.ID, Type: string(raw.Type), Payload: body}
	switch raw.Type {
	case stripe.EventTypeCheckoutSessionCompleted, stripe.EventTypeCheckoutSessionAsyncPaymentSucceeded,
		stripe.EventTypeCheckoutSessionAsyncPaymentFailed, stripe.EventTypeCheckoutSessionExpired:
		var session stripe.CheckoutSession
		if err := json.Unmarshal(raw.Data.Raw, &session); err != nil {
			return Event{}, err
		}
		return ofSession(event, &session), nil
	case stripe.EventTypePaymentIntentSucceeded:
		var intent stripe.PaymentIntent
		if err := json.Unmarshal(raw.Data.Raw, &intent); err != nil {
			return Event{}, err
		}
		return ofIntent(event, &intent), nil
	}
	return event, nil // of no interest: the buyer may still try another card
}

func ofSession(event Event, s *stripe.CheckoutSession) Event {
	event.PaymentID, _ = uuid.Parse(s.Metadata["payment_id"]) // else it is not ours
	event.Amount, event.Currency = s.AmountTotal, strings.ToUpper(string(s.Currency))
	if s.PaymentIntent != nil {
		event.TxnID = s.PaymentIntent.ID
	}
	switch {
	case event.Type == string(stripe.EventTypeCheckoutSessionAsyncPaymentFailed):
		event.Status, event.FailureCode, event.FailureMessage = PaymentFailed, "async_payment_failed", "The payment did not go through."
	case s.Status == stripe.CheckoutSessionStatusExpired:
		event.Status, event.FailureCode, event.FailureMessage = PaymentFailed, "session_expired", "The payment page was closed before the payment was made."
	case s.PaymentStatus == stripe.CheckoutSessionPaymentStatusPaid:
		event.Status = PaymentSucceeded
	}
	return event
}

func ofIntent(event Event, p *stripe.PaymentIntent) Event {
	event.PaymentID, _ = uuid.Parse(p.Metadata["payment_id"]) // else it is not ours
	event.Amount, event.Currency = p.AmountReceived, strings.ToUpper(string(p.Currency))
	event.TxnID, event.Status = p.ID, PaymentSucceeded
	return event
}
