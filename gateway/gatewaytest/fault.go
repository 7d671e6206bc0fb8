package gatewaytest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/gateway"
)

// certain is the kind of error that each fault leaves a create call with.
var certain = map[Fault]gateway.Kind{
	FaultServerError: gateway.Unknown,
	FaultResetBefore: gateway.Unknown,
	FaultResetAfter:  gateway.Unknown,
	FaultMalformed:   gateway.Unknown,
	FaultRateLimit:   gateway.Unavailable,
}

// An adapter may repeat by itself what cannot act twice: then the fault does not
// show. If it shows, its kind is right; either way a look-up finds what is so.
func testCreateFaults(t *testing.T, h Harness) {
	for fault, kind := range certain {
		ctx := t.Context()
		req := newTokenRequest(t, h, h.Tokens.Succeed)
		h.Fault(t, fault)
		if _, err := h.Gateway.Create(ctx, req); err != nil {
			requireKind(t, h, err, kind)
		}
		requireTruthFound(t, h, req, fault)
	}
}

// requireTruthFound looks up an attempt whose answer was lost.
func requireTruthFound(t *testing.T, h Harness, req gateway.CreateRequest, fault Fault) {
	t.Helper()
	truth := h.Truth(t, req.PaymentID)
	require.LessOrEqual(t, truth.Attempts, 1, "%s", fault)
	found, err := h.Gateway.LookUp(t.Context(), lost(req))
	require.NoError(t, err, "%s", fault)
	require.Equal(t, truth.Attempts == 0, found.NotFound, "%s", fault)
	require.Equal(t, truth.Captured > 0, found.Status == checkout.PaymentSucceeded, "%s", fault)
}

func testCreateAnswerLost(t *testing.T, h Harness) {
	ctx := t.Context()
	req := newTokenRequest(t, h, h.Tokens.Succeed)
	h.Fault(t, FaultResetAfter)
	if _, err := h.Gateway.Create(ctx, req); err != nil {
		requireKind(t, h, err, gateway.Unknown)
	}
	require.Equal(t, 1, h.Truth(t, req.PaymentID).Attempts)

	found, err := h.Gateway.LookUp(ctx, lost(req))
	require.NoError(t, err)
	again := create(ctx, t, h, req)
	require.Equal(t, found.GatewayRef, again.GatewayRef, "the key leads to the same attempt")
	require.Equal(t, 1, h.Truth(t, req.PaymentID).Attempts)
}

func testCreateAfterRateLimit(t *testing.T, h Harness) {
	ctx := t.Context()
	req := newTokenRequest(t, h, h.Tokens.Succeed)
	h.Fault(t, FaultRateLimit)
	_, err := h.Gateway.Create(ctx, req)
	requireKind(t, h, err, gateway.Unavailable)
	require.Zero(t, h.Truth(t, req.PaymentID).Attempts)
	create(ctx, t, h, req)
	require.Equal(t, 1, h.Truth(t, req.PaymentID).Attempts)
}

// A look-up that was not answered knows nothing, least of all that there is
// nothing.
func testLookUpFaults(t *testing.T, h Harness) {
	ctx := t.Context()
	req, report := pay(ctx, t, h, unchanged)
	for fault := range certain {
		for _, ask := range []gateway.LookUpRequest{named(req, report), lost(req)} {
			h.Fault(t, fault)
			found, err := h.Gateway.LookUp(ctx, ask)
			if err != nil {
				requireKind(t, h, err, gateway.Unknown, gateway.Unavailable)
				continue
			}
			requireCaptured(t, h, req, found, req.Amount)
		}
	}
}

func testCaptureFaults(t *testing.T, h Harness) {
	ctx := t.Context()
	for fault, kind := range certain {
		req, report := pay(ctx, t, h, manually)
		h.Fault(t, fault)
		captured, err := h.Gateway.Capture(ctx, act(req, report, "capture", 1))
		if err == nil {
			requireCaptured(t, h, req, captured, req.Amount)
		} else {
			requireKind(t, h, err, kind)
		}
		captured, err = h.Gateway.Capture(ctx, act(req, report, "capture", 2))
		require.NoError(t, err, "%s: the next call finds the money or takes it", fault)
		requireCaptured(t, h, req, captured, req.Amount)
	}
}

func testRefundFaults(t *testing.T, h Harness) {
	ctx := t.Context()
	for fault, kind := range certain {
		req, report := pay(ctx, t, h, unchanged)
		ask := newRefund(t, req, report, req.Amount)
		h.Fault(t, fault)
		if _, err := h.Gateway.Refund(ctx, ask); err != nil {
			requireKind(t, h, err, kind)
		}
		truth := h.Truth(t, req.PaymentID)
		found, err := h.Gateway.LookUpRefund(ctx, ask)
		require.NoError(t, err, "%s", fault)
		require.Equal(t, truth.Refunds == 0, found.NotFound, "%s", fault)
	}
}

// An adapter's own timeout ends a call while its caller would still wait.
func testHang(t *testing.T, h Harness) {
	req, report := pay(t.Context(), t, h, unchanged)
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	for name, call := range calls(t, h.Impatient, req, report) {
		h.Fault(t, FaultHang)
		err := call(ctx)
		requireKind(t, h, err, gateway.Unknown)
		require.NoError(t, ctx.Err(), "%s kept to its own timeout", name)
	}
}

// A caller that gives up is let go at once.
func testHangCancelled(t *testing.T, h Harness) {
	req, report := pay(t.Context(), t, h, unchanged)
	for name, call := range calls(t, h.Gateway, req, report) {
		h.Fault(t, FaultHang)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		done := make(chan error, 1)
		go func() { done <- call(ctx) }()
		select {
		case err := <-done:
			requireKind(t, h, err, gateway.Unknown)
		case <-time.After(bound):
			require.FailNow(t, name+" did not return when its context ended")
		}
		cancel()
	}
}

// calls are the calls over the network that every adapter has.
func calls(t *testing.T, g gateway.Gateway, req gateway.CreateRequest, report checkout.PaymentReport) map[string]func(context.Context) error {
	t.Helper()
	other := req
	other.PaymentID = newID(t)
	other.Key = gateway.CreateKey(other.PaymentID, 1)
	ask := newRefund(t, req, report, req.Amount)
	return map[string]func(context.Context) error{
		"Create":       func(ctx context.Context) error { _, err := g.Create(ctx, other); return err },
		"LookUp":       func(ctx context.Context) error { _, err := g.LookUp(ctx, named(req, report)); return err },
		"Refund":       func(ctx context.Context) error { _, err := g.Refund(ctx, ask); return err },
		"LookUpRefund": func(ctx context.Context) error { _, err := g.LookUpRefund(ctx, ask); return err },
	}
}
