package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"kassa/checkout"
	"kassa/store"
)

// Find reads rows by their keys, in one flight.
func (s *snapshot) Find(ctx context.Context, keys store.FindKeys) (found store.Found, err error) {
	if s.conn == nil {
		return found, fmt.Errorf("postgres: the snapshot is closed")
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	orders := map[checkout.ID]*checkout.Order{}
	batch := &pgx.Batch{}
	loadRows(batch, statement("read_orders"), uuidKeys(keys.Orders), keys.Orders, orders, scanFamily, orderID)
	queueFind(batch, "find_carts", len(keys.Carts), uuidKeys(keys.Carts), scanCart, &found.Carts)
	queueFind(batch, "find_tasks", len(keys.Tasks), uuidKeys(keys.Tasks), scanTask, &found.Tasks)
	queueFind(batch, "find_attended", len(keys.Attended), uuidKeys(keys.Attended), scanTask, &found.Tasks)
	queueFind(batch, "find_webhooks", len(keys.Webhooks), uuidKeys(keys.Webhooks), scanWebhook, &found.Webhooks)
	queueFind(batch, "read_log_entries", len(keys.Batches), uuidKeys(keys.Batches), scanLogEntry, &found.Batches)
	queueFind(batch, "find_charges", len(keys.Charges), chargeKeys(keys.Charges), scanCharged, &found.Charges)
	queueFind(batch, "find_events", len(keys.Events), webhookKeys(keys.Events), scanStored, &found.Events)
	if batch.Len() == 0 {
		return found, nil
	}
	if err := s.conn.SendBatch(ctx, batch).Close(); err != nil {
		return store.Found{}, mapError(err)
	}
	found.Orders = inOrder(keys.Orders, orders)
	return found, nil
}

// queueFind queues a statement, where there are keys for it.
func queueFind[T any](batch *pgx.Batch, name string, keys int, args []any, scan func(*row) T, into *[]T) {
	if keys > 0 {
		batch.Queue(statement(name), args...).Query(each(func(r *row) { *into = append(*into, scan(r)) }))
	}
}

func chargeKeys(keys []store.ChargeKey) []any {
	return []any{
		texts(keys, func(k store.ChargeKey) string { return k.Gateway }),
		texts(keys, func(k store.ChargeKey) string { return k.ChargeID }),
	}
}

func scanCharged(r *row) store.Charged {
	return store.Charged{ChargeKey: store.ChargeKey{Gateway: r.text(), ChargeID: r.text()}, Payment: r.id()}
}

func scanStored(r *row) store.Stored {
	return store.Stored{WebhookKey: checkout.WebhookKey{Gateway: r.text(), Key: r.text()}, ID: r.id()}
}
