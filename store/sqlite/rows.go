package sqlite

import (
	"time"

	"kassa/checkout"
	"kassa/store"
)

func bindCart(a *args, c *checkout.Cart) {
	a.id(c.ID)
	a.add(string(c.Currency))
	a.json(c.Items)
	optionalJSON(a, c.ShippingAddress)
	a.json(c.Coupons)
	a.id(c.LastOrder)
	a.time(c.UpdatedAt)
}

func bindNewCart(a *args, c *checkout.Cart) {
	bindCart(a, c)
	a.time(c.CreatedAt)
}

func scanCart(r row) (*checkout.Cart, error) {
	var c checkout.Cart
	err := r.Scan(idTo(&c.ID), &c.Currency, jsonTo(&c.Items), jsonTo(&c.ShippingAddress), jsonTo(&c.Coupons),
		idTo(&c.LastOrder), timeTo(&c.CreatedAt), timeTo(&c.UpdatedAt))
	return &c, err
}

func bindCustomer(a *args, c *checkout.Customer) {
	a.add(c.UserID, c.Email, c.Name, c.Phone, c.TaxID)
}

func scanCustomer(r row) (*checkout.Customer, error) {
	var c checkout.Customer
	err := r.Scan(&c.UserID, &c.Email, &c.Name, &c.Phone, &c.TaxID)
	return &c, err
}

func bindProduct(a *args, p *checkout.Product) {
	a.add(p.SKU, p.Name)
	a.json(p.Prices)
	a.add(p.TaxCode, p.WeightG, p.Image, p.Active)
	a.time(p.UpdatedAt)
}

func bindNewProduct(a *args, p *checkout.Product) {
	bindProduct(a, p)
	a.time(p.CreatedAt)
}

func scanProduct(r row) (*checkout.Product, error) {
	var p checkout.Product
	err := r.Scan(&p.SKU, &p.Name, jsonTo(&p.Prices), &p.TaxCode, &p.WeightG, &p.Image, &p.Active,
		timeTo(&p.CreatedAt), timeTo(&p.UpdatedAt))
	return &p, err
}

func bindLevel(a *args, l checkout.Level) {
	a.add(l.SKU, l.Warehouse, l.Available, l.Locked, l.Received, l.Deducted, l.Restocked)
}

func scanLevel(r row) (l checkout.Level, err error) {
	err = r.Scan(&l.SKU, &l.Warehouse, &l.Available, &l.Locked, &l.Received, &l.Deducted, &l.Restocked)
	return l, err
}

func bindAdjustment(a *args, j checkout.Adjustment) {
	a.id(j.ID)
	a.add(j.SKU, j.Warehouse, j.Delta)
	if j.Counted == nil {
		a.add(nil)
	} else {
		a.add(*j.Counted)
	}
	a.add(j.Reason)
	a.time(j.CreatedAt)
}

func scanAdjusted(r row) (s store.Adjusted, err error) {
	err = r.Scan(&s.Key.SKU, &s.Key.Warehouse, &s.Sum)
	return s, err
}

func bindHold(a *args, h *checkout.Hold) {
	a.add(h.SessionID)
	a.id(h.ID)
	a.json(h.Allocations)
	a.time(h.ExpiresAt)
	a.time(h.CreatedAt)
}

func scanHold(r row) (*checkout.Hold, error) {
	var h checkout.Hold
	err := r.Scan(&h.SessionID, idTo(&h.ID), jsonTo(&h.Allocations), timeTo(&h.ExpiresAt), timeTo(&h.CreatedAt))
	return &h, err
}

func bindTask(a *args, t checkout.Task) {
	a.id(t.ID)
	a.add(string(t.Kind))
	a.id(t.OrderID)
	a.time(t.DueAt)
	a.add(t.Attempts)
	a.id(t.LeaseID)
	a.time(t.LeasedUntil)
	a.add(t.Attention, t.LastError)
	a.time(t.CreatedAt)
}

func scanTask(r row) (t checkout.Task, err error) {
	err = r.Scan(idTo(&t.ID), &t.Kind, idTo(&t.OrderID), timeTo(&t.DueAt), intTo(&t.Attempts), idTo(&t.LeaseID),
		timeTo(&t.LeasedUntil), &t.Attention, &t.LastError, timeTo(&t.CreatedAt))
	return t, err
}

func bindWebhook(a *args, w *checkout.WebhookRecord) {
	a.id(w.ID)
	a.json(inUTC(w.Event))
	a.add(string(w.Status))
	a.id(w.OrderID)
	a.time(w.AppliedAt)
}

func bindNewWebhook(a *args, w *checkout.WebhookRecord) {
	bindWebhook(a, w)
	a.add(w.Event.Gateway, w.Event.Key)
	a.time(w.ReceivedAt)
}

// inUTC cuts the times inside an event to what columns keep.
func inUTC(e checkout.WebhookEvent) checkout.WebhookEvent {
	e.OccurredAt = e.OccurredAt.UTC().Truncate(time.Microsecond)
	if e.Payment != nil {
		payment := *e.Payment
		payment.ActionExpires = payment.ActionExpires.UTC().Truncate(time.Microsecond)
		e.Payment = &payment
	}
	return e
}

func scanWebhook(r row) (*checkout.WebhookRecord, error) {
	var w checkout.WebhookRecord
	err := r.Scan(idTo(&w.ID), jsonTo(&w.Event), &w.Status, idTo(&w.OrderID), timeTo(&w.ReceivedAt), timeTo(&w.AppliedAt))
	return &w, err
}

func bindAnswer(a *args, r checkout.IdempotencyRecord) {
	a.add(r.Scope, r.Key, r.RequestHash, r.Answer.Status, r.Answer.Body)
	a.time(r.CreatedAt)
}

func scanAnswer(r row) (*checkout.IdempotencyRecord, error) {
	var a checkout.IdempotencyRecord
	err := r.Scan(&a.Scope, &a.Key, &a.RequestHash, intTo(&a.Answer.Status), &a.Answer.Body, timeTo(&a.CreatedAt))
	return &a, err
}

func scanLogEntry(r row) (e checkout.LogEntry, err error) {
	err = r.Scan(idTo(&e.BatchID), &e.Position, jsonTo(&e.Events))
	return e, err
}

func bindAPIKey(a *args, k checkout.APIKey) {
	a.id(k.ID)
	a.add(string(k.Scope), k.Hash[:], k.Hint)
	a.time(k.CreatedAt)
	a.time(k.RevokedAt)
}

func scanAPIKey(r row) (k checkout.APIKey, err error) {
	var hash []byte
	err = r.Scan(idTo(&k.ID), &k.Scope, &hash, &k.Hint, timeTo(&k.CreatedAt), timeTo(&k.RevokedAt))
	copy(k.Hash[:], hash)
	return k, err
}
