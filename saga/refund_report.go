package saga

import "kassa/checkout"

// ApplyRefund is evidence: what a gateway said of a refund. One that we did not
// ask for was made at the gateway's own dashboard: it is a fact and is recorded.
type ApplyRefund struct {
	OrderID   checkout.ID
	PaymentID checkout.ID // of a refund we do not know
	RefundID  checkout.ID // zero where it is not known by our id
	Report    checkout.RefundReport
	Run       *TaskRun
}

func (c ApplyRefund) needs(*State) Keys { return Keys{Orders: []checkout.ID{c.OrderID}} }

func (c ApplyRefund) decide(d *draft) (Result, error) {
	o := d.order(c.OrderID)
	if o == nil {
		return Result{}, noOrder(c.OrderID)
	}
	r, err := d.applyRefund(o, c)
	if err != nil {
		return Result{}, err
	}
	d.finishTask(c.Run)
	return Result{Order: o, Refund: r}, nil
}

func (d *draft) applyRefund(o *checkout.Order, c ApplyRefund) (*checkout.Refund, error) {
	r := findRefund(o, c)
	if r == nil {
		var err error
		if r, err = d.recordRefund(o, c); err != nil {
			return nil, err
		}
	}
	known := r.GatewayRef != ""
	if !known {
		r.GatewayRef = c.Report.GatewayRef
	}
	r.UpdatedAt = d.now()
	d.moveRefund(o, r, c.Report, known)
	d.recount(o)
	return o.Refund(r.ID), nil // the list may have grown
}

// moveRefund moves a refund by a report. known tells whether the gateway had named
// it before: a failure that the gateway itself told of is final, and what says it
// succeeded is an older message; one that we had to infer is not.
func (d *draft) moveRefund(o *checkout.Order, r *checkout.Refund, rep checkout.RefundReport, known bool) {
	failed := r.Status == checkout.RefundFailed
	switch {
	case rep.NotFound:
		d.repeatRefund(o, r)
	case rep.Status == r.Status && r.Status != checkout.RefundPending:
	case failed && known && r.FailureCode != skipped:
	case rep.Status == checkout.RefundSucceeded:
		d.refundSucceeded(o, r)
	case rep.Status == checkout.RefundFailed:
		d.refundFailed(o, r, rep.Failure)
	case failed && !known && r.GatewayRef != "":
		d.reopenRefund(o, r)
	case r.Status == checkout.RefundPending:
		d.awaitRefund(o, r)
	}
}

// recordRefund makes the row of a refund that we do not know. Where a call of ours
// has brought it, that call made a second one, and the first is still looked for.
func (d *draft) recordRefund(o *checkout.Order, c ApplyRefund) (*checkout.Refund, error) {
	p := refundedPayment(o, c)
	if p == nil {
		return nil, checkout.Refuse(checkout.CodeNotFound, "order %s has no payment %s", o.ID, c.PaymentID)
	}
	r := d.foreignRefund(o, p, c.Report)
	if own := o.Refund(c.RefundID); own != nil && own.Status == checkout.RefundPending && c.Run != nil {
		d.awaitRefund(o, own)
	}
	return r, nil
}

// findRefund finds a refund by the gateway's reference, else by our id. One of our
// id with another reference is a second refund: two calls under two keys have both
// worked.
func findRefund(o *checkout.Order, c ApplyRefund) *checkout.Refund {
	ref := c.Report.GatewayRef
	for i := range o.Refunds {
		if r := &o.Refunds[i]; ref != "" && r.GatewayRef == ref {
			return r
		}
	}
	if r := o.Refund(c.RefundID); r != nil && (ref == "" || r.GatewayRef == "") {
		return r
	}
	return nil
}

// refundedPayment finds the payment that a refund was made of: by its charge, since
// one attempt may have been charged twice, else by our id.
func refundedPayment(o *checkout.Order, c ApplyRefund) *checkout.Payment {
	for i := range o.Payments {
		if p := &o.Payments[i]; p.ChargeID != "" && p.ChargeID == c.Report.PaymentRef {
			return p
		}
	}
	return o.Payment(c.PaymentID)
}

// foreignRefund records a refund that we did not ask for: somebody made it at the
// gateway itself. What we may still ask for shrinks by it.
func (d *draft) foreignRefund(o *checkout.Order, p *checkout.Payment, rep checkout.RefundReport) *checkout.Refund {
	o.Refunds = append(o.Refunds, checkout.Refund{
		ID: d.newID(), OrderID: o.ID, PaymentID: p.ID, Amount: rep.Amount, Status: checkout.RefundPending,
		Origin: checkout.RefundByGateway, GatewayRef: rep.GatewayRef, CreatedAt: d.now(), UpdatedAt: d.now(),
	})
	d.commitRefunds(o, p)
	r := &o.Refunds[len(o.Refunds)-1]
	d.event(o, "refund.created", refundData(r))
	return r
}

func (d *draft) refundSucceeded(o *checkout.Order, r *checkout.Refund) {
	failed := r.Status == checkout.RefundFailed
	r.Status = checkout.RefundSucceeded
	if p := o.Payment(r.PaymentID); failed && p != nil {
		d.commitRefunds(o, p) // it did work after all
	}
	r.FailureCode, r.FailureMessage = "", ""
	d.event(o, "refund.succeeded", refundData(r))
	d.dropTask(r.ID)
}

// refundFailed takes a refund out of the sum again. Money that is owed back
// stays owed, so an operator must look: a retry asks the gateway anew.
func (d *draft) refundFailed(o *checkout.Order, r *checkout.Refund, why *checkout.Failure) {
	r.Status = checkout.RefundFailed
	r.FailureCode, r.FailureMessage = "refund_failed", "The gateway could not refund."
	if why != nil {
		r.FailureCode, r.FailureMessage = why.Code, why.Message
	}
	p := o.Payment(r.PaymentID)
	if p != nil {
		d.commitRefunds(o, p)
	}
	d.event(o, "refund.failed", refundData(r))
	if r.Origin == checkout.RefundByGateway {
		d.dropTask(r.ID)
		if p != nil && p.Extra {
			d.giveBack(o, p, "the refund that was made at the gateway failed")
		}
		return
	}
	d.putTask(checkout.Task{
		ID: r.ID, Kind: checkout.TaskRefund, OrderID: o.ID, DueAt: d.now(), Attention: true,
		LastError: "the gateway could not refund: " + r.FailureCode,
	})
}

// awaitRefund owes the next look at a refund that takes its time.
func (d *draft) awaitRefund(o *checkout.Order, r *checkout.Refund) {
	t := checkout.Task{ID: r.ID, Kind: checkout.TaskLookUpRefund, OrderID: o.ID}
	pause, ok := lookUpPause(d.now().Sub(r.CreatedAt))
	if !ok {
		t.Attention, t.LastError = true, "the refund is still pending at its gateway after a week of look-ups"
	}
	d.runLater(t, d.now().Add(pause))
}

// reopenRefund goes on with a refund that was thought never to have reached its
// gateway: another run of the call did.
func (d *draft) reopenRefund(o *checkout.Order, r *checkout.Refund) {
	r.Status, r.FailureCode, r.FailureMessage = checkout.RefundPending, "", ""
	if p := o.Payment(r.PaymentID); p != nil {
		d.commitRefunds(o, p)
	}
	d.event(o, "refund.reopened", refundData(r))
	d.awaitRefund(o, r)
}

// repeatRefund asks again for a refund that the gateway certainly does not know.
func (d *draft) repeatRefund(o *checkout.Order, r *checkout.Refund) {
	if r.Status != checkout.RefundPending {
		return
	}
	if r.GatewayRef != "" {
		d.awaitRefund(o, r)
		return
	}
	if r.CallNo >= maxCalls {
		d.refundFailed(o, r, &checkout.Failure{Code: GatewayUnavailable, Message: "The refund did not reach the gateway."})
		return
	}
	r.CallNo++
	d.runNow(checkout.Task{ID: r.ID, Kind: checkout.TaskRefund, OrderID: o.ID})
}
