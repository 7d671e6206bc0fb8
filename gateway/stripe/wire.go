package stripe

import (
	"time"

	"github.com/stripe/stripe-go/v85"

	"kassa/checkout"
)

// failureExpired is the reason of a session that ended unpaid; it is ours.
const failureExpired = "session_expired"

// fromIntent reads a PaymentIntent. One that a session made is named by its
// charge alone: the session is the attempt.
func (a *account) fromIntent(pi *intent) checkout.PaymentReport {
	report := checkout.PaymentReport{
		PaymentID: ourID(pi.Metadata.PaymentID),
		OrderID:   ourID(pi.Metadata.OrderID),
		Gateway:   a.config.Name,
		ChargeID:  pi.ID,
		Status:    intentStatus(pi),
		Amount:    fromWire(intentAmount(pi), pi.Currency),
	}
	if !ofSession(pi) {
		report.GatewayRef = pi.ID
		report.Action = intentAction(pi)
	}
	if report.Status == checkout.PaymentFailed {
		report.Failure = intentFailure(pi)
	}
	return report
}

func ofSession(pi *intent) bool { return pi.Metadata.Checkout == viaSession }

func intentStatus(pi *intent) checkout.PaymentStatus {
	switch pi.Status {
	case stripe.PaymentIntentStatusSucceeded:
		return checkout.PaymentSucceeded
	case stripe.PaymentIntentStatusRequiresCapture:
		return checkout.PaymentAuthorized
	case stripe.PaymentIntentStatusCanceled:
		if wasAuthorized(pi) {
			return checkout.PaymentVoided
		}
		return checkout.PaymentFailed
	case stripe.PaymentIntentStatusRequiresPaymentMethod:
		// In a session the buyer may try another card.
		if pi.LastPaymentError != nil && !ofSession(pi) {
			return checkout.PaymentFailed
		}
	}
	return checkout.PaymentPending // also what Stripe may invent: it is not final
}

// wasAuthorized tells of a cancelled PaymentIntent whether the bank had said yes.
// An expanded charge says so; of an event's, which is an id, it is known that an
// error is kept where the bank's last word was no.
func wasAuthorized(pi *intent) bool {
	if pi.LatestCharge == nil {
		return false
	}
	if pi.LatestCharge.Status != "" {
		return pi.LatestCharge.Status == stripe.ChargeStatusSucceeded
	}
	return pi.LastPaymentError == nil
}

func intentAmount(pi *intent) int64 {
	switch pi.Status {
	case stripe.PaymentIntentStatusSucceeded:
		return pi.AmountReceived
	case stripe.PaymentIntentStatusRequiresCapture:
		return pi.AmountCapturable
	}
	return pi.Amount
}

// intentAction is where the buyer must go.
func intentAction(pi *intent) *checkout.Action {
	if pi.Status != stripe.PaymentIntentStatusRequiresAction || pi.NextAction == nil {
		return nil
	}
	next := pi.NextAction
	switch {
	case next.RedirectToURL != nil:
		return redirect(next.RedirectToURL.URL)
	case next.UPI != nil:
		return redirect(next.UPI.InstructionsURL)
	}
	return nil
}

func redirect(url string) *checkout.Action { return &checkout.Action{Type: "redirect", URL: url} }

func intentFailure(pi *intent) *checkout.Failure {
	if pi.LastPaymentError != nil {
		return failure(pi.LastPaymentError)
	}
	return &checkout.Failure{Code: "canceled", Message: "The payment was cancelled."}
}

// failure is why a bank or Stripe said no.
func failure(err *refusal) *checkout.Failure {
	code := string(err.Code)
	switch {
	case err.DeclineCode != "" && (code == "" || err.Code == stripe.ErrorCodeCardDeclined):
		code = string(err.DeclineCode)
	case code == "":
		code = string(err.Type)
	}
	message := err.Message
	if message == "" {
		message = "The payment was declined."
	}
	return &checkout.Failure{Code: code, Message: message}
}

// fromSession reads a Checkout Session, with its PaymentIntent where that came
// along.
func (a *account) fromSession(s *session) checkout.PaymentReport {
	report := checkout.PaymentReport{
		PaymentID: ourID(s.Metadata.PaymentID),
		OrderID:   ourID(s.Metadata.OrderID),
		Gateway:   a.config.Name,
		Status:    checkout.PaymentPending,
		Amount:    fromWire(s.AmountTotal, s.Currency),
	}
	if s.PaymentIntent != nil && s.PaymentIntent.Status != "" {
		report = a.fromIntent(s.PaymentIntent)
	}
	report.GatewayRef = s.ID
	if s.PaymentIntent != nil {
		report.ChargeID = s.PaymentIntent.ID
	}
	if report.PaymentID.IsZero() {
		report.PaymentID, _ = checkout.ParseID(s.ClientReferenceID)
	}
	sessionState(&report, s)
	return report
}

// sessionState corrects what the PaymentIntent alone says by what the session
// says: it is the session that ends an unpaid attempt.
func sessionState(report *checkout.PaymentReport, s *session) {
	if report.Status == checkout.PaymentSucceeded || report.Status == checkout.PaymentAuthorized || report.Status == checkout.PaymentVoided {
		return
	}
	switch s.Status {
	case stripe.CheckoutSessionStatusOpen:
		report.Status, report.Failure = checkout.PaymentPending, nil
		report.Action = redirect(s.URL)
		report.ActionExpires = time.Unix(s.ExpiresAt, 0).UTC()
	case stripe.CheckoutSessionStatusExpired:
		report.Status = checkout.PaymentFailed
		report.Failure = &checkout.Failure{Code: failureExpired, Message: "The payment page was closed before the payment was made."}
	case stripe.CheckoutSessionStatusComplete:
		completeState(report, s)
	}
}

// completeState reads a session that the buyer has finished. Unpaid, it waits for
// a slow method, whose failure stands on the PaymentIntent; or the money is only
// authorised, which an event without the PaymentIntent cannot tell.
func completeState(report *checkout.PaymentReport, s *session) {
	pi := s.PaymentIntent
	switch {
	case pi != nil && pi.Status == stripe.PaymentIntentStatusRequiresPaymentMethod && pi.LastPaymentError != nil:
		report.Status, report.Failure = checkout.PaymentFailed, failure(pi.LastPaymentError)
	case pi != nil && pi.Status == "" && s.PaymentStatus == stripe.CheckoutSessionPaymentStatusPaid:
		report.Status = checkout.PaymentSucceeded
	}
}

// fromRefund reads a refund. One that was made in Stripe's dashboard carries no
// id of ours.
func (a *account) fromRefund(r *refundObject) checkout.RefundReport {
	report := checkout.RefundReport{
		RefundID:   ourID(r.Metadata.RefundID),
		Gateway:    a.config.Name,
		GatewayRef: r.ID,
		PaymentID:  ourID(r.Metadata.PaymentID),
		Status:     checkout.RefundPending,
		Amount:     fromWire(r.Amount, r.Currency),
	}
	if r.PaymentIntent != nil {
		report.PaymentRef = r.PaymentIntent.ID
	}
	switch r.Status {
	case stripe.RefundStatusSucceeded:
		report.Status = checkout.RefundSucceeded
	case stripe.RefundStatusFailed, stripe.RefundStatusCanceled:
		report.Status = checkout.RefundFailed
		report.Failure = refundFailure(r)
	}
	return report
}

func refundFailure(r *refundObject) *checkout.Failure {
	code := string(r.FailureReason)
	if code == "" {
		code = string(r.Status)
	}
	return &checkout.Failure{Code: code, Message: "The refund did not reach the buyer."}
}

// ourID reads an id off metadata; what is not one of ours is zero.
func ourID(text string) checkout.ID {
	id, err := checkout.ParseID(text)
	if err != nil {
		return checkout.ID{}
	}
	return id
}
