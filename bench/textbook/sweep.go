package textbook

import (
	"context"
	"log/slog"
	"slices"
	"time"
)

const (
	sweepEvery = time.Second
	sweepLimit = 500 // of each kind in one transaction
	purgeEvery = time.Hour
	keepKeys   = 24 * time.Hour
)

// ExpireHolds gives back what locks and unpaid orders hold past their time, every
// second until ctx ends. It also forgets old idempotency keys.
func (s *Shop) ExpireHolds(ctx context.Context) {
	sweep, purge := time.NewTicker(sweepEvery), time.NewTicker(purgeEvery)
	defer sweep.Stop()
	defer purge.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-sweep.C:
			_, err = s.Sweep(ctx)
		case <-purge.C:
			_, err = s.db.exec(ctx, "purge_keys", s.now().Add(-keepKeys))
		}
		if err != nil && ctx.Err() == nil {
			slog.ErrorContext(ctx, "textbook: the sweep failed and is repeated", "error", err)
		}
	}
}

// Sweep gives back what locks and unpaid orders hold past their time, and counts
// them.
func (s *Shop) Sweep(ctx context.Context) (expired int, err error) {
	for {
		n := 0
		err := s.db.inTx(ctx, func(tx querier) error {
			n, err = s.sweepSome(ctx, tx)
			return err
		})
		expired += n
		if err != nil || n < sweepLimit {
			return expired, err
		}
	}
}

// sweepSome expires at most sweepLimit locks and as many orders. Stock comes last,
// SKU by SKU.
func (s *Shop) sweepSome(ctx context.Context, tx querier) (int, error) {
	now := s.now()
	locks, err := list(ctx, tx, "expire_holds", scanItems, now, sweepLimit)
	if err != nil {
		return 0, err
	}
	orders, err := list(ctx, tx, "expire_orders", column[string], now, sweepLimit)
	if err != nil {
		return 0, err
	}
	held := slices.Concat(locks...)
	if len(orders) > 0 {
		if _, err := tx.exec(ctx, "tell_expired", orders, now); err != nil {
			return 0, err
		}
		items, err := list(ctx, tx, "expired_items", scanItem, orders)
		if err != nil {
			return 0, err
		}
		held = append(held, items...)
	}
	return max(len(locks), len(orders)), take(ctx, tx, without(nil, held))
}

func scanItem(r row) (it Item, err error) {
	err = r.Scan(&it.SKU, &it.Qty)
	return it, err
}

// audits are the statements that name what is wrong.
var audits = []string{"audit_stock", "audit_locked", "audit_deducted", "audit_confirmed", "audit_paid", "audit_told", "audit_invoices"}

// Audit says what is wrong with stock, money and events, at most twenty rows of a
// kind; nothing where all is well.
func (s *Shop) Audit(ctx context.Context) ([]string, error) { return audit(ctx, s.db) }

func audit(ctx context.Context, q querier) ([]string, error) {
	var wrong []string
	for _, name := range audits {
		found, err := list(ctx, q, name, column[string])
		if err != nil {
			return nil, err
		}
		wrong = append(wrong, found...)
	}
	return wrong, nil
}
