package mysql

import (
	"kassa/checkout"
)

// Each function writes the columns of its part in sql/parts.sql, in their order.

func writeCustomer(r *record, c *checkout.Customer) {
	r.text(c.UserID)
	r.text(c.Email)
	r.text(c.Name)
	r.text(c.Phone)
	r.text(c.TaxID)
}

func writeProduct(r *record, p *checkout.Product) {
	r.text(p.SKU)
	r.time(p.CreatedAt)
	r.time(p.UpdatedAt)
	r.int(p.WeightG)
	r.bool(p.Active)
	r.text(p.Name)
	r.text(p.TaxCode)
	r.text(p.Image)
	r.document(p.Prices)
}

func writeCart(r *record, c *checkout.Cart) {
	r.id(c.ID)
	r.time(c.CreatedAt)
	r.time(c.UpdatedAt)
	r.text(string(c.Currency))
	r.id(c.LastOrder)
	r.document(optionalList(c.Items))
	r.document(optionalList(c.Coupons))
	r.document(optionalDocument(c.ShippingAddress))
}

func writeHold(r *record, h *checkout.Hold) {
	r.text(h.SessionID)
	r.id(h.ID)
	r.time(h.CreatedAt)
	r.time(h.ExpiresAt)
	r.document(optionalList(h.Allocations))
}

func writeLevel(r *record, l checkout.Level) {
	r.text(l.SKU)
	r.text(l.Warehouse)
	r.int(l.Available)
	r.int(l.Locked)
	r.int(l.Deducted)
	r.int(l.Restocked)
	r.int(l.Received)
}

func writeAdjustment(r *record, a checkout.Adjustment) {
	r.text(a.SKU)
	r.text(a.Warehouse)
	r.id(a.ID)
	r.int(a.Delta)
	if a.Counted == nil {
		r.null()
	} else {
		r.int(*a.Counted)
	}
	r.time(a.CreatedAt)
	r.text(a.Reason)
}

func writeWebhook(r *record, w *checkout.WebhookRecord) {
	writeWebhookState(r, w)
	r.time(w.ReceivedAt)
	r.text(w.Event.Gateway)
	r.text(w.Event.Key)
	r.document(w.Event)
}

// writeWebhookState writes what may change: the event does not.
func writeWebhookState(r *record, w *checkout.WebhookRecord) {
	r.id(w.ID)
	r.id(w.OrderID)
	r.time(w.AppliedAt)
	r.text(string(w.Status))
}

func writeAnswer(r *record, a checkout.IdempotencyRecord) {
	r.id(a.KeyID.Hash())
	r.id(a.Answer.Order)
	r.time(a.CreatedAt)
	r.int(int64(a.Answer.Status))
	r.text(a.RequestHash)
	r.bytes(a.Answer.Body)
}
