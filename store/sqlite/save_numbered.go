package sqlite

import (
	"fmt"

	"kassa/checkout"
	"kassa/store"
)

// What is changed again and again is found by its row's number.

func writeOrders(c *connection, save *store.Save) error {
	for _, o := range save.NewOrders {
		if o.Details == nil {
			return fmt.Errorf("sqlite: order %s is new and has no details", o.ID)
		}
	}
	if err := updateOrders(c, save.Orders); err != nil {
		return err
	}
	numbers := &c.numbers.orders
	if err := putNumbered(c, "orders.insert", save.NewOrders, bindNewOrder, numbers, orderID); err != nil {
		return err
	}
	return put(c, "order_details.insert", save.NewOrders, func(s *statement, o *checkout.Order) {
		s.int(numbers.of(o.ID))
		s.document(func(d *document) { writeDetails(d, o.Details) })
	})
}

// updateOrders writes what touches no index where it can, which is nearly always.
func updateOrders(c *connection, orders []*checkout.Order) error {
	numbers := &c.numbers.orders
	if err := numbers.learn(c, "orders.number", keysOf(orders, orderID), (*statement).id); err != nil {
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

func writePayments(c *connection, save *store.Save) error {
	changed, created := pointers(save.Payments), pointers(save.NewPayments)
	numbers := &c.numbers.payments
	if err := numbers.learn(c, "payments.number", keysOf(changed, paymentID), (*statement).id); err != nil {
		return err
	}
	bind := func(s *statement, p *checkout.Payment) { bindChangedPayment(s, p, numbers.of(p.ID)) }
	if err := put(c, "payments.update", changed, bind); err != nil {
		return err
	}
	return putNumbered(c, "payments.insert", created, bindNewPayment, numbers, paymentID)
}

func writeStock(c *connection, save *store.Save) error {
	numbers := &c.numbers.levels
	if err := numbers.learn(c, "levels.number", keysOf(save.Levels, checkout.Level.Key), bindStockKey); err != nil {
		return err
	}
	bind := func(s *statement, l checkout.Level) { bindStock(s, l, numbers.of(l.Key())) }
	if err := put(c, "stock.update", save.Levels, bind); err != nil {
		return err
	}
	if err := putNumbered(c, "levels.insert", save.NewLevels, bindLevel, numbers, checkout.Level.Key); err != nil {
		return err
	}
	if err := put(c, "stock.insert", save.NewLevels, bind); err != nil {
		return err
	}
	return put(c, "stock_adjustments.insert", save.Adjustments, bindAdjustment)
}

func orderID(o *checkout.Order) checkout.ID     { return o.ID }
func paymentID(p *checkout.Payment) checkout.ID { return p.ID }

func keysOf[T, K any](rows []T, key func(T) K) []K {
	keys := make([]K, len(rows))
	for i := range rows {
		keys[i] = key(rows[i])
	}
	return keys
}

func pointers[T any](rows []T) []*T {
	out := make([]*T, len(rows))
	for i := range rows {
		out[i] = &rows[i]
	}
	return out
}
