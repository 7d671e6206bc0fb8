package memory

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"kassa/checkout"
	"kassa/store"
)

// order builds an order with its children, or nil.
func (t *tables) order(id checkout.ID) *checkout.Order {
	row := t.orders[id]
	if row == nil {
		return nil
	}
	order := cloneOrder(row)
	for _, id := range t.paymentsOf[id] {
		order.Payments = append(order.Payments, clonePayment(t.payments[id]))
	}
	for _, id := range t.refundsOf[id] {
		order.Refunds = append(order.Refunds, cloneRefund(t.refunds[id]))
	}
	slices.SortFunc(order.Payments, func(a, b checkout.Payment) int {
		return cmp.Or(a.Attempt-b.Attempt, a.ID.Compare(b.ID))
	})
	slices.SortFunc(order.Refunds, func(a, b checkout.Refund) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), a.ID.Compare(b.ID))
	})
	return order
}

// one reads a single row and answers store.ErrNotFound where it is not there.
func one[T any](s *Store, what string, key any, find func(*tables) *T) (*T, error) {
	var row *T
	err := s.read(func(t *tables) error {
		if row = find(t); row == nil {
			return fmt.Errorf("%s %v: %w", what, key, store.ErrNotFound)
		}
		return nil
	})
	return row, err
}

// Order reads an order with details, payments and refunds.
func (s *Store) Order(_ context.Context, id checkout.ID) (*checkout.Order, error) {
	return one(s, "order", id, func(t *tables) *checkout.Order { return t.order(id) })
}

// Orders lists orders from the newest.
func (s *Store) Orders(_ context.Context, filter store.OrderFilter) ([]*checkout.Order, error) {
	var found []*checkout.Order
	err := s.read(func(t *tables) error {
		ids := sortedKeys(t.orders, func(a, b checkout.ID) int { return b.Compare(a) })
		for _, id := range ids {
			if len(found) == filter.Limit {
				break
			}
			if matches(t.orders[id], filter) {
				found = append(found, t.order(id))
			}
		}
		return nil
	})
	return found, err
}

func matches(o *checkout.Order, f store.OrderFilter) bool {
	switch {
	case f.Status != "" && o.Status != f.Status,
		f.UserID != "" && o.UserID != f.UserID,
		f.Email != "" && o.Details.Customer.Email != f.Email,
		!f.From.IsZero() && o.CreatedAt.Before(f.From),
		!f.To.IsZero() && !o.CreatedAt.Before(f.To),
		!f.Before.IsZero() && o.ID.Compare(f.Before) >= 0:
		return false
	}
	return true
}

// FindPayment finds a payment by the first name that is set and matches.
func (s *Store) FindPayment(_ context.Context, ref store.PaymentRef) (order, payment checkout.ID, err error) {
	p, err := one(s, "payment", ref, func(t *tables) *checkout.Payment { return t.findPayment(ref) })
	if err != nil {
		return checkout.ID{}, checkout.ID{}, err
	}
	return p.OrderID, p.ID, nil
}

func (t *tables) findPayment(ref store.PaymentRef) *checkout.Payment {
	if p, found := t.payments[ref.ID]; found {
		return &p
	}
	if id, found := t.charge[chargeKey{ref.Gateway, ref.ChargeID}]; found {
		p := t.payments[id]
		return &p
	}
	if ref.GatewayRef == "" {
		return nil
	}
	return first(t.payments, func(p checkout.Payment) bool {
		return p.Gateway == ref.Gateway && p.GatewayRef == ref.GatewayRef
	})
}

// FindRefund finds a refund by our id, or by the gateway's.
func (s *Store) FindRefund(_ context.Context, ref store.RefundRef) (order, refund checkout.ID, err error) {
	r, err := one(s, "refund", ref, func(t *tables) *checkout.Refund { return t.findRefund(ref) })
	if err != nil {
		return checkout.ID{}, checkout.ID{}, err
	}
	return r.OrderID, r.ID, nil
}

func (t *tables) findRefund(ref store.RefundRef) *checkout.Refund {
	if r, found := t.refunds[ref.ID]; found {
		return &r
	}
	if ref.GatewayRef == "" {
		return nil
	}
	return first(t.refunds, func(r checkout.Refund) bool {
		return r.GatewayRef == ref.GatewayRef && t.payments[r.PaymentID].Gateway == ref.Gateway
	})
}

// first finds the matching row of the lowest id.
func first[V any](rows map[checkout.ID]V, match func(V) bool) *V {
	var lowest checkout.ID
	var found *V
	for id, row := range rows {
		if match(row) && (found == nil || id.Compare(lowest) < 0) {
			lowest, found = id, &row
		}
	}
	return found
}

// Cart reads a cart.
func (s *Store) Cart(_ context.Context, id checkout.ID) (*checkout.Cart, error) {
	return one(s, "cart", id, func(t *tables) *checkout.Cart { return cloned(t.carts, id, cloneCart) })
}

// Hold reads a session's hold.
func (s *Store) Hold(_ context.Context, session string) (*checkout.Hold, error) {
	return one(s, "hold", session, func(t *tables) *checkout.Hold { return cloned(t.holds, session, cloneHold) })
}

// Product reads a product.
func (s *Store) Product(_ context.Context, sku string) (*checkout.Product, error) {
	return one(s, "product", sku, func(t *tables) *checkout.Product { return cloned(t.products, sku, cloneProduct) })
}

// ProductsBySKU reads several products; those that do not exist are left out.
func (s *Store) ProductsBySKU(_ context.Context, skus []string) ([]*checkout.Product, error) {
	var found []*checkout.Product
	err := s.read(func(t *tables) error {
		wanted := slices.Compact(slices.Sorted(slices.Values(skus)))
		for _, sku := range wanted {
			if p := cloned(t.products, sku, cloneProduct); p != nil {
				found = append(found, p)
			}
		}
		return nil
	})
	return found, err
}

// Products lists by SKU, from after the given one.
func (s *Store) Products(_ context.Context, after string, limit int) ([]*checkout.Product, error) {
	var found []*checkout.Product
	err := s.read(func(t *tables) error {
		for _, sku := range page(t.products, strings.Compare, after, limit) {
			found = append(found, cloneProduct(t.products[sku]))
		}
		return nil
	})
	return found, err
}

// Levels reads every warehouse's level of a SKU.
func (s *Store) Levels(_ context.Context, sku string) ([]checkout.Level, error) {
	var found []checkout.Level
	err := s.read(func(t *tables) error {
		found = t.stock(sku)
		return nil
	})
	return found, err
}

// LogEntries reads batches of the event log in order of position.
func (s *Store) LogEntries(_ context.Context, batches []checkout.ID) ([]checkout.LogEntry, error) {
	var found []checkout.LogEntry
	err := s.read(func(t *tables) error {
		for _, id := range batches {
			if err := t.appendEntry(&found, id); err != nil {
				return err
			}
		}
		return nil
	})
	slices.SortFunc(found, func(a, b checkout.LogEntry) int { return cmp.Compare(a.Position, b.Position) })
	return slices.CompactFunc(found, func(a, b checkout.LogEntry) bool { return a.Position == b.Position }), err
}

func (t *tables) appendEntry(entries *[]checkout.LogEntry, id checkout.ID) error {
	row, found := t.log[id]
	if !found || row.fenced {
		return nil
	}
	entry := checkout.LogEntry{BatchID: id, Position: row.position}
	if err := json.Unmarshal(row.events, &entry.Events); err != nil {
		return fmt.Errorf("event log, batch %s: %w", id, err)
	}
	*entries = append(*entries, entry)
	return nil
}

// Webhook reads a stored webhook event.
func (s *Store) Webhook(_ context.Context, id checkout.ID) (*checkout.WebhookRecord, error) {
	return one(s, "webhook event", id, func(t *tables) *checkout.WebhookRecord {
		return cloned(t.webhooks, id, cloneWebhook)
	})
}

func sortedKeys[K comparable, V any](rows map[K]V, compare func(a, b K) int) []K {
	keys := make([]K, 0, len(rows))
	for key := range rows {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, compare)
	return keys
}

// page is up to limit keys after the given one, sorted.
func page[K comparable, V any](rows map[K]V, compare func(a, b K) int, after K, limit int) []K {
	keys := sortedKeys(rows, compare)
	start, found := slices.BinarySearchFunc(keys, after, compare)
	if found {
		start++
	}
	return keys[start:min(start+limit, len(keys))]
}
