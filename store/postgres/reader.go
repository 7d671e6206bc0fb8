package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"kassa/checkout"
	"kassa/store"
)

// one reads the single row of a statement.
func one[T any](ctx context.Context, s *Store, what string, scan func(*row) T, name string, args ...any) (T, error) {
	found, err := query(ctx, s.pool, scan, statement(name), args...)
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("postgres: %s: %w", what, store.ErrNotFound)
	}
	if err != nil {
		var none T
		return none, err
	}
	return found[0], nil
}

// Order reads an order with details, payments and refunds.
func (s *Store) Order(ctx context.Context, id checkout.ID) (*checkout.Order, error) {
	order, found, err := s.orders.get(ctx, id)
	if err == nil && !found {
		err = fmt.Errorf("postgres: order %s: %w", id, store.ErrNotFound)
	}
	return order, err
}

// clockSkew is how far the time inside an id, which its maker's clock gave, may
// be from created_at, which the database's clock gave.
const clockSkew = 24 * time.Hour

// Orders lists orders with all that belongs to them, from the newest.
func (s *Store) Orders(ctx context.Context, filter store.OrderFilter) ([]*checkout.Order, error) {
	low, high := idRange(filter)
	args := []any{
		[16]byte(low), [16]byte(high), optionalText(string(filter.Status)), optionalText(filter.Email),
		optionalTime(filter.From), optionalTime(filter.To), int64(filter.Limit),
	}
	name := "list_orders"
	if filter.UserID != "" {
		name, args = "list_orders_of_user", append(args, filter.UserID)
	}
	ids, err := query(ctx, s.pool, (*row).id, statement(name), args...)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	found, err := s.wholeOrders(ctx, ids)
	return inOrder(ids, found), err
}

// idRange bounds the ids of orders made in the filter's time, so that the list is
// a walk of the primary key.
func idRange(filter store.OrderFilter) (low, high checkout.ID) {
	for i := range high {
		high[i] = 0xff
	}
	if !filter.From.IsZero() {
		low = checkout.NewID(filter.From.Add(-clockSkew), [10]byte{})
	}
	if !filter.To.IsZero() {
		high = checkout.NewID(filter.To.Add(clockSkew), [10]byte{})
	}
	if !filter.Before.IsZero() && filter.Before.Compare(high) < 0 {
		high = filter.Before
	}
	return low, high
}

func optionalText(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func optionalTime(at time.Time) any {
	if at.IsZero() {
		return nil
	}
	return at
}

// wholeOrders reads orders with all that belongs to them.
func (s *Store) wholeOrders(ctx context.Context, ids []checkout.ID) (map[checkout.ID]*checkout.Order, error) {
	orders, err := query(ctx, s.pool, scanWholeOrder, statement("read_whole_orders"), uuidKeys(ids)...)
	found := make(map[checkout.ID]*checkout.Order, len(orders))
	for _, order := range orders {
		found[order.ID] = order
	}
	return found, err
}

func queueWholeOrders(batch *pgx.Batch, ids []checkout.ID, found map[checkout.ID]*checkout.Order) {
	loadRows(batch, statement("read_whole_orders"), uuidKeys(ids), ids, found, scanWholeOrder, orderID)
}

// inOrder lists the orders that were found in the order of the ids.
func inOrder(ids []checkout.ID, found map[checkout.ID]*checkout.Order) []*checkout.Order {
	var out []*checkout.Order
	for _, id := range ids {
		if order := found[id]; order != nil {
			out = append(out, order)
		}
	}
	return out
}

// pair is an order's id and that of one of its children.
type pair struct{ order, child checkout.ID }

func scanPair(r *row) pair { return pair{r.id(), r.id()} }

// FindPayment finds a payment by the first of the reference's names that is set
// and matches.
func (s *Store) FindPayment(ctx context.Context, ref store.PaymentRef) (order, payment checkout.ID, err error) {
	if !ref.ID.IsZero() {
		order, found, err := s.ordersOf.get(ctx, ref.ID)
		if err != nil || found {
			return order, ref.ID, err
		}
	}
	return s.find(ctx, "payment", []lookup{
		{ref.ChargeID != "", "find_payment_by_charge", []any{ref.Gateway, ref.ChargeID}},
		{ref.GatewayRef != "", "find_payment_by_ref", []any{ref.Gateway, ref.GatewayRef}},
	})
}

// ordersOfPayments finds the orders of payments.
func (s *Store) ordersOfPayments(ctx context.Context, payments []checkout.ID) (map[checkout.ID]checkout.ID, error) {
	pairs, err := query(ctx, s.pool, scanPair, statement("find_payments_by_id"), uuidKeys(payments)...)
	found := make(map[checkout.ID]checkout.ID, len(pairs))
	for _, p := range pairs {
		found[p.child] = p.order
	}
	return found, err
}

// FindRefund finds a refund by our id, or by the gateway's.
func (s *Store) FindRefund(ctx context.Context, ref store.RefundRef) (order, refund checkout.ID, err error) {
	return s.find(ctx, "refund", []lookup{
		{!ref.ID.IsZero(), "find_refund_by_id", []any{uuid(ref.ID)}},
		{ref.GatewayRef != "", "find_refund_by_ref", []any{ref.Gateway, ref.GatewayRef}},
	})
}

// lookup is one way to find a row, where its reference is set.
type lookup struct {
	set  bool
	name string
	args []any
}

func (s *Store) find(ctx context.Context, what string, ways []lookup) (order, child checkout.ID, err error) {
	for _, way := range ways {
		if !way.set {
			continue
		}
		found, err := query(ctx, s.pool, scanPair, statement(way.name), way.args...)
		if err != nil {
			return checkout.ID{}, checkout.ID{}, err
		}
		if len(found) > 0 {
			return found[0].order, found[0].child, nil
		}
	}
	return checkout.ID{}, checkout.ID{}, fmt.Errorf("postgres: %s: %w", what, store.ErrNotFound)
}

// Cart reads a cart.
func (s *Store) Cart(ctx context.Context, id checkout.ID) (*checkout.Cart, error) {
	return one(ctx, s, "cart "+id.String(), scanCart, "read_cart", uuid(id))
}

// Hold reads a session's hold.
func (s *Store) Hold(ctx context.Context, session string) (*checkout.Hold, error) {
	return one(ctx, s, "hold", scanHold, "read_hold", session)
}

// Product reads a product.
func (s *Store) Product(ctx context.Context, sku string) (*checkout.Product, error) {
	return one(ctx, s, "product "+sku, scanProduct, "read_products", textKeys([]string{sku})...)
}

// ProductsBySKU reads several products, sorted; those that do not exist are left
// out.
func (s *Store) ProductsBySKU(ctx context.Context, skus []string) ([]*checkout.Product, error) {
	if len(skus) == 0 {
		return nil, nil
	}
	return query(ctx, s.pool, scanProduct, statement("read_products"), textKeys(skus)...)
}

// Products lists by SKU, from after the given one.
func (s *Store) Products(ctx context.Context, after string, limit int) ([]*checkout.Product, error) {
	return query(ctx, s.pool, scanProduct, statement("list_products"), after, int64(limit))
}

// Levels reads every warehouse's level of a SKU, sorted by warehouse.
func (s *Store) Levels(ctx context.Context, sku string) ([]checkout.Level, error) {
	return query(ctx, s.pool, scanLevel, statement("read_levels"), sku)
}

// LogEntries reads batches of the event log, in order of position.
func (s *Store) LogEntries(ctx context.Context, batches []checkout.ID) ([]checkout.LogEntry, error) {
	if len(batches) == 0 {
		return nil, nil
	}
	return query(ctx, s.pool, scanLogEntry, statement("read_log_entries"), uuidKeys(batches)...)
}

// Task reads a task.
func (s *Store) Task(ctx context.Context, id checkout.ID) (checkout.Task, error) {
	return one(ctx, s, "task "+id.String(), scanTask, "read_task", uuid(id))
}

// Attention lists tasks that wait for an operator, by id.
func (s *Store) Attention(ctx context.Context, after checkout.ID, limit int) ([]checkout.Task, error) {
	return query(ctx, s.pool, scanTask, statement("list_attention"), [16]byte(after), int64(limit))
}

// Webhook reads a stored webhook event.
func (s *Store) Webhook(ctx context.Context, id checkout.ID) (*checkout.WebhookRecord, error) {
	return one(ctx, s, "webhook event "+id.String(), scanWebhook, "read_webhook", uuid(id))
}
