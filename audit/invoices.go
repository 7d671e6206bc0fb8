package audit

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"kassa/checkout"
)

// invoices are the numbers that were given, by series.
type invoices map[string]*numbers

// numbers is a set of numbers: a bit each.
type numbers struct {
	pages map[int64]*[64]uint64
	last  int64 // what is above was given while the audit ran
	count int64 // of those up to last
}

func newNumbers(last int64) numbers { return numbers{pages: map[int64]*[64]uint64{}, last: last} }

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
	if number <= n.last {
		n.count++
	}
	return true
}

func (n *numbers) has(number int64) bool {
	page := n.pages[number>>12]
	return page != nil && page[number>>6&63]&(1<<(number&63)) != 0
}

func (a *auditor) judgeInvoice(v *view, o *checkout.Order) {
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
		a.fileInvoice(v, o)
	}
}

// invoiceCounter begins the name of each series' counter.
const invoiceCounter = "invoice:"

// numberedSince tells whether an order has a number that its series' counter had
// not come to when the audit began.
func (a *auditor) numberedSince(orders []*checkout.Order) bool {
	return slices.ContainsFunc(orders, func(o *checkout.Order) bool {
		return o.InvoiceSeq > a.opening.counters[invoiceCounter+o.InvoiceSeries]
	})
}

// fileInvoice remembers an order's number. One that was never given is named and
// not kept, so that the set is no larger than its counter allows.
func (a *auditor) fileInvoice(v *view, o *checkout.Order) {
	name, counter := fmt.Sprintf("%s/%d", o.InvoiceSeries, o.InvoiceSeq), invoiceCounter+o.InvoiceSeries
	if opened := a.opening.counters[counter]; o.InvoiceSeq > opened && o.InvoiceSeq > v.counters[counter] {
		a.broken(onceInvoice, name, fmt.Sprintf("order %s has this number, and the series' counter stands at %d", o.ID, v.counters[counter]))
		return
	}
	if !a.invoices.in(o.InvoiceSeries, a.opening.counters[counter]).add(o.InvoiceSeq) {
		a.broken(onceInvoice, name, fmt.Sprintf("the number of order %s is another order's too", o.ID))
	}
}

// in is the set of a series whose counter stood at a number when the audit began.
func (i invoices) in(series string, last int64) *numbers {
	if i[series] == nil {
		given := newNumbers(last)
		i[series] = &given
	}
	return i[series]
}

// checkInvoices looks for numbers of each series that no order has. An order keeps
// its number, so all that had been given when the audit began must have been seen.
func (a *auditor) checkInvoices() {
	for _, name := range slices.Sorted(maps.Keys(a.opening.counters)) {
		if series, ok := strings.CutPrefix(name, invoiceCounter); ok {
			a.checkSeries(series, a.invoices.in(series, a.opening.counters[name]))
		}
	}
}

// checkSeries names the missing ones of the numbers 1 to last. Each that was seen
// is counted once, so their count tells how many miss.
func (a *auditor) checkSeries(series string, given *numbers) {
	missing := given.last - given.count
	for number := int64(1); missing > 0 && number <= given.last; number++ {
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
