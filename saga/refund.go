package saga

import (
	"fmt"

	"kassa/checkout"
	"kassa/money"
)

// CreateRefund gives part or all of an order's money back. The row comes first;
// its id is the gateway's idempotency key.
type CreateRefund struct {
	OrderID checkout.ID
	Amount  money.Literal // "" for all that is left
	Reason  string
	Restock bool // only where all that is left goes back
}

func (c CreateRefund) needs(s *State) Keys {
	if c.Restock {
		return orderAndStock(s, c.OrderID)
	}
	return Keys{Orders: []checkout.ID{c.OrderID}}
}

func (c CreateRefund) decide(d *draft) (Result, error) {
	o := d.order(c.OrderID)
	if o == nil {
		return Result{}, noOrder(c.OrderID)
	}
	p := o.Payment(o.SecuredBy)
	if !o.Paid() || p == nil || p.Status != checkout.PaymentSucceeded {
		return Result{}, checkout.Refuse(checkout.CodeOrderState, "the order is %s and no captured payment stands behind it: there is nothing to refund", o.Status)
	}
	if len(o.Refunds) >= checkout.MaxRefunds {
		return Result{}, checkout.Refuse(checkout.CodeRateLimited, "the order has had %d refunds", len(o.Refunds))
	}
	left := money.New(p.Captured.Minor-p.RefundCommitted, p.Captured.Currency)
	amount, err := c.amount(left)
	if err != nil {
		return Result{}, err
	}
	if c.Restock {
		if amount != left {
			return Result{}, checkout.Invalid("restock", "only a refund of all that is left (%s) puts the stock back", left)
		}
		d.restock(o)
	}
	return Result{Order: o, Refund: d.refund(o, p, amount, checkout.RefundByMerchant, c.Reason, c.Restock)}, nil
}

func (c CreateRefund) amount(left money.Money) (money.Money, error) {
	if left.Minor <= 0 {
		return left, checkout.Refuse(checkout.CodeOrderState, "everything was refunded already")
	}
	if c.Amount == "" {
		return left, nil
	}
	amount, err := c.Amount.Money(left.Currency)
	switch {
	case err != nil:
		return amount, checkout.Invalid("amount", "%s", err)
	case amount.Minor <= 0:
		return amount, checkout.Invalid("amount", "must be more than nothing")
	case amount.Minor > left.Minor:
		return amount, checkout.Refuse(checkout.CodeAmountMismatch, "%s %s is left to refund, not %s", left, left.Currency, amount)
	}
	return amount, nil
}

// refund makes the row and owes the gateway's call.
func (d *draft) refund(o *checkout.Order, p *checkout.Payment, amount money.Money, origin checkout.RefundOrigin, reason string, restock bool) *checkout.Refund {
	r := checkout.Refund{
		ID: d.newID(), OrderID: o.ID, PaymentID: p.ID, Amount: amount, Status: checkout.RefundPending,
		Origin: origin, Reason: reason, Restock: restock, CallNo: 1, CreatedAt: d.now(), UpdatedAt: d.now(),
	}
	p.RefundCommitted += amount.Minor
	p.UpdatedAt = d.now()
	o.Refunds = append(o.Refunds, r)
	d.event(o, "refund.created", refundData(&r))
	d.runNow(checkout.Task{ID: r.ID, Kind: checkout.TaskRefund, OrderID: o.ID})
	return o.Refund(r.ID)
}

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
		p := o.Payment(c.PaymentID)
		if p == nil {
			return nil, checkout.Refuse(checkout.CodeNotFound, "order %s has no payment %s", o.ID, c.PaymentID)
		}
		r = d.foreignRefund(o, p, c.Report)
	}
	if r.GatewayRef == "" {
		r.GatewayRef = c.Report.GatewayRef
	}
	switch {
	case c.Report.NotFound:
		d.repeatRefund(o, r)
	case c.Report.Status == r.Status && r.Status != checkout.RefundPending:
	case c.Report.Status == checkout.RefundSucceeded:
		d.refundSucceeded(o, r)
	case c.Report.Status == checkout.RefundFailed:
		d.refundFailed(o, r, c.Report.Failure)
	case r.Status == checkout.RefundPending:
		d.awaitRefund(o, r, c.Run)
	}
	r.UpdatedAt = d.now()
	d.recount(o)
	return r, nil
}

func findRefund(o *checkout.Order, c ApplyRefund) *checkout.Refund {
	for i := range o.Refunds {
		r := &o.Refunds[i]
		if r.ID == c.RefundID || r.GatewayRef != "" && r.GatewayRef == c.Report.GatewayRef {
			return r
		}
	}
	return nil
}

// foreignRefund records a refund that somebody made at the gateway itself. What
// we may still ask for shrinks by it; where the sum passes the capture, an
// operator must look.
func (d *draft) foreignRefund(o *checkout.Order, p *checkout.Payment, rep checkout.RefundReport) *checkout.Refund {
	if p.RefundCommitted+rep.Amount.Minor > p.Captured.Minor {
		d.attend(o.ID, fmt.Sprintf("refunds of payment %s pass what was captured: one of %s %s was made at the gateway", p.ID, rep.Amount, rep.Amount.Currency))
	}
	p.RefundCommitted = min(p.RefundCommitted+rep.Amount.Minor, p.Captured.Minor)
	p.UpdatedAt = d.now()
	o.Refunds = append(o.Refunds, checkout.Refund{
		ID: d.newID(), OrderID: o.ID, PaymentID: p.ID, Amount: rep.Amount, Status: checkout.RefundPending,
		Origin: checkout.RefundByGateway, GatewayRef: rep.GatewayRef, CreatedAt: d.now(), UpdatedAt: d.now(),
	})
	r := &o.Refunds[len(o.Refunds)-1]
	d.event(o, "refund.created", refundData(r))
	return r
}

func (d *draft) refundSucceeded(o *checkout.Order, r *checkout.Refund) {
	if r.Status == checkout.RefundFailed {
		d.commitRefund(o, r) // it did work after all
	}
	r.Status = checkout.RefundSucceeded
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
	if p := o.Payment(r.PaymentID); p != nil {
		p.RefundCommitted = max(0, p.RefundCommitted-r.Amount.Minor)
		p.UpdatedAt = d.now()
	}
	d.event(o, "refund.failed", refundData(r))
	if r.Origin == checkout.RefundByGateway {
		d.dropTask(r.ID)
		return
	}
	d.putTask(checkout.Task{
		ID: r.ID, Kind: checkout.TaskRefund, OrderID: o.ID, DueAt: d.now(), Attention: true,
		LastError: "the gateway could not refund: " + r.FailureCode,
	})
}

func (d *draft) commitRefund(o *checkout.Order, r *checkout.Refund) {
	if p := o.Payment(r.PaymentID); p != nil {
		p.RefundCommitted = min(p.RefundCommitted+r.Amount.Minor, p.Captured.Minor)
		p.UpdatedAt = d.now()
	}
}

// awaitRefund owes the next look at a refund that takes its time.
func (d *draft) awaitRefund(o *checkout.Order, r *checkout.Refund, run *TaskRun) {
	t := checkout.Task{ID: r.ID, Kind: checkout.TaskLookUpRefund, OrderID: o.ID}
	if run != nil {
		t.CreatedAt = run.Task.CreatedAt
		if run.Task.Kind == checkout.TaskLookUpRefund {
			t.Attempts = run.Task.Attempts + 1
		}
	}
	pause, ok := lookUpPause(t.Attempts, false)
	if !ok {
		t.Attention, t.LastError = true, "the refund is still pending at its gateway after a week of look-ups"
	}
	d.runLater(t, d.now().Add(pause))
}

// repeatRefund asks again for a refund that the gateway certainly does not know.
func (d *draft) repeatRefund(o *checkout.Order, r *checkout.Refund) {
	if r.Status != checkout.RefundPending {
		return
	}
	if r.CallNo >= maxCalls {
		d.refundFailed(o, r, &checkout.Failure{Code: GatewayUnavailable, Message: "The refund did not reach the gateway."})
		return
	}
	r.CallNo++
	d.runNow(checkout.Task{ID: r.ID, Kind: checkout.TaskRefund, OrderID: o.ID})
}

// recount sets the order's status from the sum of its refunds.
func (d *draft) recount(o *checkout.Order) {
	p := o.Payment(o.SecuredBy)
	if !o.Paid() || p == nil {
		return
	}
	var sum int64
	for _, r := range o.Refunds {
		if r.PaymentID == p.ID && r.Status == checkout.RefundSucceeded {
			sum += r.Amount.Minor
		}
	}
	status := checkout.OrderPartiallyRefunded
	switch {
	case sum <= 0:
		status = checkout.OrderConfirmed
	case sum >= p.Captured.Minor:
		status = checkout.OrderRefunded
	}
	if status != o.Status {
		o.Status = status
		d.event(o, "order.refund_state", map[string]any{"status": string(status)})
	}
}

func refundData(r *checkout.Refund) map[string]any {
	data := map[string]any{
		"refund_id": r.ID.String(), "payment_id": r.PaymentID.String(), "amount": r.Amount.String(),
		"currency": string(r.Amount.Currency), "status": string(r.Status), "origin": string(r.Origin),
	}
	if r.FailureCode != "" {
		data["failure"] = r.FailureCode
	}
	return data
}
