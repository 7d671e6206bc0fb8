package stripe

import (
	"context"
	"net/url"
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
	var made refundObject
	err = a.call(ctx, post("/v1/refunds", req.Key, refundForm(req, charge, amount)), &made)
	if err == nil {
		return a.refundAnswered(req, &made)
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

func refundForm(req gateway.RefundRequest, charge string, amount wireMoney) (f form) {
	f.addInt("amount", amount.minor)
	f.add("metadata["+keyPayment+"]", req.PaymentID.String())
	f.add("metadata["+keyRefund+"]", req.RefundID.String())
	f.add("payment_intent", charge)
	f.add("reason", refundReason(req.Reason))
	return f
}

// refundReason is one of the three that Stripe knows, or left out: a reason has
// consequences there, so none is guessed.
func refundReason(reason string) string {
	switch stripe.RefundReason(reason) {
	case stripe.RefundReasonDuplicate, stripe.RefundReasonFraudulent, stripe.RefundReasonRequestedByCustomer:
		return reason
	}
	return ""
}

// LookUpRefund reads the refund by its reference, or searches for it among its
// payment's.
func (a *account) LookUpRefund(ctx context.Context, req gateway.RefundRequest) (checkout.RefundReport, error) {
	ctx, cancel := a.deadline(ctx)
	defer cancel()
	if strings.HasPrefix(req.RefundRef, "re_") || strings.HasPrefix(req.RefundRef, "pyr_") {
		var found refundObject
		if err := a.call(ctx, get("/v1/refunds/"+url.PathEscape(req.RefundRef), form{}), &found); err != nil {
			return checkout.RefundReport{}, a.fail(err)
		}
		return a.refundAnswered(req, &found)
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
	var f form
	f.add("payment_intent", charge)
	err := each(ctx, a, "/v1/refunds", f, func(r *refundObject) string { return r.ID }, func(r *refundObject) {
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

func (a *account) refundAnswered(req gateway.RefundRequest, r *refundObject) (checkout.RefundReport, error) {
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
