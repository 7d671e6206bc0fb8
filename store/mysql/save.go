package mysql

import (
	"encoding/json"
	"fmt"

	"kassa/store"
)

// saver gathers the statements that write one batch.
type saver struct {
	steps   []step
	limit   int // bytes of one exchange
	numbers *invoiceNumbers
	events  string
	err     error
}

// stage encodes what a batch writes: one statement for each list that is not empty. What
// frees a key comes before what takes one, natural keys are claimed first, and the
// counters, which every other commit waits for, come last: see complete.
func stage(save *store.Save, limit int) (*saver, error) {
	f := &saver{limit: limit, numbers: numberInvoices(save.Invoices)}
	f.claim(save)
	queue(f, "update_customers", save.Customers, writeCustomer)
	queue(f, "update_products", save.Products, writeProduct)
	queue(f, "insert_carts", save.NewCarts, writeCart)
	queue(f, "update_carts", save.Carts, writeCart)
	queueOrders(f, save)
	queuePayments(f, save)
	queue(f, "insert_refunds", save.NewRefunds, writeRefund)
	queue(f, "update_refunds", save.Refunds, writeRefundState)
	queue(f, "update_holds", save.Holds, writeHold)
	queue(f, "update_levels", save.Levels, writeLevel)
	queue(f, "insert_adjustments", save.Adjustments, writeAdjustment)
	queue(f, "insert_webhooks", save.NewWebhooks, writeWebhook)
	queue(f, "update_webhooks", save.Webhooks, writeWebhookState)
	queueTasks(f, save)
	queueInvoices(f)
	events, err := json.Marshal(save.Events)
	if err != nil {
		return nil, fmt.Errorf("%w: events: %w", errValue, err)
	}
	f.events = string(events)
	return f, f.err
}

// claim inserts the rows whose primary key is a natural one.
func (f *saver) claim(save *store.Save) {
	f.claiming(true)
	queue(f, "insert_customers", save.NewCustomers, writeCustomer)
	queue(f, "insert_products", save.NewProducts, writeProduct)
	if len(save.DropHolds) > 0 {
		f.add("delete_holds", nil, textKeys(save.DropHolds))
	}
	queue(f, "insert_holds", save.NewHolds, writeHold)
	queue(f, "insert_levels", save.NewLevels, writeLevel)
	queue(f, "insert_answers", save.Answers, writeAnswer)
	if len(f.steps) == 1 {
		f.steps = f.steps[:0] // there are none
	}
	f.claiming(false)
}

// claiming says what kind of key the statements that follow take.
func (f *saver) claiming(natural bool) { f.add("claiming", nil, natural) }

func (f *saver) add(name string, done func(answer) error, args ...any) {
	f.steps = append(f.steps, step{sql: statement(name), args: args, done: done})
}

// complete adds what is known last, and must be locked last: the position in the event
// log, and the batch's row there.
func (f *saver) complete(save *store.Save) []step {
	owned := func(a answer) error {
		if a.found != 1 {
			return store.ErrOwned
		}
		return nil
	}
	return append(f.steps,
		step{sql: statement("take_position"), args: []any{idParam(save.Owner), save.After}, done: owned},
		step{sql: statement("append_log"), args: []any{idParam(save.BatchID), f.events}})
}

// queue adds a statement that takes rows, each of which must be written.
func queue[T any](f *saver, name string, rows []T, write func(*record, T)) {
	queueRows(f, name, rows, write, func(n int) func(answer) error { return finds(name, n) })
}

// queueRows adds several statements where the rows are too many for one.
func queueRows[T any](f *saver, name string, rows []T, write func(*record, T), check func(rows int) func(answer) error) {
	for len(rows) > 0 {
		data, n := f.encode(name, func(r *record, i int) { write(r, rows[i]) }, len(rows))
		f.add(name, check(n), data)
		rows = rows[n:]
	}
}

// uncounted is the check of a statement that may find more rows or fewer.
func uncounted(int) func(answer) error { return nil }

// encode writes as many rows as fit a statement, and at least one.
func (f *saver) encode(name string, write func(*record, int), rows int) (data json.RawMessage, n int) {
	r := &record{data: []byte{'['}}
	for most := f.limit / 4; n < rows && (n == 0 || len(r.data) < most); n++ {
		r.open()
		write(r, n)
		r.close()
	}
	r.close()
	if r.err != nil && f.err == nil {
		f.err = fmt.Errorf("%s: %w", name, r.err)
	}
	return r.data, n
}

// finds refuses a commit in which a statement did not write all of its rows: its caller
// believed in rows that are not there.
func finds(name string, rows int) func(answer) error {
	return func(a answer) error {
		if a.found != int64(rows) {
			return fmt.Errorf("%w: %s has found %d of %d", errAbsent, name, a.found, rows)
		}
		return nil
	}
}
