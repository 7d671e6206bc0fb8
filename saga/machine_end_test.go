package saga_test

import (
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"kassa/checkout"
)

// finish lets everything come home and all time pass, and compares the books.
func (m *machine) finish(t *rapid.T) {
	m.faulty = false
	for range 400 {
		m.everyoneEnds()
		m.bringAllHome(t)
		if !m.busy() {
			m.compareBooks(t)
			return
		}
		m.must(t, "advance "+m.untilNext().String())
		m.must(t, "expire")
	}
	t.Fatalf("it does not come to rest\nthe scenario:\n%s", strings.Join(m.log, "\n"))
}

// everyoneEnds ends what is open at the gateways: sessions run out, what was only
// authorised lapses, refunds arrive.
func (m *machine) everyoneEnds() {
	for _, c := range m.bank.charges {
		o, _ := m.payment(c.payment)
		switch {
		case c.gateway == "bank" && c.status == checkout.PaymentPending && !o.Payable():
			c.status = checkout.PaymentFailed
		case c.gateway != "bank" && c.status == checkout.PaymentPending:
			m.bank.set(c, checkout.PaymentFailed)
		case c.status == checkout.PaymentAuthorized && c.gateway == "razorpay" && m.ours(c).Extra:
			m.bank.set(c, checkout.PaymentVoided)
		}
	}
	for _, r := range m.bank.refunds {
		if r.status == checkout.RefundPending {
			m.bank.setRefund(r, checkout.RefundSucceeded)
		}
	}
}

func (m *machine) bringAllHome(t *rapid.T) {
	for _, a := range m.answers {
		m.bringHome(t, a)
	}
	m.answers = nil
	for _, msg := range m.bank.messages {
		m.must(t, "webhook "+msg.key+" "+msg.text)
	}
	m.bank.messages = nil
	for _, task := range m.due() {
		if now, ok := m.tasks[task.ID]; ok && now == task {
			m.call(t, task)
		}
	}
	for _, id := range m.attention() {
		m.must(t, "resolve "+m.names.of(id)+" "+m.remedy(m.tasks[id]))
	}
}

// remedy is what a sensible operator does once the gateways work again.
func (m *machine) remedy(task checkout.Task) string {
	_, r := m.refund(task.ID)
	_, p := m.payment(task.ID)
	switch {
	case task.Kind == checkout.TaskAttend, r != nil && !m.canRefund(r):
		return "skip"
	case p != nil && (m.bank.find(p) == nil || !p.Open()):
		return "skip"
	}
	return "retry"
}

func (m *machine) canRefund(r *checkout.Refund) bool {
	_, p := m.payment(r.PaymentID)
	return r.Status == checkout.RefundPending || p.RefundCommitted+r.Amount.Minor <= p.Captured.Minor
}

func (m *machine) attention() []checkout.ID {
	var ids []checkout.ID
	for id, t := range m.tasks {
		if t.Attention {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, checkout.ID.Compare)
	return ids
}

func (m *machine) busy() bool {
	payable := slices.ContainsFunc(m.orders(), (*checkout.Order).Payable)
	return payable || len(m.tasks)+len(m.answers)+len(m.bank.messages)+len(m.state.Holds) > 0
}

// untilNext is the time until something is due.
func (m *machine) untilNext() time.Duration {
	next := m.state.Now.Add(24 * time.Hour)
	sooner := func(at time.Time) {
		if at.Before(next) {
			next = at
		}
	}
	for _, t := range m.tasks {
		sooner(m.dueAt(t))
	}
	for _, h := range m.state.Holds {
		sooner(h.ExpiresAt)
	}
	for _, o := range m.orders() {
		if o.Payable() {
			sooner(o.HoldExpiresAt)
		}
	}
	return max(next.Sub(m.state.Now), time.Second)
}

// compareBooks: what the gateways took and gave back is what our rows say, and
// apart from confirmed orders everything has gone back.
func (m *machine) compareBooks(t *rapid.T) {
	for _, c := range m.bank.charges {
		if p := m.ours(c); c.status == checkout.PaymentAuthorized && p.Status != checkout.PaymentAuthorized && !m.waived[p.ID] {
			t.Fatalf("charge %s of %s is still authorised, and our row says %s\nthe scenario:\n%s", c.id, c.name, p.Status, strings.Join(m.log, "\n"))
		}
		taken := int64(0)
		if c.status == checkout.PaymentSucceeded {
			taken = c.minor
		}
		ours, refunded, net, kept := m.ourBooks(c)
		theirs := taken - m.bank.left(c) - (taken - c.minor)
		if ours != taken || refunded != theirs || net != kept {
			t.Fatalf("charge %s of %s: the gateway took %d and gave back %d, our books say %d and %d; %d stays with us and should be %d\nthe scenario:\n%s",
				c.id, c.name, taken, theirs, ours, refunded, net, kept, strings.Join(m.log, "\n"))
		}
	}
}

// ours is the row of a charge: one that knows it by its id, else the attempt's.
func (m *machine) ours(c *charge) *checkout.Payment {
	o, first := m.payment(c.payment)
	for i := range o.Payments {
		if o.Payments[i].ChargeID == c.id {
			return &o.Payments[i]
		}
	}
	return first
}

// ourBooks sums what our rows say of a charge: captured, refunded, what of it is
// still here, and how much of it should be.
func (m *machine) ourBooks(c *charge) (captured, refunded, net, kept int64) {
	o, _ := m.payment(c.payment)
	for i := range o.Payments {
		p := &o.Payments[i]
		if p.ChargeID != c.id || p.Status != checkout.PaymentSucceeded {
			continue
		}
		captured += p.Captured.Minor
		wanted := int64(0)
		for _, r := range o.Refunds {
			if r.PaymentID == p.ID && r.Status == checkout.RefundSucceeded {
				refunded += r.Amount.Minor
			}
			if m.waived[r.ID] && r.PaymentID == p.ID && r.Status == checkout.RefundFailed {
				wanted += r.Amount.Minor // an operator gives it back another way
			}
		}
		if p.Extra {
			kept += min(wanted, captured-refunded)
			net += captured - refunded
		}
	}
	return captured, refunded, net, kept
}
