package postgres

import (
	"cmp"
	"slices"

	"kassa/checkout"
	"kassa/money"
)

// Each function reads the columns that the statements of its table select.

func scanOrder(r *row) *checkout.Order {
	var o checkout.Order
	o.ID = r.id()
	o.CartID = r.id()
	o.CreatedAt = r.time()
	o.Total = scanMoney(r)
	o.UserID = r.text()
	o.HoldExpiresAt = r.holdEnd(o.CreatedAt)
	o.UpdatedAt = r.timeOr(o.CreatedAt)
	o.ConfirmedAt = r.time()
	o.ClosingSince = r.time()
	o.InvoiceSeq = r.int()
	o.EventSeq = r.int()
	o.Status = checkout.OrderStatus(r.text())
	o.HoldStatus = checkout.HoldStatus(r.text())
	o.HoldExtended = r.bool()
	o.Superseded = r.bool()
	o.Restocked = r.bool()
	o.SecuredBy = r.id()
	o.CancelReason = r.text()
	o.InvoiceSeries = r.text()
	o.Log = r.log()
	o.Allocations = scanAllocations(r)
	return &o
}

func scanMoney(r *row) money.Money {
	minor := r.int()
	return money.New(minor, money.Currency(r.text()))
}

// scanFamily reads an order with its payments and refunds.
func scanFamily(r *row) *checkout.Order {
	order := scanOrder(r)
	r.rows(func(r *row) { order.Payments = append(order.Payments, scanPayment(r)) })
	r.rows(func(r *row) { order.Refunds = append(order.Refunds, scanRefund(r)) })
	sortChildren(order)
	return order
}

// scanWholeOrder reads all of an order.
func scanWholeOrder(r *row) *checkout.Order {
	order := scanFamily(r)
	order.Details = scanDetails(r, order.Total)
	return order
}

// sortChildren sorts payments by attempt and refunds by time.
func sortChildren(o *checkout.Order) {
	slices.SortFunc(o.Payments, func(a, b checkout.Payment) int {
		return cmp.Or(cmp.Compare(a.Attempt, b.Attempt), a.ID.Compare(b.ID))
	})
	slices.SortFunc(o.Refunds, func(a, b checkout.Refund) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), a.ID.Compare(b.ID))
	})
}

// scanPayment reads all columns of the table, as scanRefund does.
func scanPayment(r *row) checkout.Payment {
	var p checkout.Payment
	p.ID = r.id()
	p.OrderID = r.id()
	p.CreatedAt = r.time()
	p.Amount.Minor = r.int()
	r.skip(3) // the task
	p.Attempt = int(r.int())
	p.CallNo = int(r.int())
	p.LookUps = int(r.int())
	for _, flag := range []*bool{&p.Closable, &p.FindByRef, &p.ManualCapture, &p.Unknown, &p.Closing, &p.Superseded, &p.Extra} {
		*flag = r.bool()
	}
	p.Amount.Currency = money.Currency(r.text())
	p.Gateway = r.text()
	p.Method = checkout.Method(r.text())
	p.IdempotencyKey = unpackKey(r.bytes())
	p.RequestHash = r.hash()
	p.ReturnURL = r.text()
	p.GatewayRef = r.text()
	p.ActionExpires = r.time()
	p.UpdatedAt = r.timeOr(p.CreatedAt)
	p.Captured.Minor = r.int()
	p.RefundCommitted = r.int()
	p.LookedUpAt = r.time()
	p.Status = checkout.PaymentStatus(r.text())
	r.skip(1) // the task's kind
	p.Captured.Currency = p.Amount.Currency
	if currency := r.bytes(); currency != nil {
		p.Captured.Currency = money.Currency(currency)
	}
	p.ChargeID = r.text()
	p.Token = r.text()
	p.FailureCode = r.text()
	p.FailureMessage = r.text()
	p.Action = scanAction(r, p.GatewayRef)
	return p
}

func scanRefund(r *row) checkout.Refund {
	var f checkout.Refund
	f.ID = r.id()
	f.OrderID = r.id()
	f.PaymentID = r.id()
	f.CreatedAt = r.time()
	f.Amount = scanMoney(r)
	f.Origin = checkout.RefundOrigin(r.text())
	f.UpdatedAt = r.time()
	f.CallNo = int(r.int())
	f.Restock = r.bool()
	f.Status = checkout.RefundStatus(r.text())
	f.Reason = r.text()
	f.GatewayRef = r.text()
	f.FailureCode = r.text()
	f.FailureMessage = r.text()
	return f
}

func scanCart(r *row) *checkout.Cart {
	return &checkout.Cart{
		ID:              r.id(),
		CreatedAt:       r.time(),
		UpdatedAt:       r.time(),
		Currency:        money.Currency(r.text()),
		LastOrder:       r.id(),
		Items:           document[[]checkout.Item](r),
		Coupons:         document[[]string](r),
		ShippingAddress: document[*checkout.Address](r),
	}
}

func scanHold(r *row) *checkout.Hold {
	return &checkout.Hold{
		SessionID:   r.text(),
		ID:          r.id(),
		CreatedAt:   r.time(),
		ExpiresAt:   r.time(),
		Allocations: scanAllocations(r),
	}
}

func scanLevel(r *row) checkout.Level {
	return checkout.Level{
		SKU:       r.text(),
		Warehouse: r.text(),
		Available: r.int(),
		Locked:    r.int(),
		Received:  r.int(),
		Deducted:  r.int(),
		Restocked: r.int(),
	}
}

func scanCustomer(r *row) *checkout.Customer {
	return &checkout.Customer{
		UserID: r.text(),
		Email:  r.text(),
		Name:   r.text(),
		Phone:  r.text(),
		TaxID:  r.text(),
	}
}

func scanProduct(r *row) *checkout.Product {
	return &checkout.Product{
		SKU:       r.text(),
		CreatedAt: r.time(),
		UpdatedAt: r.time(),
		WeightG:   r.int(),
		Active:    r.bool(),
		Name:      r.text(),
		TaxCode:   r.text(),
		Image:     r.text(),
		Prices:    document[map[money.Currency]int64](r),
	}
}

// scanAnswer reads an answer and the stored form of its key.
func scanAnswer(r *row) (key checkout.ID, answer *checkout.IdempotencyRecord) {
	key = r.id()
	return key, &checkout.IdempotencyRecord{
		RequestHash: r.hash(),
		Answer:      checkout.Answer{Status: int(r.int()), Body: r.blob(), Order: r.id()},
		CreatedAt:   r.time(),
	}
}

// scanWebhook reads all columns of the table.
func scanWebhook(r *row) *checkout.WebhookRecord {
	w := &checkout.WebhookRecord{ID: r.id(), OrderID: r.id(), ReceivedAt: r.time(), AppliedAt: r.time()}
	var report checkout.PaymentReport
	occurred := r.time()
	report.PaymentID = r.id()
	report.Amount.Minor = r.int()
	w.Status = checkout.WebhookStatus(r.text())
	if w.Status == checkout.WebhookApplied && w.AppliedAt.IsZero() {
		w.AppliedAt = w.ReceivedAt
	}
	gateway, key, kind := r.text(), r.text(), r.text()
	report.Status = checkout.PaymentStatus(r.text())
	report.Amount.Currency = money.Currency(r.text())
	report.GatewayRef = r.text()
	report.ChargeID = r.text()
	w.Event = scanEvent(r, gateway, report)
	w.Event.Gateway, w.Event.Key, w.Event.Type, w.Event.OccurredAt = gateway, key, kind, occurred
	return w
}

func scanTask(r *row) checkout.Task {
	return checkout.Task{
		ID:          r.id(),
		OrderID:     r.id(),
		DueAt:       r.time(),
		CreatedAt:   r.time(),
		Attempts:    int(r.int()),
		LeaseID:     r.id(),
		LeasedUntil: r.time(),
		Attention:   r.bool(),
		Kind:        checkout.TaskKind(r.text()),
		LastError:   r.text(),
	}
}

func scanLogEntry(r *row) checkout.LogEntry {
	return checkout.LogEntry{
		BatchID:  r.id(),
		Position: r.int(),
		Events:   document[[]checkout.Event](r),
	}
}

func scanAPIKey(r *row) checkout.APIKey {
	key := checkout.APIKey{ID: r.id()}
	copy(key.Hash[:], r.bytes())
	key.CreatedAt = r.time()
	key.RevokedAt = r.time()
	key.Scope = checkout.KeyScope(r.text())
	key.Hint = r.text()
	return key
}
