package sqlite

import (
	"context"
	"errors"
	"fmt"

	"kassa/checkout"
	"kassa/saga"
	"kassa/store"
)

// write puts a batch into the transaction: what others refer to first, what
// frees a key before what takes one, the batch's own row last.
func write(c *connection, save *store.Save) error {
	if err := numberInvoices(c, save.Invoices); err != nil {
		return err
	}
	for _, step := range []func(*connection, *store.Save) error{
		writeCatalog, writeOrders, writePayments, writeStock, writeMessages, writeTasks, writeLog,
	} {
		if err := step(c, save); err != nil {
			return err
		}
	}
	return nil
}

// put runs a statement for each row. Each must touch exactly one: an update
// that finds no row means that the caller decided on a row that is not there.
func put[T any](c *connection, name string, rows []T, bind func(*statement, T)) error {
	return each(c, name, rows, bind, func(i, touched int) error {
		if touched != 1 {
			return fmt.Errorf("row %d of %d is not there to be changed", i+1, len(rows))
		}
		return nil
	})
}

// numberInvoices gives each order the next number of its series. No other
// transaction writes meanwhile, and a rollback takes the numbers back.
func numberInvoices(c *connection, orders []*checkout.Order) error {
	bySeries := map[string][]*checkout.Order{}
	for _, o := range orders {
		bySeries[o.InvoiceSeries] = append(bySeries[o.InvoiceSeries], o)
	}
	for series, members := range bySeries {
		last, err := count(c, "invoice:"+series, len(members))
		if err != nil {
			return err
		}
		for i, o := range members {
			o.InvoiceSeq = last - int64(len(members)-1-i)
		}
	}
	return nil
}

// count moves a counter on by n and returns the last number that is given.
func count(c *connection, counter string, n int) (int64, error) {
	values, err := collect(context.Background(), c, "counters.add", scanInt, counter, n)
	if err != nil {
		return 0, err
	}
	return values[0], nil
}

func writeCatalog(c *connection, save *store.Save) error {
	return errors.Join(
		put(c, "customers.insert", save.NewCustomers, bindCustomer),
		put(c, "customers.update", save.Customers, bindCustomer),
		put(c, "products.insert", save.NewProducts, bindNewProduct),
		put(c, "products.update", save.Products, bindProduct))
}

func writeOrders(c *connection, save *store.Save) error {
	for _, o := range save.NewOrders {
		if o.Details == nil {
			return fmt.Errorf("sqlite: order %s is new and has no details", o.ID)
		}
	}
	if err := put(c, "carts.update", save.Carts, bindCart); err != nil {
		return err
	}
	if err := put(c, "carts.insert", save.NewCarts, bindNewCart); err != nil {
		return err
	}
	if err := updateOrders(c, save.Orders); err != nil {
		return err
	}
	return insertOrders(c, save.NewOrders)
}

// updateOrders writes what touches no index where it can, which is nearly always.
func updateOrders(c *connection, orders []*checkout.Order) error {
	numbers := &c.numbers.orders
	ids := make([]checkout.ID, len(orders))
	for i, o := range orders {
		ids[i] = o.ID
	}
	if err := numbers.learn(c, "orders.number", ids, (*statement).id); err != nil {
		return err
	}
	var rest []*checkout.Order
	bind := func(s *statement, o *checkout.Order) { bindQuietOrder(s, o, numbers.of(o.ID)) }
	err := each(c, "orders.update", orders, bind, func(i, touched int) error {
		if touched == 0 {
			rest = append(rest, orders[i])
		}
		return nil
	})
	if err != nil {
		return err
	}
	return put(c, "orders.update_indexed", rest, bindMovedOrder)
}

func insertOrders(c *connection, orders []*checkout.Order) error {
	numbers := &c.numbers.orders
	err := each(c, "orders.insert", orders, bindNewOrder, func(i, _ int) error {
		numbers.put(orders[i].ID, c.inserted())
		return nil
	})
	if err != nil {
		return err
	}
	return put(c, "order_details.insert", orders, func(s *statement, o *checkout.Order) {
		s.int(numbers.of(o.ID))
		bindDetails(s, o.Details)
	})
}

func writePayments(c *connection, save *store.Save) error {
	numbers := &c.numbers.payments
	ids := make([]checkout.ID, len(save.Payments))
	changed, created := pointers(save.Payments), pointers(save.NewPayments)
	for i, p := range changed {
		ids[i] = p.ID
	}
	if err := numbers.learn(c, "payments.number", ids, (*statement).id); err != nil {
		return err
	}
	bind := func(s *statement, p *checkout.Payment) { bindChangedPayment(s, p, numbers.of(p.ID)) }
	if err := put(c, "payments.update", changed, bind); err != nil {
		return err
	}
	err := each(c, "payments.insert", created, bindNewPayment, func(i, _ int) error {
		numbers.put(created[i].ID, c.inserted())
		return nil
	})
	if err != nil {
		return err
	}
	if err := put(c, "refunds.update", save.Refunds, bindRefund); err != nil {
		return err
	}
	return put(c, "refunds.insert", save.NewRefunds, bindNewRefund)
}

func writeStock(c *connection, save *store.Save) error {
	if err := each(c, "holds.delete", save.DropHolds, (*statement).text, anyNumber); err != nil {
		return err
	}
	if err := put(c, "holds.update", save.Holds, bindHold); err != nil {
		return err
	}
	if err := put(c, "holds.insert", save.NewHolds, bindHold); err != nil {
		return err
	}
	if err := writeLevels(c, save.Levels, save.NewLevels); err != nil {
		return err
	}
	return put(c, "stock_adjustments.insert", save.Adjustments, bindAdjustment)
}

func pointers[T any](rows []T) []*T {
	out := make([]*T, len(rows))
	for i := range rows {
		out[i] = &rows[i]
	}
	return out
}

func writeLevels(c *connection, changed, created []checkout.Level) error {
	numbers := &c.numbers.levels
	keys := make([]checkout.StockKey, len(changed))
	for i := range changed {
		keys[i] = changed[i].Key()
	}
	if err := numbers.learn(c, "inventory.number", keys, bindStockKey); err != nil {
		return err
	}
	bind := func(s *statement, l checkout.Level) { bindChangedLevel(s, l, numbers.of(l.Key())) }
	if err := put(c, "inventory.update", changed, bind); err != nil {
		return err
	}
	return each(c, "inventory.insert", created, bindLevel, func(i, _ int) error {
		numbers.put(created[i].Key(), c.inserted())
		return nil
	})
}

// anyNumber lets a statement touch what it finds.
func anyNumber(int, int) error { return nil }

func writeMessages(c *connection, save *store.Save) error {
	if err := put(c, "webhook_events.update", save.Webhooks, bindWebhook); err != nil {
		return err
	}
	if err := put(c, "webhook_events.insert", save.NewWebhooks, bindNewWebhook); err != nil {
		return err
	}
	return put(c, "idempotency_keys.insert", save.Answers, bindAnswer)
}

// writeTasks drops before it puts: a task that is both stays.
func writeTasks(c *connection, save *store.Save) error {
	if err := each(c, "tasks.drop", save.DropTasks, bindDrop, anyNumber); err != nil {
		return err
	}
	c.leases.rememberAll(save.Tasks)
	return put(c, "tasks.put", save.Tasks, bindTask)
}

func bindDrop(s *statement, d saga.TaskDrop) {
	s.id(d.ID)
	s.id(d.Lease)
}

// writeLog gives the batch its position and writes its row.
func writeLog(c *connection, save *store.Save) error {
	position, err := count(c, "events", 1)
	if err != nil {
		return err
	}
	if !save.Owner.IsZero() && position != save.After+1 {
		return store.ErrOwned
	}
	return put(c, "event_log.insert", []*store.Save{save}, func(s *statement, save *store.Save) {
		s.id(save.BatchID)
		s.int(position)
		bindEvents(s, save.Events)
	})
}
