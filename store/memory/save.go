package memory

import (
	"encoding/json"
	"fmt"

	"kassa/checkout"
	"kassa/saga"
	"kassa/store"
)

const invoiceCounter = "invoice:"

// save writes a batch: what frees a key comes before what takes one.
func (t *tables) save(save *store.Save) error {
	if _, found := t.log[save.BatchID]; found {
		return fmt.Errorf("event log: batch %s is there already or was fenced out", save.BatchID)
	}
	if save.Owner != t.owner || !save.Owner.IsZero() && save.After != t.counters["events"] {
		return store.ErrOwned
	}
	invoices := t.numberInvoices(save.Invoices)
	steps := []func() error{
		func() error { return t.saveCustomers(save) },
		func() error { return t.saveProducts(save) },
		func() error { return t.saveCarts(save) },
		func() error { return t.saveOrders(save, invoices) },
		func() error { return t.savePayments(save) },
		func() error { return t.saveRefunds(save) },
		func() error { return t.saveHolds(save) },
		func() error { return t.saveLevels(save) },
		func() error { return t.saveAdjustments(save) },
		func() error { return t.saveWebhooks(save) },
		func() error { return t.saveAnswers(save) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	t.saveTasks(save)
	if err := t.appendLog(save); err != nil {
		return err
	}
	for _, order := range save.Invoices {
		order.InvoiceSeq = invoices[order.ID]
	}
	return nil
}

// numberInvoices gives each order the next number of its series.
func (t *tables) numberInvoices(orders []*checkout.Order) map[checkout.ID]int64 {
	numbers := make(map[checkout.ID]int64, len(orders))
	for _, order := range orders {
		name := invoiceCounter + order.InvoiceSeries
		put(t, t.counters, name, t.counters[name]+1)
		numbers[order.ID] = t.counters[name]
	}
	return numbers
}

func (t *tables) appendLog(save *store.Save) error {
	events, err := json.Marshal(save.Events)
	if err != nil {
		return fmt.Errorf("event log: %w", err)
	}
	put(t, t.counters, "events", t.counters["events"]+1)
	put(t, t.log, save.BatchID, logRow{position: t.counters["events"], events: events})
	return nil
}

func (t *tables) saveCustomers(save *store.Save) error {
	for _, c := range save.NewCustomers {
		if err := claim(t.customers, c.UserID, "customer"); err != nil {
			return err
		}
		put(t, t.customers, c.UserID, copyOf(c))
	}
	for _, c := range save.Customers {
		if err := known(t.customers, c.UserID, "customer"); err != nil {
			return err
		}
		put(t, t.customers, c.UserID, copyOf(c))
	}
	return nil
}

func (t *tables) saveProducts(save *store.Save) error {
	for _, p := range save.NewProducts {
		if err := claim(t.products, p.SKU, "product"); err != nil {
			return err
		}
		put(t, t.products, p.SKU, cloneProduct(p))
	}
	for _, p := range save.Products {
		if err := known(t.products, p.SKU, "product"); err != nil {
			return err
		}
		put(t, t.products, p.SKU, cloneProduct(p))
	}
	return nil
}

func (t *tables) saveCarts(save *store.Save) error {
	for _, c := range save.NewCarts {
		if err := fresh(t.carts, c.ID, "cart"); err != nil {
			return err
		}
		put(t, t.carts, c.ID, cloneCart(c))
	}
	for _, c := range save.Carts {
		if err := known(t.carts, c.ID, "cart"); err != nil {
			return err
		}
		put(t, t.carts, c.ID, cloneCart(c))
	}
	return nil
}

func (t *tables) saveHolds(save *store.Save) error {
	for _, session := range save.DropHolds {
		drop(t, t.holds, session)
	}
	for _, h := range save.Holds {
		if err := known(t.holds, h.SessionID, "hold"); err != nil {
			return err
		}
		put(t, t.holds, h.SessionID, cloneHold(h))
	}
	for _, h := range save.NewHolds {
		if err := claim(t.holds, h.SessionID, "hold"); err != nil {
			return err
		}
		put(t, t.holds, h.SessionID, cloneHold(h))
	}
	return nil
}

func (t *tables) saveAdjustments(save *store.Save) error {
	for _, a := range save.Adjustments {
		if err := fresh(t.adjustments, a.ID, "stock adjustment"); err != nil {
			return err
		}
		put(t, t.adjustments, a.ID, cloneAdjustment(a))
	}
	return nil
}

func (t *tables) saveWebhooks(save *store.Save) error {
	for _, w := range save.NewWebhooks {
		key := checkout.WebhookKey{Gateway: w.Event.Gateway, Key: w.Event.Key}
		if err := claim(t.webhookKey, key, "webhook event"); err != nil {
			return err
		}
		if err := fresh(t.webhooks, w.ID, "webhook event"); err != nil {
			return err
		}
		put(t, t.webhookKey, key, w.ID)
		put(t, t.webhooks, w.ID, cloneWebhook(w))
	}
	for _, w := range save.Webhooks {
		if err := known(t.webhooks, w.ID, "webhook event"); err != nil {
			return err
		}
		put(t, t.webhooks, w.ID, cloneWebhook(w))
	}
	return nil
}

func (t *tables) saveAnswers(save *store.Save) error {
	for _, r := range save.Answers {
		if err := claim(t.answers, r.KeyID, "idempotency key"); err != nil {
			return err
		}
		put(t, t.answers, r.KeyID, cloneAnswer(r))
	}
	return nil
}

// saveTasks drops before it puts: a task that is both stays.
func (t *tables) saveTasks(save *store.Save) {
	for _, d := range save.DropTasks {
		if t.mayDrop(d) {
			drop(t, t.tasks, d.ID)
		}
	}
	for _, task := range save.Tasks {
		put(t, t.tasks, task.ID, cloneTask(task))
	}
}

func (t *tables) mayDrop(d saga.TaskDrop) bool {
	return d.Lease.IsZero() || t.tasks[d.ID].LeaseID == d.Lease
}

// claim refuses a natural key that is taken: the caller loaded too early.
func claim[K comparable, V any](rows map[K]V, key K, table string) error {
	if _, found := rows[key]; found {
		return fmt.Errorf("%s %v was claimed meanwhile: %w", table, key, store.ErrRetry)
	}
	return nil
}

// fresh refuses an id that is taken.
func fresh[K comparable, V any](rows map[K]V, key K, table string) error {
	if _, found := rows[key]; found {
		return fmt.Errorf("%s %v is there already", table, key)
	}
	return nil
}

// known refuses a change of a row that is not there.
func known[K comparable, V any](rows map[K]V, key K, table string) error {
	if _, found := rows[key]; !found {
		return fmt.Errorf("%s %v is not there to be changed", table, key)
	}
	return nil
}
