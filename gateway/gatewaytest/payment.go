package gatewaytest

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/gateway"
)

func testCapabilities(t *testing.T, h Harness) {
	caps := h.Gateway.Capabilities()
	require.Contains(t, caps.Methods, h.Method)
	require.True(t, caps.Offers(h.Method, h.Amount.Currency))
	require.False(t, caps.Offers("barter", h.Amount.Currency))
	require.True(t, caps.Tokens || !tokens(h), "an adapter that takes tokens says so")
	require.Equal(t, caps, h.Gateway.Capabilities(), "capabilities do not change")
}

func testOpenAttempt(t *testing.T, h Harness) {
	ctx := t.Context()
	req := newRequest(t, h)
	report := create(ctx, t, h, req)
	require.Equal(t, checkout.PaymentPending, report.Status)
	require.NotEmpty(t, report.GatewayRef)
	require.Nil(t, report.Failure)

	found := lookUp(ctx, t, h, req, report)
	require.Equal(t, checkout.PaymentPending, found.Status, "a buyer who takes his time has not failed")
	require.Equal(t, report.GatewayRef, found.GatewayRef)
	if h.Truth != nil {
		require.Equal(t, Truth{Attempts: 1}, h.Truth(t, req.PaymentID))
	}
}

func testPage(t *testing.T, h Harness) {
	ctx := t.Context()
	req := newRequest(t, h)
	report := create(ctx, t, h, req)
	require.NotNil(t, report.Action, "the buyer must be sent somewhere")
	h.Pay(t, report)

	found := lookUp(ctx, t, h, req, report)
	requireCaptured(t, h, req, found, req.Amount)
	require.Equal(t, report.GatewayRef, found.GatewayRef)
}

// A vendor's page lets the buyer try again or ends there; no money moved.
func testPageDeclined(t *testing.T, h Harness) {
	ctx := t.Context()
	req := newRequest(t, h)
	report := create(ctx, t, h, req)
	h.Decline(t, report)

	found := lookUp(ctx, t, h, req, report)
	require.Contains(t, []checkout.PaymentStatus{checkout.PaymentPending, checkout.PaymentFailed}, found.Status)
	require.Zero(t, h.Truth(t, req.PaymentID).Captured)
}

func testToken(t *testing.T, h Harness) {
	ctx := t.Context()
	req := newTokenRequest(t, h, h.Tokens.Succeed)
	report := create(ctx, t, h, req)
	requireCaptured(t, h, req, report, req.Amount)
	require.Nil(t, report.Action)
	requireCaptured(t, h, req, lookUp(ctx, t, h, req, report), req.Amount)
}

func testTokenDeclined(t *testing.T, h Harness) {
	ctx := t.Context()
	req := newTokenRequest(t, h, h.Tokens.Decline)
	report := create(ctx, t, h, req)
	requireFailed(t, report)
	requireFailed(t, lookUp(ctx, t, h, req, report))
	require.Zero(t, h.Truth(t, req.PaymentID).Captured)
}

func requireFailed(t *testing.T, report checkout.PaymentReport) {
	t.Helper()
	require.Equal(t, checkout.PaymentFailed, report.Status)
	require.NotNil(t, report.Failure, "a failure has a reason")
	require.NotEmpty(t, report.Failure.Code)
	require.NotEmpty(t, report.Failure.Message)
	require.Nil(t, report.Action)
}

func testAuthentication(t *testing.T, h Harness) {
	ctx := t.Context()
	req := newTokenRequest(t, h, h.Tokens.Authenticate)
	report := create(ctx, t, h, req)
	require.Equal(t, checkout.PaymentPending, report.Status)
	require.NotNil(t, report.Action)
	h.Pay(t, report)
	requireCaptured(t, h, req, lookUp(ctx, t, h, req, report), req.Amount)
}

func testAuthenticationFailed(t *testing.T, h Harness) {
	ctx := t.Context()
	req := newTokenRequest(t, h, h.Tokens.Authenticate)
	report := create(ctx, t, h, req)
	h.Decline(t, report)
	requireFailed(t, lookUp(ctx, t, h, req, report))
	require.Zero(t, h.Truth(t, req.PaymentID).Captured)
}

func testRepeat(t *testing.T, h Harness) {
	ctx := t.Context()
	req := newRequest(t, h)
	first := create(ctx, t, h, req)
	again := create(ctx, t, h, req)
	require.Equal(t, first.GatewayRef, again.GatewayRef)
	require.Equal(t, first.Status, again.Status)
	if h.Truth != nil {
		require.Equal(t, 1, h.Truth(t, req.PaymentID).Attempts)
	}
}

func testRepeatToken(t *testing.T, h Harness) {
	ctx := t.Context()
	req := newTokenRequest(t, h, h.Tokens.Succeed)
	first := create(ctx, t, h, req)
	again := create(ctx, t, h, req)
	require.Equal(t, first.ChargeID, again.ChargeID)
	requireOneCharge(t, h, req)
}

func requireOneCharge(t *testing.T, h Harness, req gateway.CreateRequest) {
	t.Helper()
	require.Equal(t, Truth{Attempts: 1, Captured: req.Amount.Minor}, h.Truth(t, req.PaymentID))
}

// A call that finds the same key in use may say that it knows nothing, never
// that the attempt failed.
func testRepeatAtOnce(t *testing.T, h Harness) {
	const copies = 20
	req := newTokenRequest(t, h, h.Tokens.Succeed)
	reports := make([]checkout.PaymentReport, copies)
	errs := make([]error, copies)
	var all sync.WaitGroup
	for i := range copies {
		all.Go(func() { reports[i], errs[i] = h.Gateway.Create(t.Context(), req) })
	}
	all.Wait()

	refs := map[string]bool{}
	for i, err := range errs {
		if err != nil {
			requireKind(t, h, err, gateway.Unknown, gateway.Unavailable)
			continue
		}
		require.NotEqual(t, checkout.PaymentFailed, reports[i].Status)
		refs[reports[i].GatewayRef] = true
	}
	require.Len(t, refs, 1, "every answer names the same attempt")
	require.Equal(t, 1, h.Truth(t, req.PaymentID).Attempts)
	if req.Token != "" {
		requireOneCharge(t, h, req)
	}
}

func testFoundWithoutReferences(t *testing.T, h Harness) {
	ctx := t.Context()
	req := newRequest(t, h)
	report := create(ctx, t, h, req)
	found, err := h.Gateway.LookUp(ctx, lost(req))
	require.NoError(t, err)
	require.False(t, found.NotFound)
	require.Equal(t, report.GatewayRef, found.GatewayRef)
	require.Equal(t, checkout.PaymentPending, found.Status)
}

func testPaidFoundWithoutReferences(t *testing.T, h Harness) {
	ctx := t.Context()
	req, report := pay(ctx, t, h, unchanged)
	found, err := h.Gateway.LookUp(ctx, lost(req))
	require.NoError(t, err)
	require.Equal(t, report.GatewayRef, found.GatewayRef)
	requireCaptured(t, h, req, found, req.Amount)
}

func testNotFound(t *testing.T, h Harness) {
	ctx := t.Context()
	create(ctx, t, h, newRequest(t, h)) // another's attempt is not this one's
	req := newRequest(t, h)
	found, err := h.Gateway.LookUp(ctx, lost(req))
	require.NoError(t, err)
	require.True(t, found.NotFound)
	require.Equal(t, req.PaymentID, found.PaymentID)
	require.Empty(t, found.GatewayRef)
}

func testCloseOpen(t *testing.T, h Harness) {
	ctx := t.Context()
	req := newRequest(t, h)
	report := create(ctx, t, h, req)
	for _, call := range []int{1, 1, 2} { // closing what is closed says the same
		closed, err := h.Gateway.Close(ctx, act(req, report, "close", call))
		require.NoError(t, err)
		require.Equal(t, checkout.PaymentFailed, closed.Status)
		require.NotNil(t, closed.Failure)
		require.Equal(t, report.GatewayRef, closed.GatewayRef)
	}
	if h.Truth != nil {
		require.Equal(t, checkout.PaymentFailed, lookUp(ctx, t, h, req, report).Status)
		require.Zero(t, h.Truth(t, req.PaymentID).Captured)
	}
}

func testCloseAuthenticating(t *testing.T, h Harness) {
	ctx := t.Context()
	req := newTokenRequest(t, h, h.Tokens.Authenticate)
	report := create(ctx, t, h, req)
	closed, err := h.Gateway.Close(ctx, act(req, report, "close", 1))
	require.NoError(t, err)
	require.Equal(t, checkout.PaymentFailed, closed.Status)
	require.Equal(t, checkout.PaymentFailed, lookUp(ctx, t, h, req, report).Status)
}

// The buyer may have paid a moment before: closing must find that out.
func testClosePaid(t *testing.T, h Harness) {
	ctx := t.Context()
	req := newRequest(t, h)
	report := create(ctx, t, h, req)
	h.Pay(t, report)
	closed, err := h.Gateway.Close(ctx, act(req, report, "close", 1))
	require.NoError(t, err)
	requireCaptured(t, h, req, closed, req.Amount)
}

func testLacksClose(t *testing.T, h Harness) {
	req := newRequest(t, h)
	report := create(t.Context(), t, h, req)
	_, err := h.Gateway.Close(t.Context(), act(req, report, "close", 1))
	requireKind(t, h, err, gateway.Unsupported)
}

func testEndedContext(t *testing.T, h Harness) {
	req := newRequest(t, h)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := h.Gateway.Create(ctx, req)
	requireKind(t, h, err, gateway.Unknown, gateway.Unavailable)
}
