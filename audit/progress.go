package audit

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"kassa/checkout"
)

// owed is what is remembered of a task.
type owed struct {
	id   checkout.ID
	kind checkout.TaskKind
}

// owes tells whether a task works on a thing that belongs to an order, or on a
// webhook event, which belongs to itself.
func (v *view) owes(owner, id checkout.ID) bool {
	return slices.ContainsFunc(v.owed[owner], func(t owed) bool { return t.id == id })
}

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
		v.owed[subject] = append(v.owed[subject], owed{t.ID, t.Kind})
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

// judgeSubjects judges the tasks of an order by what they work on.
func (a *auditor) judgeSubjects(v *view, o *checkout.Order) {
	for _, t := range v.owed[o.ID] {
		a.judge(taskSubject, t.id, ofOrder(o, t))
	}
	delete(v.owed, o.ID)
}

// judgeStrays judges what neither an order nor a webhook event has answered for.
func (a *auditor) judgeStrays(v *view) {
	for _, owner := range slices.SortedFunc(maps.Keys(v.owed), checkout.ID.Compare) {
		for _, t := range v.owed[owner] {
			a.judge(taskSubject, t.id, ofNothing(owner, t))
		}
	}
}

func ofOrder(o *checkout.Order, t owed) string {
	there := false
	switch t.kind {
	case checkout.TaskInitiate, checkout.TaskLookUp, checkout.TaskClose, checkout.TaskCapture, checkout.TaskVoid:
		there = o.Payment(t.id) != nil
	case checkout.TaskRefund, checkout.TaskLookUpRefund:
		there = o.Refund(t.id) != nil
	case checkout.TaskAttend:
		there = true // it is about the order
	}
	if there {
		return ""
	}
	return fmt.Sprintf("order %s has nothing by this id for %s", o.ID, t.kind)
}

func ofWebhook(t owed) string {
	if t.kind == checkout.TaskWebhook {
		return ""
	}
	return fmt.Sprintf("it is a webhook event's, and the work is %s", t.kind)
}

// ofNothing allows what is about the shop itself: an operator is told of stock
// that was counted too low.
func ofNothing(owner checkout.ID, t owed) string {
	switch {
	case owner != t.id:
		return fmt.Sprintf("order %s of %s is not there", owner, t.kind)
	case t.kind == checkout.TaskAttend:
		return ""
	}
	return fmt.Sprintf("%s is of no order, and there is no webhook event by this id", t.kind)
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
	if w.Status != checkout.WebhookReceived || v.owes(w.ID, w.ID) {
		return ""
	}
	return fmt.Sprintf("event %s of %s waits for its payment and nobody looks for it", w.Event.Key, w.Event.Gateway)
}
