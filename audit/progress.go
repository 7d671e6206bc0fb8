package audit

import (
	"context"
	"fmt"

	"kassa/checkout"
)

// checkTasks judges the tasks of a part's orders and remembers what they are for.
// A task of no order, a webhook event's, is filed under its own id.
func (a *auditor) checkTasks(ctx context.Context, v *view) error {
	key := func(t checkout.Task) checkout.ID { return t.ID }
	return walk(ctx, a.options.chunk, a.rows.Tasks, key, func(t checkout.Task) error {
		subject := t.OrderID
		if subject.IsZero() {
			subject = t.ID
		}
		if !v.has(subject) {
			return nil
		}
		v.tasks[t.ID] = true
		if t.Attention {
			v.attended[subject] = true
		}
		for _, r := range rules {
			if r.task != nil {
				a.judge(r.Name, t.ID, r.task(v, t))
			}
		}
		return nil
	})
}

// notForgotten leaves out what waits for an operator and what a worker has.
func notForgotten(v *view, t checkout.Task) string {
	since := t.DueAt
	if !t.LeaseID.IsZero() && t.LeasedUntil.After(since) {
		since = t.LeasedUntil
	}
	if late := v.now.Sub(since); !t.Attention && late > v.options.TaskGrace {
		return fmt.Sprintf("%s of order %s is due for %s and nobody does it", t.Kind, text(t.OrderID), late)
	}
	return ""
}

func notOverdue(v *view, o *checkout.Order) string {
	if late := v.now.Sub(o.HoldExpiresAt); o.Payable() && late > v.options.HoldGrace {
		return fmt.Sprintf("the order is %s and its hold ended %s ago", o.Status, late)
	}
	return ""
}

func paymentHasTask(v *view, o *checkout.Order, p *checkout.Payment) string {
	awaitsShipment := p.Status == checkout.PaymentAuthorized && p.ManualCapture && o.SecuredBy == p.ID && o.Paid()
	if !p.Open() || v.tasks[p.ID] || awaitsShipment {
		return ""
	}
	return fmt.Sprintf("the payment of order %s is %s and nothing is to be done about it", o.ID, p.Status)
}

func refundHasTask(v *view, o *checkout.Order, r *checkout.Refund) string {
	if r.Status != checkout.RefundPending || v.tasks[r.ID] {
		return ""
	}
	return fmt.Sprintf("the refund of order %s is pending and nothing is to be done about it", o.ID)
}

func webhookHasTask(v *view, w *checkout.WebhookRecord) string {
	if w.Status != checkout.WebhookReceived || v.tasks[w.ID] {
		return ""
	}
	return fmt.Sprintf("event %s of %s waits for its payment and nobody looks for it", w.Event.Key, w.Event.Gateway)
}
