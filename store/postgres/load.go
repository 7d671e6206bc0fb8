package postgres

import (
	"time"

	"github.com/jackc/pgx/v5"

	"kassa/checkout"
	"kassa/saga"
)

// queueLocks queues the statements that the keys need, in the order in which rows
// are locked everywhere.
func queueLocks(batch *pgx.Batch, keys saga.Keys, state *saga.State) {
	loadOrders(batch, keys.Orders, state.Orders)
	queueRows(batch, keys, state, statement)
	batch.Queue(statement("load_position")).Query(each(func(r *row) { state.Position = r.int() }))
}

// queueReads queues the same without a lock.
func queueReads(batch *pgx.Batch, keys saga.Keys, state *saga.State) {
	loadRows(batch, statement("read_orders"), uuidKeys(keys.Orders), keys.Orders, state.Orders, scanFamily, orderID)
	queueRows(batch, keys, state, unlocked)
}

// queueRows queues all but the orders: those of statement lock, those of unlocked
// only read.
func queueRows(batch *pgx.Batch, keys saga.Keys, state *saga.State, statement func(name string) string) {
	loadRows(batch, statement("load_carts"), uuidKeys(keys.Carts), keys.Carts, state.Carts, scanCart,
		func(c *checkout.Cart) checkout.ID { return c.ID })
	loadRows(batch, statement("load_holds"), textKeys(keys.Sessions), keys.Sessions, state.Holds, scanHold,
		func(h *checkout.Hold) string { return h.SessionID })
	loadStock(batch, keys.Stock, state.Stock, statement)
	loadRows(batch, statement("load_customers"), textKeys(keys.Customers), keys.Customers, state.Customers, scanCustomer,
		func(c *checkout.Customer) string { return c.UserID })
	loadRows(batch, statement("read_products"), textKeys(keys.Products), keys.Products, state.Products, scanProduct,
		func(p *checkout.Product) string { return p.SKU })
	loadAnswers(batch, statement("load_answers"), keys.Answers, state.Answers)
	loadRows(batch, statement("load_webhooks"), webhookKeys(keys.Webhooks), keys.Webhooks, state.Webhooks, scanWebhook,
		func(w *checkout.WebhookRecord) checkout.WebhookKey {
			return checkout.WebhookKey{Gateway: w.Event.Gateway, Key: w.Event.Key}
		})
	batch.Queue(statement("load_now")).Query(clock(&state.Now))
}

// loadRows queues one table's statement and puts what it finds by its key. A key
// without a row stays nil: it is known to be absent.
func loadRows[K comparable, V any](batch *pgx.Batch, sql string, args []any, keys []K, into map[K]*V,
	scan func(*row) *V, key func(*V) K) {
	if len(keys) == 0 {
		return
	}
	for _, key := range keys {
		into[key] = nil
	}
	batch.Queue(sql, args...).Query(each(func(r *row) {
		value := scan(r)
		into[key(value)] = value
	}))
}

func uuidKeys(ids []checkout.ID) []any { return []any{uuids(ids, self)} }

func textKeys(keys []string) []any { return []any{texts(keys, self)} }

func webhookKeys(keys []checkout.WebhookKey) []any {
	return []any{
		texts(keys, func(k checkout.WebhookKey) string { return k.Gateway }),
		texts(keys, func(k checkout.WebhookKey) string { return k.Key }),
	}
}

// loadOrders locks the orders first; their children are read once nobody else
// can change them.
func loadOrders(batch *pgx.Batch, ids []checkout.ID, into map[checkout.ID]*checkout.Order) {
	loadRows(batch, statement("load_orders"), uuidKeys(ids), ids, into, scanOrder, orderID)
	if len(ids) == 0 {
		return
	}
	batch.Queue(statement("load_payments"), uuidKeys(ids)...).Query(each(func(r *row) {
		payment := scanPayment(r)
		if order := into[payment.OrderID]; order != nil {
			order.Payments = append(order.Payments, payment)
		}
	}))
	batch.Queue(statement("load_refunds"), uuidKeys(ids)...).Query(each(func(r *row) {
		refund := scanRefund(r)
		if order := into[refund.OrderID]; order != nil {
			order.Refunds = append(order.Refunds, refund)
		}
	}))
}

// loadAnswers finds answers by what their keys are stored by.
func loadAnswers(batch *pgx.Batch, sql string, keys []checkout.KeyID, into map[checkout.KeyID]*checkout.IdempotencyRecord) {
	if len(keys) == 0 {
		return
	}
	stored := make([]checkout.ID, len(keys))
	named := make(map[checkout.ID]checkout.KeyID, len(keys))
	for i, key := range keys {
		into[key] = nil
		stored[i] = key.Hash()
		named[stored[i]] = key
	}
	batch.Queue(sql, uuidKeys(stored)...).Query(each(func(r *row) {
		key, answer := scanAnswer(r)
		answer.KeyID = named[key]
		into[answer.KeyID] = answer
	}))
}

func loadStock(batch *pgx.Batch, skus []string, into map[string][]checkout.Level, statement func(string) string) {
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
