package postgres

import (
	"time"

	"github.com/jackc/pgx/v5"

	"kassa/checkout"
	"kassa/saga"
)

// queueLoad queues the statements that the keys need, in the order in which rows
// are locked everywhere.
func queueLoad(batch *pgx.Batch, keys saga.Keys, state *saga.State) {
	loadOrders(batch, keys.Orders, state.Orders)
	loadRows(batch, "load_carts", uuidKeys(keys.Carts), keys.Carts, state.Carts, scanCart,
		func(c *checkout.Cart) checkout.ID { return c.ID })
	loadRows(batch, "load_holds", textKeys(keys.Sessions), keys.Sessions, state.Holds, scanHold,
		func(h *checkout.Hold) string { return h.SessionID })
	loadStock(batch, keys.Stock, state.Stock)
	loadRows(batch, "load_customers", textKeys(keys.Customers), keys.Customers, state.Customers, scanCustomer,
		func(c *checkout.Customer) string { return c.UserID })
	loadRows(batch, "read_products", textKeys(keys.Products), keys.Products, state.Products, scanProduct,
		func(p *checkout.Product) string { return p.SKU })
	loadRows(batch, "load_answers", answerKeys(keys.Answers), keys.Answers, state.Answers, scanAnswer,
		func(a *checkout.IdempotencyRecord) checkout.KeyID { return a.KeyID })
	loadRows(batch, "load_webhooks", webhookKeys(keys.Webhooks), keys.Webhooks, state.Webhooks, scanWebhook,
		func(w *checkout.WebhookRecord) checkout.WebhookKey {
			return checkout.WebhookKey{Gateway: w.Event.Gateway, Key: w.Event.Key}
		})
	batch.Queue(statement("load_now")).Query(clock(&state.Now))
}

// loadRows queues one table's statement and puts what it finds by its key. A key
// without a row stays nil: it is known to be absent.
func loadRows[K comparable, V any](batch *pgx.Batch, name string, args []any, keys []K, into map[K]*V,
	scan func(*row) *V, key func(*V) K) {
	if len(keys) == 0 {
		return
	}
	for _, key := range keys {
		into[key] = nil
	}
	batch.Queue(statement(name), args...).Query(each(func(r *row) {
		value := scan(r)
		into[key(value)] = value
	}))
}

func uuidKeys(ids []checkout.ID) []any { return []any{uuids(ids, self)} }

func textKeys(keys []string) []any { return []any{texts(keys, self)} }

func answerKeys(keys []checkout.KeyID) []any {
	return []any{
		texts(keys, func(k checkout.KeyID) string { return k.Scope }),
		texts(keys, func(k checkout.KeyID) string { return k.Key }),
	}
}

func webhookKeys(keys []checkout.WebhookKey) []any {
	return []any{
		texts(keys, func(k checkout.WebhookKey) string { return k.Gateway }),
		texts(keys, func(k checkout.WebhookKey) string { return k.Key }),
	}
}

// loadOrders locks the orders first; their children are read once nobody else
// can change them.
func loadOrders(batch *pgx.Batch, ids []checkout.ID, into map[checkout.ID]*checkout.Order) {
	loadRows(batch, "load_orders", uuidKeys(ids), ids, into, scanOrder,
		func(o *checkout.Order) checkout.ID { return o.ID })
	if len(ids) > 0 {
		queueChildren(batch, uuidKeys(ids), into)
	}
}

// queueChildren queues the payments and refunds of orders that the batch reads
// before them.
func queueChildren(batch *pgx.Batch, ids []any, into map[checkout.ID]*checkout.Order) {
	batch.Queue(statement("read_payments"), ids...).Query(each(func(r *row) {
		payment := scanPayment(r)
		if order := into[payment.OrderID]; order != nil {
			order.Payments = append(order.Payments, payment)
		}
	}))
	batch.Queue(statement("read_refunds"), ids...).Query(each(func(r *row) {
		refund := scanRefund(r)
		if order := into[refund.OrderID]; order != nil {
			order.Refunds = append(order.Refunds, refund)
		}
	}))
}

func loadStock(batch *pgx.Batch, skus []string, into map[string][]checkout.Level) {
	if len(skus) == 0 {
		return
	}
	for _, sku := range skus {
		into[sku] = nil
	}
	batch.Queue(statement("load_stock"), textKeys(skus)...).Query(each(func(r *row) {
		level := scanLevel(r)
		into[level.SKU] = append(into[level.SKU], level)
	}))
}

// clock reads a statement's only value, a time.
func clock(into *time.Time) func(pgx.Rows) error {
	return each(func(r *row) { *into = r.time() })
}
