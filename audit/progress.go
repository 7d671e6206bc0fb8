package audit

import (
	"context"
	"fmt"

	"kassa/checkout"
	"kassa/store"
)

func (a *auditor) checkTasks(ctx context.Context) error {
	tasks := list[checkout.ID, checkout.Task]{
		page: store.Snapshot.Tasks, key: func(t checkout.Task) checkout.ID { return t.ID },
		compare: checkout.ID.Compare, last: a.opening.last.Task, chunk: a.options.chunk,
	}
	look := func(ctx context.Context, rows store.Snapshot, tasks []checkout.Task) (*view, error) {
		var keys store.FindKeys
		for _, t := range tasks {
			if keys.Orders = append(keys.Orders, t.OrderID); t.OrderID.IsZero() {
				keys.Webhooks = append(keys.Webhooks, t.ID)
			}
		}
		keys.Orders = unique(keys.Orders)
		v := a.newView(rows)
		return v, v.find(ctx, rows, keys)
	}
	return walk(ctx, a, tasks, look, func(v *view, tasks []checkout.Task) error {
		for _, t := range tasks {
			for i := range rules {
				if r := &rules[i]; r.task != nil {
					a.judge(r.Name, t.ID, r.task(v, t))
				}
			}
		}
		return nil
	})
}

// hasSubject asks whether what the task works on is there.
func hasSubject(v *view, t checkout.Task) string {
	o := v.orders[t.OrderID]
	switch {
	case t.OrderID.IsZero() && v.webhooks[t.ID] != nil:
		return ofWebhook(t)
	case t.OrderID.IsZero():
		return ofNothing(t)
	case o == nil:
		return fmt.Sprintf("order %s of %s is not there", t.OrderID, t.Kind)
	}
	return ofOrder(o, t)
}

func ofOrder(o *checkout.Order, t checkout.Task) string {
	there := false
	switch t.Kind {
	case checkout.TaskInitiate, checkout.TaskLookUp, checkout.TaskClose, checkout.TaskCapture, checkout.TaskVoid:
		there = o.Payment(t.ID) != nil
	case checkout.TaskRefund, checkout.TaskLookUpRefund:
		there = o.Refund(t.ID) != nil
	case checkout.TaskAttend:
		there = true // it is about the order
	}
	if there {
		return ""
	}
	return fmt.Sprintf("order %s has nothing by this id for %s", o.ID, t.Kind)
}

func ofWebhook(t checkout.Task) string {
	if t.Kind == checkout.TaskWebhook {
		return ""
	}
	return fmt.Sprintf("it is a webhook event's, and the work is %s", t.Kind)
}

// ofNothing allows what is about the shop itself: an operator is told of stock
// that was counted too low.
func ofNothing(t checkout.Task) string {
	if t.Kind == checkout.TaskAttend {
		return ""
	}
	return fmt.Sprintf("%s is of no order, and there is no webhook event by this id", t.Kind)
}

// stateReached asks whether the saga has a way to the order's state. What money
// and stock must be there is asked by other laws.
func stateReached(_ *view, o *checkout.Order) string {
	switch {
	case o.Status == checkout.OrderPending && len(o.Payments) > 0:
		return fmt.Sprintf("the order is %s after %d attempts to pay it", o.Status, len(o.Payments))
	case o.Status == checkout.OrderAwaitingPayment && len(o.Payments) == 0:
		return fmt.Sprintf("the order is %s and nobody has tried to pay it", o.Status)
	case o.Paid() && o.ConfirmedAt.IsZero():
		return fmt.Sprintf("the order is %s and was never confirmed", o.Status)
	case o.Status != checkout.OrderAwaitingPayment && !o.ClosingSince.IsZero():
		return fmt.Sprintf("the order is %s and waits for its attempt to be closed", o.Status)
	case !o.Live() || o.Paid() || o.Payable():
		return ""
	}
	return fmt.Sprintf("%q is no state of an order", o.Status)
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
	if !p.Open() || v.owes(o.ID, p.ID) || awaitsShipment {
		return ""
	}
	return fmt.Sprintf("the payment of order %s is %s and nothing is to be done about it", o.ID, p.Status)
}

func refundHasTask(v *view, o *checkout.Order, r *checkout.Refund) string {
	if r.Status != checkout.RefundPending || v.owes(o.ID, r.ID) {
		return ""
	}
	return fmt.Sprintf("the refund of order %s is pending and nothing is to be done about it", o.ID)
}

func webhookHasTask(v *view, w *checkout.WebhookRecord) string {
	if w.Status != checkout.WebhookReceived || v.owes(checkout.ID{}, w.ID) {
		return ""
	}
	return fmt.Sprintf("event %s of %s waits for its payment and nobody looks for it", w.Event.Key, w.Event.Gateway)
}
