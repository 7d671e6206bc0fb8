package saga

import (
	"kassa/checkout"
)

// TaskRun is the task that a command is the result of.
type TaskRun struct{ Task checkout.Task }

// ApplyPayment is evidence: what a gateway said of an attempt, as the answer of
// a call, a look-up or a webhook.
type ApplyPayment struct {
	OrderID   checkout.ID
	PaymentID checkout.ID
	Report    checkout.PaymentReport
	Run       *TaskRun // where a task brought it
}

func (c ApplyPayment) needs(s *State) Keys {
	k := Keys{Orders: []checkout.ID{c.OrderID}}
	if o := s.Orders[c.OrderID]; o != nil && stockMayMove(o, c.Report.Status) {
		k.Stock = heldSKUs(o.Allocations)
	}
	return k
}

// stockMayMove tells whether a report can lead to a claim, a new hold or a
// release, so that orders whose stock is safe do not lock it.
func stockMayMove(o *checkout.Order, reported checkout.PaymentStatus) bool {
	if reported == checkout.PaymentSucceeded || reported == checkout.PaymentAuthorized {
		return !o.Paid()
	}
	return !o.ClosingSince.IsZero()
}

func (c ApplyPayment) decide(d *draft) (Result, error) {
	o := d.order(c.OrderID)
	if o == nil {
		return Result{}, noOrder(c.OrderID)
	}
	p := o.Payment(c.PaymentID)
	if p == nil {
		return Result{}, checkout.Refuse(checkout.CodeNotFound, "order %s has no payment %s", c.OrderID, c.PaymentID)
	}
	d.applyPayment(o, p, c.Report, c.Run)
	d.finishTask(c.Run)
	return Result{Order: o, Payment: o.Payment(c.PaymentID)}, nil
}

// applyPayment moves an attempt by a report. A report moves it forward or not at
// all; whatever the report, the attempt owes its next task afterwards.
func (d *draft) applyPayment(o *checkout.Order, p *checkout.Payment, r checkout.PaymentReport, run *TaskRun) {
	if r.NotFound {
		d.notFound(o, p, run)
		return
	}
	if secondCharge(p, r) {
		p = d.secondPayment(o, p, r)
	}
	if reopens(p, r.Status, run) {
		d.reopen(o, p)
	}
	unsure := doubtful(p, r.Status, run)
	note(p, r)
	p.UpdatedAt = d.now()
	switch {
	case unsure:
		d.doubt(o, p, run)
	case !legal(p.Status, r.Status):
		d.owe(o, p, run)
	case r.Status == checkout.PaymentSucceeded:
		d.succeed(o, p, r)
	case r.Status == checkout.PaymentAuthorized:
		d.authorize(o, p, r, run)
	case r.Status == checkout.PaymentFailed || r.Status == checkout.PaymentVoided:
		d.fail(o, p, r)
	default:
		d.pend(o, p, run)
	}
}

// note writes down the references and the buyer's action. References that are
// known stay: they are what the gateway is asked by.
func note(p *checkout.Payment, r checkout.PaymentReport) {
	if p.GatewayRef == "" {
		p.GatewayRef = r.GatewayRef
	}
	if p.ChargeID == "" || r.Status == checkout.PaymentSucceeded && r.ChargeID != "" {
		p.ChargeID = r.ChargeID
	}
	if r.Action != nil && legal(p.Status, checkout.PaymentPending) {
		p.Action = r.Action
		p.ActionExpires = r.ActionExpires
	}
	p.Unknown = false
}

// legal tells whether an attempt may go from one state to another.
func legal(from, to checkout.PaymentStatus) bool {
	switch from {
	case checkout.PaymentInitiated, checkout.PaymentPending:
		return to != checkout.PaymentInitiated
	case checkout.PaymentAuthorized:
		return to == checkout.PaymentSucceeded || to == checkout.PaymentVoided || to == checkout.PaymentFailed
	case checkout.PaymentFailed:
		return to == checkout.PaymentAuthorized || to == checkout.PaymentSucceeded
	case checkout.PaymentVoided:
		return to == checkout.PaymentSucceeded
	}
	return false // SUCCEEDED is never moved back
}

// reopens tells whether an attempt that was thought never to have reached its
// gateway has done so: another run of its creation did.
func reopens(p *checkout.Payment, to checkout.PaymentStatus, run *TaskRun) bool {
	return p.Status == checkout.PaymentFailed && p.FailureCode == GatewayUnavailable &&
		to == checkout.PaymentPending && run != nil && run.Task.Kind == checkout.TaskInitiate
}

// reopen makes such an attempt open again. Where it is not wanted any more it is
// to be closed.
func (d *draft) reopen(o *checkout.Order, p *checkout.Payment) {
	p.Superseded = p.Superseded || o.OpenPayment() != nil
	p.Closing = p.Superseded || payable(d, o) != nil
	p.Status, p.FailureCode, p.FailureMessage = checkout.PaymentPending, "", ""
	d.event(o, "payment.reopened", paymentData(p))
}

// doubtful tells whether a failure may be that of an earlier try than the one that
// was authorised since: webhooks overtake each other, and so do answers. Only a
// look-up that began after the last report is sure.
func doubtful(p *checkout.Payment, to checkout.PaymentStatus, run *TaskRun) bool {
	if p.Status != checkout.PaymentAuthorized || to != checkout.PaymentFailed {
		return false
	}
	return run == nil || run.Task.Kind != checkout.TaskLookUp || run.Task.DueAt.Before(p.UpdatedAt)
}

// doubt looks the truth up. The look-up stands in for the capture or void that was
// owed; money that waits for its shipment owed nothing.
func (d *draft) doubt(o *checkout.Order, p *checkout.Payment, run *TaskRun) {
	t := checkout.Task{ID: p.ID, Kind: checkout.TaskLookUp, OrderID: o.ID, Attempts: 1}
	if p.ManualCapture && (run == nil || run.Task.Kind != checkout.TaskCapture) {
		t.Attempts = 0
	}
	d.runNow(t)
}

// secondCharge tells whether the gateway has charged the same attempt twice, or
// made ready to.
func secondCharge(p *checkout.Payment, r checkout.PaymentReport) bool {
	return hasMoney(p.Status) && hasMoney(r.Status) && r.ChargeID != "" && p.ChargeID != "" && r.ChargeID != p.ChargeID
}

func hasMoney(s checkout.PaymentStatus) bool {
	return s == checkout.PaymentAuthorized || s == checkout.PaymentSucceeded
}

// secondPayment finds or makes the row of money that came twice for one attempt.
func (d *draft) secondPayment(o *checkout.Order, first *checkout.Payment, r checkout.PaymentReport) *checkout.Payment {
	for i := range o.Payments {
		if p := &o.Payments[i]; p.Gateway == first.Gateway && p.ChargeID == r.ChargeID {
			return p
		}
	}
	p := *first
	p.ID = d.newID()
	p.Attempt = len(o.Payments) + 1
	p.Status = checkout.PaymentPending
	p.Captured.Minor, p.RefundCommitted = 0, 0
	p.IdempotencyKey, p.RequestHash = "", ""
	p.ChargeID, p.GatewayRef = r.ChargeID, ""
	p.Superseded = true
	p.CreatedAt = d.now()
	o.Payments = append(o.Payments, p)
	return &o.Payments[len(o.Payments)-1]
}

// pend keeps an open attempt and owes the next look at it.
func (d *draft) pend(o *checkout.Order, p *checkout.Payment, run *TaskRun) {
	if p.Status == checkout.PaymentInitiated {
		p.Status = checkout.PaymentPending // no event: it says no more than payment.initiated
	}
	if p.Action != nil || p.GatewayRef != "" {
		p.Token = "" // the gateway has it
	}
	if standsIn(p, run) {
		d.kept = p.ID
		return
	}
	d.owe(o, p, run)
}

// fail ends an attempt. Its order stays payable while its hold lasts.
func (d *draft) fail(o *checkout.Order, p *checkout.Payment, r checkout.PaymentReport) {
	wasAuthorized := p.Status == checkout.PaymentAuthorized
	p.Status = r.Status
	p.Token, p.Action = "", nil
	kind := "payment.voided"
	if r.Status == checkout.PaymentFailed {
		kind = "payment.failed"
		p.FailureCode, p.FailureMessage = "payment_failed", "The payment failed."
		if r.Failure != nil {
			p.FailureCode, p.FailureMessage = r.Failure.Code, r.Failure.Message
		}
	}
	d.event(o, kind, paymentData(p))
	d.dropTask(p.ID)
	if wasAuthorized && o.SecuredBy == p.ID && o.Status == checkout.OrderConfirmed {
		d.attend(o.ID, "the authorisation that secured this order has ended without a capture: do not ship, or collect the money another way")
	}
	if !o.ClosingSince.IsZero() && o.Payable() && o.OpenPayment() == nil {
		d.endOrder(o, checkout.OrderExpired)
	}
}

// maxCalls bounds how often a call is made again that left no trace.
const maxCalls = 6

// notFound deals with a gateway that certainly knows of no such attempt: nothing
// was charged. While the order can be paid, the call is made again: first by the
// same key, and where that leads nowhere by the next.
func (d *draft) notFound(o *checkout.Order, p *checkout.Payment, run *TaskRun) {
	if !p.Open() || p.GatewayRef != "" {
		d.owe(o, p, run)
		return
	}
	if p.Status == checkout.PaymentInitiated && run != nil && run.Task.Kind == checkout.TaskLookUp {
		return // the call is being made again since this look-up began
	}
	if payable(d, o) == nil && !p.Superseded && !p.Closing && p.CallNo < maxCalls {
		p.CallNo++
		p.LookUps = 0
		p.Status = checkout.PaymentInitiated
		d.event(o, "payment.repeated", paymentData(p))
		d.runNow(checkout.Task{ID: p.ID, Kind: checkout.TaskInitiate, OrderID: o.ID})
		return
	}
	p.Unknown = false
	d.fail(o, p, checkout.PaymentReport{
		Status:  checkout.PaymentFailed,
		Failure: &checkout.Failure{Code: GatewayUnavailable, Message: "The payment did not reach the gateway; nothing was charged."},
	})
}
