package saga_test

import (
	"fmt"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"kassa/checkout"
)

// buyer lets a buyer, or the gateway, bring a charge further.
func (m *machine) buyer(t *rapid.T) {
	c := pick(t, "charge", m.payableCharges())
	if draw(t, "amount", false, false, false, true) {
		c.amount, c.minor = "500.00", 50000
	}
	_, p := m.payment(c.payment)
	how := []checkout.PaymentStatus{checkout.PaymentSucceeded, checkout.PaymentFailed, checkout.PaymentAuthorized}
	if p.ManualCapture {
		how = how[1:]
	}
	m.bank.set(c, pick(t, "pays", how))
}

// payableCharges are those that wait for their buyer, and those whose failure may
// turn out to have been none.
func (m *machine) payableCharges() []*charge {
	var open []*charge
	for _, c := range m.bank.charges {
		late := c.status == checkout.PaymentFailed && c.gateway == "razorpay"
		if c.gateway != "bank" && (c.status == checkout.PaymentPending || late) {
			open = append(open, c)
		}
	}
	return open
}

// twicePayable are charges at a gateway whose order takes a second payment. We know
// of the first: of a refund that overtakes both charges nobody could tell whose it is.
func (m *machine) twicePayable() []*charge {
	return slices.DeleteFunc(slices.Clone(m.bank.charges), func(c *charge) bool {
		return c.gateway != "razorpay" || c.status != checkout.PaymentSucceeded || m.ours(c).ChargeID != c.id
	})
}

// payTwice lets a buyer pay in two windows. No look-up shows the second charge, so
// its webhook is not lost.
func (m *machine) payTwice(t *rapid.T) {
	second := *pick(t, "charge", m.twicePayable())
	second.key, second.id = "", fmt.Sprintf("charge%d", len(m.bank.charges)+1)
	m.bank.charges = append(m.bank.charges, &second)
	m.bank.tell(&second)
}

func (m *machine) movingRefunds() []*paidBack {
	var open []*paidBack
	for _, r := range m.bank.refunds {
		if r.status != checkout.RefundFailed {
			open = append(open, r)
		}
	}
	return open
}

// settleRefund lets a refund end at its bank, or come back.
func (m *machine) settleRefund(t *rapid.T) {
	r := pick(t, "refund", m.movingRefunds())
	status := checkout.RefundFailed
	if r.status == checkout.RefundPending {
		status = draw(t, "ends", checkout.RefundSucceeded, checkout.RefundFailed)
	}
	m.bank.setRefund(r, status)
}

// fullCharges can be refunded by hand: one of an attempt that was charged twice only
// after we were told of it.
func (m *machine) fullCharges() []*charge {
	var full []*charge
	for _, c := range m.bank.charges {
		untold := m.bank.twice(c) && slices.ContainsFunc(m.bank.messages, func(msg *message) bool { return msg.charge == c })
		if c.status == checkout.PaymentSucceeded && m.bank.left(c) > 0 && !untold {
			full = append(full, c)
		}
	}
	return full
}

// dashboard lets somebody refund at the gateway itself.
func (m *machine) dashboard(t *rapid.T) {
	c := pick(t, "charge", m.fullCharges())
	minor := min(m.bank.left(c), draw[int64](t, "minor", 10000, 99800))
	r := m.bank.pay(c, minor, draw(t, "status", checkout.RefundSucceeded, checkout.RefundPending))
	m.bank.send(r.says(), c)
}

// deliver delivers a webhook, any of those on their way, perhaps again later.
func (m *machine) deliver(t *rapid.T) {
	msg := pick(t, "message", m.bank.messages)
	if !draw(t, "again", false, false, true) {
		m.bank.messages = slices.DeleteFunc(m.bank.messages, func(o *message) bool { return o == msg })
	}
	m.must(t, "webhook "+msg.key+" "+msg.text)
}

// losable are the webhooks that may get lost: those about a payment that we still
// ask about. What we no longer ask about must be told.
func (m *machine) losable() []*message {
	return slices.DeleteFunc(slices.Clone(m.bank.messages), func(msg *message) bool { return !m.asked(msg) })
}

// loseMessage loses a webhook for good.
func (m *machine) loseMessage(t *rapid.T) {
	msg := pick(t, "message", m.losable())
	m.lost[msg.charge.payment] = true
	m.bank.messages = slices.DeleteFunc(m.bank.messages, func(o *message) bool { return o == msg })
}

func (m *machine) asked(msg *message) bool {
	_, p := m.payment(msg.charge.payment)
	word, _, _ := strings.Cut(msg.text, " ")
	others := slices.ContainsFunc(m.bank.messages, func(o *message) bool { return o != msg && o.charge == msg.charge })
	calls := slices.ContainsFunc(m.answers, func(a answer) bool { return a.run.ID == p.ID })
	if !strings.HasPrefix(word, "p") || !p.Open() || others || calls || m.bank.twice(msg.charge) || strings.Contains(msg.text, "refunded") {
		return false
	}
	return m.bank.find(p) == msg.charge
}

func (m *machine) pass(t *rapid.T) {
	m.must(t, "advance "+draw(t, "time", "1s", "2s", "10s", "30s", "2m"))
}

func (m *machine) wait(t *rapid.T) {
	m.must(t, "advance "+draw(t, "time", "6m", "16m", "2h", "24h"))
}

func (m *machine) sweep(t *rapid.T) { m.must(t, "expire") }

func (m *machine) count(t *rapid.T) {
	m.must(t, draw(t, "stock", "adjust shirt main 1", "adjust shirt main -1", "count shirt main 2", "count shirt delhi 1"))
}
