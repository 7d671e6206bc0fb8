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
	for _, step := range []func(*connection, *store.Save) error{
		numberInvoices, writeCatalog, writeCarts, writeOrders, writePayments, writeRefunds,
		writeHolds, writeStock, writeMessages, writeTasks, writeLog,
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

// putNumbered inserts rows and notes their numbers.
func putNumbered[K comparable, T any](c *connection, name string, rows []T, bind func(*statement, T), numbers *rowNumbers[K], key func(T) K) error {
	return each(c, name, rows, bind, func(i, _ int) error {
		numbers.put(key(rows[i]), c.inserted())
		return nil
	})
}

// anyNumber lets a statement touch what it finds.
func anyNumber(int, int) error { return nil }

// numberInvoices gives each order the next number of its series. No other
// transaction writes meanwhile, and a rollback takes the numbers back.
func numberInvoices(c *connection, save *store.Save) error {
	bySeries := map[string][]*checkout.Order{}
	for _, o := range save.Invoices {
		bySeries[o.InvoiceSeries] = append(bySeries[o.InvoiceSeries], o)
	}
	for series, members := range bySeries {
		values, err := collect(context.Background(), c, "counters.add", scanInt, "invoice:"+series, len(members))
		if err != nil {
			return err
		}
		for i, o := range members {
			o.InvoiceSeq = values[0] - int64(len(members)-1-i)
		}
	}
	return nil
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

func writeCarts(c *connection, save *store.Save) error {
	if err := put(c, "carts.update", save.Carts, bindCart); err != nil {
		return err
	}
	return put(c, "carts.insert", save.NewCarts, bindNewCart)
}

func writeRefunds(c *connection, save *store.Save) error {
	if err := put(c, "refunds.update", save.Refunds, bindRefund); err != nil {
		return err
	}
	return put(c, "refunds.insert", save.NewRefunds, bindNewRefund)
}

func writeHolds(c *connection, save *store.Save) error {
	if err := each(c, "holds.delete", save.DropHolds, (*statement).text, anyNumber); err != nil {
		return err
	}
	if err := put(c, "holds.update", save.Holds, bindHold); err != nil {
		return err
	}
	return put(c, "holds.insert", save.NewHolds, bindHold)
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
	c.leases.dropped = c.leases.dropped[:0]
	err := each(c, "tasks.drop", save.DropTasks, bindDrop, func(i, touched int) error {
		if touched > 0 {
			c.leases.dropped = append(c.leases.dropped, save.DropTasks[i].ID)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return put(c, "tasks.put", save.Tasks, bindTask)
}

func bindDrop(s *statement, d saga.TaskDrop) {
	s.id(d.ID)
	s.id(d.Lease)
}

// writeLog writes the batch's row, which takes the next position.
func writeLog(c *connection, save *store.Save) error {
	err := put(c, "event_log.insert", []*store.Save{save}, func(s *statement, save *store.Save) {
		s.id(save.BatchID)
		s.document(func(d *document) { writeEvents(d, save.Events) })
	})
	if err == nil && !save.Owner.IsZero() && c.inserted() != save.After+1 {
		return store.ErrOwned
	}
	return err
}
