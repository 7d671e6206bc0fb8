package postgres

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"kassa/checkout"
	"kassa/saga"
	"kassa/store"
)

// queueSave queues one statement for each list that is not empty. What frees a
// key comes before what takes one; the counters, which every other commit waits
// for, come last.
func queueSave(batch *pgx.Batch, save *store.Save) (*invoiceNumbers, error) {
	events, err := json.Marshal(save.Events)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w: events: %w", errValue, err)
	}
	numbers := numberInvoices(save.Invoices)
	queue(batch, "insert_customers", save.NewCustomers, customerColumns)
	queue(batch, "update_customers", save.Customers, customerColumns)
	queue(batch, "insert_products", save.NewProducts, productColumns)
	queue(batch, "update_products", save.Products, productColumns)
	queue(batch, "insert_carts", save.NewCarts, cartColumns)
	queue(batch, "update_carts", save.Carts, cartColumns)
	queueOrders(batch, save, numbers)
	queue(batch, "insert_payments", pointers(save.NewPayments), newPaymentColumns)
	queue(batch, "update_payments", pointers(save.Payments), paymentColumns)
	queuePaymentNames(batch, save)
	queue(batch, "insert_refunds", pointers(save.NewRefunds), newRefundColumns)
	queue(batch, "update_refunds", pointers(save.Refunds), refundColumns)
	queue(batch, "delete_holds", save.DropHolds, textKeys)
	queue(batch, "update_holds", save.Holds, holdColumns)
	queue(batch, "insert_holds", save.NewHolds, holdColumns)
	queue(batch, "insert_levels", save.NewLevels, levelColumns)
	queue(batch, "update_levels", save.Levels, levelColumns)
	queue(batch, "insert_adjustments", save.Adjustments, adjustmentColumns)
	queue(batch, "insert_webhooks", save.NewWebhooks, newWebhookColumns)
	queue(batch, "update_webhooks", save.Webhooks, webhookColumns)
	queue(batch, "delete_tasks", replaced(save), dropColumns)
	queue(batch, "insert_tasks", save.Tasks, taskColumns)
	queue(batch, "insert_answers", save.Answers, answerColumns)
	queueInvoices(batch, save, numbers)
	batch.Queue(statement("append_log"), uuid(save.BatchID), events)
	return numbers, nil
}

func queue[T any](batch *pgx.Batch, name string, rows []T, columns func([]T) []any) {
	if len(rows) > 0 {
		batch.Queue(statement(name), columns(rows)...)
	}
}

func pointers[T any](rows []T) []*T {
	out := make([]*T, len(rows))
	for i := range rows {
		out[i] = &rows[i]
	}
	return out
}

func customerColumns(rows []*checkout.Customer) []any {
	return []any{
		texts(rows, func(c *checkout.Customer) string { return c.UserID }),
		texts(rows, func(c *checkout.Customer) string { return c.Email }),
		texts(rows, func(c *checkout.Customer) string { return c.Name }),
		texts(rows, func(c *checkout.Customer) string { return c.Phone }),
		texts(rows, func(c *checkout.Customer) string { return c.TaxID }),
	}
}

func productColumns(rows []*checkout.Product) []any {
	type product = *checkout.Product
	return []any{
		texts(rows, func(p product) string { return p.SKU }),
		times(rows, func(p product) time.Time { return p.CreatedAt }),
		times(rows, func(p product) time.Time { return p.UpdatedAt }),
		ints(rows, func(p product) int64 { return p.WeightG }),
		bools(rows, func(p product) bool { return p.Active }),
		texts(rows, func(p product) string { return p.Name }),
		texts(rows, func(p product) string { return p.TaxCode }),
		texts(rows, func(p product) string { return p.Image }),
		documents(rows, func(p product) any { return p.Prices }),
	}
}

func cartColumns(rows []*checkout.Cart) []any {
	type cart = *checkout.Cart
	return []any{
		uuids(rows, func(c cart) checkout.ID { return c.ID }),
		times(rows, func(c cart) time.Time { return c.CreatedAt }),
		times(rows, func(c cart) time.Time { return c.UpdatedAt }),
		texts(rows, func(c cart) string { return string(c.Currency) }),
		uuids(rows, func(c cart) checkout.ID { return c.LastOrder }),
		documents(rows, func(c cart) any { return list(c.Items) }),
		documents(rows, func(c cart) any { return list(c.Coupons) }),
		documents(rows, func(c cart) any { return optionalDocument(c.ShippingAddress) }),
	}
}

// list writes an empty list as NULL.
func list[T any](values []T) any {
	if len(values) == 0 {
		return nil
	}
	return values
}

// optionalDocument writes a nil pointer as NULL.
func optionalDocument[T any](value *T) any {
	if value == nil {
		return nil
	}
	return value
}

func holdColumns(rows []*checkout.Hold) []any {
	type hold = *checkout.Hold
	return []any{
		texts(rows, func(h hold) string { return h.SessionID }),
		uuids(rows, func(h hold) checkout.ID { return h.ID }),
		times(rows, func(h hold) time.Time { return h.CreatedAt }),
		times(rows, func(h hold) time.Time { return h.ExpiresAt }),
		allocations(rows, func(h hold) []checkout.Allocation { return h.Allocations }),
	}
}

func levelColumns(rows []checkout.Level) []any {
	type level = checkout.Level
	return []any{
		texts(rows, func(l level) string { return l.SKU }),
		texts(rows, func(l level) string { return l.Warehouse }),
		ints(rows, func(l level) int64 { return l.Available }),
		ints(rows, func(l level) int64 { return l.Locked }),
		ints(rows, func(l level) int64 { return l.Received }),
		ints(rows, func(l level) int64 { return l.Deducted }),
		ints(rows, func(l level) int64 { return l.Restocked }),
	}
}

func adjustmentColumns(rows []checkout.Adjustment) []any {
	type adjustment = checkout.Adjustment
	return []any{
		texts(rows, func(a adjustment) string { return a.SKU }),
		texts(rows, func(a adjustment) string { return a.Warehouse }),
		uuids(rows, func(a adjustment) checkout.ID { return a.ID }),
		ints(rows, func(a adjustment) int64 { return a.Delta }),
		optionalInts(rows, func(a adjustment) *int64 { return a.Counted }),
		times(rows, func(a adjustment) time.Time { return a.CreatedAt }),
		texts(rows, func(a adjustment) string { return a.Reason }),
	}
}

func webhookColumns(rows []*checkout.WebhookRecord) []any {
	type webhook = *checkout.WebhookRecord
	return []any{
		uuids(rows, func(w webhook) checkout.ID { return w.ID }),
		uuids(rows, func(w webhook) checkout.ID { return w.OrderID }),
		times(rows, func(w webhook) time.Time { return w.AppliedAt }),
		texts(rows, func(w webhook) string { return string(w.Status) }),
	}
}

func newWebhookColumns(rows []*checkout.WebhookRecord) []any {
	type webhook = *checkout.WebhookRecord
	return append(webhookColumns(rows),
		times(rows, func(w webhook) time.Time { return w.ReceivedAt }),
		texts(rows, func(w webhook) string { return w.Event.Gateway }),
		texts(rows, func(w webhook) string { return w.Event.Key }),
		documents(rows, eventWithoutKey),
	)
}

// eventWithoutKey is the event as it is stored: its key has columns of its own.
func eventWithoutKey(w *checkout.WebhookRecord) any {
	event := w.Event
	event.Gateway, event.Key = "", ""
	return event
}

func taskColumns(rows []checkout.Task) []any {
	type task = checkout.Task
	return []any{
		uuids(rows, func(t task) checkout.ID { return t.ID }),
		uuids(rows, func(t task) checkout.ID { return t.OrderID }),
		times(rows, func(t task) time.Time { return t.DueAt }),
		times(rows, func(t task) time.Time { return t.CreatedAt }),
		ints(rows, func(t task) int64 { return int64(t.Attempts) }),
		uuids(rows, func(t task) checkout.ID { return t.LeaseID }),
		times(rows, func(t task) time.Time { return t.LeasedUntil }),
		bools(rows, func(t task) bool { return t.Attention }),
		texts(rows, func(t task) string { return string(t.Kind) }),
		optional(rows, func(t task) string { return t.LastError }),
	}
}

// replaced are the tasks that end, and those that new ones take the place of. To
// delete and insert logs less than an insert that minds conflicts.
func replaced(save *store.Save) []saga.TaskDrop {
	drops := slices.Clone(save.DropTasks)
	for _, task := range save.Tasks {
		drops = append(drops, saga.TaskDrop{ID: task.ID})
	}
	slices.SortFunc(drops, func(a, b saga.TaskDrop) int { return a.ID.Compare(b.ID) })
	return drops
}

func dropColumns(rows []saga.TaskDrop) []any {
	return []any{
		uuids(rows, func(d saga.TaskDrop) checkout.ID { return d.ID }),
		uuids(rows, func(d saga.TaskDrop) checkout.ID { return d.Lease }),
	}
}

func answerColumns(rows []checkout.IdempotencyRecord) []any {
	type answer = checkout.IdempotencyRecord
	return []any{
		texts(rows, func(a answer) string { return a.Scope }),
		texts(rows, func(a answer) string { return a.Key }),
		texts(rows, func(a answer) string { return a.RequestHash }),
		ints(rows, func(a answer) int64 { return int64(a.Answer.Status) }),
		blobs(rows, func(a answer) []byte { return a.Answer.Body }),
		times(rows, func(a answer) time.Time { return a.CreatedAt }),
	}
}
