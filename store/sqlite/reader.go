package sqlite

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"kassa/checkout"
	"kassa/store"
)

// view is a read transaction: all that is read in it is of one moment.
type view struct {
	pool *pool
	*connection
}

func (s *Store) openView(ctx context.Context) (view, error) {
	if err := s.check(ctx); err != nil {
		return view{}, err
	}
	c, err := s.reads.begin(ctx, "begin")
	return view{s.reads, c}, err
}

func (v view) close() error { return v.pool.rollback(v.connection) }

// list reads rows in one view.
func list[T any](ctx context.Context, s *Store, find func(*connection) ([]T, error)) (found []T, err error) {
	v, err := s.openView(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, v.close()) }()
	return find(v.connection)
}

// rows is a list of one statement, which sees one moment by itself.
func rows[T any](ctx context.Context, s *Store, name string, scan func(*row) T, args ...any) ([]T, error) {
	if err := s.check(ctx); err != nil {
		return nil, err
	}
	c, err := s.reads.acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer s.reads.release(c)
	return collect(ctx, c, name, scan, args...)
}

// one reads a single row and answers store.ErrNotFound where it is not there.
func one[T any](ctx context.Context, s *Store, name string, scan func(*row) T, args ...any) (T, error) {
	found, err := rows(ctx, s, name, scan, args...)
	return single(found, err, name)
}

func single[T any](found []T, err error, what string) (T, error) {
	var none T
	if err != nil {
		return none, err
	}
	if len(found) == 0 {
		return none, fmt.Errorf("sqlite: %s: %w", what, store.ErrNotFound)
	}
	return found[0], nil
}

// Order reads an order with details, payments and refunds.
func (s *Store) Order(ctx context.Context, id checkout.ID) (*checkout.Order, error) {
	found, err := list(ctx, s, func(c *connection) ([]*checkout.Order, error) {
		return wholeOrders(ctx, c, []checkout.ID{id})
	})
	return single(found, err, "order")
}

// wholeOrders reads orders with everything, in the order of ids.
func wholeOrders(ctx context.Context, c *connection, ids []checkout.ID) ([]*checkout.Order, error) {
	return readOrders(ctx, c, "orders.whole_by_id", ids, scanWholeOrder)
}

// Ids and creation times come from two clocks, the process's and the
// database's: an id may lie this far from its row's time.
const clockMargin = time.Hour

// Orders lists orders from the newest.
func (s *Store) Orders(ctx context.Context, filter store.OrderFilter) ([]*checkout.Order, error) {
	name, args := orderQuery(filter)
	return list(ctx, s, func(c *connection) ([]*checkout.Order, error) {
		ids, err := collect(ctx, c, name, scanID, args...)
		if err != nil {
			return nil, err
		}
		return wholeOrders(ctx, c, ids)
	})
}

func orderQuery(f store.OrderFilter) (name string, args []any) {
	from, to := int64(-1<<63), int64(1<<63-1)
	var first checkout.ID
	last := slices.Repeat([]byte{0xff}, 17) // after every id
	if !f.From.IsZero() {
		from = f.From.UnixMicro()
		first = checkout.NewID(f.From.Add(-clockMargin), [10]byte{})
	}
	if !f.To.IsZero() {
		to = f.To.UnixMicro()
		bound := checkout.NewID(f.To.Add(clockMargin), [10]byte{})
		last = bound[:]
	}
	if !f.Before.IsZero() && slices.Compare(f.Before[:], last) < 0 {
		last = f.Before[:]
	}
	args = []any{last, first[:], from, to, string(f.Status), f.Email, f.Limit}
	if f.UserID == "" {
		return "orders.list", args
	}
	return "orders.list_of_user", append(args, f.UserID)
}

type pair struct{ order, id checkout.ID }

func scanPair(r *row) pair { return pair{r.id(), r.id()} }

// FindPayment finds a payment by the first name that is set and matches.
func (s *Store) FindPayment(ctx context.Context, ref store.PaymentRef) (order, payment checkout.ID, err error) {
	found, err := list(ctx, s, func(c *connection) ([]pair, error) {
		return firstMatch(ctx, c,
			lookup{!ref.ID.IsZero(), "payments.by_id", []any{ref.ID[:]}},
			lookup{ref.ChargeID != "", "payments.by_charge", []any{ref.Gateway, ref.ChargeID}},
			lookup{ref.GatewayRef != "", "payments.by_gateway_ref", []any{ref.Gateway, ref.GatewayRef}})
	})
	p, err := single(found, err, "payment")
	return p.order, p.id, err
}

// FindRefund finds a refund by our id, or by the gateway's.
func (s *Store) FindRefund(ctx context.Context, ref store.RefundRef) (order, refund checkout.ID, err error) {
	found, err := list(ctx, s, func(c *connection) ([]pair, error) {
		return firstMatch(ctx, c,
			lookup{!ref.ID.IsZero(), "refunds.by_id", []any{ref.ID[:]}},
			lookup{ref.GatewayRef != "", "refunds.by_gateway_ref", []any{ref.Gateway, ref.GatewayRef}})
	})
	p, err := single(found, err, "refund")
	return p.order, p.id, err
}

// lookup is one way to find a row, if the reference says as much.
type lookup struct {
	set  bool
	name string
	args []any
}

func firstMatch(ctx context.Context, c *connection, lookups ...lookup) ([]pair, error) {
	for _, l := range lookups {
		if !l.set {
			continue
		}
		found, err := collect(ctx, c, l.name, scanPair, l.args...)
		if err != nil || len(found) > 0 {
			return found, err
		}
	}
	return nil, nil
}

// Cart reads a cart.
func (s *Store) Cart(ctx context.Context, id checkout.ID) (*checkout.Cart, error) {
	return one(ctx, s, "carts.by_id", scanCart, id[:])
}

// Hold reads a session's hold.
func (s *Store) Hold(ctx context.Context, session string) (*checkout.Hold, error) {
	return one(ctx, s, "holds.by_session", scanHold, session)
}

// Product reads a product.
func (s *Store) Product(ctx context.Context, sku string) (*checkout.Product, error) {
	found, err := s.ProductsBySKU(ctx, []string{sku})
	return single(found, err, "product")
}

// ProductsBySKU reads several products by SKU; those that do not exist are left out.
func (s *Store) ProductsBySKU(ctx context.Context, skus []string) ([]*checkout.Product, error) {
	keys := slices.Compact(slices.Sorted(slices.Values(skus)))
	return list(ctx, s, func(c *connection) ([]*checkout.Product, error) {
		return gather(ctx, c, "products.by_sku", keys, (*statement).text, scanProduct)
	})
}

// Products lists by SKU, from after the given one.
func (s *Store) Products(ctx context.Context, after string, limit int) ([]*checkout.Product, error) {
	return rows(ctx, s, "products.after", scanProduct, after, limit)
}

// Levels reads every warehouse's level of a SKU.
func (s *Store) Levels(ctx context.Context, sku string) ([]checkout.Level, error) {
	return rows(ctx, s, "inventory.by_sku", scanLevel, sku)
}

// LogEntries reads batches of the event log in order of position.
func (s *Store) LogEntries(ctx context.Context, batches []checkout.ID) ([]checkout.LogEntry, error) {
	return list(ctx, s, func(c *connection) ([]checkout.LogEntry, error) { return logEntries(ctx, c, batches) })
}

func logEntries(ctx context.Context, c *connection, batches []checkout.ID) ([]checkout.LogEntry, error) {
	entries, err := gather(ctx, c, "event_log.by_batch", batches, (*statement).id, scanLogEntry)
	slices.SortFunc(entries, func(a, b checkout.LogEntry) int { return cmp.Compare(a.Position, b.Position) })
	return entries, err
}

// Task reads a task.
func (s *Store) Task(ctx context.Context, id checkout.ID) (checkout.Task, error) {
	return one(ctx, s, "tasks.by_id", scanTask, id[:])
}

// Attention lists tasks that wait for an operator, by id.
func (s *Store) Attention(ctx context.Context, after checkout.ID, limit int) ([]checkout.Task, error) {
	return rows(ctx, s, "tasks.attention", scanTask, after[:], limit)
}

// Webhook reads a stored webhook event.
func (s *Store) Webhook(ctx context.Context, id checkout.ID) (*checkout.WebhookRecord, error) {
	return one(ctx, s, "webhook_events.by_id", scanWebhook, id[:])
}
