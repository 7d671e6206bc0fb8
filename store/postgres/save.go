package postgres

import (
	"encoding/binary"
	"fmt"

	"kassa/checkout"
	"kassa/store"
)

// saver queues the statements that write one batch.
type saver struct {
	*flight
	tasks *taskChanges

	answers   map[checkout.ID]*checkout.IdempotencyRecord // by the new order whose row has it
	unordered []checkout.IdempotencyRecord
}

// queueSave queues one statement for each list that is not empty. What frees a
// key comes before what takes one; the counters, which every other commit waits
// for, come last. Their statement is left open: see endSave.
func queueSave(to *flight, save *store.Save) (*invoiceNumbers, error) {
	f := &saver{flight: to, tasks: sortTasks(save)}
	f.sortAnswers(save)
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
	queueKeys(f, "delete_holds", save.DropHolds, textColumn)
	queue(f, "update_holds", "holds", save.Holds, writeHold)
	queue(f, "insert_holds", "holds", save.NewHolds, writeHold)
	queue(f, "insert_levels", "inventory", save.NewLevels, writeLevel)
	queue(f, "update_levels", "inventory", save.Levels, writeLevel)
	queue(f, "insert_adjustments", "stock_adjustments", save.Adjustments, writeAdjustment)
	queue(f, "insert_webhooks", "webhook_events", save.NewWebhooks, writeWebhook)
	queue(f, "update_webhooks", "webhook_events", save.Webhooks, writeWebhookChange)
	queueTasks(f, save)
	queue(f, "insert_answers", "idempotency_keys", f.unordered, writeAnswer)
	queueInvoices(f, numbers)
	return numbers, f.openLog(save)
}

func (f *saver) openLog(save *store.Save) (err error) {
	f.open("append_log", 4)
	f.value(save.BatchID[:])
	start := f.param()
	if f.data, err = appendEvents(f.data, save.Events); err != nil {
		return fmt.Errorf("postgres: %w: events: %w", errValue, err)
	}
	f.endParam(start)
	f.value(optionalID(save.Owner))
	return nil
}

// endSave ends the statement of the log with what is known last.
func endSave(f *flight, save *store.Save) {
	f.value(binary.BigEndian.AppendUint64(nil, uint64(save.After)))
	f.close(step{})
}

// queue queues a statement that takes rows of a table.
func queue[T any](f *saver, name, table string, rows []T, write func(*record, T)) {
	if len(rows) == 0 {
		return
	}
	f.open(name, 1)
	start := f.param()
	encodeRows(&f.record, f.types, table, rows, write)
	f.endParam(start)
	f.close(step{})
}

// queueKeys queues a statement that takes less than whole rows.
func queueKeys[T any](f *saver, name string, rows []T, columns func([]T) [][]byte) {
	if len(rows) > 0 {
		f.call(name, step{}, columns(rows)...)
	}
}

func textColumn(keys []string) [][]byte { return [][]byte{texts(keys, self).data} }

// optionalID is an id as a parameter; the zero id becomes NULL.
func optionalID(id checkout.ID) []byte {
	if id.IsZero() {
		return nil
	}
	return id[:]
}

func pointers[T any](rows []T) []*T {
	out := make([]*T, len(rows))
	for i := range rows {
		out[i] = &rows[i]
	}
	return out
}
