package stripe

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"

	"github.com/stripe/stripe-go/v85"

	"kassa/checkout"
	"kassa/gateway"
	"kassa/money"
)

// fail tells what is certain after a call failed.
//
// stripe-go's own errors print the whole object, client secrets included, and
// samples of answers that are not JSON; only their code and message are kept.
func (a *account) fail(err error) error {
	var answer *stripe.Error
	if errors.As(err, &answer) {
		return &gateway.Error{
			Gateway: a.config.Name, Kind: kindOf(answer), Code: errorCode(answer), Message: errorMessage(answer),
		}
	}
	failed := &gateway.Error{Gateway: a.config.Name, Kind: gateway.Unknown}
	var transport *url.Error
	switch {
	case errors.As(err, &transport):
		failed.Err = err
		if neverSent(err) {
			failed.Kind = gateway.Unavailable
		}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		failed.Err = err
	default:
		failed.Message = "the answer could not be read"
	}
	return failed
}

// neverSent tells that no connection was made, so that Stripe knows nothing.
func neverSent(err error) bool {
	var network *net.OpError
	return errors.As(err, &network) && network.Op == "dial"
}

// kindOf reads an answer of Stripe's. Where a key is the trouble (in use, or
// used with other parameters) there was another call of which we know nothing.
func kindOf(err *stripe.Error) gateway.Kind {
	status := err.HTTPStatusCode
	switch {
	case status == http.StatusTooManyRequests:
		return gateway.Unavailable
	case err.Type == stripe.ErrorTypeIdempotency,
		status == http.StatusConflict,
		status == http.StatusRequestTimeout,
		status == http.StatusFailedDependency:
		return gateway.Unknown
	case status >= 400 && status < 500:
		return gateway.Refused
	}
	return gateway.Unknown
}

func errorCode(err *stripe.Error) string {
	if err.Code != "" {
		return string(err.Code)
	}
	return string(err.Type)
}

func errorMessage(err *stripe.Error) string {
	switch err.HTTPStatusCode {
	case http.StatusUnauthorized: // Stripe's own text repeats parts of the key
		return "the secret key is not accepted; check it"
	case http.StatusForbidden:
		return "the secret key may not do this; check its permissions"
	}
	return err.Msg
}

// declined reads the answer that the bank said no, which is a report. Stripe
// answers 402, and 400 where the buyer failed to authenticate; the PaymentIntent
// comes along.
func (a *account) declined(err error, req gateway.CreateRequest) (checkout.PaymentReport, bool) {
	var answer *stripe.Error
	if !errors.As(err, &answer) || kindOf(answer) != gateway.Refused {
		return checkout.PaymentReport{}, false
	}
	why := refusalOf(answer)
	pi := why.PaymentIntent
	if answer.HTTPStatusCode != http.StatusPaymentRequired && (pi == nil || pi.LastPaymentError == nil) {
		return checkout.PaymentReport{}, false
	}
	report := checkout.PaymentReport{Gateway: a.config.Name, Amount: req.Amount}
	if pi != nil {
		report = a.fromIntent(pi)
	}
	report.PaymentID = req.PaymentID
	report.Status, report.Action, report.Failure = checkout.PaymentFailed, nil, failure(why)
	return report, true
}

// refusalOf reads the refusal of an answer with our own types. What the library
// has read of it stays where its own text cannot be read again.
func refusalOf(answer *stripe.Error) *refusal {
	var body struct {
		Error *refusal `json:"error"`
	}
	if answer.LastResponse == nil || unmarshal(answer.LastResponse.RawJSON, &body) != nil || body.Error == nil {
		return &refusal{Type: answer.Type, Code: answer.Code, DeclineCode: answer.DeclineCode, Message: answer.Msg}
	}
	return body.Error
}

// refuse is an error of our own, made before anything was sent.
func (a *account) refuse(code, message string) error {
	return &gateway.Error{Gateway: a.config.Name, Kind: gateway.Refused, Code: code, Message: message}
}

// wireAmount refuses an amount that Stripe cannot be told.
func (a *account) wireAmount(m money.Money) (wireMoney, error) {
	amount, err := toWire(m)
	if err != nil {
		return wireMoney{}, a.refuse("amount_invalid", err.Error())
	}
	return amount, nil
}

// unread is the error of an answer that Stripe does not document.
func (a *account) unread(message string) error {
	return &gateway.Error{Gateway: a.config.Name, Kind: gateway.Unknown, Code: "malformed_answer", Message: message}
}

// answered checks a report that answers a question about one payment. The id is
// the question's: a wrong one in the metadata must not lead elsewhere.
func (a *account) answered(payment checkout.ID, report checkout.PaymentReport) (checkout.PaymentReport, error) {
	if report.GatewayRef == "" && report.ChargeID == "" {
		return checkout.PaymentReport{}, a.unread("the answer names no object")
	}
	report.PaymentID = payment
	return report, nil
}
