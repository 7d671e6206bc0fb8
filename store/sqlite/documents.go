package sqlite

import (
	"maps"
	"slices"
	"time"

	"kassa/checkout"
)

func bindAllocations(s *statement, list []checkout.Allocation) {
	if len(list) == 0 {
		s.null()
		return
	}
	s.document(func(d *document) { writeAllocations(d, list) })
}

func writeAllocations(d *document, list []checkout.Allocation) {
	d.open('[')
	for _, a := range list {
		d.open('{')
		d.text("sku", a.SKU)
		d.text("warehouse", a.Warehouse)
		d.int("qty", a.Qty)
		d.close('}')
	}
	d.close(']')
}

func writeEvents(d *document, events []checkout.Event) {
	d.open('[')
	for i := range events {
		writeEvent(d, &events[i])
	}
	d.close(']')
}

func writeEvent(d *document, e *checkout.Event) {
	d.open('{')
	d.text("order_id", e.OrderID.String())
	d.int("seq", e.Seq)
	d.text("type", e.Type)
	d.time("at", e.At)
	if len(e.Data) > 0 {
		d.openField("data", '{')
		for _, name := range slices.Sorted(maps.Keys(e.Data)) {
			d.any(name, e.Data[name])
		}
		d.close('}')
	}
	d.close('}')
}

func writeDetails(d *document, o *checkout.OrderDetails) {
	d.open('{')
	writeQuote(d, &o.Quote)
	writeCustomer(d, &o.Customer)
	writeAddress(d, "shipping_address", o.ShippingAddress)
	writeAddress(d, "billing_address", o.BillingAddress)
	d.optional("shipping_method", o.ShippingMethod)
	d.optional("reference", o.Reference)
	if len(o.Metadata) > 0 {
		d.any("metadata", o.Metadata)
	}
	if o.HoldTTL != 0 {
		d.int("hold_ttl_ns", int64(o.HoldTTL))
	}
	if len(o.Allocations) > 0 {
		d.any("allocations", o.Allocations)
	}
	d.close('}')
}

func writeQuote(d *document, q *checkout.Quote) {
	d.openField("quote", '{')
	d.text("currency", string(q.Currency))
	writeLines(d, q.Lines)
	d.int("subtotal", q.Subtotal)
	if len(q.Discounts) > 0 {
		d.any("discounts", q.Discounts)
	}
	d.int("shipping", q.Shipping)
	if len(q.Taxes) > 0 {
		d.any("taxes", q.Taxes)
	}
	d.int("total", q.Total)
	d.close('}')
}

func writeLines(d *document, lines []checkout.QuoteLine) {
	if lines == nil {
		d.any("lines", nil)
		return
	}
	d.openField("lines", '[')
	for i := range lines {
		writeLine(d, &lines[i])
	}
	d.close(']')
}

func writeLine(d *document, l *checkout.QuoteLine) {
	d.open('{')
	d.text("sku", l.SKU)
	d.text("name", l.Name)
	d.optional("tax_code", l.TaxCode)
	d.int("qty", l.Qty)
	d.int("unit_price", l.UnitPrice)
	d.int("discount", l.Discount)
	d.int("tax", l.Tax)
	d.int("total", l.Total)
	d.close('}')
}

func writeCustomer(d *document, c *checkout.Customer) {
	d.openField("customer", '{')
	d.optional("user_id", c.UserID)
	d.text("email", c.Email)
	d.text("name", c.Name)
	d.optional("phone", c.Phone)
	d.optional("tax_id", c.TaxID)
	d.close('}')
}

func writeAddress(d *document, name string, a *checkout.Address) {
	if a == nil {
		return
	}
	d.openField(name, '{')
	d.text("name", a.Name)
	d.text("line1", a.Line1)
	d.optional("line2", a.Line2)
	d.text("city", a.City)
	d.text("state", a.State)
	d.text("postal_code", a.PostalCode)
	d.text("country", a.Country)
	d.close('}')
}

// writeWebhookEvent writes what a webhook event has beside its columns, with times
// cut to what columns keep.
func writeWebhookEvent(d *document, e *checkout.WebhookEvent) {
	d.open('{')
	d.optional("type", e.Type)
	d.time("occurred_at", e.OccurredAt.UTC().Truncate(time.Microsecond))
	if e.Payment != nil {
		writeReport(d, e.Payment)
	}
	if e.Refund != nil {
		d.any("refund", e.Refund)
	}
	d.close('}')
}

func writeReport(d *document, p *checkout.PaymentReport) {
	d.openField("payment", '{')
	if !p.PaymentID.IsZero() {
		d.text("payment_id", p.PaymentID.String())
	}
	d.optional("gateway", p.Gateway)
	d.optional("gateway_ref", p.GatewayRef)
	d.optional("charge_id", p.ChargeID)
	d.optional("status", string(p.Status))
	d.openField("amount", '{')
	d.int("Minor", p.Amount.Minor)
	d.text("Currency", string(p.Amount.Currency))
	d.close('}')
	if p.Action != nil {
		d.any("action", p.Action)
	}
	if !p.ActionExpires.IsZero() {
		d.time("action_expires", p.ActionExpires.UTC().Truncate(time.Microsecond))
	}
	if p.Failure != nil {
		d.any("failure", p.Failure)
	}
	if p.NotFound {
		d.any("not_found", true)
	}
	d.close('}')
}
