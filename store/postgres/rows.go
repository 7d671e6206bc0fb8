package postgres

import (
	"kassa/checkout"
	"kassa/money"
)

// Each function reads the columns that the statements of its table select.

func scanOrder(r *row) *checkout.Order {
	return &checkout.Order{
		ID:            r.id(),
		CartID:        r.id(),
		CreatedAt:     r.time(),
		Total:         scanMoney(r),
		UserID:        r.text(),
		HoldExpiresAt: r.time(),
		UpdatedAt:     r.time(),
		EventSeq:      r.int(),
		InvoiceSeq:    r.int(),
		ConfirmedAt:   r.time(),
		ClosingSince:  r.time(),
		SecuredBy:     r.id(),
		HoldExtended:  r.bool(),
		Superseded:    r.bool(),
		Restocked:     r.bool(),
		Status:        checkout.OrderStatus(r.text()),
		HoldStatus:    checkout.HoldStatus(r.text()),
		CancelReason:  r.text(),
		InvoiceSeries: r.text(),
		Log:           r.idList(),
		Allocations:   document[[]checkout.Allocation](r),
	}
}

func scanMoney(r *row) money.Money {
	minor := r.int()
	return money.New(minor, money.Currency(r.text()))
}

func scanDetailedOrder(r *row) *checkout.Order {
	order := scanOrder(r)
	details := document[checkout.OrderDetails](r)
	order.Details = &details
	return order
}

func scanItem(r *row) (order checkout.ID, line checkout.QuoteLine) {
	order = r.id()
	return order, checkout.QuoteLine{
		SKU:       r.text(),
		Name:      r.text(),
		TaxCode:   r.text(),
		Qty:       r.int(),
		UnitPrice: r.int(),
		Discount:  r.int(),
		Tax:       r.int(),
		Total:     r.int(),
	}
}

func scanPayment(r *row) checkout.Payment {
	var p checkout.Payment
	p.ID = r.id()
	p.OrderID = r.id()
	p.CreatedAt = r.time()
	p.Attempt = int(r.int())
	p.Amount = scanMoney(r)
	p.Gateway = r.text()
	p.Method = checkout.Method(r.text())
	p.IdempotencyKey = r.text()
	p.RequestHash = r.text()
	p.UpdatedAt = r.time()
	p.Captured.Minor = r.int()
	p.RefundCommitted = r.int()
	p.CallNo = int(r.int())
	p.LookUps = int(r.int())
	p.LookedUpAt = r.time()
	p.ActionExpires = r.time()
	p.Closable = r.bool()
	p.Unknown = r.bool()
	p.Closing = r.bool()
	p.Superseded = r.bool()
	p.Extra = r.bool()
	p.ManualCapture = r.bool()
	p.Captured.Currency = money.Currency(r.text())
	p.Status = checkout.PaymentStatus(r.text())
	p.ChargeID = r.text()
	p.GatewayRef = r.text()
	p.Token = r.text()
	p.ReturnURL = r.text()
	p.FailureCode = r.text()
	p.FailureMessage = r.text()
	p.Action = document[*checkout.Action](r)
	return p
}

func scanRefund(r *row) checkout.Refund {
	return checkout.Refund{
		ID:             r.id(),
		OrderID:        r.id(),
		PaymentID:      r.id(),
		CreatedAt:      r.time(),
		Amount:         scanMoney(r),
		Origin:         checkout.RefundOrigin(r.text()),
		UpdatedAt:      r.time(),
		CallNo:         int(r.int()),
		Restock:        r.bool(),
		Status:         checkout.RefundStatus(r.text()),
		Reason:         r.text(),
		GatewayRef:     r.text(),
		FailureCode:    r.text(),
		FailureMessage: r.text(),
	}
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

func scanAnswer(r *row) *checkout.IdempotencyRecord {
	return &checkout.IdempotencyRecord{
		KeyID:       checkout.KeyID{Scope: r.text(), Key: r.text()},
		RequestHash: r.text(),
		Answer:      checkout.Answer{Status: int(r.int()), Body: r.blob()},
		CreatedAt:   r.time(),
	}
}

func scanWebhook(r *row) *checkout.WebhookRecord {
	w := &checkout.WebhookRecord{
		ID:         r.id(),
		OrderID:    r.id(),
		ReceivedAt: r.time(),
		AppliedAt:  r.time(),
		Status:     checkout.WebhookStatus(r.text()),
	}
	gateway, key := r.text(), r.text()
	w.Event = document[checkout.WebhookEvent](r)
	w.Event.Gateway, w.Event.Key = gateway, key
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
