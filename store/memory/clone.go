package memory

import (
	"bytes"
	"maps"
	"slices"
	"time"

	"kassa/checkout"
)

// Rows are copied on their way in and out, and their times are cut to what the
// databases keep: microseconds, UTC.

func instant(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Microsecond)
}

func copyOf[T any](p *T) *T {
	if p == nil {
		return nil
	}
	c := *p
	return &c
}

// cloneOrder copies the order's row without its children.
func cloneOrder(o *checkout.Order) *checkout.Order {
	c := *o
	c.HoldExpiresAt = instant(o.HoldExpiresAt)
	c.ClosingSince = instant(o.ClosingSince)
	c.CreatedAt = instant(o.CreatedAt)
	c.UpdatedAt = instant(o.UpdatedAt)
	c.ConfirmedAt = instant(o.ConfirmedAt)
	c.Allocations = slices.Clone(o.Allocations)
	c.Log = slices.Clone(o.Log)
	c.Payments, c.Refunds = nil, nil
	return &c
}

func clonePayment(p checkout.Payment) checkout.Payment {
	p.Action = cloneAction(p.Action)
	p.ActionExpires = instant(p.ActionExpires)
	p.LookedUpAt = instant(p.LookedUpAt)
	p.CreatedAt = instant(p.CreatedAt)
	p.UpdatedAt = instant(p.UpdatedAt)
	return p
}

func cloneAction(a *checkout.Action) *checkout.Action {
	c := copyOf(a)
	if c != nil {
		c.Fields = maps.Clone(a.Fields)
	}
	return c
}

func cloneRefund(r checkout.Refund) checkout.Refund {
	r.CreatedAt = instant(r.CreatedAt)
	r.UpdatedAt = instant(r.UpdatedAt)
	return r
}

func cloneCart(c *checkout.Cart) *checkout.Cart {
	d := c.Clone()
	d.ShippingAddress = copyOf(c.ShippingAddress)
	d.CreatedAt = instant(c.CreatedAt)
	d.UpdatedAt = instant(c.UpdatedAt)
	return d
}

func cloneHold(h *checkout.Hold) *checkout.Hold {
	c := *h
	c.Allocations = slices.Clone(h.Allocations)
	c.ExpiresAt = instant(h.ExpiresAt)
	c.CreatedAt = instant(h.CreatedAt)
	return &c
}

func cloneProduct(p *checkout.Product) *checkout.Product {
	c := *p
	c.Prices = maps.Clone(p.Prices)
	c.CreatedAt = instant(p.CreatedAt)
	c.UpdatedAt = instant(p.UpdatedAt)
	return &c
}

func cloneAdjustment(a checkout.Adjustment) checkout.Adjustment {
	a.Counted = copyOf(a.Counted)
	a.CreatedAt = instant(a.CreatedAt)
	return a
}

func cloneWebhook(w *checkout.WebhookRecord) *checkout.WebhookRecord {
	c := *w
	c.ReceivedAt = instant(w.ReceivedAt)
	c.AppliedAt = instant(w.AppliedAt)
	c.Event.OccurredAt = instant(w.Event.OccurredAt)
	if p := copyOf(w.Event.Payment); p != nil {
		p.Action = cloneAction(p.Action)
		p.ActionExpires = instant(p.ActionExpires)
		p.Failure = copyOf(p.Failure)
		c.Event.Payment = p
	}
	if r := copyOf(w.Event.Refund); r != nil {
		r.Failure = copyOf(r.Failure)
		c.Event.Refund = r
	}
	return &c
}

func cloneTask(t checkout.Task) checkout.Task {
	t.DueAt = instant(t.DueAt)
	t.LeasedUntil = instant(t.LeasedUntil)
	t.CreatedAt = instant(t.CreatedAt)
	return t
}

func cloneAnswer(r checkout.IdempotencyRecord) checkout.IdempotencyRecord {
	r.Answer.Body = bytes.Clone(r.Answer.Body)
	r.CreatedAt = instant(r.CreatedAt)
	return r
}
