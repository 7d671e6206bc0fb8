package saga_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"kassa/checkout"
)

// names gives short names to ids: o1, p1, p2, r1 … in order of their making.
type names struct {
	byID   map[checkout.ID]string
	byName map[string]checkout.ID
	count  map[string]int
}

func newNames() names {
	return names{map[checkout.ID]string{}, map[string]checkout.ID{}, map[string]int{}}
}

func (n names) give(prefix string, id checkout.ID) {
	if n.byID[id] != "" {
		return
	}
	n.count[prefix]++
	n.set(id, fmt.Sprintf("%s%d", prefix, n.count[prefix]))
}

func (n names) set(id checkout.ID, name string) { n.byID[id], n.byName[name] = name, id }

func (n names) of(id checkout.ID) string { return cmp.Or(n.byID[id], id.String()) }

// replace writes names for ids in a text.
func (n names) replace(text string) string {
	for id, name := range n.byID {
		text = strings.ReplaceAll(text, id.String(), name)
	}
	return text
}

// print writes what a command did: its answer, the rows that look different now,
// the tasks it put and dropped, and its events.
func (w *world) print(out *outcome) []string {
	lines := []string{w.answer(out)}
	lines = append(lines, changed(out.before.describe(), w.describe())...)
	lines = append(lines, w.printTasks(out)...)
	for _, e := range out.changes.Events {
		lines = append(lines, w.printEvent(e))
	}
	return lines
}

func (w *world) answer(out *outcome) string {
	switch {
	case out.refusal != nil:
		text := fmt.Sprintf("refused %s: %s", out.refusal.Code, w.names.replace(out.refusal.Detail))
		for _, s := range out.refusal.Items {
			text += fmt.Sprintf(" [%s: %d asked, %d there]", s.SKU, s.Requested, s.Available)
		}
		return text
	case out.result.Waiting:
		return "ok, waiting for the gateway"
	case out.result.Existing:
		return "ok, as it was"
	}
	return "ok"
}

// described is a row's text under a key that sorts as the rows should be printed.
type described struct{ key, text string }

// changed returns the texts that are new or differ.
func changed(before, after []described) []string {
	was := map[string]string{}
	for _, d := range before {
		was[d.key] = d.text
	}
	var lines []string
	for _, d := range after {
		if was[d.key] != d.text {
			lines = append(lines, d.text)
		}
		delete(was, d.key)
	}
	for _, key := range slices.Sorted(maps.Keys(was)) {
		lines = append(lines, "gone: "+was[key])
	}
	return lines
}

func (w *world) describe() []described {
	var all []described
	add := func(key, text string) { all = append(all, described{key, text}) }
	for _, id := range slices.SortedFunc(maps.Keys(w.state.Carts), checkout.ID.Compare) {
		add(w.names.of(id), w.printCart(w.state.Carts[id]))
	}
	for _, s := range slices.Sorted(maps.Keys(w.state.Holds)) {
		h := w.state.Holds[s]
		add("hold "+s, fmt.Sprintf("hold %s: %s until %s", s, allocations(h.Allocations), clock(h.ExpiresAt)))
	}
	for _, o := range w.orders() {
		add(w.names.of(o.ID), w.printOrder(o))
		for i := range o.Payments {
			add(w.names.of(o.Payments[i].ID), w.printPayment(&o.Payments[i]))
		}
		for i := range o.Refunds {
			add(w.names.of(o.Refunds[i].ID), w.printRefund(&o.Refunds[i]))
		}
	}
	for _, r := range w.webhooks() {
		add("webhook "+r.Event.Key, fmt.Sprintf("webhook %s %s", r.Event.Key, r.Status))
	}
	for _, sku := range slices.Sorted(maps.Keys(w.state.Stock)) {
		for _, l := range w.state.Stock[sku] {
			add("stock "+sku+" "+l.Warehouse, printLevel(l))
		}
	}
	return all
}

// words joins what is set.
type words []string

func (w *words) add(when bool, format string, args ...any) {
	if when {
		*w = append(*w, fmt.Sprintf(format, args...))
	}
}

func (w words) String() string { return strings.Join(w, ", ") }

func (w *world) printCart(c *checkout.Cart) string {
	var text words
	text.add(true, "%s: %s", w.names.of(c.ID), items(c.Items))
	text.add(!c.LastOrder.IsZero(), "last order %s", w.names.of(c.LastOrder))
	return text.String()
}

func (w *world) printOrder(o *checkout.Order) string {
	var text words
	text.add(true, "%s %s %s", w.names.of(o.ID), o.Status, o.Total)
	text.add(o.HoldStatus == checkout.HoldOpen, "holds %s until %s", allocations(o.Allocations), clock(o.HoldExpiresAt))
	text.add(o.HoldStatus != checkout.HoldOpen, "hold %s", o.HoldStatus)
	text.add(!o.ClosingSince.IsZero(), "closing")
	text.add(!o.SecuredBy.IsZero(), "secured by %s", w.names.of(o.SecuredBy))
	text.add(o.Superseded, "superseded")
	text.add(o.Restocked, "restocked")
	text.add(o.InvoiceSeq > 0, "invoice %s/%d", o.InvoiceSeries, o.InvoiceSeq)
	return text.String()
}

func (w *world) printPayment(p *checkout.Payment) string {
	var text words
	text.add(true, "%s %s %s by %s", w.names.of(p.ID), p.Status, p.Amount, p.Gateway)
	text.add(p.CallNo > 1, "call %d", p.CallNo)
	text.add(p.GatewayRef != "", "ref %s", p.GatewayRef)
	text.add(p.ChargeID != "", "charge %s", p.ChargeID)
	text.add(p.Action != nil, "the buyer must act")
	text.add(p.Unknown, "unknown")
	text.add(p.Closing && p.Open(), "closing")
	text.add(p.Superseded, "superseded")
	text.add(p.Extra, "extra")
	text.add(!p.Captured.IsZero(), "captured %s", p.Captured)
	text.add(!p.Captured.IsZero() && p.Captured.Currency != p.Amount.Currency, "in %s", p.Captured.Currency)
	text.add(p.RefundCommitted > 0, "of it %s to refunds", inr(p.RefundCommitted))
	text.add(p.FailureCode != "", "failure %s", p.FailureCode)
	return text.String()
}

func (w *world) printRefund(r *checkout.Refund) string {
	var text words
	text.add(true, "%s %s %s of %s (%s)", w.names.of(r.ID), r.Status, r.Amount, w.names.of(r.PaymentID), r.Origin)
	text.add(r.CallNo > 1, "call %d", r.CallNo)
	text.add(r.GatewayRef != "", "ref %s", r.GatewayRef)
	text.add(r.FailureCode != "", "failure %s", r.FailureCode)
	text.add(r.Reason != "", "because %s", r.Reason)
	return text.String()
}

func printLevel(l checkout.Level) string {
	var text words
	text.add(true, "%s in %s: %d available", l.SKU, l.Warehouse, l.Available)
	text.add(l.Locked > 0, "%d locked", l.Locked)
	text.add(l.Deducted > 0, "%d deducted", l.Deducted)
	text.add(l.Restocked > 0, "%d restocked", l.Restocked)
	return text.String()
}

func (w *world) printTasks(out *outcome) []string {
	var lines []string
	for _, t := range out.changes.Tasks {
		name := "task " + w.names.of(t.ID) + " "
		switch {
		case t.Kind == checkout.TaskAttend:
			lines = append(lines, "attention "+w.names.of(t.ID)+": "+w.names.replace(t.LastError))
		case t.Attention:
			lines = append(lines, name+string(t.Kind)+" needs an operator: "+w.names.replace(t.LastError))
		case t.LeaseID.IsZero():
			lines = append(lines, name+string(t.Kind)+" in "+t.DueAt.Sub(w.state.Now).String())
		default:
			lines = append(lines, name+string(t.Kind)+" now")
		}
	}
	for _, drop := range out.changes.DropTasks {
		if t, was := out.before.tasks[drop.ID]; was {
			_, still := w.tasks[drop.ID]
			lines = append(lines, fmt.Sprintf("task %s %s %s", w.names.of(drop.ID), t.Kind, map[bool]string{true: "stays: another run has it", false: "done"}[still]))
		}
	}
	return lines
}

// quiet are the keys of event data that would only repeat the rows.
var quiet = []string{"attempt", "gateway", "currency", "origin", "gateway_txn_id", "hold_expires_at"}

func (w *world) printEvent(e checkout.Event) string {
	var text []string
	for _, key := range slices.Sorted(maps.Keys(e.Data)) {
		switch {
		case slices.Contains(quiet, key):
		case strings.HasSuffix(key, "_id"):
			text = append(text, fmt.Sprint(e.Data[key]))
		case key != "status" || e.Type == "order.refund_state":
			text = append(text, fmt.Sprintf("%s=%v", key, e.Data[key]))
		}
	}
	line := fmt.Sprintf("event %s.%d %s %s", w.names.of(e.OrderID), e.Seq, e.Type, strings.Join(text, " "))
	return w.names.replace(strings.TrimSpace(line))
}

// clock writes a time as its distance from the scenario's start.
func clock(t time.Time) string { return "t+" + t.Sub(start).String() }

func items(all []checkout.Item) string {
	text := make([]string, len(all))
	for i, it := range all {
		text[i] = fmt.Sprintf("%s:%d", it.SKU, it.Qty)
	}
	return strings.Join(text, " ")
}

func allocations(all []checkout.Allocation) string {
	text := make([]string, len(all))
	for i, a := range all {
		text[i] = fmt.Sprintf("%s:%d@%s", a.SKU, a.Qty, a.Warehouse)
	}
	return strings.Join(text, " ")
}
