package sqlite

import (
	"context"
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
func put[T any](c *connection, name string, rows []T, bind func(*args, T)) error {
	var a args
	for i := range rows {
		a.values = a.values[:0]
		bind(&a, rows[i])
		if a.err != nil {
			return fmt.Errorf("sqlite: %s: %w", name, a.err)
		}
		touched, err := c.exec(name, a.values...)
		if err != nil {
			return err
		}
		if touched != 1 {
			return fmt.Errorf("sqlite: %s: row %d of %d is not there to be changed", name, i+1, len(rows))
		}
	}
	return nil
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
	values, err := collect(context.Background(), c, "counters.add", scanValue[int64], counter, n)
	if err != nil {
		return 0, err
	}
	return values[0], nil
}

func writeCatalog(c *connection, save *store.Save) error {
	if err := put(c, "customers.insert", save.NewCustomers, bindCustomer); err != nil {
		return err
	}
	if err := put(c, "customers.update", save.Customers, bindCustomer); err != nil {
		return err
	}
	if err := put(c, "products.insert", save.NewProducts, bindNewProduct); err != nil {
		return err
	}
	return put(c, "products.update", save.Products, bindProduct)
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
	if err := put(c, "orders.update", save.Orders, bindOrder); err != nil {
		return err
	}
	if err := put(c, "orders.insert", save.NewOrders, bindNewOrder); err != nil {
		return err
	}
	return put(c, "order_items.insert", itemRows(save.NewOrders), bindItem)
}

func writePayments(c *connection, save *store.Save) error {
	if err := put(c, "payments.update", save.Payments, bindPayment); err != nil {
		return err
	}
	if err := put(c, "payments.insert", save.NewPayments, bindNewPayment); err != nil {
		return err
	}
	if err := put(c, "refunds.update", save.Refunds, bindRefund); err != nil {
		return err
	}
	return put(c, "refunds.insert", save.NewRefunds, bindNewRefund)
}

func writeStock(c *connection, save *store.Save) error {
	for _, session := range save.DropHolds {
		if _, err := c.exec("holds.delete", session); err != nil {
			return err
		}
	}
	if err := put(c, "holds.update", save.Holds, bindHold); err != nil {
		return err
	}
	if err := put(c, "holds.insert", save.NewHolds, bindHold); err != nil {
		return err
	}
	if err := put(c, "inventory.update", save.Levels, bindLevel); err != nil {
		return err
	}
	if err := put(c, "inventory.insert", save.NewLevels, bindLevel); err != nil {
		return err
	}
	return put(c, "stock_adjustments.insert", save.Adjustments, bindAdjustment)
}

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
	for _, d := range save.DropTasks {
		if err := dropTask(c, d); err != nil {
			return err
		}
	}
	return put(c, "tasks.put", save.Tasks, bindTask)
}

func dropTask(c *connection, d saga.TaskDrop) error {
	var a args
	a.id(d.ID)
	a.id(d.Lease)
	_, err := c.exec("tasks.drop", a.values...)
	return err
}

// writeLog gives the batch its position and writes its row.
func writeLog(c *connection, save *store.Save) error {
	position, err := count(c, "events", 1)
	if err != nil {
		return err
	}
	return put(c, "event_log.insert", []*store.Save{save}, func(a *args, s *store.Save) {
		a.id(s.BatchID)
		a.add(position)
		a.json(s.Events)
	})
}
