package saga_test

import (
	"errors"
	"fmt"
	"slices"

	"kassa/checkout"
	"kassa/saga"
)

// checkLaws checks what must be true of the rows between any two commands.
func (w *world) checkLaws() error {
	var broken []error
	check := func(ok bool, law string, args ...any) {
		if !ok {
			broken = append(broken, fmt.Errorf("law broken: "+law, args...))
		}
	}
	w.checkStock(check)
	live := map[checkout.ID]int{}
	for _, o := range w.orders() {
		w.checkOrder(o, check)
		for i := range o.Payments {
			w.checkPayment(o, &o.Payments[i], check)
		}
		for i := range o.Refunds {
			w.checkRefund(o, &o.Refunds[i], check)
		}
		if !o.CartID.IsZero() && o.Live() {
			live[o.CartID]++
			check(live[o.CartID] == 1, "%s has more than one live order", w.names.of(o.CartID))
		}
	}
	for _, r := range w.state.Webhooks {
		_, owed := w.tasks[r.ID]
		check(r.Status == checkout.WebhookApplied || owed || w.waived[r.ID], "%s is %s and nobody looks for its payment", r.Event.Key, r.Status)
	}
	w.checkTasks(check)
	return errors.Join(broken...)
}

type checker func(ok bool, law string, args ...any)

// checkStock: received = available + locked + deducted − restocked, nothing below
// zero, and locked and deducted are what holds and orders say.
func (w *world) checkStock(check checker) {
	locked, deducted := map[checkout.StockKey]int64{}, map[checkout.StockKey]int64{}
	add := func(sums map[checkout.StockKey]int64, all []checkout.Allocation) {
		for _, a := range all {
			sums[checkout.StockKey{SKU: a.SKU, Warehouse: a.Warehouse}] += a.Qty
		}
	}
	for _, h := range w.state.Holds {
		add(locked, h.Allocations)
	}
	for _, o := range w.state.Orders {
		switch {
		case o.HoldStatus == checkout.HoldOpen:
			add(locked, o.Allocations)
		case o.HoldStatus == checkout.HoldClaimed && !o.Restocked:
			add(deducted, o.Allocations)
		}
	}
	for _, levels := range w.state.Stock {
		for _, l := range levels {
			check(l.Received == l.Available+l.Locked+l.Deducted-l.Restocked, "the stock of %s in %s does not add up: %+v", l.SKU, l.Warehouse, l)
			check(min(l.Available, l.Locked, l.Deducted, l.Restocked) >= 0, "the stock of %s in %s is below zero: %+v", l.SKU, l.Warehouse, l)
			check(l.Received == w.adjusted[l.Key()], "%s in %s received %d and its adjustments sum to %d", l.SKU, l.Warehouse, l.Received, w.adjusted[l.Key()])
			check(l.Locked == locked[l.Key()], "%s in %s has %d locked and %d held", l.SKU, l.Warehouse, l.Locked, locked[l.Key()])
			check(l.Deducted-l.Restocked == deducted[l.Key()], "%s in %s has %d deducted and %d sold", l.SKU, l.Warehouse, l.Deducted-l.Restocked, deducted[l.Key()])
		}
	}
}

// checkOrder: an order holds stock while it waits for money, and is confirmed only
// with exactly its amount secured by one payment.
func (w *world) checkOrder(o *checkout.Order, check checker) {
	name := w.names.of(o.ID)
	check(o.Payable() == (o.HoldStatus == checkout.HoldOpen), "%s is %s and its hold %s", name, o.Status, o.HoldStatus)
	open := 0
	for i := range o.Payments {
		if p := &o.Payments[i]; p.Open() && !p.Superseded && !p.Closing && p.Status != checkout.PaymentAuthorized {
			open++
		}
	}
	check(open <= 1, "%s has %d open attempts", name, open)
	if !o.Paid() {
		return
	}
	check(o.HoldStatus == checkout.HoldClaimed, "%s is %s and its hold %s", name, o.Status, o.HoldStatus)
	check(o.InvoiceSeq > 0, "%s is %s without an invoice number", name, o.Status)
	check(w.secured(o), "%s is %s and its amount is not secured", name, o.Status)
}

func (w *world) secured(o *checkout.Order) bool {
	p := o.Payment(o.SecuredBy)
	switch {
	case o.Total.IsZero():
		return p == nil
	case p == nil:
		return false
	case p.Status == checkout.PaymentSucceeded && p.Captured == o.Total:
		return !p.Extra
	case p.Status == checkout.PaymentAuthorized && p.ManualCapture:
		return !p.Extra
	}
	return w.attended(o.ID) // it was, and an operator knows that it is no more
}

// attended tells whether an operator was asked to look at an order.
func (w *world) attended(order checkout.ID) bool {
	for _, t := range w.tasks {
		if t.Attention && t.OrderID == order {
			return true
		}
	}
	return w.waived[order]
}

// checkPayment: what we refund never exceeds the capture, every captured amount is
// a confirmed order's or on its way back, and an open attempt owes a task.
func (w *world) checkPayment(o *checkout.Order, p *checkout.Payment, check checker) {
	name := w.names.of(p.ID)
	var sum int64
	for i := range o.Refunds {
		if r := &o.Refunds[i]; r.PaymentID == p.ID && r.Status != checkout.RefundFailed {
			sum += r.Amount.Minor
		}
	}
	check(p.RefundCommitted == min(sum, p.Captured.Minor), "%s has %d of %d committed to refunds that sum to %d", name, p.RefundCommitted, p.Captured.Minor, sum)
	check(p.Status == checkout.PaymentSucceeded || p.Captured.IsZero(), "%s is %s and captured %s", name, p.Status, p.Captured)
	if p.Status == checkout.PaymentSucceeded && (!o.Paid() || o.SecuredBy != p.ID) {
		check(p.Extra, "%s captured money that confirms no order and is not marked as extra", name)
		check(p.RefundCommitted == p.Captured.Minor || w.refundAttended(o, p), "%s captured %s, confirms nothing, and only %d goes back", name, p.Captured, p.RefundCommitted)
	}
	task, owed := w.tasks[p.ID]
	resting := p.Status == checkout.PaymentAuthorized && p.ManualCapture && o.Paid() && o.SecuredBy == p.ID && !p.Extra
	check(!p.Open() || owed || resting, "%s rests %s without a task", name, p.Status)
	check(p.Open() || !owed || task.Attention, "%s is %s and owes %s", name, p.Status, task.Kind)
	check(!resting || !owed || task.Kind != checkout.TaskVoid, "%s secures %s and is about to be voided", name, w.names.of(o.ID))
}

// refundAttended tells whether an operator was asked about a failed refund.
func (w *world) refundAttended(o *checkout.Order, p *checkout.Payment) bool {
	return slices.ContainsFunc(o.Refunds, func(r checkout.Refund) bool {
		return r.PaymentID == p.ID && r.Status == checkout.RefundFailed && (w.tasks[r.ID].ID == r.ID || w.waived[r.ID])
	})
}

func (w *world) checkRefund(o *checkout.Order, r *checkout.Refund, check checker) {
	name := w.names.of(r.ID)
	task, owed := w.tasks[r.ID]
	check(r.Status != checkout.RefundPending || owed, "%s is PENDING without a task", name)
	check(r.Status != checkout.RefundSucceeded || !owed, "%s has succeeded and owes %s", name, task.Kind)
	check(o.Payment(r.PaymentID) != nil, "%s refunds no payment of its order", name)
}

// checkTasks: every task works on something.
func (w *world) checkTasks(check checker) {
	for id, t := range w.tasks {
		_, p := w.payment(id)
		_, r := w.refund(id)
		check(p != nil || r != nil || t.Kind == checkout.TaskAttend || t.Kind == checkout.TaskWebhook, "task %s works on nothing", t.Kind)
		_, known := saga.StepOf(t.Kind)
		check(known || t.Kind == checkout.TaskAttend, "no step of the saga does %s", t.Kind)
	}
}

var orderMoves = map[checkout.OrderStatus][]checkout.OrderStatus{
	"":                              {checkout.OrderPending},
	checkout.OrderPending:           {checkout.OrderAwaitingPayment, checkout.OrderConfirmed, checkout.OrderExpired, checkout.OrderCancelled},
	checkout.OrderAwaitingPayment:   {checkout.OrderConfirmed, checkout.OrderPartiallyRefunded, checkout.OrderRefunded, checkout.OrderExpired, checkout.OrderCancelled},
	checkout.OrderConfirmed:         {checkout.OrderPartiallyRefunded, checkout.OrderRefunded, checkout.OrderCancelled},
	checkout.OrderPartiallyRefunded: {checkout.OrderConfirmed, checkout.OrderRefunded},
	checkout.OrderRefunded:          {checkout.OrderConfirmed, checkout.OrderPartiallyRefunded},
	checkout.OrderExpired:           {checkout.OrderConfirmed, checkout.OrderPartiallyRefunded, checkout.OrderRefunded},
}

var paymentMoves = map[checkout.PaymentStatus][]checkout.PaymentStatus{
	"":                         {checkout.PaymentInitiated, checkout.PaymentAuthorized, checkout.PaymentSucceeded},
	checkout.PaymentInitiated:  {checkout.PaymentPending, checkout.PaymentAuthorized, checkout.PaymentSucceeded, checkout.PaymentFailed, checkout.PaymentVoided},
	checkout.PaymentPending:    {checkout.PaymentInitiated, checkout.PaymentAuthorized, checkout.PaymentSucceeded, checkout.PaymentFailed, checkout.PaymentVoided},
	checkout.PaymentAuthorized: {checkout.PaymentSucceeded, checkout.PaymentFailed, checkout.PaymentVoided},
	checkout.PaymentFailed:     {checkout.PaymentAuthorized, checkout.PaymentSucceeded, checkout.PaymentInitiated, checkout.PaymentPending},
	checkout.PaymentVoided:     {checkout.PaymentSucceeded},
}

var refundMoves = map[checkout.RefundStatus][]checkout.RefundStatus{
	"":                       {checkout.RefundPending, checkout.RefundSucceeded, checkout.RefundFailed},
	checkout.RefundPending:   {checkout.RefundSucceeded, checkout.RefundFailed},
	checkout.RefundSucceeded: {checkout.RefundFailed},
	checkout.RefundFailed:    {checkout.RefundSucceeded, checkout.RefundPending},
}

// legalOrder checks the moves of an order and its children, and that what never
// changes did not.
func legalOrder(old, o *checkout.Order) error {
	if old == nil {
		old = &checkout.Order{ID: o.ID, Total: o.Total, CartID: o.CartID}
	}
	late := old.Status == checkout.OrderExpired && o.Status != old.Status && old.Superseded
	if late || !legalMove(orderMoves, old.Status, o.Status) {
		return fmt.Errorf("an order went from %s to %s", old.Status, o.Status)
	}
	if old.Total != o.Total || old.CartID != o.CartID || len(o.Payments) < len(old.Payments) || len(o.Refunds) < len(old.Refunds) {
		return fmt.Errorf("what never changes of an order has changed: %+v, now %+v", old, o)
	}
	for i := range o.Payments {
		p, before := &o.Payments[i], checkout.Payment{}
		if was := old.Payment(p.ID); was != nil {
			before = *was
		}
		if !legalMove(paymentMoves, before.Status, p.Status) || p.Attempt != i+1 {
			return fmt.Errorf("attempt %d (%d) went from %s to %s", p.Attempt, i+1, before.Status, p.Status)
		}
		if p.Status == checkout.PaymentInitiated && before.Status == checkout.PaymentFailed && before.FailureCode != saga.GatewayUnavailable {
			return fmt.Errorf("attempt %d began again after the gateway had refused it (%s)", p.Attempt, before.FailureCode)
		}
	}
	for i := range o.Refunds {
		r, before := &o.Refunds[i], checkout.Refund{}
		if was := old.Refund(r.ID); was != nil {
			before = *was
		}
		if !legalMove(refundMoves, before.Status, r.Status) {
			return fmt.Errorf("a refund went from %s to %s", before.Status, r.Status)
		}
	}
	return nil
}

func legalMove[S comparable](moves map[S][]S, from, to S) bool {
	return from == to || slices.Contains(moves[from], to)
}
