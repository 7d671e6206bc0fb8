package postgres

import (
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"kassa/store"
)

// flight gathers the statements that write one batch.
type flight struct {
	batch *pgx.Batch
	types rowTypes
	tasks *taskChanges
}

// queueSave queues one statement for each list that is not empty. What frees a
// key comes before what takes one; the counters, which every other commit waits
// for, come last.
func queueSave(batch *pgx.Batch, types rowTypes, save *store.Save) (*invoiceNumbers, error) {
	events, err := json.Marshal(save.Events)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w: events: %w", errValue, err)
	}
	f := &flight{batch, types, sortTasks(save)}
	numbers := numberInvoices(save.Invoices)
	queue(f, "insert_customers", "customers", save.NewCustomers, writeCustomerRow)
	queue(f, "update_customers", "customers", save.Customers, writeCustomerRow)
	queue(f, "insert_products", "products", save.NewProducts, writeProduct)
	queue(f, "update_products", "products", save.Products, writeProduct)
	queue(f, "insert_carts", "carts", save.NewCarts, writeCart)
	queue(f, "update_carts", "carts", save.Carts, writeCart)
	queueOrders(f, save, numbers)
	queuePayments(f, save)
	queue(f, "insert_refunds", "refunds", pointers(save.NewRefunds), writeRefund)
	queue(f, "update_refunds", "refunds", pointers(save.Refunds), writeRefund)
	queueKeys(f, "delete_holds", save.DropHolds, textKeys)
	queue(f, "update_holds", "holds", save.Holds, writeHold)
	queue(f, "insert_holds", "holds", save.NewHolds, writeHold)
	queue(f, "insert_levels", "inventory", save.NewLevels, writeLevel)
	queue(f, "update_levels", "inventory", save.Levels, writeLevel)
	queue(f, "insert_adjustments", "stock_adjustments", save.Adjustments, writeAdjustment)
	queue(f, "insert_webhooks", "webhook_events", save.NewWebhooks, writeWebhook)
	queue(f, "update_webhooks", "webhook_events", save.Webhooks, writeWebhookChange)
	queueTasks(f, save)
	queue(f, "insert_answers", "idempotency_keys", save.Answers, writeAnswer)
	queueInvoices(f, numbers)
	batch.Queue(statement("append_log"), uuid(save.BatchID), events, uuid(save.Owner), save.After)
	return numbers, nil
}

// queue queues a statement that takes rows of a table.
func queue[T any](f *flight, name, table string, rows []T, write func(*record, T)) {
	if len(rows) > 0 {
		f.batch.Queue(statement(name), encodeRows(f.types, table, rows, write))
	}
}

// queueKeys queues a statement that takes less than whole rows.
func queueKeys[T any](f *flight, name string, rows []T, columns func([]T) []any) {
	if len(rows) > 0 {
		f.batch.Queue(statement(name), columns(rows)...)
	}
}

func pointers[T any](rows []T) []*T {
	out := make([]*T, len(rows))
	for i := range rows {
		out[i] = &rows[i]
	}
	return out
}
