package sandbox

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/stripe/stripe-go/v85"
)

// refund asks for amount of a payment, all of it where amount is 0.
func (b *bench) refund(id string, amount int64) (*stripe.Refund, error) {
	params := &stripe.RefundCreateParams{PaymentIntent: stripe.String(id)}
	if amount > 0 {
		params.Amount = stripe.Int64(amount)
	}
	return b.stripe.V1Refunds.Create(b.t.Context(), params)
}

func TestRefundsPartialThenAll(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	pi := b.pay("pm_card_visa")
	first, err := b.refund(pi.ID, 1500)
	require.NoError(t, err)
	require.Equal(t, stripe.RefundStatusSucceeded, first.Status)
	require.Equal(t, pi.LatestCharge.ID, first.Charge.ID)

	_, err = b.refund(pi.ID, 3501)
	failed := stripeError(t, err)
	require.Equal(t, "amount", failed.Param)
	require.Contains(t, failed.Msg, "Refund amount (35.01 inr) is greater than unrefunded amount on charge (35.00 inr)")

	rest, err := b.stripe.V1Refunds.Create(t.Context(), &stripe.RefundCreateParams{Charge: stripe.String(pi.LatestCharge.ID), Reason: stripe.String("duplicate")})
	require.NoError(t, err)
	require.Equal(t, int64(3500), rest.Amount)
	_, err = b.refund(pi.ID, 0)
	require.Equal(t, stripe.ErrorCodeChargeAlreadyRefunded, stripeError(t, err).Code)

	charge, err := b.stripe.V1Charges.Retrieve(t.Context(), pi.LatestCharge.ID, nil)
	require.NoError(t, err)
	require.True(t, charge.Refunded)
	p := b.truth()
	require.Equal(t, []int64{5000, 5000}, []int64{p.Captured, p.Refunded})
	require.Equal(t, "captured", p.Status)
	b.drain()
	require.Contains(t, b.inbox.kinds(), "refund.created")
	require.Contains(t, b.inbox.kinds(), "charge.refunded")
}

func TestRefundsThatAreRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	pi := b.pay("pm_card_visa")
	_, err := b.stripe.V1PaymentIntents.Create(t.Context(), cardIntent("pm_card_chargeDeclined"))
	declined := stripeError(t, err).PaymentIntent.ID
	for name, c := range map[string]struct {
		params stripe.RefundCreateParams
		want   string
	}{
		"nothing named":   {stripe.RefundCreateParams{}, "payment_intent or charge"},
		"both named":      {stripe.RefundCreateParams{PaymentIntent: &pi.ID, Charge: &pi.LatestCharge.ID}, "only specify one"},
		"unknown payment": {stripe.RefundCreateParams{PaymentIntent: stripe.String("pi_x")}, "No such payment_intent: 'pi_x'"},
		"unknown charge":  {stripe.RefundCreateParams{Charge: stripe.String("ch_x")}, "No such charge: 'ch_x'"},
		"never paid":      {stripe.RefundCreateParams{PaymentIntent: &declined}, "does not have a successful charge to refund"},
		"zero":            {stripe.RefundCreateParams{PaymentIntent: &pi.ID, Amount: stripe.Int64(0)}, "greater than or equal to 1"},
		"bad reason":      {stripe.RefundCreateParams{PaymentIntent: &pi.ID, Reason: stripe.String("whim")}, "Invalid reason"},
	} {
		_, err := b.stripe.V1Refunds.Create(t.Context(), &c.params)
		require.ErrorContains(t, err, c.want, name)
	}
	for _, p := range b.sandbox.Ledger().Payments {
		require.Empty(t, p.Refunds)
	}
}

func TestRefundFailsLater(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	pi := b.pay("pm_card_refundFail")
	r, err := b.refund(pi.ID, 2000)
	require.NoError(t, err)
	require.Equal(t, stripe.RefundStatusSucceeded, r.Status, "it looks good at first")
	require.Equal(t, int64(2000), b.truth().Refunded)
	b.sandbox.Advance(time.Minute)
	r, err = b.stripe.V1Refunds.Retrieve(t.Context(), r.ID, nil)
	require.NoError(t, err)
	require.Equal(t, stripe.RefundStatusFailed, r.Status)
	require.Equal(t, stripe.RefundFailureReasonExpiredOrCanceledCard, r.FailureReason)
	require.Zero(t, b.truth().Refunded)
	charge, err := b.stripe.V1Charges.Retrieve(t.Context(), pi.LatestCharge.ID, nil)
	require.NoError(t, err)
	require.Zero(t, charge.AmountRefunded, "the amount can be refunded again")
	b.drain()
	require.Contains(t, b.inbox.kinds(), "refund.failed")
	require.Contains(t, b.inbox.kinds(), "refund.updated")
	require.Contains(t, b.inbox.kinds(), "charge.refund.updated")
}

func TestRefundIsPendingFirst(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	pi := b.pay("pm_card_pendingRefund")
	r, err := b.refund(pi.ID, 0)
	require.NoError(t, err)
	require.Equal(t, stripe.RefundStatusPending, r.Status)
	require.Equal(t, stripe.RefundPendingReasonProcessing, r.PendingReason)
	p := b.truth()
	require.Equal(t, []int64{0, 5000}, []int64{p.Refunded, p.RefundPending})
	_, err = b.refund(pi.ID, 1)
	require.Equal(t, stripe.ErrorCodeChargeAlreadyRefunded, stripeError(t, err).Code, "what is on its way counts")
	b.sandbox.Advance(time.Minute)
	p = b.truth()
	require.Equal(t, []int64{5000, 0}, []int64{p.Refunded, p.RefundPending})
}

func TestRefundIsCancelled(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	pi := b.pay("pm_card_visa")
	params := &stripe.RefundCreateParams{PaymentIntent: &pi.ID, Amount: stripe.Int64(1000)}
	params.AddMetadata("sim_fault", "refund_requires_action")
	r, err := b.stripe.V1Refunds.Create(t.Context(), params)
	require.NoError(t, err)
	require.Equal(t, stripe.RefundStatusRequiresAction, r.Status)
	r, err = b.stripe.V1Refunds.Cancel(t.Context(), r.ID, nil)
	require.NoError(t, err)
	require.Equal(t, stripe.RefundStatusCanceled, r.Status)
	_, err = b.stripe.V1Refunds.Cancel(t.Context(), r.ID, nil)
	require.ErrorContains(t, err, "status of canceled")
	whole, err := b.refund(pi.ID, 5000)
	require.NoError(t, err)
	require.Equal(t, int64(5000), whole.Amount)
}
