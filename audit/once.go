package audit

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"

	"kassa/checkout"
)

// digest stands for a key of two texts in a set: short, whatever the texts.
type digest [16]byte

func digestOf(a, b string) digest {
	sum := sha256.Sum256([]byte(a + "\x00" + b))
	return digest(sum[:16])
}

func (d digest) in(v *view) bool { return v.has(checkout.ID(d)) }

// cartOrders is what a cart's orders tell of it.
type cartOrders struct {
	live      int
	current   int // orders that no other superseded
	currentID checkout.ID
	stray     bool // a superseded order is live
}

// fileCart files an order under its cart.
func (v *view) fileCart(o *checkout.Order) {
	if o.CartID.IsZero() || !v.has(o.CartID) {
		return
	}
	c := v.carts[o.CartID]
	if c == nil {
		c = &cartOrders{}
		v.carts[o.CartID] = c
	}
	if o.Live() {
		c.live++
		c.stray = c.stray || o.Superseded
	}
	if !o.Superseded {
		c.current++
		c.currentID = o.ID
	}
}

func (a *auditor) checkCarts(ctx context.Context, v *view) error {
	key := func(c *checkout.Cart) checkout.ID { return c.ID }
	err := walk(ctx, a.options.chunk, a.rows.Carts, key, func(c *checkout.Cart) error {
		if v.has(c.ID) {
			a.judge(onceCart, c.ID, v.oneOrder(c))
			delete(v.carts, c.ID)
		}
		return nil
	})
	for id := range v.carts {
		a.broken(onceCart, id.String(), "it has an order and is not there")
	}
	return err
}

func (v *view) oneOrder(c *checkout.Cart) string {
	orders := v.carts[c.ID]
	if orders == nil {
		orders = &cartOrders{}
	}
	switch {
	case orders.live > 1:
		return fmt.Sprintf("it has %d live orders", orders.live)
	case orders.stray:
		return "an order of it that was superseded is live"
	case orders.current > 1:
		return fmt.Sprintf("%d of its orders are not superseded", orders.current)
	case orders.currentID != c.LastOrder:
		return fmt.Sprintf("its last order is %q; the one that is not superseded is %q", text(c.LastOrder), text(orders.currentID))
	}
	return ""
}

func text(id checkout.ID) string {
	if id.IsZero() {
		return "none"
	}
	return id.String()
}

// oneAttempt counts attempts that a buyer could still pay. Money that is
// authorised does not count: an attempt that had failed may be authorised late.
func oneAttempt(_ *view, o *checkout.Order) string {
	var open []string
	for i := range o.Payments {
		p := &o.Payments[i]
		if (p.Status == checkout.PaymentInitiated || p.Status == checkout.PaymentPending) && !p.Superseded {
			open = append(open, p.ID.String())
		}
	}
	if len(open) > 1 {
		return "open attempts: " + strings.Join(open, ", ")
	}
	return ""
}

func differentKeys(_ *view, o *checkout.Order) string {
	seen := map[string]bool{}
	for i := range o.Payments {
		p := &o.Payments[i]
		if p.IdempotencyKey != "" && seen[p.IdempotencyKey] {
			return fmt.Sprintf("payment %s has the key of another", p.ID)
		}
		seen[p.IdempotencyKey] = true
	}
	return ""
}

func (a *auditor) checkCharges(v *view, o *checkout.Order) {
	for i := range o.Payments {
		p := &o.Payments[i]
		charge := digestOf(p.Gateway, p.ChargeID)
		if p.ChargeID == "" || !charge.in(v) {
			continue
		}
		why := ""
		if v.charges[charge] {
			why = fmt.Sprintf("charge %s of %s stands in another payment too", p.ChargeID, p.Gateway)
		}
		v.charges[charge] = true
		a.judge(onceCharge, p.ID, why)
	}
}

func (a *auditor) checkWebhooks(ctx context.Context, v *view) error {
	key := func(w *checkout.WebhookRecord) checkout.ID { return w.ID }
	return walk(ctx, a.options.chunk, a.rows.Webhooks, key, func(w *checkout.WebhookRecord) error {
		event := digestOf(w.Event.Gateway, w.Event.Key)
		if event.in(v) {
			if v.webhooks[event] {
				a.broken(onceWebhook, w.ID.String(), fmt.Sprintf("event %s of %s is stored twice", w.Event.Key, w.Event.Gateway))
			}
			v.webhooks[event] = true
		}
		if !v.has(w.ID) {
			return nil
		}
		for _, r := range rules {
			if r.webhook != nil {
				a.judge(r.Name, w.ID, r.webhook(v, w))
			}
		}
		for _, t := range v.owed[w.ID] {
			a.judge(taskSubject, t.id, ofWebhook(t))
		}
		delete(v.owed, w.ID)
		return nil
	})
}

func appliedOnce(_ *view, w *checkout.WebhookRecord) string {
	applied := w.Status == checkout.WebhookApplied
	interesting := w.Event.Payment != nil || w.Event.Refund != nil
	switch {
	case applied == w.AppliedAt.IsZero():
		return fmt.Sprintf("the event is %s and was applied at %s", w.Status, w.AppliedAt)
	case applied && interesting && w.OrderID.IsZero():
		return "the event was applied to no order"
	case !applied && !w.OrderID.IsZero():
		return fmt.Sprintf("the event is %s and names order %s", w.Status, w.OrderID)
	}
	return ""
}

// invoices are the numbers that were given, by series.
type invoices map[string]*numbers

// numbers is a set of numbers: a bit each.
type numbers struct {
	pages map[int64]*[64]uint64
	count int64
}

// add returns false where the number is there already.
func (n *numbers) add(number int64) bool {
	page := n.pages[number>>12]
	if page == nil {
		page = &[64]uint64{}
		n.pages[number>>12] = page
	}
	word, bit := &page[number>>6&63], uint64(1)<<(number&63)
	if *word&bit != 0 {
		return false
	}
	*word |= bit
	n.count++
	return true
}

func (n *numbers) has(number int64) bool {
	page := n.pages[number>>12]
	return page != nil && page[number>>6&63]&(1<<(number&63)) != 0
}

func (a *auditor) judgeInvoice(o *checkout.Order) {
	numbered := o.InvoiceSeries != "" && o.InvoiceSeq > 0
	why := ""
	switch {
	case o.ConfirmedAt.IsZero() && !o.Paid():
		if o.InvoiceSeries != "" || o.InvoiceSeq != 0 {
			why = fmt.Sprintf("it was never confirmed and has the number %s/%d", o.InvoiceSeries, o.InvoiceSeq)
		}
	case !numbered:
		why = "it was confirmed and has no number"
	}
	a.judge(onceInvoice, o.ID, why)
	if numbered {
		a.fileInvoice(o)
	}
}

// invoiceCounter begins the name of each series' counter.
const invoiceCounter = "invoice:"

// fileInvoice remembers an order's number. One that was never given is named and
// not kept, so that the set is no larger than its counter allows.
func (a *auditor) fileInvoice(o *checkout.Order) {
	name := fmt.Sprintf("%s/%d", o.InvoiceSeries, o.InvoiceSeq)
	if last := a.counters[invoiceCounter+o.InvoiceSeries]; o.InvoiceSeq > last {
		a.broken(onceInvoice, name, fmt.Sprintf("order %s has this number, and the series' counter stands at %d", o.ID, last))
		return
	}
	if !a.invoices.in(o.InvoiceSeries).add(o.InvoiceSeq) {
		a.broken(onceInvoice, name, fmt.Sprintf("the number of order %s is another order's too", o.ID))
	}
}

func (i invoices) in(series string) *numbers {
	if i[series] == nil {
		i[series] = &numbers{pages: map[int64]*[64]uint64{}}
	}
	return i[series]
}

// checkInvoices looks for numbers of each series that no order has.
func (a *auditor) checkInvoices() {
	for _, name := range slices.Sorted(maps.Keys(a.counters)) {
		if series, ok := strings.CutPrefix(name, invoiceCounter); ok {
			a.checkSeries(series, a.invoices.in(series), a.counters[name])
		}
	}
}

// checkSeries names the missing ones of the numbers 1 to last. All that are
// remembered lie there, each counted once, so their count tells how many miss.
func (a *auditor) checkSeries(series string, given *numbers, last int64) {
	missing := last - given.count
	for number := int64(1); missing > 0 && number <= last; number++ {
		if given.has(number) {
			continue
		}
		if missing--; len(a.findings[onceInvoice].IDs) == maxIDs {
			a.findings[onceInvoice].Broken += missing + 1
			return
		}
		a.broken(onceInvoice, fmt.Sprintf("%s/%d", series, number), "no order has this number")
	}
}
