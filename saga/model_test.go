package saga_test

import (
	"fmt"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"kassa/checkout"
	"kassa/gateway"
)

// bank is the truth: the gateways as they are, whatever we have heard of them. It
// answers in the words of the scenarios.
type bank struct {
	charges  []*charge
	refunds  []*paidBack
	messages []*message // webhooks on their way
	sent     int
}

// charge is an attempt as a gateway has it.
type charge struct {
	name    string // ours, of the attempt
	payment checkout.ID
	gateway string
	key     string
	ref, id string
	status  checkout.PaymentStatus
	amount  string // as the buyer paid it, which may not be what was asked
	minor   int64
}

// paidBack is a refund as a gateway has it.
type paidBack struct {
	name   string // ours; "" where it was made at the dashboard
	refund checkout.ID
	charge *charge
	key    string
	ref    string
	status checkout.RefundStatus
	minor  int64
}

// message is a webhook that has not been delivered for the last time.
type message struct {
	text   string // what follows "webhook KEY"
	charge *charge
	key    string
}

// says is the charge's state in the words of the scenarios, under a name of ours.
func (c *charge) says(name string) string {
	text := fmt.Sprintf("%s %s", name, strings.ToLower(string(c.status)))
	switch c.status {
	case checkout.PaymentSucceeded, checkout.PaymentAuthorized:
		return fmt.Sprintf("%s %s ref=%s charge=%s", text, c.amount, c.ref, c.id)
	}
	return fmt.Sprintf("%s ref=%s", text, c.ref)
}

func (r *paidBack) says() string {
	status := strings.ToLower(string(r.status))
	if r.name != "" {
		return fmt.Sprintf("%s %s ref=%s", r.name, status, r.ref)
	}
	return fmt.Sprintf("%s refunded %s ref=%s charge=%s %s", r.charge.name, inr(r.minor), r.ref, r.charge.id, status)
}

// tell sends a webhook of a charge's state.
func (b *bank) tell(c *charge) { b.send(c.says(c.name), c) }

func (b *bank) send(text string, c *charge) {
	b.sent++
	b.messages = append(b.messages, &message{text: text, charge: c, key: fmt.Sprintf("evt%d", b.sent)})
}

func (b *bank) set(c *charge, status checkout.PaymentStatus) {
	c.status = status
	b.tell(c)
}

func (b *bank) setRefund(r *paidBack, status checkout.RefundStatus) {
	r.status = status
	b.send(r.says(), r.charge)
}

// left is what can still be refunded of a charge.
func (b *bank) left(c *charge) int64 {
	left := c.minor
	for _, r := range b.refunds {
		if r.charge == c && r.status != checkout.RefundFailed {
			left -= r.minor
		}
	}
	return left
}

// rank says which of an attempt's charges a search shows.
var rank = []checkout.PaymentStatus{
	checkout.PaymentVoided, checkout.PaymentFailed, checkout.PaymentPending, checkout.PaymentAuthorized, checkout.PaymentSucceeded,
}

// twice tells whether the attempt of a charge was charged twice.
func (b *bank) twice(c *charge) bool {
	return slices.ContainsFunc(b.charges, func(o *charge) bool { return o != c && o.ref == c.ref })
}

// find finds an attempt: by its charge or its reference, or, where those are lost,
// the one that came furthest.
func (b *bank) find(p *checkout.Payment) *charge {
	var best *charge
	for _, c := range b.charges {
		switch {
		case p.ChargeID != "" && c.id == p.ChargeID:
			return c
		case c.payment != p.ID, p.GatewayRef != "" && c.ref != p.GatewayRef:
		case best == nil || slices.Index(rank, c.status) > slices.Index(rank, best.status):
			best = c
		}
	}
	return best
}

func (b *bank) findRefund(r *checkout.Refund) *paidBack {
	for _, have := range b.refunds {
		if r.GatewayRef != "" && have.ref == r.GatewayRef || r.GatewayRef == "" && have.refund == r.ID {
			return have
		}
	}
	return nil
}

// dice are fair, where rapid's own numbers lean to small ones: here the first
// choice is not to come more often than the last.
var dice = rapid.Custom(func(t *rapid.T) int {
	n := 0
	for range 10 {
		n *= 2
		if rapid.Bool().Draw(t, "bit") {
			n++
		}
	}
	return n
})

// roll draws a number from 0 to n-1.
func roll(t *rapid.T, label string, n int) int { return dice.Draw(t, label) % n }

// draw picks one of several at random.
func draw[V any](t *rapid.T, label string, from ...V) V { return from[roll(t, label, len(from))] }

// begun is how an attempt may stand after its creation.
func begun(t *rapid.T, p *checkout.Payment) checkout.PaymentStatus {
	switch {
	case p.Token == "":
		return checkout.PaymentPending
	case p.ManualCapture:
		return draw(t, "begun", checkout.PaymentAuthorized, checkout.PaymentFailed, checkout.PaymentPending)
	}
	return draw(t, "begun", checkout.PaymentSucceeded, checkout.PaymentFailed, checkout.PaymentPending, checkout.PaymentAuthorized)
}

// act does what a task asks of the gateway and returns what the gateway says of
// it: the words after "gateway" or "lookup", or those of a failure.
func (b *bank) act(t *rapid.T, kind checkout.TaskKind, name string, p *checkout.Payment) string {
	if kind == checkout.TaskInitiate {
		return b.create(t, name, p)
	}
	c := b.find(p)
	if c == nil {
		if kind == checkout.TaskLookUp {
			return "lookup " + name + " notfound"
		}
		return "fail " + name + " refused"
	}
	switch {
	case kind == checkout.TaskLookUp:
		return "lookup " + c.says(name)
	case kind == checkout.TaskClose && !p.Closable, kind == checkout.TaskVoid && p.Gateway == "razorpay":
		return "fail " + name + " unsupported"
	case kind == checkout.TaskClose && (c.status == checkout.PaymentPending || c.status == checkout.PaymentAuthorized),
		kind == checkout.TaskVoid && c.status == checkout.PaymentAuthorized:
		b.set(c, checkout.PaymentVoided)
	case kind == checkout.TaskCapture && c.status == checkout.PaymentAuthorized:
		b.set(c, checkout.PaymentSucceeded)
	case kind == checkout.TaskCapture && c.status != checkout.PaymentSucceeded,
		kind == checkout.TaskVoid && c.status != checkout.PaymentVoided:
		return "fail " + name + " refused"
	}
	return "gateway " + c.says(name)
}

func (b *bank) create(t *rapid.T, name string, p *checkout.Payment) string {
	key := gateway.CreateKey(p.ID, p.CallNo)
	for _, c := range b.charges {
		if c.key == key {
			return "gateway " + c.says(name)
		}
	}
	c := &charge{
		name: name, payment: p.ID, gateway: p.Gateway, key: key, status: begun(t, p),
		ref: fmt.Sprintf("ref%d", len(b.charges)+1), id: fmt.Sprintf("charge%d", len(b.charges)+1),
		amount: p.Amount.String(), minor: p.Amount.Minor,
	}
	b.charges = append(b.charges, c)
	b.tell(c)
	return "gateway " + c.says(name)
}

// refund does a refund or looks it up.
func (b *bank) refund(t *rapid.T, kind checkout.TaskKind, name string, r *checkout.Refund, p *checkout.Payment) string {
	have := b.findRefund(r)
	if kind == checkout.TaskLookUpRefund {
		if have == nil {
			return "lookup " + name + " notfound"
		}
		return fmt.Sprintf("lookup %s %s ref=%s", name, strings.ToLower(string(have.status)), have.ref)
	}
	key := gateway.RefundKey(r.ID, r.CallNo)
	if i := slices.IndexFunc(b.refunds, func(o *paidBack) bool { return o.key == key }); i >= 0 {
		return "gateway " + b.refunds[i].says()
	}
	i := slices.IndexFunc(b.charges, func(c *charge) bool { return c.id == p.ChargeID })
	if i < 0 || b.left(b.charges[i]) < r.Amount.Minor {
		return "fail " + name + " refused"
	}
	status := draw(t, "refund", checkout.RefundSucceeded, checkout.RefundPending, checkout.RefundFailed)
	made := b.pay(b.charges[i], r.Amount.Minor, status)
	made.name, made.refund, made.key = name, r.ID, key
	b.send(made.says(), made.charge)
	return "gateway " + made.says()
}

func (b *bank) pay(c *charge, minor int64, status checkout.RefundStatus) *paidBack {
	r := &paidBack{charge: c, ref: fmt.Sprintf("back%d", len(b.refunds)+1), status: status, minor: minor}
	b.refunds = append(b.refunds, r)
	return r
}
