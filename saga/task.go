package saga

import (
	"time"

	"kassa/checkout"
)

// webhookBackoff spreads the search for a webhook's payment over its 72 hours.
var webhookBackoff = Retry{Base: 2 * time.Second, Cap: 30 * time.Minute}

// FailKind is what a failed call makes certain.
type FailKind string

// The kinds of failure, as package gateway has them.
const (
	FailUnknown     FailKind = "unknown"     // it may have acted
	FailUnavailable FailKind = "unavailable" // it certainly did nothing; try again
	FailRefused     FailKind = "refused"     // it certainly did nothing, and asking again is useless
	FailUnsupported FailKind = "unsupported" // there is no such call
)

// FailTask is the result of a task whose call brought no report.
type FailTask struct {
	Run     TaskRun
	Kind    FailKind
	Code    string
	Message string // for people; never a secret
}

func (c FailTask) needs(s *State) Keys {
	if o := s.Orders[c.Run.Task.OrderID]; o != nil && !o.ClosingSince.IsZero() {
		return orderAndStock(s, o.ID)
	}
	return Keys{Orders: []checkout.ID{c.Run.Task.OrderID}}
}

func (c FailTask) decide(d *draft) (Result, error) {
	o := d.order(c.Run.Task.OrderID)
	if o == nil {
		return Result{}, noOrder(c.Run.Task.OrderID)
	}
	d.event(o, "task.failed", map[string]any{
		"task": string(c.Run.Task.Kind), "attempt": c.Run.Task.Attempts + 1, "kind": string(c.Kind), "error": c.text(),
	})
	if r := o.Refund(c.Run.Task.ID); r != nil {
		c.refund(d, o, r)
		d.finishTask(&c.Run)
		return Result{Order: o, Refund: r}, nil
	}
	if p := o.Payment(c.Run.Task.ID); p != nil {
		c.payment(d, o, p)
		d.finishTask(&c.Run)
		return Result{Order: o, Payment: p}, nil
	}
	return Result{}, checkout.Refuse(checkout.CodeNotFound, "order %s has nothing that task %s works on", o.ID, c.Run.Task.ID)
}

func (c FailTask) text() string {
	if c.Code == "" {
		return c.Message
	}
	return c.Code + ": " + c.Message
}

func (c FailTask) payment(d *draft, o *checkout.Order, p *checkout.Payment) {
	switch c.Run.Task.Kind {
	case checkout.TaskInitiate:
		c.initiate(d, o, p)
	case checkout.TaskClose:
		c.close(d, o, p)
	case checkout.TaskLookUp:
		if p.Open() {
			p.LookUps++
			d.lookAgain(o, p, c.again(), c.text())
		}
	case checkout.TaskCapture, checkout.TaskVoid:
		c.act(d, o, p)
	}
}

// initiate: an unknown outcome stays PENDING and is looked up; what certainly did
// not reach the gateway, or was refused by it, ends the attempt.
func (c FailTask) initiate(d *draft, o *checkout.Order, p *checkout.Payment) {
	if !p.Open() || p.GatewayRef != "" {
		return // a webhook was faster
	}
	if c.Kind == FailUnknown || p.Unknown {
		if p.Status == checkout.PaymentInitiated {
			p.Status = checkout.PaymentPending
		}
		p.Unknown = true
		p.UpdatedAt = d.now()
		d.event(o, "payment.unknown", paymentData(p))
		d.lookAgain(o, p, c.again(), c.text())
		return
	}
	failure := &checkout.Failure{Code: c.Code, Message: c.Message}
	switch c.Kind {
	case FailUnavailable:
		failure = &checkout.Failure{Code: GatewayUnavailable, Message: "The gateway could not be reached; nothing was charged."}
	case FailUnsupported:
		failure = &checkout.Failure{Code: string(checkout.CodeMethodUnavailable), Message: "The gateway does not offer this method."}
	}
	d.fail(o, p, checkout.PaymentReport{Status: checkout.PaymentFailed, Failure: failure})
}

// close: the order does not wait for it longer than its patience, so a close that
// cannot be had becomes a look-up.
func (c FailTask) close(d *draft, o *checkout.Order, p *checkout.Payment) {
	if !p.Open() {
		return
	}
	t := c.again()
	if (c.Kind == FailUnknown || c.Kind == FailUnavailable) && t.Attempts < Backoff.Limit {
		d.runLater(t, d.now().Add(Backoff.Pause(t.Attempts-1, d.id.Random())))
		return
	}
	d.lookAgain(o, p, t, c.text())
}

// act: a capture or a void is repeated with backoff. One that is refused is
// looked up, because the attempt's state must have moved; in the end an operator
// decides.
func (c FailTask) act(d *draft, o *checkout.Order, p *checkout.Payment) {
	if p.Status != checkout.PaymentAuthorized {
		return
	}
	t := c.again()
	if c.Kind == FailRefused && t.Attempts < Backoff.Limit {
		t.Kind = checkout.TaskLookUp
	}
	c.retry(d, o, t)
}

func (c FailTask) refund(d *draft, o *checkout.Order, r *checkout.Refund) {
	if r.Status != checkout.RefundPending {
		return
	}
	t := c.again()
	switch {
	case c.Run.Task.Kind == checkout.TaskRefund && (c.Kind == FailRefused || c.Kind == FailUnsupported):
		d.refundFailed(o, r, &checkout.Failure{Code: c.Code, Message: c.Message})
		d.recount(o)
		return
	case c.Run.Task.Kind == checkout.TaskRefund && c.Kind == FailUnknown:
		t.Kind = checkout.TaskLookUpRefund
	}
	c.retry(d, o, t)
}

// retry owes the task again after a pause, or an operator's decision.
func (c FailTask) retry(d *draft, o *checkout.Order, t checkout.Task) {
	if t.Attempts >= Backoff.Limit || c.Kind == FailUnsupported {
		t.Attention = true
		d.event(o, "task.needs_attention", map[string]any{"task": string(t.Kind), "attempts": t.Attempts})
	}
	d.runLater(t, d.now().Add(Backoff.Pause(t.Attempts-1, d.id.Random())))
}

// again is the task with one more attempt behind it.
func (c FailTask) again() checkout.Task {
	t := c.Run.Task
	t.Attempts++
	t.LastError = c.text()
	return t
}

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
			if err := d.reopenRefund(o, r); err != nil {
				return err
			}
		}
	}
	d.runNow(t)
	return nil
}

// reopenRefund asks anew for a refund that failed: another call, another key.
func (d *draft) reopenRefund(o *checkout.Order, r *checkout.Refund) error {
	p := o.Payment(r.PaymentID)
	if p == nil || p.RefundCommitted+r.Amount.Minor > p.Captured.Minor {
		return checkout.Refuse(checkout.CodeAmountMismatch, "less than this refund is left of the payment; skip it")
	}
	p.RefundCommitted += r.Amount.Minor
	r.Status, r.FailureCode, r.FailureMessage = checkout.RefundPending, "", ""
	r.GatewayRef = ""
	r.CallNo++
	r.UpdatedAt = d.now()
	return nil
}

// skip ends the task. What it left open is closed, so that nothing rests in a
// middle state; should the gateway still report, that is applied as ever.
func (c ResolveTask) skip(d *draft, o *checkout.Order) {
	d.dropTask(c.Task.ID)
	if o == nil {
		return
	}
	if p := o.Payment(c.Task.ID); p != nil && p.Open() && p.Status != checkout.PaymentAuthorized {
		d.fail(o, p, checkout.PaymentReport{
			Status: checkout.PaymentFailed, Failure: &checkout.Failure{Code: "skipped", Message: "An operator ended the attempt."},
		})
	}
	if r := o.Refund(c.Task.ID); r != nil && r.Status == checkout.RefundPending {
		d.refundFailed(o, r, &checkout.Failure{Code: "skipped", Message: "An operator ended the refund."})
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
	if step.Undo == checkout.TaskVoid && o.SecuredBy == p.ID && o.Status == checkout.OrderConfirmed {
		_, err := CancelOrder{OrderID: o.ID, Reason: c.Note}.cancelPaid(d, o)
		return err
	}
	if step.Undo == checkout.TaskClose {
		p.Closing = true
	}
	d.runNow(checkout.Task{ID: p.ID, Kind: step.Undo, OrderID: o.ID})
	return nil
}
