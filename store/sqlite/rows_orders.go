package sqlite

import (
	"time"

	"kassa/checkout"
	"kassa/money"
)

// bindIndexed gives the columns of an order that stand in an index.
func bindIndexed(s *statement, o *checkout.Order) {
	if o.Live() {
		s.id(o.CartID)
	} else {
		s.null()
	}
	s.time(o.HoldExpiresAt)
}

// bindOrder gives the columns of an order that change and stand in no index.
func bindOrder(s *statement, o *checkout.Order) {
	s.text(string(o.Status))
	s.text(string(o.HoldStatus))
	s.flags(o.HoldExtended, o.Superseded, o.Restocked)
	bindAllocations(s, o.Allocations)
	s.id(o.SecuredBy)
	bindSeldom(s, seldomOfOrder{o.ClosingSince.UTC().Truncate(time.Microsecond), o.CancelReason})
	s.optional(o.InvoiceSeries)
	if o.InvoiceSeq == 0 {
		s.null()
	} else {
		s.int(o.InvoiceSeq)
	}
	s.int(o.EventSeq)
	s.ids(o.Log)
	s.time(o.UpdatedAt)
	s.time(o.ConfirmedAt)
}

func bindNewOrder(s *statement, o *checkout.Order) {
	bindOrder(s, o)
	bindIndexed(s, o)
	s.id(o.ID)
	s.id(o.CartID)
	s.optional(o.UserID)
	s.int(o.Total.Minor)
	s.text(string(o.Total.Currency))
	s.time(o.CreatedAt)
	s.text(o.Details.Customer.Email)
}

// bindQuietOrder gives an update that must not touch an index.
func bindQuietOrder(s *statement, o *checkout.Order, number int64) {
	bindOrder(s, o)
	s.int(number)
	s.id(o.ID)
	bindIndexed(s, o)
}

func bindMovedOrder(s *statement, o *checkout.Order) {
	bindIndexed(s, o)
	bindOrder(s, o)
	s.id(o.ID)
}

func scanOrder(r *row) *checkout.Order {
	o := &checkout.Order{
		ID: r.id(), CartID: r.id(), UserID: r.text(), Status: checkout.OrderStatus(r.text()),
		Total: money.Money{Minor: r.int(), Currency: money.Currency(r.text())}, HoldStatus: checkout.HoldStatus(r.text()),
		HoldExpiresAt: r.time(),
	}
	r.flags(&o.HoldExtended, &o.Superseded, &o.Restocked)
	r.json(&o.Allocations)
	o.SecuredBy = r.id()
	var seldom seldomOfOrder
	r.json(&seldom)
	o.ClosingSince, o.CancelReason = seldom.ClosingSince, seldom.CancelReason
	o.InvoiceSeries, o.InvoiceSeq = r.text(), r.int()
	o.EventSeq, o.Log = r.int(), r.ids()
	o.CreatedAt, o.UpdatedAt, o.ConfirmedAt = r.time(), r.time(), r.time()
	return o
}

// seldomOfOrder is what few orders have.
type seldomOfOrder struct {
	ClosingSince time.Time `json:"closing_since,omitzero"`
	CancelReason string    `json:"cancel_reason,omitzero"`
}

func scanWholeOrder(r *row) *checkout.Order {
	o := scanOrder(r)
	o.Details = &checkout.OrderDetails{}
	r.json(o.Details)
	return o
}

func bindPayment(s *statement, p *checkout.Payment) {
	s.text(string(p.Status))
	s.optional(p.ChargeID)
	s.optional(p.GatewayRef)
	s.int(p.Captured.Minor)
	s.int(p.RefundCommitted)
	s.flags(p.FindByRef, p.ManualCapture, p.Closable, p.Unknown, p.Closing, p.Superseded, p.Extra)
	optionalJSON(s, p.Action)
	s.time(p.ActionExpires)
	s.optional(p.ReturnURL)
	bindSeldom(s, seldomIn(p))
	s.time(p.UpdatedAt)
	s.id(p.ID)
}

func bindChangedPayment(s *statement, p *checkout.Payment, number int64) {
	bindPayment(s, p)
	s.int(number)
}

func bindNewPayment(s *statement, p *checkout.Payment) {
	bindPayment(s, p)
	s.id(p.OrderID)
	s.int(int64(p.Attempt))
	s.text(p.Gateway)
	s.text(string(p.Method))
	s.int(p.Amount.Minor)
	s.text(string(p.Amount.Currency))
	s.optional(p.IdempotencyKey)
	s.text(p.RequestHash)
	s.time(p.CreatedAt)
}

func scanPayment(r *row) checkout.Payment {
	p := checkout.Payment{
		ID: r.id(), OrderID: r.id(), Attempt: int(r.int()), Gateway: r.text(), Method: checkout.Method(r.text()),
		Status: checkout.PaymentStatus(r.text()), Amount: money.Money{Minor: r.int(), Currency: money.Currency(r.text())},
		IdempotencyKey: r.text(), RequestHash: r.text(), GatewayRef: r.text(), ChargeID: r.text(), ReturnURL: r.text(),
	}
	p.Captured, p.RefundCommitted = money.Money{Minor: r.int(), Currency: p.Amount.Currency}, r.int()
	r.flags(&p.FindByRef, &p.ManualCapture, &p.Closable, &p.Unknown, &p.Closing, &p.Superseded, &p.Extra)
	r.json(&p.Action)
	p.ActionExpires = r.time()
	var seldom seldomOfPayment
	r.json(&seldom)
	seldom.putInto(&p)
	p.CreatedAt, p.UpdatedAt = r.time(), r.time()
	return p
}

// seldomOfPayment is what few payments have.
type seldomOfPayment struct {
	CapturedCurrency *money.Currency `json:"captured_currency,omitzero"` // where it is not the payment's
	Token            string          `json:"token,omitzero"`
	FurtherCalls     int             `json:"further_calls,omitzero"` // after the first
	LookUps          int             `json:"look_ups,omitzero"`
	LookedUpAt       time.Time       `json:"looked_up_at,omitzero"`
	FailureCode      string          `json:"failure_code,omitzero"`
	FailureMessage   string          `json:"failure_message,omitzero"`
}

func seldomIn(p *checkout.Payment) seldomOfPayment {
	s := seldomOfPayment{
		Token: p.Token, FurtherCalls: p.CallNo - 1, LookUps: p.LookUps, LookedUpAt: p.LookedUpAt.UTC().Truncate(time.Microsecond),
		FailureCode: p.FailureCode, FailureMessage: p.FailureMessage,
	}
	if p.Captured.Currency != p.Amount.Currency {
		s.CapturedCurrency = &p.Captured.Currency
	}
	return s
}

func (s *seldomOfPayment) putInto(p *checkout.Payment) {
	if s.CapturedCurrency != nil {
		p.Captured.Currency = *s.CapturedCurrency
	}
	p.Token, p.CallNo, p.LookUps, p.LookedUpAt = s.Token, s.FurtherCalls+1, s.LookUps, s.LookedUpAt
	p.FailureCode, p.FailureMessage = s.FailureCode, s.FailureMessage
}

func bindRefund(s *statement, r checkout.Refund) {
	s.text(string(r.Status))
	s.optional(r.GatewayRef)
	s.text(r.Reason)
	s.bool(r.Restock)
	s.int(int64(r.CallNo))
	s.optional(r.FailureCode)
	s.optional(r.FailureMessage)
	s.time(r.UpdatedAt)
	s.id(r.ID)
}

func bindNewRefund(s *statement, r checkout.Refund) {
	bindRefund(s, r)
	s.id(r.OrderID)
	s.id(r.PaymentID)
	s.int(r.Amount.Minor)
	s.text(string(r.Amount.Currency))
	s.text(string(r.Origin))
	s.time(r.CreatedAt)
}

func scanRefund(r *row) checkout.Refund {
	return checkout.Refund{
		ID: r.id(), OrderID: r.id(), PaymentID: r.id(), Amount: money.Money{Minor: r.int(), Currency: money.Currency(r.text())},
		Status: checkout.RefundStatus(r.text()), Origin: checkout.RefundOrigin(r.text()), Reason: r.text(), Restock: r.bool(),
		GatewayRef: r.text(), CallNo: int(r.int()), FailureCode: r.text(), FailureMessage: r.text(), CreatedAt: r.time(), UpdatedAt: r.time(),
	}
}
