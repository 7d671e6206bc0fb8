package sqlite

import (
	"context"
	"encoding/json"
	"errors"

	"kassa/checkout"
	"kassa/saga"
)

// load reads what keys name. It sends only the statements that they need.
func load(ctx context.Context, c *connection, keys saga.Keys, state *saga.State) error {
	if err := loadOrders(ctx, c, keys.Orders, state); err != nil {
		return err
	}
	if err := loadStock(ctx, c, keys.Stock, state); err != nil {
		return err
	}
	return errors.Join(
		loadByID(ctx, c, "carts.by_id", scanCart, keys.Carts, state.Carts, func(cart *checkout.Cart) checkout.ID { return cart.ID }),
		loadByText(ctx, c, "holds.by_session", scanHold, keys.Sessions, state.Holds, func(h *checkout.Hold) string { return h.SessionID }),
		loadByText(ctx, c, "customers.by_id", scanCustomer, keys.Customers, state.Customers, func(who *checkout.Customer) string { return who.UserID }),
		loadByText(ctx, c, "products.by_sku", scanProduct, keys.Products, state.Products, func(p *checkout.Product) string { return p.SKU }),
		loadAnswers(ctx, c, keys.Answers, state),
		loadWebhooks(ctx, c, keys.Webhooks, state),
	)
}

// fill marks all keys as loaded and puts the rows that were found.
func fill[K comparable, V any](into map[K]*V, keys []K, rows []*V, key func(*V) K) {
	for _, k := range keys {
		into[k] = nil
	}
	for _, row := range rows {
		into[key(row)] = row
	}
}

func loadByID[V any](ctx context.Context, c *connection, name string, scan func(row) (*V, error), keys []checkout.ID, into map[checkout.ID]*V, key func(*V) checkout.ID) error {
	if len(keys) == 0 {
		return nil
	}
	rows, err := collect(ctx, c, name, scan, idList(keys))
	fill(into, keys, rows, key)
	return err
}

func loadByText[V any](ctx context.Context, c *connection, name string, scan func(row) (*V, error), keys []string, into map[string]*V, key func(*V) string) error {
	if len(keys) == 0 {
		return nil
	}
	list, err := textList(keys)
	if err != nil {
		return err
	}
	rows, err := collect(ctx, c, name, scan, list)
	fill(into, keys, rows, key)
	return err
}

func loadOrders(ctx context.Context, c *connection, ids []checkout.ID, state *saga.State) error {
	if len(ids) == 0 {
		return nil
	}
	orders, err := bareOrders(ctx, c, ids)
	fill(state.Orders, ids, orders, func(o *checkout.Order) checkout.ID { return o.ID })
	return err
}

// bareOrders reads orders with payments and refunds, without details.
func bareOrders(ctx context.Context, c *connection, ids []checkout.ID) ([]*checkout.Order, error) {
	list := idList(ids)
	orders, err := collect(ctx, c, "orders.by_id", scanOrder, list)
	if err != nil || len(orders) == 0 {
		return nil, err
	}
	byID := make(map[checkout.ID]*checkout.Order, len(orders))
	for _, o := range orders {
		byID[o.ID] = o
	}
	payments, err := collect(ctx, c, "payments.by_order", scanPayment, list)
	if err != nil {
		return nil, err
	}
	for _, p := range payments {
		byID[p.OrderID].Payments = append(byID[p.OrderID].Payments, p)
	}
	if len(payments) == 0 {
		return orders, nil // no refund is without a payment
	}
	refunds, err := collect(ctx, c, "refunds.by_order", scanRefund, list)
	for _, r := range refunds {
		byID[r.OrderID].Refunds = append(byID[r.OrderID].Refunds, r)
	}
	return orders, err
}

func loadStock(ctx context.Context, c *connection, skus []string, state *saga.State) error {
	if len(skus) == 0 {
		return nil
	}
	list, err := textList(skus)
	if err != nil {
		return err
	}
	levels, err := collect(ctx, c, "inventory.by_sku", scanLevel, list)
	for _, sku := range skus {
		state.Stock[sku] = nil
	}
	for _, level := range levels {
		state.Stock[level.SKU] = append(state.Stock[level.SKU], level)
	}
	return err
}

func loadAnswers(ctx context.Context, c *connection, keys []checkout.KeyID, state *saga.State) error {
	pairs := make([][2]string, len(keys))
	for i, key := range keys {
		pairs[i] = [2]string{key.Scope, key.Key}
	}
	rows, err := byPair(ctx, c, "idempotency_keys.by_key", scanAnswer, pairs)
	fill(state.Answers, keys, rows, func(r *checkout.IdempotencyRecord) checkout.KeyID { return r.KeyID })
	return err
}

func loadWebhooks(ctx context.Context, c *connection, keys []checkout.WebhookKey, state *saga.State) error {
	pairs := make([][2]string, len(keys))
	for i, key := range keys {
		pairs[i] = [2]string{key.Gateway, key.Key}
	}
	rows, err := byPair(ctx, c, "webhook_events.by_key", scanWebhook, pairs)
	fill(state.Webhooks, keys, rows, func(w *checkout.WebhookRecord) checkout.WebhookKey {
		return checkout.WebhookKey{Gateway: w.Event.Gateway, Key: w.Event.Key}
	})
	return err
}

// byPair reads rows whose key is two texts.
func byPair[V any](ctx context.Context, c *connection, name string, scan func(row) (V, error), pairs [][2]string) ([]V, error) {
	if len(pairs) == 0 {
		return nil, nil
	}
	list, err := json.Marshal(pairs)
	if err != nil {
		return nil, err
	}
	return collect(ctx, c, name, scan, string(list))
}
