package sqlite

import (
	"kassa/checkout"
	"kassa/money"
	"kassa/store"
)

// One bind and one scan per table. A bind gives what an update may change, then
// what only an insert writes; an update's key comes last.

func bindCart(s *statement, c *checkout.Cart) {
	s.text(string(c.Currency))
	s.json(c.Items)
	optionalJSON(s, c.ShippingAddress)
	s.json(c.Coupons)
	s.id(c.LastOrder)
	s.time(c.UpdatedAt)
	s.id(c.ID)
}

func bindNewCart(s *statement, c *checkout.Cart) {
	bindCart(s, c)
	s.time(c.CreatedAt)
}

func scanCart(r *row) *checkout.Cart {
	c := &checkout.Cart{ID: r.id(), Currency: money.Currency(r.text())}
	r.json(&c.Items)
	r.json(&c.ShippingAddress)
	r.json(&c.Coupons)
	c.LastOrder, c.CreatedAt, c.UpdatedAt = r.id(), r.time(), r.time()
	return c
}

func bindCustomer(s *statement, c *checkout.Customer) {
	s.text(c.Email)
	s.text(c.Name)
	s.text(c.Phone)
	s.text(c.TaxID)
	s.text(c.UserID)
}

func scanCustomer(r *row) *checkout.Customer {
	return &checkout.Customer{UserID: r.text(), Email: r.text(), Name: r.text(), Phone: r.text(), TaxID: r.text()}
}

func bindProduct(s *statement, p *checkout.Product) {
	s.text(p.Name)
	s.json(p.Prices)
	s.text(p.TaxCode)
	s.int(p.WeightG)
	s.text(p.Image)
	s.bool(p.Active)
	s.time(p.UpdatedAt)
	s.text(p.SKU)
}

func bindNewProduct(s *statement, p *checkout.Product) {
	bindProduct(s, p)
	s.time(p.CreatedAt)
}

func scanProduct(r *row) *checkout.Product {
	p := &checkout.Product{SKU: r.text(), Name: r.text()}
	r.json(&p.Prices)
	p.TaxCode, p.WeightG, p.Image, p.Active = r.text(), r.int(), r.text(), r.bool()
	p.CreatedAt, p.UpdatedAt = r.time(), r.time()
	return p
}

func bindStock(s *statement, l checkout.Level, number int64) {
	s.int(l.Available)
	s.int(l.Locked)
	s.int(l.Received)
	s.int(l.Deducted)
	s.int(l.Restocked)
	s.int(number)
}

func bindLevel(s *statement, l checkout.Level) { bindStockKey(s, l.Key()) }

func bindStockKey(s *statement, key checkout.StockKey) {
	s.text(key.SKU)
	s.text(key.Warehouse)
}

func scanLevel(r *row) checkout.Level {
	return checkout.Level{
		SKU: r.text(), Warehouse: r.text(), Available: r.int(), Locked: r.int(), Received: r.int(), Deducted: r.int(), Restocked: r.int(),
	}
}

func bindAdjustment(s *statement, j checkout.Adjustment) {
	s.id(j.ID)
	s.text(j.SKU)
	s.text(j.Warehouse)
	s.int(j.Delta)
	if j.Counted == nil {
		s.null()
	} else {
		s.int(*j.Counted)
	}
	s.text(j.Reason)
	s.time(j.CreatedAt)
}

func scanAdjusted(r *row) store.Adjusted {
	return store.Adjusted{Key: checkout.StockKey{SKU: r.text(), Warehouse: r.text()}, Sum: r.int()}
}

func bindHold(s *statement, h *checkout.Hold) {
	s.id(h.ID)
	bindAllocations(s, h.Allocations)
	s.time(h.ExpiresAt)
	s.time(h.CreatedAt)
	s.text(h.SessionID)
}

func scanHold(r *row) *checkout.Hold {
	h := &checkout.Hold{SessionID: r.text(), ID: r.id()}
	r.json(&h.Allocations)
	h.ExpiresAt, h.CreatedAt = r.time(), r.time()
	return h
}

func bindTask(s *statement, t checkout.Task) {
	s.id(t.ID)
	s.text(string(t.Kind))
	s.id(t.OrderID)
	s.time(t.DueAt)
	s.int(int64(t.Attempts))
	s.id(t.LeaseID)
	s.time(t.LeasedUntil)
	s.bool(t.Attention)
	s.optional(t.LastError)
	s.time(t.CreatedAt)
}

func scanTask(r *row) checkout.Task {
	return checkout.Task{
		ID: r.id(), Kind: checkout.TaskKind(r.text()), OrderID: r.id(), DueAt: r.time(), Attempts: int(r.int()), LeaseID: r.id(),
		LeasedUntil: r.time(), Attention: r.bool(), LastError: r.text(), CreatedAt: r.time(),
	}
}

func bindWebhook(s *statement, w *checkout.WebhookRecord) {
	s.document(func(d *document) { writeWebhookEvent(d, &w.Event) })
	s.text(string(w.Status))
	s.id(w.OrderID)
	s.time(w.AppliedAt)
	s.id(w.ID)
}

func bindNewWebhook(s *statement, w *checkout.WebhookRecord) {
	bindWebhook(s, w)
	s.text(w.Event.Gateway)
	s.text(w.Event.Key)
	s.time(w.ReceivedAt)
}

func scanWebhook(r *row) *checkout.WebhookRecord {
	w := &checkout.WebhookRecord{ID: r.id()}
	gateway, key := r.text(), r.text()
	r.json(&w.Event)
	w.Event.Gateway, w.Event.Key = gateway, key
	w.Status, w.OrderID, w.ReceivedAt, w.AppliedAt = checkout.WebhookStatus(r.text()), r.id(), r.time(), r.time()
	return w
}

func bindAnswer(s *statement, r checkout.IdempotencyRecord) {
	s.id(r.KeyID.Hash())
	s.text(r.RequestHash)
	s.int(int64(r.Answer.Status))
	s.id(r.Answer.Order)
	s.blob(r.Answer.Body)
	s.time(r.CreatedAt)
}

// scanAnswer leaves out the key, which the row does not have.
func scanAnswer(r *row) *checkout.IdempotencyRecord {
	return &checkout.IdempotencyRecord{
		RequestHash: r.text(), Answer: checkout.Answer{Status: int(r.int()), Order: r.id(), Body: r.blob()}, CreatedAt: r.time(),
	}
}

func scanLogEntry(r *row) checkout.LogEntry {
	e := checkout.LogEntry{BatchID: r.id(), Position: r.int()}
	r.json(&e.Events)
	return e
}

func bindAPIKey(s *statement, k checkout.APIKey) {
	s.id(k.ID)
	s.text(string(k.Scope))
	s.blob(k.Hash[:])
	s.text(k.Hint)
	s.time(k.CreatedAt)
	s.time(k.RevokedAt)
}

func scanAPIKey(r *row) checkout.APIKey {
	k := checkout.APIKey{ID: r.id(), Scope: checkout.KeyScope(r.text())}
	copy(k.Hash[:], r.blob())
	k.Hint, k.CreatedAt, k.RevokedAt = r.text(), r.time(), r.time()
	return k
}

type counter struct {
	name  string
	value int64
}

func scanCounter(r *row) counter { return counter{r.text(), r.int()} }
