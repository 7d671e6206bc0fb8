package mysql

import (
	"cmp"
	"slices"

	"kassa/checkout"
	"kassa/money"
	"kassa/store"
)

// Each function reads the columns that the statements of its table select.

func scanOrder(r *row) *checkout.Order {
	var o checkout.Order
	o.ID = r.id()
	o.CartID = r.id()
	o.UserID = r.text()
	o.CreatedAt = r.time()
	o.UpdatedAt = r.time()
	o.ConfirmedAt = r.time()
	o.ClosingSince = r.time()
	o.HoldExpiresAt = r.time()
	o.Total = scanMoney(r)
	o.Status = checkout.OrderStatus(r.text())
	o.HoldStatus = checkout.HoldStatus(r.text())
	o.HoldExtended = r.bool()
	o.Superseded = r.bool()
	o.Restocked = r.bool()
	o.SecuredBy = r.id()
	o.InvoiceSeq = r.int()
	o.InvoiceSeries = r.text()
	o.EventSeq = r.int()
	o.CancelReason = r.text()
	o.Log = r.ids()
	o.Allocations = document[[]checkout.Allocation](r)
	return &o
}

func scanWholeOrder(r *row) *checkout.Order {
	o := scanOrder(r)
	details := document[checkout.OrderDetails](r)
	o.Details = &details
	return o
}

func scanMoney(r *row) money.Money {
	minor := r.int()
	return money.New(minor, money.Currency(r.text()))
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

func scanPayment(r *row) checkout.Payment {
	var p checkout.Payment
	p.ID = r.id()
	p.OrderID = r.id()
	p.CreatedAt = r.time()
	p.UpdatedAt = r.time()
	p.ActionExpires = r.time()
	p.LookedUpAt = r.time()
	p.Amount = scanMoney(r)
	p.Captured = scanMoney(r)
	p.RefundCommitted = r.int()
	p.Attempt = int(r.int())
	p.CallNo = int(r.int())
	p.LookUps = int(r.int())
	for _, flag := range []*bool{&p.Closable, &p.FindByRef, &p.ManualCapture, &p.Unknown, &p.Closing, &p.Superseded, &p.Extra} {
		*flag = r.bool()
	}
	p.Status = checkout.PaymentStatus(r.text())
	p.Gateway = r.text()
	p.GatewayRef = r.text()
	p.ChargeID = r.text()
	p.Method = checkout.Method(r.text())
	p.IdempotencyKey = r.text()
	p.RequestHash = r.text()
	p.ReturnURL = r.text()
	p.Token = r.text()
	p.FailureCode = r.text()
	p.FailureMessage = r.text()
	p.Action = document[*checkout.Action](r)
	return p
}

func scanRefund(r *row) checkout.Refund {
	var f checkout.Refund
	f.ID = r.id()
	f.OrderID = r.id()
	f.PaymentID = r.id()
	f.CreatedAt = r.time()
	f.UpdatedAt = r.time()
	f.Amount = scanMoney(r)
	f.CallNo = int(r.int())
	f.Restock = r.bool()
	f.Status = checkout.RefundStatus(r.text())
	f.Origin = checkout.RefundOrigin(r.text())
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
		Allocations: document[[]checkout.Allocation](r),
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

func scanAdjusted(r *row) store.Adjusted {
	return store.Adjusted{Key: checkout.StockKey{SKU: r.text(), Warehouse: r.text()}, Sum: r.int()}
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
	answer = &checkout.IdempotencyRecord{}
	answer.Answer.Order = r.id()
	answer.CreatedAt = r.time()
	answer.Answer.Status = int(r.int())
	answer.RequestHash = r.text()
	answer.Answer.Body = r.blob()
	return key, answer
}

func scanWebhook(r *row) *checkout.WebhookRecord {
	w := &checkout.WebhookRecord{ID: r.id(), OrderID: r.id(), ReceivedAt: r.time(), AppliedAt: r.time()}
	w.Status = checkout.WebhookStatus(r.text())
	gateway, key := r.text(), r.text()
	w.Event = document[checkout.WebhookEvent](r)
	w.Event.Gateway, w.Event.Key = gateway, key
	return w
}

func scanTask(r *row) checkout.Task {
	return checkout.Task{
		ID:          r.id(),
		OrderID:     r.id(),
		CreatedAt:   r.time(),
		DueAt:       r.time(),
		LeasedUntil: r.time(),
		LeaseID:     r.id(),
		Attempts:    int(r.int()),
		Kind:        checkout.TaskKind(r.text()),
		Attention:   r.bool(),
		LastError:   r.text(),
	}
}

// scanBatch reads a batch without its events.
func scanBatch(r *row) checkout.LogEntry {
	return checkout.LogEntry{BatchID: r.id(), Position: r.int()}
}

func scanLogEntry(r *row) checkout.LogEntry {
	entry := scanBatch(r)
	entry.Events = document[[]checkout.Event](r)
	return entry
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
