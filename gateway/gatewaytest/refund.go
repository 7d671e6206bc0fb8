package gatewaytest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/gateway"
	"kassa/money"
)

func newRefund(t *testing.T, req gateway.CreateRequest, report checkout.PaymentReport, amount money.Money) gateway.RefundRequest {
	t.Helper()
	id := newID(t)
	return gateway.RefundRequest{
		RefundID: id, PaymentID: req.PaymentID,
		GatewayRef: report.GatewayRef, ChargeID: report.ChargeID,
		Key: gateway.RefundKey(id, 1), Amount: amount, Reason: "damaged in transit", CreatedAt: time.Now(),
	}
}

// refund gives back money and must not fail.
func refund(ctx context.Context, t *testing.T, h Harness, req gateway.RefundRequest) checkout.RefundReport {
	t.Helper()
	report, err := h.Gateway.Refund(ctx, req)
	require.NoError(t, err)
	require.Equal(t, req.RefundID, report.RefundID)
	require.Contains(t, []checkout.RefundStatus{checkout.RefundPending, checkout.RefundSucceeded}, report.Status)
	require.Equal(t, req.Amount, report.Amount)
	require.NotEmpty(t, report.GatewayRef)
	return report
}

func testRefundFull(t *testing.T, h Harness) {
	ctx := t.Context()
	req, report := pay(ctx, t, h, unchanged)
	ask := newRefund(t, req, report, req.Amount)
	made := refund(ctx, t, h, ask)

	ask.RefundRef = made.GatewayRef
	found, err := h.Gateway.LookUpRefund(ctx, ask)
	require.NoError(t, err)
	require.Equal(t, made.GatewayRef, found.GatewayRef)
	require.Equal(t, ask.RefundID, found.RefundID)
	require.NotEqual(t, checkout.RefundFailed, found.Status)
	require.Equal(t, 1, h.Truth(t, req.PaymentID).Refunds)
	require.Equal(t, req.Amount.Minor, h.Truth(t, req.PaymentID).Refunded)
	require.Equal(t, checkout.PaymentSucceeded, lookUp(ctx, t, h, req, report).Status, "a refund does not undo the payment's success")
}

// Two refunds of one amount are two refunds; they are told apart by their ids.
func testRefundParts(t *testing.T, h Harness) {
	ctx := t.Context()
	req, report := pay(ctx, t, h, unchanged)
	one, two := newRefund(t, req, report, half(req.Amount)), newRefund(t, req, report, half(req.Amount))
	first, second := refund(ctx, t, h, one), refund(ctx, t, h, two)
	require.NotEqual(t, first.GatewayRef, second.GatewayRef)

	found, err := h.Gateway.LookUpRefund(ctx, two)
	require.NoError(t, err)
	require.Equal(t, second.GatewayRef, found.GatewayRef)
	require.Equal(t, 2, h.Truth(t, req.PaymentID).Refunds)
}

func testRefundRepeated(t *testing.T, h Harness) {
	ctx := t.Context()
	req, report := pay(ctx, t, h, unchanged)
	ask := newRefund(t, req, report, half(req.Amount))
	first, again := refund(ctx, t, h, ask), refund(ctx, t, h, ask)
	require.Equal(t, first.GatewayRef, again.GatewayRef)
	require.Equal(t, 1, h.Truth(t, req.PaymentID).Refunds)
	require.Equal(t, ask.Amount.Minor, h.Truth(t, req.PaymentID).Refunded)
}

// A second call of one refund, with a new key, may find it done: it says so and
// gives nothing back twice.
func testRefundFullTwice(t *testing.T, h Harness) {
	ctx := t.Context()
	req, report := pay(ctx, t, h, unchanged)
	ask := newRefund(t, req, report, req.Amount)
	first := refund(ctx, t, h, ask)
	ask.Key = gateway.RefundKey(ask.RefundID, 3) // two calls share a key
	again := refund(ctx, t, h, ask)
	require.Equal(t, first.GatewayRef, again.GatewayRef)
	require.Equal(t, req.Amount.Minor, h.Truth(t, req.PaymentID).Refunded)
}

func testRefundTooMuch(t *testing.T, h Harness) {
	ctx := t.Context()
	req, report := pay(ctx, t, h, unchanged)
	more := money.New(req.Amount.Minor*2, req.Amount.Currency)
	_, err := h.Gateway.Refund(ctx, newRefund(t, req, report, more))
	requireKind(t, h, err, gateway.Refused)

	refund(ctx, t, h, newRefund(t, req, report, req.Amount))
	_, err = h.Gateway.Refund(ctx, newRefund(t, req, report, req.Amount))
	requireKind(t, h, err, gateway.Refused)
	require.Equal(t, req.Amount.Minor, h.Truth(t, req.PaymentID).Refunded)
}

func testRefundNotFound(t *testing.T, h Harness) {
	ctx := t.Context()
	req, report := pay(ctx, t, h, unchanged)
	ask := newRefund(t, req, report, req.Amount)
	found, err := h.Gateway.LookUpRefund(ctx, ask)
	require.NoError(t, err)
	require.True(t, found.NotFound)
	require.Equal(t, ask.RefundID, found.RefundID)
}

func testRefundFailsLater(t *testing.T, h Harness) {
	ctx := t.Context()
	req, report := pay(ctx, t, h, unchanged)
	fail := h.SpoilRefunds(t, report)
	ask := newRefund(t, req, report, req.Amount)
	made := refund(ctx, t, h, ask)
	fail()

	ask.RefundRef = made.GatewayRef
	found, err := h.Gateway.LookUpRefund(ctx, ask)
	require.NoError(t, err)
	require.Equal(t, checkout.RefundFailed, found.Status)
	require.NotNil(t, found.Failure)
	require.NotEmpty(t, found.Failure.Code)
	require.Zero(t, h.Truth(t, req.PaymentID).Refunded)
}

func testRefundAnswerLost(t *testing.T, h Harness) {
	ctx := t.Context()
	req, report := pay(ctx, t, h, unchanged)
	ask := newRefund(t, req, report, req.Amount)
	h.Fault(t, FaultResetAfter)
	if _, err := h.Gateway.Refund(ctx, ask); err != nil {
		requireKind(t, h, err, gateway.Unknown)
	}

	found, err := h.Gateway.LookUpRefund(ctx, ask)
	require.NoError(t, err)
	require.False(t, found.NotFound, "the refund was made")
	require.Equal(t, ask.RefundID, found.RefundID)
	require.Equal(t, found.GatewayRef, refund(ctx, t, h, ask).GatewayRef)
	require.Equal(t, 1, h.Truth(t, req.PaymentID).Refunds)
}
