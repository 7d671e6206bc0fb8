package mysql

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"kassa/checkout"
	"kassa/store"
)

// Order reads an order with details, payments and refunds.
func (s *Store) Order(ctx context.Context, id checkout.ID) (*checkout.Order, error) {
	found, err := s.wholeOrders(ctx, []checkout.ID{id})
	if err == nil && found[id] == nil {
		err = fmt.Errorf("mysql: order %s: %w", id, store.ErrNotFound)
	}
	return found[id], err
}

// clockSkew is how far the time inside an id, which its maker's clock gave, may
// be from created_at, which the database's clock gave.
const clockSkew = 24 * time.Hour

// Orders lists orders with all that belongs to them, from the newest.
func (s *Store) Orders(ctx context.Context, filter store.OrderFilter) ([]*checkout.Order, error) {
	low, high := idRange(filter)
	args := []any{low[:], high[:]}
	for _, bound := range []any{
		textParam(string(filter.Status)), textParam(filter.Email), timeParam(filter.From), timeParam(filter.To),
	} {
		args = append(args, bound, bound) // it is asked for whether it is there, and then for its value
	}
	args = append(args, int64(filter.Limit))
	name := "list_orders"
	if filter.UserID != "" {
		name, args = "list_orders_of_user", append([]any{filter.UserID}, args...)
	}
	ids, err := query(ctx, s, (*row).id, name, args...)
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

// wholeOrders reads orders with all that belongs to them, as they were at one moment.
func (s *Store) wholeOrders(ctx context.Context, ids []checkout.ID) (map[checkout.ID]*checkout.Order, error) {
	found := make(map[checkout.ID]*checkout.Order, len(ids))
	err := s.atOnce(ctx, wholeOrderSteps(ids, found)...)
	sortAll(ids, found)
	return found, err
}

func wholeOrderSteps(ids []checkout.ID, found map[checkout.ID]*checkout.Order) []step {
	return orderSteps("read_whole_orders", ids, found, scanWholeOrder)
}

func orderSteps(name string, ids []checkout.ID, found map[checkout.ID]*checkout.Order, scan func(*row) *checkout.Order) []step {
	l := &loader{statement: unlocked}
	loadRows(l, name, ids, idKeys, found, scan, orderID)
	l.children(ids, found)
	return l.steps
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
	return s.find(ctx, "payment", []lookup{
		{!ref.ID.IsZero(), "find_payment_by_id", []any{idParam(ref.ID)}},
		{ref.ChargeID != "", "find_payment_by_charge", []any{ref.Gateway, ref.ChargeID}},
		{ref.GatewayRef != "", "find_payment_by_ref", []any{ref.GatewayRef, ref.Gateway}},
	})
}

// FindRefund finds a refund by our id, or by the gateway's.
func (s *Store) FindRefund(ctx context.Context, ref store.RefundRef) (order, refund checkout.ID, err error) {
	return s.find(ctx, "refund", []lookup{
		{!ref.ID.IsZero(), "find_refund_by_id", []any{idParam(ref.ID)}},
		{ref.GatewayRef != "", "find_refund_by_ref", []any{ref.GatewayRef, ref.Gateway}},
	})
}

// lookup is one way to find a row, where its reference is set.
type lookup struct {
	set  bool
	name string
	args []any
}

// find asks for all ways in one exchange.
func (s *Store) find(ctx context.Context, what string, ways []lookup) (order, child checkout.ID, err error) {
	var found []pair
	var steps []step
	for _, way := range ways {
		if way.set {
			steps = append(steps, gatherInto(&found, scanPair, way.name, way.args...))
		}
	}
	if len(steps) > 0 {
		err = s.read(ctx, steps...)
	}
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("mysql: %s: %w", what, store.ErrNotFound)
	}
	if err != nil {
		return checkout.ID{}, checkout.ID{}, err
	}
	return found[0].order, found[0].child, nil
}

// Cart reads a cart.
func (s *Store) Cart(ctx context.Context, id checkout.ID) (*checkout.Cart, error) {
	return one(ctx, s, "cart "+id.String(), scanCart, "find_carts", idKeys([]checkout.ID{id}))
}

// Hold reads a session's hold.
func (s *Store) Hold(ctx context.Context, session string) (*checkout.Hold, error) {
	return one(ctx, s, "hold", scanHold, "read_hold", session)
}

// Product reads a product.
func (s *Store) Product(ctx context.Context, sku string) (*checkout.Product, error) {
	return one(ctx, s, "product "+sku, scanProduct, "read_products", textKeys([]string{sku}))
}

// ProductsBySKU reads several products, sorted; those that do not exist are left
// out.
func (s *Store) ProductsBySKU(ctx context.Context, skus []string) ([]*checkout.Product, error) {
	if len(skus) == 0 {
		return nil, nil
	}
	found, err := query(ctx, s, scanProduct, "read_products", textKeys(skus))
	slices.SortFunc(found, func(a, b *checkout.Product) int { return strings.Compare(a.SKU, b.SKU) })
	return found, err
}

// Products lists by SKU, from after the given one.
func (s *Store) Products(ctx context.Context, after string, limit int) ([]*checkout.Product, error) {
	return query(ctx, s, scanProduct, "list_products", after, int64(limit))
}

// Levels reads every warehouse's level of a SKU, sorted by warehouse.
func (s *Store) Levels(ctx context.Context, sku string) ([]checkout.Level, error) {
	return query(ctx, s, scanLevel, "read_levels", sku)
}

// LogEntries reads batches of the event log, in order of position.
func (s *Store) LogEntries(ctx context.Context, batches []checkout.ID) ([]checkout.LogEntry, error) {
	if len(batches) == 0 {
		return nil, nil
	}
	found, err := query(ctx, s, scanLogEntry, "read_log_entries", idKeys(batches))
	slices.SortFunc(found, func(a, b checkout.LogEntry) int { return int(a.Position - b.Position) })
	return found, err
}

// Task reads a task.
func (s *Store) Task(ctx context.Context, id checkout.ID) (checkout.Task, error) {
	return one(ctx, s, "task "+id.String(), scanTask, "read_tasks", idKeys([]checkout.ID{id}))
}

// Attention lists tasks that wait for an operator, by id.
func (s *Store) Attention(ctx context.Context, after checkout.ID, limit int) ([]checkout.Task, error) {
	return query(ctx, s, scanTask, "list_attention", after[:], int64(limit))
}

// Webhook reads a stored webhook event.
func (s *Store) Webhook(ctx context.Context, id checkout.ID) (*checkout.WebhookRecord, error) {
	return one(ctx, s, "webhook event "+id.String(), scanWebhook, "read_webhooks", idKeys([]checkout.ID{id}))
}
