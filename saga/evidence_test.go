package saga_test

import (
	"fmt"
	"strings"

	"kassa/checkout"
	"kassa/money"
	"kassa/saga"
)

// result reads what became of a task's run:
//
//	gateway p1 succeeded 998.00    the gateway's answer to what p1 owes
//	lookup p1 notfound             the same, of a look-up
//	fail p1 unknown timeout        the call brought no answer
//	finish p1                      the runner found nothing to do
//	late gateway p1 succeeded      the answer to an older run: of a process that was
//	                               thought dead, or of what was owed before
func (s *script) result(l line) (saga.Command, error) {
	late := l.word(0) == "late"
	if late {
		l.words = l.words[1:]
	}
	id, ok := s.names.byName[l.word(1)]
	if !ok {
		return nil, fmt.Errorf("there is no %s", l.word(1))
	}
	task, err := s.end(id, late)
	if err != nil {
		return nil, err
	}
	looks := task.Kind == checkout.TaskLookUp || task.Kind == checkout.TaskLookUpRefund
	run := saga.TaskRun{Task: task}
	switch verb := l.word(0); {
	case verb == "finish":
		return saga.FinishTask{Run: run}, nil
	case verb == "fail":
		return saga.FailTask{Run: run, Kind: saga.FailKind(l.word(2)), Code: l.word(3), Message: "the gateway's words"}, nil
	case verb == "lookup" && !looks || verb == "gateway" && looks:
		return nil, fmt.Errorf("%s owes %s", l.word(1), task.Kind)
	}
	return s.report(id, l, &run)
}

// report makes the evidence of an answer about a payment or a refund.
func (s *script) report(id checkout.ID, l line, run *saga.TaskRun) (saga.Command, error) {
	if o, r := s.refund(id); r != nil {
		rep, err := s.refundReport(r.ID, r.Amount, l)
		return saga.ApplyRefund{OrderID: o.ID, PaymentID: r.PaymentID, RefundID: r.ID, Report: rep, Run: run}, err
	}
	o, p := s.payment(id)
	if p == nil {
		return nil, fmt.Errorf("%s is neither a payment nor a refund", l.word(1))
	}
	rep, err := s.paymentReport(p, l)
	return saga.ApplyPayment{OrderID: o.ID, PaymentID: p.ID, Report: rep, Run: run}, err
}

// paymentReport reads "p1 STATUS [AMOUNT [CURRENCY]] [redirect] [ref=R] [charge=C]".
func (s *script) paymentReport(p *checkout.Payment, l line) (checkout.PaymentReport, error) {
	rep := checkout.PaymentReport{PaymentID: p.ID, Gateway: p.Gateway, Amount: p.Amount, Status: checkout.PaymentStatus(strings.ToUpper(l.word(2)))}
	name := s.names.of(p.ID)
	switch l.word(2) {
	case "notfound":
		return checkout.PaymentReport{Gateway: p.Gateway, NotFound: true}, nil
	case "failed":
		rep.Failure = &checkout.Failure{Code: optional(l.word(3), "card_declined"), Message: "The card was declined."}
		rep.GatewayRef = option(l, "ref", "ref-"+name)
		return rep, nil
	case "authorized", "succeeded":
		rep.ChargeID = option(l, "charge", "charge-"+name)
	}
	rep.GatewayRef = option(l, "ref", "ref-"+name)
	if l.has("redirect") {
		rep.Action = &checkout.Action{Type: "redirect", URL: "https://gateway.example/" + name}
	}
	var err error
	if amount := l.word(3); amount != "" && amount != "redirect" {
		rep.Amount, err = money.Parse(amount, money.Currency(optional(l.word(4), "INR")))
	}
	return rep, err
}

// refundReport reads "r1 STATUS [CODE] [ref=R]".
func (s *script) refundReport(id checkout.ID, amount money.Money, l line) (checkout.RefundReport, error) {
	rep := checkout.RefundReport{
		RefundID: id, Amount: amount, GatewayRef: option(l, "ref", "ref-"+s.names.of(id)),
		Status: checkout.RefundStatus(strings.ToUpper(l.word(2))),
	}
	switch l.word(2) {
	case "notfound":
		return checkout.RefundReport{NotFound: true}, nil
	case "failed":
		rep.Failure = &checkout.Failure{Code: optional(l.word(3), "bank_refused"), Message: "The bank refused."}
	}
	return rep, nil
}

// webhook reads:
//
//	webhook evt1 p1 succeeded      a message about a payment or a refund we know
//	webhook evt2 p1 refunded 10.00 ref=x [pending]   a refund made at the dashboard
//	webhook evt3 unknown succeeded ref=x     one whose reference nobody knows
//	webhook evt4 nothing           one of no interest
//	found evt3 p1                  the search has found the payment of evt3
//	missed evt3                    and has not
func (s *script) webhook(l line) (saga.Command, error) {
	verb, key := l.word(0), l.word(1)
	l.words = l.words[1:] // now the second word names the subject
	c := saga.ReceiveWebhook{Event: checkout.WebhookEvent{Gateway: "stripe", Key: key, Type: "test", OccurredAt: s.state.Now}}
	if verb != "webhook" {
		return s.searched(verb, key, l)
	}
	id := s.names.byName[l.word(1)]
	_, p := s.payment(id)
	var err error
	switch {
	case l.word(1) == "nothing":
	case l.word(1) == "unknown":
		c.Event.Payment = &checkout.PaymentReport{
			Gateway: "stripe", GatewayRef: l.options["ref"], ChargeID: l.options["charge"],
			Status: checkout.PaymentStatus(strings.ToUpper(l.word(2))), Amount: inr(99800),
		}
	case p != nil && l.word(2) == "refunded":
		err = s.dashboardRefund(&c, p, l)
	case p != nil:
		c.Event.Gateway = p.Gateway
		c.OrderID, c.PaymentID = p.OrderID, p.ID
		var rep checkout.PaymentReport
		rep, err = s.paymentReport(p, l)
		c.Event.Payment = &rep
	default:
		o, r := s.refund(id)
		if r == nil {
			return nil, fmt.Errorf("there is no %s", l.word(1))
		}
		c.OrderID, c.PaymentID, c.RefundID = o.ID, r.PaymentID, r.ID
		var rep checkout.RefundReport
		rep, err = s.refundReport(r.ID, r.Amount, l)
		c.Event.Refund = &rep
	}
	return c, err
}

// dashboardRefund reads a refund that the gateway names by its own reference. It
// is looked up by it, as the webhook's reader does.
func (s *script) dashboardRefund(c *saga.ReceiveWebhook, p *checkout.Payment, l line) error {
	amount, err := money.Parse(l.word(3), "INR")
	ref := option(l, "ref", "ref-"+l.word(0))
	c.Event.Gateway, c.OrderID, c.PaymentID = p.Gateway, p.OrderID, p.ID
	c.Event.Refund = &checkout.RefundReport{Gateway: p.Gateway, GatewayRef: ref, PaymentID: p.ID, PaymentRef: l.options["charge"], Amount: amount, Status: checkout.RefundSucceeded}
	switch {
	case l.has("pending"):
		c.Event.Refund.Status = checkout.RefundPending
	case l.has("failed"):
		c.Event.Refund.Status = checkout.RefundFailed
	}
	for _, r := range s.state.Orders[p.OrderID].Refunds {
		if r.GatewayRef == ref {
			c.RefundID = r.ID
		}
	}
	return err
}

func (s *script) searched(verb, key string, l line) (saga.Command, error) {
	for _, r := range s.state.Webhooks {
		if r.Event.Key != key {
			continue
		}
		task, err := s.end(r.ID, false)
		if err != nil {
			task, err = s.end(r.ID, true)
		}
		run := &saga.TaskRun{Task: task}
		if err != nil || verb == "missed" {
			return saga.MissWebhook{Event: r.Event, Run: run}, err
		}
		o, p := s.payment(s.names.byName[l.word(1)])
		return saga.ReceiveWebhook{Event: r.Event, OrderID: o.ID, PaymentID: p.ID, Run: run}, nil
	}
	return nil, fmt.Errorf("there is no webhook %s", key)
}

func option(l line, key, otherwise string) string {
	if value, ok := l.options[key]; ok {
		return value
	}
	return otherwise
}

func optional(word, otherwise string) string {
	if word == "" || word == "redirect" {
		return otherwise
	}
	return word
}
