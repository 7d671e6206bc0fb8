package stripe

import (
	"context"

	"github.com/stripe/stripe-go/v85"

	"kassa/checkout"
	"kassa/gateway"
)

// Closing, capturing and voiding move a state that Stripe moves once. What was
// done already is refused, and then the truth is read.

// Close expires the session or cancels the PaymentIntent.
func (a *account) Close(ctx context.Context, req gateway.ActRequest) (checkout.PaymentReport, error) {
	ctx, cancel := a.deadline(ctx)
	defer cancel()
	if unreferenced(req.LookUpRequest) {
		found, err := a.search(ctx, req.LookUpRequest)
		if err != nil || found.NotFound {
			return found, err
		}
		req.GatewayRef, req.ChargeID = found.GatewayRef, found.ChargeID
	}
	if session := sessionRef(req.LookUpRequest); session != "" {
		return a.closeSession(ctx, req, session)
	}
	id, err := a.chargeOf(ctx, req.LookUpRequest)
	if err != nil {
		return checkout.PaymentReport{}, err
	}
	return a.closeIntent(ctx, req, id)
}

func (a *account) closeSession(ctx context.Context, req gateway.ActRequest, id string) (checkout.PaymentReport, error) {
	var s session
	if err := a.call(ctx, post(sessionPath(id)+"/expire", req.Key, expanded("payment_intent.latest_charge")), &s); err != nil {
		return a.settled(ctx, req.LookUpRequest, a.fail(err))
	}
	return a.answered(req.PaymentID, a.fromSession(&s))
}

// closeIntent reads first: cancelling would also void money that the buyer has
// just authorised, and that is not for us to decide.
func (a *account) closeIntent(ctx context.Context, req gateway.ActRequest, id string) (checkout.PaymentReport, error) {
	report, err := a.readIntent(ctx, req.PaymentID, id)
	if err != nil || report.Status != checkout.PaymentPending {
		return report, err
	}
	return a.cancelIntent(ctx, req, id, stripe.PaymentIntentCancellationReasonAbandoned)
}

// Void cancels the PaymentIntent, which gives its authorisation free.
func (a *account) Void(ctx context.Context, req gateway.ActRequest) (checkout.PaymentReport, error) {
	ctx, cancel := a.deadline(ctx)
	defer cancel()
	id, err := a.chargeOf(ctx, req.LookUpRequest)
	if err != nil {
		return checkout.PaymentReport{}, err
	}
	return a.cancelIntent(ctx, req, id, stripe.PaymentIntentCancellationReasonRequestedByCustomer)
}

func (a *account) cancelIntent(ctx context.Context, req gateway.ActRequest, id string, reason stripe.PaymentIntentCancellationReason) (checkout.PaymentReport, error) {
	f := expanded("latest_charge")
	f.add("cancellation_reason", string(reason))
	var pi intent
	if err := a.call(ctx, post(intentPath(id)+"/cancel", req.Key, f), &pi); err != nil {
		return a.settled(ctx, req.LookUpRequest, a.fail(err))
	}
	return a.acted(req, &pi)
}

// Capture takes the amount; what else was authorised is given free.
func (a *account) Capture(ctx context.Context, req gateway.ActRequest) (checkout.PaymentReport, error) {
	ctx, cancel := a.deadline(ctx)
	defer cancel()
	amount, err := a.wireAmount(req.Amount)
	if err != nil {
		return checkout.PaymentReport{}, err
	}
	id, err := a.chargeOf(ctx, req.LookUpRequest)
	if err != nil {
		return checkout.PaymentReport{}, err
	}
	var f form
	f.addInt("amount_to_capture", amount.minor)
	var pi intent
	if err := a.call(ctx, post(intentPath(id)+"/capture", req.Key, f), &pi); err != nil {
		return a.settled(ctx, req.LookUpRequest, a.fail(err))
	}
	return a.acted(req, &pi)
}

// acted reports on a PaymentIntent under the reference that its attempt has.
func (a *account) acted(req gateway.ActRequest, pi *intent) (checkout.PaymentReport, error) {
	report := a.fromIntent(pi)
	if session := sessionRef(req.LookUpRequest); session != "" {
		report.GatewayRef = session
	}
	return a.answered(req.PaymentID, report)
}

// settled answers for a refused act: with the truth where the attempt has come
// to an end, else with the refusal.
func (a *account) settled(ctx context.Context, req gateway.LookUpRequest, refusal error) (checkout.PaymentReport, error) {
	if gateway.KindOf(refusal) != gateway.Refused {
		return checkout.PaymentReport{}, refusal
	}
	report, err := a.lookUp(ctx, req)
	if err != nil {
		return checkout.PaymentReport{}, err // the refusal may mean that it is done: ask again
	}
	if report.NotFound || report.Status == checkout.PaymentPending || report.Status == checkout.PaymentAuthorized {
		return checkout.PaymentReport{}, refusal
	}
	return report, nil
}

// chargeOf finds the PaymentIntent of an attempt: what moves its money.
func (a *account) chargeOf(ctx context.Context, req gateway.LookUpRequest) (string, error) {
	if id := intentRef(req); id != "" {
		return id, nil
	}
	session := sessionRef(req)
	if session == "" {
		return "", a.foreign(req)
	}
	report, err := a.readSession(ctx, req.PaymentID, session)
	if err != nil {
		return "", err
	}
	if report.ChargeID == "" {
		return "", a.refuse("no_charge", "the buyer has not paid yet, so there is nothing to act on")
	}
	return report.ChargeID, nil
}
