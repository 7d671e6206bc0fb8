package saga

import (
	"fmt"

	"kassa/checkout"
	"kassa/money"
)

// ReceiveWebhook stores a verified webhook event once and applies it in the same
// commit, where its payment is known. Else it is kept and looked for again.
type ReceiveWebhook struct {
	Event     checkout.WebhookEvent
	OrderID   checkout.ID // zero where nobody knows the reference yet
	PaymentID checkout.ID
	RefundID  checkout.ID
	Run       *TaskRun // where it was stored before and its payment was found since
}

func (c ReceiveWebhook) key() checkout.WebhookKey {
	return checkout.WebhookKey{Gateway: c.Event.Gateway, Key: c.Event.Key}
}

func (c ReceiveWebhook) needs(s *State) Keys {
	k := Keys{Webhooks: []checkout.WebhookKey{c.key()}}
	switch {
	case c.OrderID.IsZero():
	case c.Event.Payment != nil:
		k.Add(c.payment().needs(s))
	case c.Event.Refund != nil:
		k.Add(c.refund().needs(s))
	}
	return k
}

func (c ReceiveWebhook) payment() ApplyPayment {
	return ApplyPayment{OrderID: c.OrderID, PaymentID: c.PaymentID, Report: *c.Event.Payment}
}

func (c ReceiveWebhook) refund() ApplyRefund {
	return ApplyRefund{OrderID: c.OrderID, PaymentID: c.PaymentID, RefundID: c.RefundID, Report: *c.Event.Refund}
}

func (c ReceiveWebhook) claims() Keys {
	if c.Run != nil { // it is there
		return Keys{}
	}
	return Keys{Webhooks: []checkout.WebhookKey{c.key()}}
}

func (c ReceiveWebhook) decide(d *draft) (Result, error) {
	stored := d.state.Webhooks[c.key()]
	if stored != nil && (stored.Status == checkout.WebhookApplied || c.Run == nil) {
		d.finishTask(c.Run)
		return Result{Order: d.state.Orders[stored.OrderID], Existing: true}, nil
	}
	record := &checkout.WebhookRecord{Event: c.Event, Status: checkout.WebhookReceived, ReceivedAt: d.now()}
	if stored != nil {
		*record = *stored
	} else {
		record.ID = d.newID()
	}
	d.changes.Webhooks = append(d.changes.Webhooks, record)
	uninteresting := c.Event.Payment == nil && c.Event.Refund == nil
	if c.OrderID.IsZero() && !uninteresting {
		d.runLater(checkout.Task{ID: record.ID, Kind: checkout.TaskWebhook}, d.now().Add(Backoff.Pause(2, d.id.Random())))
		return Result{}, nil
	}
	record.Status, record.OrderID, record.AppliedAt = checkout.WebhookApplied, c.OrderID, d.now()
	d.finishTask(c.Run)
	if uninteresting {
		return Result{}, nil
	}
	result, err := c.apply(d)
	if stored == nil {
		record.Event = withoutCopies(c.Event, result.Payment)
	}
	return result, err
}

func (c ReceiveWebhook) apply(d *draft) (Result, error) {
	o := d.order(c.OrderID)
	if o == nil {
		return Result{}, noOrder(c.OrderID)
	}
	if c.Event.Refund != nil {
		r, err := d.applyRefund(o, c.refund())
		return Result{Order: o, Refund: r}, err
	}
	p := o.Payment(c.PaymentID)
	if p == nil {
		return Result{}, checkout.Refuse(checkout.CodeNotFound, "order %s has no payment %s", c.OrderID, c.PaymentID)
	}
	d.applyPayment(o, p, c.payment().Report, nil)
	return Result{Order: o, Payment: o.Payment(c.PaymentID)}, nil
}

// withoutCopies is an applied event without what the payment's row says now. An
// applied event is kept to be known again, and is not applied again.
func withoutCopies(e checkout.WebhookEvent, p *checkout.Payment) checkout.WebhookEvent {
	if e.Payment == nil || p == nil {
		return e
	}
	report := *e.Payment
	if report.GatewayRef == p.GatewayRef {
		report.GatewayRef = ""
	}
	if report.ChargeID == p.ChargeID {
		report.ChargeID = ""
	}
	if report.Amount == p.Captured || report.Amount == p.Amount {
		report.Amount = money.Money{}
	}
	e.Payment = &report
	return e
}

// MissWebhook says that a stored webhook's reference is still unknown. It is
// looked for again until 72 hours have passed; then it is foreign, and shown.
type MissWebhook struct {
	Event checkout.WebhookEvent
	Run   *TaskRun
}

func (c MissWebhook) needs(*State) Keys {
	return Keys{Webhooks: []checkout.WebhookKey{{Gateway: c.Event.Gateway, Key: c.Event.Key}}}
}

func (c MissWebhook) decide(d *draft) (Result, error) {
	stored := d.state.Webhooks[checkout.WebhookKey{Gateway: c.Event.Gateway, Key: c.Event.Key}]
	if stored == nil || stored.Status == checkout.WebhookApplied {
		d.finishTask(c.Run)
		return Result{Existing: true}, nil
	}
	t := c.Run.Task
	t.Attempts++
	t.LastError = fmt.Sprintf("no payment of ours is known by the reference of webhook %s (%s)", stored.Event.Key, stored.Event.Type)
	if d.now().Sub(stored.ReceivedAt) < checkout.WebhookPatience {
		d.runLater(t, d.now().Add(webhookBackoff.Pause(t.Attempts, d.id.Random())))
		return Result{}, nil
	}
	foreign := *stored
	foreign.Status = checkout.WebhookForeign
	d.changes.Webhooks = append(d.changes.Webhooks, &foreign)
	t.Attention = true
	d.runLater(t, d.now())
	return Result{}, nil
}
