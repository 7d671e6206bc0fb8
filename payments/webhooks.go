package payments

import (
	"context"
	"errors"
	"fmt"

	"kassa/checkout"
	"kassa/saga"
	"kassa/store"
)

// errForeign says that nobody knows a webhook's reference.
var errForeign = errors.New("no payment is known by the webhook's reference")

// Receive stores and applies a verified webhook event. It returns when that is
// durable, so that the gateway may be answered 2xx.
func (p *Payments) Receive(ctx context.Context, e checkout.WebhookEvent) error {
	if named(e) {
		_, err := p.cfg.Engine.Do(ctx, saga.ReceiveWebhook{Event: e, OrderID: e.Payment.OrderID, PaymentID: e.Payment.PaymentID})
		if err == nil || checkout.CodeOf(err) == checkout.CodeOverloaded || ctx.Err() != nil {
			return err
		}
	}
	command, err := p.resolve(ctx, e)
	if err != nil && !errors.Is(err, errForeign) {
		return err
	}
	_, err = p.cfg.Engine.Do(ctx, command)
	if err == nil || command.OrderID.IsZero() || checkout.CodeOf(err) == checkout.CodeOverloaded || ctx.Err() != nil {
		return err
	}
	// What it says cannot be applied: it contradicts what the database guards. It
	// is kept all the same, tried again, and shown to an operator in the end.
	p.cfg.Log.Error("a webhook could not be applied; it is kept and tried again", "gateway", e.Gateway, "event", e.Key, "error", err)
	_, err = p.cfg.Engine.Do(ctx, saga.ReceiveWebhook{Event: e})
	return err
}

// named tells whether an event says itself which payment of which order it is
// about. What it says is tried first, because that spares a look into the database;
// where it is not so, the command is refused and the payment looked for.
func named(e checkout.WebhookEvent) bool {
	return e.Payment != nil && !e.Payment.OrderID.IsZero() && !e.Payment.PaymentID.IsZero()
}

// resolve finds what an event is about by plain reads, before anything is locked.
// With errForeign it returns the command that stores the event for later.
func (p *Payments) resolve(ctx context.Context, e checkout.WebhookEvent) (saga.ReceiveWebhook, error) {
	c := saga.ReceiveWebhook{Event: e}
	var err error
	switch {
	case e.Payment != nil:
		c.OrderID, c.PaymentID, err = p.cfg.Reader.FindPayment(ctx, store.PaymentRef{
			ID: e.Payment.PaymentID, Gateway: e.Gateway, ChargeID: e.Payment.ChargeID, GatewayRef: e.Payment.GatewayRef,
		})
	case e.Refund != nil:
		c.OrderID, c.PaymentID, c.RefundID, err = p.resolveRefund(ctx, e)
	}
	switch {
	case errors.Is(err, store.ErrNotFound):
		return saga.ReceiveWebhook{Event: e}, errForeign
	case err != nil:
		return c, fmt.Errorf("payments: resolve webhook: %w", err)
	}
	return c, nil
}

func (p *Payments) resolveRefund(ctx context.Context, e checkout.WebhookEvent) (order, payment, refund checkout.ID, err error) {
	order, refund, err = p.cfg.Reader.FindRefund(ctx, store.RefundRef{ID: e.Refund.RefundID, Gateway: e.Gateway, GatewayRef: e.Refund.GatewayRef})
	if err == nil || !errors.Is(err, store.ErrNotFound) {
		return order, payment, refund, err
	}
	order, payment, err = p.cfg.Reader.FindPayment(ctx, store.PaymentRef{
		ID: e.Refund.PaymentID, Gateway: e.Gateway, ChargeID: e.Refund.PaymentRef, GatewayRef: e.Refund.PaymentRef,
	})
	return order, payment, checkout.ID{}, err
}

// retryWebhook looks again for the payment of a stored event.
func (p *Payments) retryWebhook(ctx context.Context, t checkout.Task) error {
	record, err := p.cfg.Reader.Webhook(ctx, t.ID)
	if err != nil {
		return fmt.Errorf("payments: read webhook event: %w", err)
	}
	run := &saga.TaskRun{Task: t}
	command, err := p.resolve(ctx, record.Event)
	switch {
	case errors.Is(err, errForeign):
		return p.submit(ctx, saga.MissWebhook{Event: record.Event, Run: run})
	case err != nil:
		return err
	}
	command.Run = run
	return p.submit(ctx, command)
}
