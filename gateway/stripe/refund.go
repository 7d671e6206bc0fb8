package stripe

import (
	"context"
	"strings"

	"github.com/stripe/stripe-go/v85"

	"kassa/checkout"
	"kassa/gateway"
)

// Refund gives money back. A refusal may come of the very same refund having
// been made under another key; so it is looked for before the refusal counts.
func (a *account) Refund(ctx context.Context, req gateway.RefundRequest) (checkout.RefundReport, error) {
	ctx, cancel := a.deadline(ctx)
	defer cancel()
	amount, err := a.wireAmount(req.Amount)
	if err != nil {
		return checkout.RefundReport{}, err
	}
	charge, err := a.chargeOf(ctx, paymentOf(req))
	if err != nil {
		return checkout.RefundReport{}, err
	}
	made, err := a.client.V1Refunds.Create(ctx, refundParams(req, charge, amount))
	if err == nil {
		return a.refundAnswered(req, made)
	}
	refusal := a.fail(err)
	if gateway.KindOf(refusal) != gateway.Refused {
		return checkout.RefundReport{}, refusal
	}
	found, err := a.findRefund(ctx, req, charge)
	if err != nil {
		return checkout.RefundReport{}, err // the refusal may mean that it is done: ask again
	}
	if found.NotFound {
		return checkout.RefundReport{}, refusal
	}
	return found, nil
}

func refundParams(req gateway.RefundRequest, charge string, amount wireMoney) *stripe.RefundCreateParams {
	params := &stripe.RefundCreateParams{
		Amount:        stripe.Int64(amount.minor),
		Metadata:      map[string]string{keyRefund: req.RefundID.String(), keyPayment: req.PaymentID.String()},
		PaymentIntent: stripe.String(charge),
		Reason:        refundReason(req.Reason),
	}
	params.SetIdempotencyKey(req.Key)
	return params
}

// refundReason is one of the three that Stripe knows, or left out: a reason has
// consequences there, so none is guessed.
func refundReason(reason string) *string {
	switch stripe.RefundReason(reason) {
	case stripe.RefundReasonDuplicate, stripe.RefundReasonFraudulent, stripe.RefundReasonRequestedByCustomer:
		return &reason
	}
	return nil
}

// LookUpRefund reads the refund by its reference, or searches for it among its
// payment's.
func (a *account) LookUpRefund(ctx context.Context, req gateway.RefundRequest) (checkout.RefundReport, error) {
	ctx, cancel := a.deadline(ctx)
	defer cancel()
	if strings.HasPrefix(req.RefundRef, "re_") || strings.HasPrefix(req.RefundRef, "pyr_") {
		found, err := a.client.V1Refunds.Retrieve(ctx, req.RefundRef, nil)
		if err != nil {
			return checkout.RefundReport{}, a.fail(err)
		}
		return a.refundAnswered(req, found)
	}
	charge, err := a.chargeOf(ctx, paymentOf(req))
	if err != nil {
		return checkout.RefundReport{}, err
	}
	return a.findRefund(ctx, req, charge)
}

// findRefund searches a payment's refunds for ours.
func (a *account) findRefund(ctx context.Context, req gateway.RefundRequest, charge string) (checkout.RefundReport, error) {
	found := checkout.RefundReport{
		RefundID: req.RefundID, Gateway: a.config.Name, PaymentID: req.PaymentID, PaymentRef: charge, NotFound: true,
	}
	params := &stripe.RefundListParams{PaymentIntent: stripe.String(charge)}
	params.Limit = stripe.Int64(pageSize)
	err := each(ctx, a, a.client.V1Refunds.List(ctx, params), func(r *stripe.Refund) {
		report := a.fromRefund(r)
		if report.RefundID == req.RefundID && (found.NotFound || found.Status == checkout.RefundFailed) {
			found = report
		}
	})
	if err != nil {
		return checkout.RefundReport{}, err
	}
	return found, nil
}

func (a *account) refundAnswered(req gateway.RefundRequest, r *stripe.Refund) (checkout.RefundReport, error) {
	if r.ID == "" {
		return checkout.RefundReport{}, a.unread("the answer names no object")
	}
	report := a.fromRefund(r)
	report.RefundID, report.PaymentID = req.RefundID, req.PaymentID
	return report, nil
}

func paymentOf(req gateway.RefundRequest) gateway.LookUpRequest {
	return gateway.LookUpRequest{PaymentID: req.PaymentID, GatewayRef: req.GatewayRef, ChargeID: req.ChargeID}
}
