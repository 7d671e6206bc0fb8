package saga

import "kassa/checkout"

// Resolution is what an operator does about a task that needs attention.
type Resolution string

// The resolutions.
const (
	ResolveRetry      Resolution = "retry"      // run it again, with a fresh count
	ResolveSkip       Resolution = "skip"       // it is dealt with otherwise
	ResolveCompensate Resolution = "compensate" // undo its step instead
)

// ResolveTask is an operator's decision.
type ResolveTask struct {
	Task checkout.Task // as it was read
	How  Resolution
	Note string
}

func (c ResolveTask) needs(s *State) Keys {
	if c.Task.OrderID.IsZero() {
		return Keys{}
	}
	return orderAndStock(s, c.Task.OrderID)
}

func (c ResolveTask) decide(d *draft) (Result, error) {
	if !c.Task.Attention {
		return Result{}, checkout.Refuse(checkout.CodeOrderState, "the task runs by itself and needs no operator")
	}
	o := d.order(c.Task.OrderID)
	if o != nil {
		d.event(o, "task.resolved", map[string]any{"task": string(c.Task.Kind), "how": string(c.How), "note": c.Note})
	}
	switch c.How {
	case ResolveRetry:
		return Result{Order: o}, c.retry(d, o)
	case ResolveSkip:
		c.skip(d, o)
		return Result{Order: o}, nil
	case ResolveCompensate:
		return Result{Order: o}, c.compensate(d, o)
	}
	return Result{}, checkout.Invalid("how", "must be retry, skip or compensate")
}

func (c ResolveTask) retry(d *draft, o *checkout.Order) error {
	if c.Task.Kind == checkout.TaskAttend {
		return checkout.Refuse(checkout.CodeOrderState, "there is nothing to run again; skip it once it is dealt with")
	}
	t := c.Task
	t.Attention, t.Attempts, t.LastError = false, 0, ""
	if o != nil {
		if p := o.Payment(t.ID); p != nil {
			p.LookUps = 0
		}
		if r := o.Refund(t.ID); r != nil && r.Status == checkout.RefundFailed {
			return d.refundAnew(o, r)
		}
	}
	d.runNow(t)
	return nil
}

// refundAnew asks anew for a refund that failed. It is another refund, with a row
// and a key of its own: what is still said of the failed one is not about it.
func (d *draft) refundAnew(o *checkout.Order, r *checkout.Refund) error {
	p := o.Payment(r.PaymentID)
	if p == nil || p.RefundCommitted+r.Amount.Minor > p.Captured.Minor {
		return checkout.Refuse(checkout.CodeAmountMismatch, "less than this refund is left of the payment; skip it")
	}
	d.dropTask(r.ID)
	d.refund(o, p, r.Amount, r.Origin, r.Reason, r.Restock)
	return nil
}

// skipped is the failure code of what an operator ended.
const skipped = "skipped"

// skip ends the task. What it left open is closed, so that nothing rests in a
// middle state; should the gateway still report, that is applied as ever. Money
// that waits for its shipment goes on waiting.
func (c ResolveTask) skip(d *draft, o *checkout.Order) {
	d.dropTask(c.Task.ID)
	if o == nil {
		return
	}
	if p := o.Payment(c.Task.ID); p != nil && p.Open() && (o.SecuredBy != p.ID || p.Extra) {
		report := checkout.PaymentReport{
			Status: checkout.PaymentFailed, Failure: &checkout.Failure{Code: skipped, Message: "An operator ended the attempt."},
		}
		if p.Status == checkout.PaymentAuthorized {
			report.Status = checkout.PaymentVoided
		}
		d.fail(o, p, report)
	}
	if r := o.Refund(c.Task.ID); r != nil && r.Status == checkout.RefundPending {
		d.refundFailed(o, r, &checkout.Failure{Code: skipped, Message: "An operator ended the refund."})
		d.dropTask(r.ID)
		d.recount(o)
	}
}

// compensate runs the compensation of the task's step.
func (c ResolveTask) compensate(d *draft, o *checkout.Order) error {
	step, ok := StepOf(c.Task.Kind)
	if !ok || step.Undo == "" || o == nil || o.Payment(c.Task.ID) == nil {
		return checkout.Refuse(checkout.CodeOrderState, "%s has no compensation; retry or skip it", c.Task.Kind)
	}
	p := o.Payment(c.Task.ID)
	switch {
	case !p.Open():
		d.dropTask(p.ID) // it is undone, or done, already
	case p.Status != checkout.PaymentAuthorized:
		p.Closing = false // it is asked to end anew
		d.closePayment(o, p)
	case o.SecuredBy == p.ID && o.Paid():
		_, err := CancelOrder{OrderID: o.ID, Reason: c.Note}.cancelPaid(d, o)
		return err
	default:
		d.void(o, p, "an operator undid it")
	}
	return nil
}
