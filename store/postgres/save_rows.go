package postgres

import (
	"kassa/checkout"
)

// Each function writes the columns of its table in their order.

func writeCustomerRow(r *record, c *checkout.Customer) {
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

// optionalList writes an empty list as NULL.
func optionalList[T any](values []T) any {
	if len(values) == 0 {
		return nil
	}
	return values
}

// optionalDocument writes a nil pointer as NULL.
func optionalDocument[T any](value *T) any {
	if value == nil {
		return nil
	}
	return value
}

func writeHold(r *record, h *checkout.Hold) {
	r.text(h.SessionID)
	r.id(h.ID)
	r.time(h.CreatedAt)
	r.time(h.ExpiresAt)
	r.allocations(h.Allocations)
}

func writeLevel(r *record, l checkout.Level) {
	r.text(l.SKU)
	r.text(l.Warehouse)
	r.int(l.Available)
	r.int(l.Locked)
	r.int(l.Deducted)
	r.int(l.Restocked)
	r.int(l.Received)
	r.null() // the room
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

func writeRefund(r *record, f *checkout.Refund) {
	r.id(f.ID)
	r.id(f.OrderID)
	r.id(f.PaymentID)
	r.time(f.CreatedAt)
	r.int(f.Amount.Minor)
	r.text(string(f.Amount.Currency))
	r.text(string(f.Origin))
	r.time(f.UpdatedAt)
	r.int(int64(f.CallNo))
	r.bool(f.Restock)
	r.text(string(f.Status))
	r.text(f.Reason)
	r.optional(f.GatewayRef)
	r.optional(f.FailureCode)
	r.optional(f.FailureMessage)
}

func writeAnswer(r *record, a checkout.IdempotencyRecord) {
	r.id(a.KeyID.Hash())
	r.id(a.Answer.Order)
	r.time(a.CreatedAt)
	r.int(int64(a.Answer.Status))
	r.hash(a.RequestHash)
	r.blob(a.Answer.Body)
}
