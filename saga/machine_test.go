package saga_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"kassa/checkout"
)

// machine lets buyers, gateways, processes and clocks do what they like, in the
// words of the scenarios: a failure is a scenario that can be put into testdata.
type machine struct {
	*script
	bank    bank
	answers []answer // of calls that were made and whose result is not home yet
	log     []string
	faulty  bool // calls fail, answers get lost
	lost    map[checkout.ID]bool
}

type answer struct {
	run  checkout.Task
	text string
}

// TestMachine checks all laws after every step, and that in the end nothing rests
// half done and our books are the gateways'.
func TestMachine(t *testing.T) {
	t.Parallel()
	rounds := 8 // of rapid's 100 runs each
	if testing.Short() {
		rounds = 1
	}
	for round := range rounds {
		t.Run(strconv.Itoa(round), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, live)
		})
	}
}

// live is one life of a shop.
func live(t *rapid.T) {
	m := &machine{script: newScript(), faulty: true, lost: map[checkout.ID]bool{}}
	m.must(t, fmt.Sprintf("product shirt 499.00 main=%d delhi=%d", draw(t, "main", 3, 1, 9), draw(t, "delhi", 0, 1, 3)))
	m.must(t, "product sticker 0.00 main=5")
	for range roll(t, "steps", 80) {
		m.happen(t)
	}
	m.finish(t)
}

// move is something that may happen next, more or less often.
type move struct {
	weight int
	can    bool
	do     func(*rapid.T)
}

func (m *machine) happen(t *rapid.T) {
	orders := len(m.state.Orders)
	moves := []move{
		{3, orders < 5, m.place},
		{1, true, m.hold},
		{6, orders > 0, m.initiate},
		{2, orders > 0, m.order},
		{2, len(m.paid()) > 0, m.giveBack},
		{1, len(m.shopPayments()) > 0, m.ask},
		{2, len(m.attention()) > 0, m.operator},
		{8, len(m.due()) > 0, m.begin},
		{6, len(m.answers) > 0, m.answer},
		{1, len(m.tasks) > 0, m.die},
		{6, len(m.payableCharges()) > 0, m.buyer},
		{2, len(m.movingRefunds()) > 0, m.settleRefund},
		{1, len(m.fullCharges()) > 0, m.dashboard},
		{1, len(m.twicePayable()) > 0, m.payTwice},
		{4, len(m.bank.messages) > 0, m.deliver},
		{2, len(m.losable()) > 0, m.loseMessage},
		{4, true, m.pass},
		{1, true, m.wait},
		{2, true, m.sweep},
		{1, true, m.count},
	}
	total := 0
	for _, mv := range moves {
		if mv.can {
			total += mv.weight
		}
	}
	n := roll(t, "move", total)
	for _, mv := range moves {
		if !mv.can {
			continue
		}
		if n -= mv.weight; n < 0 {
			mv.do(t)
			return
		}
	}
}

// must runs a line; a broken law fails the test with the whole scenario.
func (m *machine) must(t *rapid.T, text string) []string {
	t.Helper()
	m.log = append(m.log, text)
	out, err := m.run(text)
	if err != nil {
		t.Fatalf("%v\nthe scenario:\n%s", err, strings.Join(m.log, "\n"))
	}
	for _, l := range out {
		m.log = append(m.log, "  "+l)
	}
	return out
}

// pick draws one of the rows, of which there is one at least.
func pick[V any](t *rapid.T, label string, from []V) V {
	return from[roll(t, label, len(from))]
}

func (m *machine) place(t *rapid.T) {
	item := draw(t, "item", "shirt:1", "shirt:2", "shirt:4", "sticker:1")
	switch draw(t, "from", "items", "cart", "session") {
	case "items":
		m.must(t, "place "+item)
	case "session":
		m.must(t, "place "+item+" session="+draw(t, "session", "s1", "s2"))
	case "cart":
		if len(m.state.Carts) == 0 {
			m.must(t, "cart "+item)
		}
		if draw(t, "edit", false, true) {
			m.must(t, "cart id=c1 "+item)
		}
		m.must(t, "place cart=c1")
	}
}

func (m *machine) hold(t *rapid.T) {
	session := draw(t, "session", "s1", "s2")
	if draw(t, "release", false, false, true) {
		m.must(t, "release "+session)
		return
	}
	m.must(t, "hold "+session+" "+draw(t, "item", "shirt:1", "shirt:2", "shirt:9"))
}

func (m *machine) initiate(t *rapid.T) {
	from := slices.DeleteFunc(m.orders(), func(o *checkout.Order) bool { return !o.Payable() })
	if len(from) == 0 || draw(t, "any order", false, false, false, false, true) {
		from = m.orders()
	}
	o := pick(t, "order", from)
	text := "initiate " + m.names.of(o.ID) + " " +
		draw(t, "how", "card", "card token", "upi", "card token gateway=shipped", "card gateway=shipped", "bank_transfer")
	if len(o.Payments) > 0 && draw(t, "repeat", false, false, true) {
		p := pick(t, "attempt", o.Payments)
		text += " request=" + p.RequestHash + " key=" + p.IdempotencyKey // a second charge has none: then it is a new one
	}
	m.must(t, text)
}

func (m *machine) order(t *rapid.T) {
	name := m.names.of(pick(t, "order", m.orders()).ID)
	m.must(t, draw(t, "wish", "confirm ", "confirm ", "confirm ", "cancel ")+name+draw(t, "unpaid", "", " unpaid"))
}

func (m *machine) paid() []*checkout.Order {
	return slices.DeleteFunc(m.orders(), func(o *checkout.Order) bool { return !o.Paid() })
}

func (m *machine) giveBack(t *rapid.T) {
	m.must(t, "refund "+m.names.of(pick(t, "order", m.paid()).ID)+draw(t, "how much", "", " amount=100.00", " amount=100.00", " restock"))
}

// shopPayments are those that a shop may ask something of.
func (m *machine) shopPayments() []*checkout.Payment {
	var found []*checkout.Payment
	for _, o := range m.orders() {
		for i := range o.Payments {
			p := &o.Payments[i]
			expected := p.Gateway == "bank" && m.bank.find(p) != nil && m.bank.find(p).status == checkout.PaymentPending
			if expected || p.ManualCapture || p.Status == checkout.PaymentAuthorized {
				found = append(found, p)
			}
		}
	}
	return found
}

// ask is what a shop asks of a payment. A bank transfer that has arrived is seen
// on the bank's account as well.
func (m *machine) ask(t *rapid.T) {
	p := pick(t, "payment", m.shopPayments())
	name := m.names.of(p.ID)
	if p.Gateway == "bank" {
		c := m.bank.find(p)
		c.status = checkout.PaymentSucceeded
		known := p.ChargeID != ""
		m.must(t, "received "+name+" "+c.id)
		if !known {
			c.id = p.ID.String() // a transfer's reference is no charge: it may pay several orders
		}
		return
	}
	m.must(t, draw(t, "wish", "capture ", "void ")+name)
}

// operator resolves what waits for one.
func (m *machine) operator(t *rapid.T) {
	id := pick(t, "attention", m.attention())
	how := draw(t, "how", "retry", "compensate", "skip")
	if how == "skip" && m.lost[id] {
		how = "retry" // the operator looks at the gateway first
	}
	m.must(t, "resolve "+m.names.of(id)+" "+how)
}

// due lists what can be run now.
func (m *machine) due() []checkout.Task {
	var due []checkout.Task
	for id, t := range m.tasks {
		if !t.Attention && !m.dueAt(t).After(m.state.Now) && !m.running(id) {
			due = append(due, t)
		}
	}
	slices.SortFunc(due, func(a, b checkout.Task) int { return a.ID.Compare(b.ID) })
	return due
}

// begin starts a task's run: the call is made, and its answer is on its way.
func (m *machine) begin(t *rapid.T) { m.call(t, pick(t, "task", m.due())) }

func (m *machine) call(t *rapid.T, task checkout.Task) {
	name := m.names.of(task.ID)
	m.must(t, "start "+name)
	run := m.runs[task.ID]
	fate := "answered"
	if m.faulty {
		fate = draw(t, "fate", "answered", "answered", "answered", "lost on its way", "answer lost", "unavailable")
	}
	text := "fail " + name + " unavailable"
	switch {
	case m.idle(run):
		text = "finish " + name
	case fate == "answered":
		text = m.at(t, run, name)
	case fate == "answer lost":
		m.at(t, run, name)
		text = "fail " + name + " unknown timeout"
	case fate == "lost on its way":
		text = "fail " + name + " unknown timeout"
	}
	m.answers = append(m.answers, answer{run, text})
}

// at lets the gateway act.
func (m *machine) at(t *rapid.T, run checkout.Task, name string) string {
	if o, r := m.refund(run.ID); r != nil {
		return m.bank.refund(t, run.Kind, name, r, o.Payment(r.PaymentID))
	}
	o, p := m.payment(run.ID)
	if run.Kind == checkout.TaskInitiate && (p.GatewayRef != "" || !o.Payable() || p.Closing || p.Superseded) {
		return strings.Replace(m.bank.act(t, checkout.TaskLookUp, name, p), "lookup", "gateway", 1)
	}
	return m.bank.act(t, run.Kind, name, p)
}

// idle tells whether a runner finds nothing to do, as package payments has it.
func (m *machine) idle(run checkout.Task) bool {
	if _, r := m.refund(run.ID); r != nil {
		return r.Status != checkout.RefundPending
	}
	_, p := m.payment(run.ID)
	switch run.Kind {
	case checkout.TaskInitiate:
		return !p.Open() || p.GatewayRef == "" && p.Status != checkout.PaymentInitiated && !p.Unknown
	case checkout.TaskCapture, checkout.TaskVoid:
		return p.Status != checkout.PaymentAuthorized
	}
	return !p.Open()
}

// answer brings a call's result home, in whatever order.
func (m *machine) answer(t *rapid.T) {
	a := pick(t, "answer", m.answers)
	m.answers = slices.DeleteFunc(m.answers, func(o answer) bool { return o == a })
	m.bringHome(t, a)
}

func (m *machine) bringHome(t *rapid.T, a answer) {
	switch a.run {
	case m.runs[a.run.ID]:
		m.must(t, a.text)
	case m.older[a.run.ID]:
		m.must(t, "late "+a.text)
	}
}

// die kills the process. Some of its answers still come home: it was only slow.
func (m *machine) die(t *rapid.T) {
	m.must(t, "crash")
	if draw(t, "for good", true, false) {
		m.answers = nil
	}
}
