package sqlite

import (
	"context"
	"errors"

	"kassa/checkout"
	"kassa/saga"
)

// load reads what keys name. It sends only the statements that they need.
func load(ctx context.Context, c *connection, keys saga.Keys, state *saga.State) error {
	return errors.Join(
		loadOrders(ctx, c, keys.Orders, state),
		loadStock(ctx, c, keys.Stock, state),
		loadRows(ctx, c, "carts.by_id", keys.Carts, (*statement).id, scanCart, state.Carts, func(cart *checkout.Cart) checkout.ID { return cart.ID }),
		loadRows(ctx, c, "holds.by_session", keys.Sessions, (*statement).text, scanHold, state.Holds, func(h *checkout.Hold) string { return h.SessionID }),
		loadRows(ctx, c, "customers.by_id", keys.Customers, (*statement).text, scanCustomer, state.Customers, func(who *checkout.Customer) string { return who.UserID }),
		loadRows(ctx, c, "products.by_sku", keys.Products, (*statement).text, scanProduct, state.Products, func(p *checkout.Product) string { return p.SKU }),
		loadRows(ctx, c, "webhook_events.by_key", keys.Webhooks, bindWebhookKey, scanWebhook, state.Webhooks, webhookKey),
		loadAnswers(ctx, c, keys.Answers, state),
	)
}

// loadRows marks all keys as loaded and puts the rows that are found.
func loadRows[K comparable, V any](ctx context.Context, c *connection, name string, keys []K,
	bind func(*statement, K), scan func(*row) *V, into map[K]*V, key func(*V) K,
) error {
	rows, err := gather(ctx, c, name, keys, bind, scan)
	for _, k := range keys {
		into[k] = nil
	}
	for _, row := range rows {
		into[key(row)] = row
	}
	return err
}

func bindWebhookKey(s *statement, key checkout.WebhookKey) {
	s.text(key.Gateway)
	s.text(key.Key)
}

func webhookKey(w *checkout.WebhookRecord) checkout.WebhookKey {
	return checkout.WebhookKey{Gateway: w.Event.Gateway, Key: w.Event.Key}
}

func loadOrders(ctx context.Context, c *connection, ids []checkout.ID, state *saga.State) error {
	orders, err := bareOrders(ctx, c, ids)
	for _, id := range ids {
		state.Orders[id] = nil
	}
	for _, o := range orders {
		state.Orders[o.ID] = o
	}
	return err
}

// bareOrders reads orders with payments and refunds, without details.
func bareOrders(ctx context.Context, c *connection, ids []checkout.ID) ([]*checkout.Order, error) {
	return readOrders(ctx, c, "orders.by_id", ids, scanOrder)
}

func readOrders(ctx context.Context, c *connection, name string, ids []checkout.ID, scan func(*row) *checkout.Order) ([]*checkout.Order, error) {
	orders, err := gather(ctx, c, name, ids, (*statement).id, scan)
	if err != nil {
		return nil, err
	}
	for _, o := range orders {
		if o.Payments, err = gather(ctx, c, "payments.by_order", []checkout.ID{o.ID}, (*statement).id, scanPayment); err != nil {
			return nil, err
		}
		if len(o.Payments) == 0 {
			continue // no refund is without a payment
		}
		if o.Refunds, err = gather(ctx, c, "refunds.by_order", []checkout.ID{o.ID}, (*statement).id, scanRefund); err != nil {
			return nil, err
		}
	}
	return orders, nil
}

func loadStock(ctx context.Context, c *connection, skus []string, state *saga.State) error {
	levels, err := gather(ctx, c, "inventory.by_sku", skus, (*statement).text, scanLevel)
	for _, sku := range skus {
		state.Stock[sku] = nil
	}
	for _, level := range levels {
		state.Stock[level.SKU] = append(state.Stock[level.SKU], level)
	}
	return err
}

// loadAnswers asks for one key after the other, because an answer's row has only
// the hash of its key.
func loadAnswers(ctx context.Context, c *connection, keys []checkout.KeyID, state *saga.State) error {
	for _, key := range keys {
		rows, err := gather(ctx, c, "idempotency_keys.by_key", []checkout.ID{key.Hash()}, (*statement).id, scanAnswer)
		if err != nil {
			return err
		}
		state.Answers[key] = nil
		for _, row := range rows {
			row.KeyID = key
			state.Answers[key] = row
		}
	}
	return nil
}
