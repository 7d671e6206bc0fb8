package mysql

import (
	"context"
	"encoding/json"

	"kassa/checkout"
	"kassa/store"
)

// Find reads rows by their keys, in one exchange.
func (s *snapshot) Find(ctx context.Context, keys store.FindKeys) (found store.Found, err error) {
	if s.conn == nil {
		return found, errClosed
	}
	orders := map[checkout.ID]*checkout.Order{}
	f := &finder{steps: orderSteps("load_orders", keys.Orders, orders, scanOrder)}
	findRows(f, "find_carts", keys.Carts, idKeys, scanCart, &found.Carts)
	findRows(f, "read_tasks", keys.Tasks, idKeys, scanTask, &found.Tasks)
	findRows(f, "find_attended", keys.Attended, idKeys, scanTask, &found.Tasks)
	findRows(f, "read_webhooks", keys.Webhooks, idKeys, scanWebhook, &found.Webhooks)
	findRows(f, "read_log_entries", keys.Batches, idKeys, scanLogEntry, &found.Batches)
	findRows(f, "find_charges", keys.Charges, chargeKeys, scanCharged, &found.Charges)
	findRows(f, "find_events", keys.Events, webhookKeys, scanStored, &found.Events)
	if len(f.steps) == 0 {
		return found, nil
	}
	if err := s.read(ctx, f.steps...); err != nil {
		return store.Found{}, err
	}
	sortAll(keys.Orders, orders)
	found.Orders = inOrder(keys.Orders, orders)
	return found, nil
}

type finder struct{ steps []step }

// findRows adds a statement, where there are keys for it.
func findRows[K, V any](f *finder, name string, keys []K, encoded func([]K) json.RawMessage, scan func(*row) V, into *[]V) {
	if len(keys) > 0 {
		f.steps = append(f.steps, gatherInto(into, scan, name, encoded(keys)))
	}
}

func chargeKeys(all []store.ChargeKey) json.RawMessage {
	return pairKeys(all, func(k store.ChargeKey) string { return k.Gateway }, func(k store.ChargeKey) string { return k.ChargeID })
}

func scanCharged(r *row) store.Charged {
	return store.Charged{ChargeKey: store.ChargeKey{Gateway: r.text(), ChargeID: r.text()}, Payment: r.id()}
}

func scanStored(r *row) store.Stored {
	return store.Stored{WebhookKey: checkout.WebhookKey{Gateway: r.text(), Key: r.text()}, ID: r.id()}
}
