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
		c.lookUp(d, o, p)
	case checkout.TaskCapture, checkout.TaskVoid:
		c.act(d, o, p)
	}
}

// initiate: an unknown outcome stays PENDING and is looked up; what certainly did
// not reach the gateway, or was refused by it, ends the attempt.
func (c FailTask) initiate(d *draft, o *checkout.Order, p *checkout.Payment) {
	if c.Kind == FailUnknown && reopens(p, checkout.PaymentPending, &c.Run) {
		d.reopen(o, p)
	}
	if !p.Open() || p.GatewayRef != "" {
		d.owe(o, p, &c.Run) // a webhook was faster
		return
	}
	if c.Kind == FailUnknown || p.Unknown || !firstRun(c.Run.Task) {
		if p.Status == checkout.PaymentInitiated {
			p.Status = checkout.PaymentPending
		}
		p.Unknown = true
		p.UpdatedAt = d.now()
		d.event(o, "payment.unknown", paymentData(p))
		c.look(d, o, p)
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

// firstRun tells whether nobody can have run a task before: its lease ends when the one
// that its commit gave would, or sooner. What a call certainly did not do, one whose
// process died in the middle may have done.
func firstRun(t checkout.Task) bool {
	return t.Attempts == 0 && !t.LeasedUntil.After(t.CreatedAt.Add(checkout.TaskLease))
}

// look owes a look-up in the place of a task that brought nothing. It counts no
// attempts: they are those of a capture or void that a look-up stands in for.
func (c FailTask) look(d *draft, o *checkout.Order, p *checkout.Payment) {
	t := c.again()
	t.Attempts = 0
	d.lookAgain(o, p, t, c.text())
}

func (c FailTask) lookUp(d *draft, o *checkout.Order, p *checkout.Payment) {
	switch {
	case p.Status == checkout.PaymentPending:
		p.LookUps++
		c.look(d, o, p)
	case p.Status != checkout.PaymentAuthorized:
	case c.Run.Task.Attempts > 0 || p.Extra:
		d.tryAgain(o, c.again(), c.Run.Task.Attempts+1 >= Backoff.Limit)
	}
}

// close: the order does not wait for it longer than its patience, so a close that
// cannot be had becomes a look-up. One that was authorised meanwhile is captured
// or voided.
func (c FailTask) close(d *draft, o *checkout.Order, p *checkout.Payment) {
	if p.Status != checkout.PaymentPending {
		return
	}
	t := c.again()
	if (c.Kind == FailUnknown || c.Kind == FailUnavailable) && t.Attempts < Backoff.Limit {
		d.runLater(t, d.now().Add(Backoff.Pause(t.Attempts-1, d.id.Random())))
		return
	}
	c.look(d, o, p)
}

// act: a capture or a void is repeated with backoff. One that is refused is
// looked up, because the attempt's state must have moved; in the end an operator
// decides. Where the gateway has no void it frees the money by itself in time.
func (c FailTask) act(d *draft, o *checkout.Order, p *checkout.Payment) {
	if p.Status != checkout.PaymentAuthorized {
		d.owe(o, p, &c.Run)
		return
	}
	t := c.again()
	if c.Run.Task.Kind == checkout.TaskVoid && c.Kind == FailUnsupported {
		d.lookAgain(o, p, t, "the gateway has no void, and the money is still authorised after a week")
		return
	}
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
	case c.Run.Task.Kind == checkout.TaskLookUpRefund || r.GatewayRef != "":
		d.awaitRefund(o, r)
		return
	case c.Kind == FailUnsupported, c.Kind == FailRefused && firstRun(c.Run.Task):
		d.refundFailed(o, r, &checkout.Failure{Code: c.Code, Message: c.Message})
		d.recount(o)
		return
	case c.Kind == FailUnknown || c.Kind == FailRefused:
		t.Kind = checkout.TaskLookUpRefund
	}
	c.retry(d, o, t)
}

// retry owes the task again after a pause, or an operator's decision.
func (c FailTask) retry(d *draft, o *checkout.Order, t checkout.Task) {
	d.tryAgain(o, t, t.Attempts >= Backoff.Limit || c.Kind == FailUnsupported)
}

// again is the task with one more attempt behind it.
func (c FailTask) again() checkout.Task {
	t := c.Run.Task
	t.Attempts++
	t.LastError = c.text()
	return t
}
