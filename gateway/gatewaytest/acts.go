package gatewaytest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/gateway"
)

func testAuthorize(t *testing.T, h Harness) {
	req, report := pay(t.Context(), t, h, manually)
	require.Equal(t, checkout.PaymentAuthorized, report.Status)
	require.Equal(t, req.Amount, report.Amount)
	require.NotEmpty(t, report.ChargeID)
	require.Equal(t, Truth{Attempts: 1, Authorized: req.Amount.Minor}, h.Truth(t, req.PaymentID))
}

func testCapture(t *testing.T, h Harness) {
	ctx := t.Context()
	req, report := pay(ctx, t, h, manually)
	for _, call := range []int{1, 1, 2} { // capturing what is captured says the same
		captured, err := h.Gateway.Capture(ctx, act(req, report, "capture", call))
		require.NoError(t, err)
		requireCaptured(t, h, req, captured, req.Amount)
	}
	require.Equal(t, Truth{Attempts: 1, Captured: req.Amount.Minor}, h.Truth(t, req.PaymentID))
}

func testCaptureLess(t *testing.T, h Harness) {
	ctx := t.Context()
	req, report := pay(ctx, t, h, manually)
	less := act(req, report, "capture", 1)
	less.Amount = half(req.Amount)
	captured, err := h.Gateway.Capture(ctx, less)
	require.NoError(t, err)
	requireCaptured(t, h, req, captured, less.Amount)
	require.Zero(t, h.Truth(t, req.PaymentID).Authorized, "the rest is free again")
}

// More than was authorised cannot be taken, and the authorisation stands.
func testCaptureMore(t *testing.T, h Harness) {
	ctx := t.Context()
	req, report := pay(ctx, t, h, manually)
	more := act(req, report, "capture", 1)
	more.Amount.Minor *= 2
	_, err := h.Gateway.Capture(ctx, more)
	requireKind(t, h, err, gateway.Refused)
	require.Equal(t, Truth{Attempts: 1, Authorized: req.Amount.Minor}, h.Truth(t, req.PaymentID))
}

func testVoid(t *testing.T, h Harness) {
	ctx := t.Context()
	req, report := pay(ctx, t, h, manually)
	for _, call := range []int{1, 1, 2} { // voiding what is void says the same
		void, err := h.Gateway.Void(ctx, act(req, report, "void", call))
		require.NoError(t, err)
		require.Equal(t, checkout.PaymentVoided, void.Status)
	}
	require.Equal(t, checkout.PaymentVoided, lookUp(ctx, t, h, req, report).Status)
	require.Equal(t, Truth{Attempts: 1}, h.Truth(t, req.PaymentID))
}

// What is captured cannot be voided, and what is void cannot be captured: the
// answer is the truth or a refusal, and the books stay.
func testVoidCaptured(t *testing.T, h Harness) {
	ctx := t.Context()
	req, report := pay(ctx, t, h, unchanged)
	void, err := h.Gateway.Void(ctx, act(req, report, "void", 1))
	if err != nil {
		requireKind(t, h, err, gateway.Refused)
	} else {
		require.Equal(t, checkout.PaymentSucceeded, void.Status)
	}
	require.Equal(t, req.Amount.Minor, h.Truth(t, req.PaymentID).Captured)
}

func testCaptureVoid(t *testing.T, h Harness) {
	ctx := t.Context()
	req, report := pay(ctx, t, h, manually)
	_, err := h.Gateway.Void(ctx, act(req, report, "void", 1))
	require.NoError(t, err)
	captured, err := h.Gateway.Capture(ctx, act(req, report, "capture", 1))
	if err != nil {
		requireKind(t, h, err, gateway.Refused)
	} else {
		require.Equal(t, checkout.PaymentVoided, captured.Status)
	}
	require.Zero(t, h.Truth(t, req.PaymentID).Captured)
}

func testLacksCapture(t *testing.T, h Harness) {
	ctx := t.Context()
	req := newRequest(t, h)
	report := create(ctx, t, h, req)
	_, err := h.Gateway.Capture(ctx, act(req, report, "capture", 1))
	requireKind(t, h, err, gateway.Unsupported)

	manual := newRequest(t, h)
	manual.ManualCapture = true
	_, err = h.Gateway.Create(ctx, manual)
	requireKind(t, h, err, gateway.Unsupported, gateway.Refused)
}

func testLacksVoid(t *testing.T, h Harness) {
	ctx := t.Context()
	req := newRequest(t, h)
	report := create(ctx, t, h, req)
	_, err := h.Gateway.Void(ctx, act(req, report, "void", 1))
	requireKind(t, h, err, gateway.Unsupported)
}
