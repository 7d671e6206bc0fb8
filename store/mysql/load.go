package mysql

import (
	"encoding/json"
	"slices"
	"strings"

	"kassa/checkout"
	"kassa/saga"
)

// lockSteps are the statements that the keys need, in the order in which rows are
// locked everywhere, the clock and the position of the event log. Keys are sorted: that is the order of locks within
// a table.
func lockSteps(keys saga.Keys, state *saga.State) []step {
	position := step{sql: statement("load_position"), scan: func(r *row) { state.Position = r.int() }}
	return append(loadSteps(keys, state, statement), position)
}

// readSteps are the same without a lock.
func readSteps(keys saga.Keys, state *saga.State) []step { return loadSteps(keys, state, unlocked) }

func loadSteps(keys saga.Keys, state *saga.State, statement func(name string) string) []step {
	l := &loader{statement: statement}
	l.orders(sortedIDs(keys.Orders), state.Orders)
	loadRows(l, "load_carts", sortedIDs(keys.Carts), idKeys, state.Carts, scanCart, func(c *checkout.Cart) checkout.ID { return c.ID })
	loadRows(l, "load_holds", sortedTexts(keys.Sessions), textKeys, state.Holds, scanHold, func(h *checkout.Hold) string { return h.SessionID })
	l.stock(sortedTexts(keys.Stock), state.Stock)
	loadRows(l, "load_customers", keys.Customers, textKeys, state.Customers, scanCustomer, func(c *checkout.Customer) string { return c.UserID })
	loadRows(l, "read_products", keys.Products, textKeys, state.Products, scanProduct, func(p *checkout.Product) string { return p.SKU })
	l.answers(keys.Answers, state.Answers)
	loadRows(l, "load_webhooks", keys.Webhooks, webhookKeys, state.Webhooks, scanWebhook, func(w *checkout.WebhookRecord) checkout.WebhookKey {
		return checkout.WebhookKey{Gateway: w.Event.Gateway, Key: w.Event.Key}
	})
	l.add("now", nil, func(r *row) { state.Now = r.time() })
	return l.steps
}

func sortedIDs(ids []checkout.ID) []checkout.ID {
	return slices.SortedFunc(slices.Values(ids), checkout.ID.Compare)
}

func sortedTexts(texts []string) []string {
	return slices.SortedFunc(slices.Values(texts), strings.Compare)
}

func webhookKeys(all []checkout.WebhookKey) json.RawMessage {
	return pairKeys(all, func(k checkout.WebhookKey) string { return k.Gateway }, func(k checkout.WebhookKey) string { return k.Key })
}

// loader gathers the statements of one exchange.
type loader struct {
	statement func(name string) string
	steps     []step
}

func (l *loader) add(name string, keys json.RawMessage, scan func(*row)) {
	s := step{sql: l.statement(name), scan: scan}
	if keys != nil {
		s.args = []any{keys}
	}
	l.steps = append(l.steps, s)
}

// loadRows adds one table's statement and puts what it finds by its key. A key without
// a row stays nil: it is known to be absent.
func loadRows[K comparable, V any](l *loader, name string, keys []K, encoded func([]K) json.RawMessage, into map[K]*V,
	scan func(*row) *V, key func(*V) K) {
	if len(keys) == 0 {
		return
	}
	markAbsent(keys, into)
	l.add(name, encoded(keys), func(r *row) {
		value := scan(r)
		into[key(value)] = value
	})
}

func markAbsent[K comparable, V any](keys []K, into map[K]V) {
	var absent V
	for _, key := range keys {
		into[key] = absent
	}
}

// orders locks the orders first; their children are read once nobody else can change
// them.
func (l *loader) orders(ids []checkout.ID, into map[checkout.ID]*checkout.Order) {
	loadRows(l, "load_orders", ids, idKeys, into, scanOrder, orderID)
	l.children(ids, into)
}

func orderID(o *checkout.Order) checkout.ID { return o.ID }

// children reads the payments and refunds of orders. They come in no order: see
// sortAll.
func (l *loader) children(ids []checkout.ID, into map[checkout.ID]*checkout.Order) {
	if len(ids) == 0 {
		return
	}
	l.add("load_payments", idKeys(ids), func(r *row) {
		payment := scanPayment(r)
		if order := into[payment.OrderID]; order != nil {
			order.Payments = append(order.Payments, payment)
		}
	})
	l.add("load_refunds", idKeys(ids), func(r *row) {
		refund := scanRefund(r)
		if order := into[refund.OrderID]; order != nil {
			order.Refunds = append(order.Refunds, refund)
		}
	})
}

// sortAll sorts the children of orders that were just read.
func sortAll(ids []checkout.ID, orders map[checkout.ID]*checkout.Order) {
	for _, id := range ids {
		if order := orders[id]; order != nil {
			sortChildren(order)
		}
	}
}

// stock sorts levels by warehouse, as the index does.
func (l *loader) stock(skus []string, into map[string][]checkout.Level) {
	if len(skus) == 0 {
		return
	}
	markAbsent(skus, into)
	l.add("load_stock", textKeys(skus), func(r *row) {
		level := scanLevel(r)
		into[level.SKU] = append(into[level.SKU], level)
	})
}

// answers finds answers by what their keys are stored by.
func (l *loader) answers(keys []checkout.KeyID, into map[checkout.KeyID]*checkout.IdempotencyRecord) {
	if len(keys) == 0 {
		return
	}
	markAbsent(keys, into)
	stored := make([]checkout.ID, len(keys))
	named := make(map[checkout.ID]checkout.KeyID, len(keys))
	for i, key := range keys {
		stored[i] = key.Hash()
		named[stored[i]] = key
	}
	l.add("load_answers", idKeys(stored), func(r *row) {
		key, answer := scanAnswer(r)
		answer.KeyID = named[key]
		into[answer.KeyID] = answer
	})
}
