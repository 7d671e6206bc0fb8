package textbook

import (
	"context"

	"github.com/google/uuid"
)

// Event is a gateway's message whose signature was verified.
type Event struct {
	ID, Type  string
	Payload   []byte    // the message itself
	PaymentID uuid.UUID // zero where it is about none of ours
	// Status is SUCCEEDED, FAILED, or "" where the message changes nothing.
	Status         string
	TxnID          string // the gateway's charge
	Amount         int64  // minor units that the gateway took
	Currency       string
	FailureCode    string
	FailureMessage string
}

// ApplyWebhook stores an event once and does what follows from it, in one
// transaction. Any number of calls do it once.
func (s *Shop) ApplyWebhook(ctx context.Context, e Event) error {
	return s.db.inTx(ctx, func(tx querier) error {
		n, err := tx.exec(ctx, "insert_event", e.ID, e.Type, string(e.Payload), s.now())
		if err != nil || n == 0 {
			return err
		}
		switch e.Status {
		case PaymentSucceeded:
			return s.succeed(ctx, tx, e)
		case PaymentFailed:
			_, err = tx.exec(ctx, "fail_payment", e.PaymentID, e.FailureCode, e.FailureMessage)
		}
		return err
	})
}

// due is what a payment is for.
type due struct {
	order          uuid.UUID
	payment, state string // the statuses of the payment and of the order
	amount         int64
	currency       string
}

func scanDue(r row) (d due, err error) {
	err = r.Scan(&d.order, &d.payment, &d.state, &d.amount, &d.currency)
	return d, err
}

// succeed confirms the order by the money, or marks the money as extra: what is
// owed back is told in the outbox.
func (s *Shop) succeed(ctx context.Context, tx querier, e Event) error {
	d, err := first(ctx, tx, "lock_payment", scanDue, e.PaymentID)
	if err != nil || d.payment == PaymentSucceeded {
		return unlessNoRow(err, nil)
	}
	lines, err := list(ctx, tx, "items", scanLine, d.order)
	if err != nil {
		return err
	}
	wanted := e.Amount == d.amount && e.Currency == d.currency
	switch {
	case wanted && d.state == StatusAwaiting:
	case wanted && d.state == StatusExpired:
		if wanted, err = takeAgain(ctx, tx, lines); err != nil {
			return err
		}
	default:
		wanted = false
	}
	if _, err := tx.exec(ctx, "pay", e.PaymentID, e.TxnID, !wanted); err != nil {
		return err
	}
	if !wanted {
		return s.tell(ctx, tx, d.order, "payment.extra", map[string]any{"payment_id": e.PaymentID, "amount": e.Amount, "currency": e.Currency})
	}
	return s.confirm(ctx, tx, d, e, lines)
}

func (s *Shop) confirm(ctx context.Context, tx querier, d due, e Event, lines []Line) error {
	if _, err := tx.exec(ctx, "confirm_order", d.order, s.now()); err != nil {
		return err
	}
	data := map[string]any{"payment_id": e.PaymentID, "gateway_txn_id": e.TxnID, "amount": d.amount, "currency": d.currency}
	if err := s.tell(ctx, tx, d.order, "order.confirmed", data); err != nil {
		return err
	}
	for _, l := range lines { // in the order of their SKUs
		if _, err := tx.exec(ctx, "deduct", l.SKU, l.Qty); err != nil {
			return err
		}
	}
	return nil
}

// takeAgain locks the stock of an order that had expired. It takes nothing where
// any of it has gone.
func takeAgain(ctx context.Context, tx querier, lines []Line) (bool, error) {
	for i, l := range lines {
		n, err := tx.exec(ctx, "take", l.SKU, l.Qty)
		if err != nil {
			return false, err
		}
		if n == 1 {
			continue
		}
		for _, taken := range lines[:i] {
			if _, err := tx.exec(ctx, "take", taken.SKU, -taken.Qty); err != nil {
				return false, err
			}
		}
		return false, nil
	}
	return true, nil
}
