package memory

import (
	"fmt"
	"slices"

	"kassa/checkout"
	"kassa/store"
)

func (t *tables) saveOrders(save *store.Save, invoices map[checkout.ID]int64) error {
	for _, o := range save.Orders {
		old, found := t.orders[o.ID]
		if !found {
			return fmt.Errorf("order %s is not there to be changed", o.ID)
		}
		if err := t.changeOrder(old, o, invoices); err != nil {
			return err
		}
	}
	for _, o := range save.NewOrders {
		if err := t.addOrder(o, invoices); err != nil {
			return err
		}
	}
	return nil
}

func (t *tables) addOrder(o *checkout.Order, invoices map[checkout.ID]int64) error {
	if err := fresh(t.orders, o.ID, "order"); err != nil {
		return err
	}
	if o.Details == nil {
		return fmt.Errorf("order %s is new and has no details", o.ID)
	}
	if o.UserID != "" && t.customers[o.UserID] == nil {
		return fmt.Errorf("order %s: its customer %q is not there", o.ID, o.UserID)
	}
	return t.putOrder(o, o.Details, invoices)
}

func (t *tables) changeOrder(old, o *checkout.Order, invoices map[checkout.ID]int64) error {
	if cart := old.LiveCart(); !cart.IsZero() {
		drop(t, t.liveOrder, cart)
	}
	return t.putOrder(o, old.Details, invoices)
}

func (t *tables) putOrder(o *checkout.Order, details *checkout.OrderDetails, invoices map[checkout.ID]int64) error {
	if o.Total.Minor < 0 {
		return fmt.Errorf("order %s: its amount is below zero", o.ID)
	}
	row := cloneOrder(o)
	row.Details = details
	if seq, numbered := invoices[o.ID]; numbered {
		row.InvoiceSeq = seq
	}
	if err := t.putLiveOrder(row); err != nil {
		return err
	}
	if err := t.putInvoice(row); err != nil {
		return err
	}
	put(t, t.orders, row.ID, row)
	return nil
}

func (t *tables) putLiveOrder(o *checkout.Order) error {
	cart := o.LiveCart()
	if cart.IsZero() {
		return nil
	}
	if err := claim(t.liveOrder, cart, "live order of cart"); err != nil {
		return err
	}
	put(t, t.liveOrder, cart, o.ID)
	return nil
}

func (t *tables) putInvoice(o *checkout.Order) error {
	if o.InvoiceSeq == 0 {
		return nil
	}
	key := invoiceKey{o.InvoiceSeries, o.InvoiceSeq}
	if owner, found := t.invoice[key]; found && owner != o.ID {
		return fmt.Errorf("invoice %s %d is another order's", o.InvoiceSeries, o.InvoiceSeq)
	}
	put(t, t.invoice, key, o.ID)
	return nil
}

func (t *tables) savePayments(save *store.Save) error {
	for _, p := range save.Payments {
		if err := known(t.payments, p.ID, "payment"); err != nil {
			return err
		}
		if err := t.putPayment(p); err != nil {
			return err
		}
	}
	for _, p := range save.NewPayments {
		if err := fresh(t.payments, p.ID, "payment"); err != nil {
			return err
		}
		if err := known(t.orders, p.OrderID, "payment's order"); err != nil {
			return err
		}
		if err := t.putPayment(p); err != nil {
			return err
		}
		put(t, t.paymentsOf, p.OrderID, append(slices.Clip(t.paymentsOf[p.OrderID]), p.ID))
	}
	return nil
}

func (t *tables) putPayment(p checkout.Payment) error {
	if p.Amount.Minor < 0 || p.Captured.Minor < 0 {
		return fmt.Errorf("payment %s: an amount is below zero", p.ID)
	}
	if p.RefundCommitted < 0 || p.RefundCommitted > p.Captured.Minor {
		return fmt.Errorf("payment %s: refunds of %d pass the capture of %d", p.ID, p.RefundCommitted, p.Captured.Minor)
	}
	if p.ChargeID != "" {
		if err := own(t, t.charge, chargeKey{p.Gateway, p.ChargeID}, p.ID, "charge"); err != nil {
			return err
		}
	}
	if p.IdempotencyKey != "" {
		if err := own(t, t.attempt, attemptKey{p.OrderID, p.IdempotencyKey}, p.ID, "attempt"); err != nil {
			return err
		}
	}
	put(t, t.payments, p.ID, clonePayment(p))
	return nil
}

// own puts a payment's unique key and refuses one that another payment has.
func own[K comparable](t *tables, index map[K]checkout.ID, key K, id checkout.ID, what string) error {
	if owner, found := index[key]; found && owner != id {
		return fmt.Errorf("payment %s: %s %v is another payment's", id, what, key)
	}
	put(t, index, key, id)
	return nil
}

func (t *tables) saveRefunds(save *store.Save) error {
	for _, r := range save.Refunds {
		if err := known(t.refunds, r.ID, "refund"); err != nil {
			return err
		}
		put(t, t.refunds, r.ID, cloneRefund(r))
	}
	for _, r := range save.NewRefunds {
		if err := t.addRefund(r); err != nil {
			return err
		}
	}
	return nil
}

func (t *tables) addRefund(r checkout.Refund) error {
	if err := fresh(t.refunds, r.ID, "refund"); err != nil {
		return err
	}
	if err := known(t.orders, r.OrderID, "refund's order"); err != nil {
		return err
	}
	if err := known(t.payments, r.PaymentID, "refund's payment"); err != nil {
		return err
	}
	if r.Amount.Minor < 0 {
		return fmt.Errorf("refund %s: its amount is below zero", r.ID)
	}
	put(t, t.refunds, r.ID, cloneRefund(r))
	put(t, t.refundsOf, r.OrderID, append(slices.Clip(t.refundsOf[r.OrderID]), r.ID))
	return nil
}

func (t *tables) saveLevels(save *store.Save) error {
	for _, level := range save.NewLevels {
		if err := claim(t.levels, level.Key(), "level"); err != nil {
			return err
		}
		if err := t.putLevel(level); err != nil {
			return err
		}
		warehouses := append(slices.Clone(t.levelsOf[level.SKU]), level.Warehouse)
		slices.Sort(warehouses)
		put(t, t.levelsOf, level.SKU, warehouses)
	}
	for _, level := range save.Levels {
		if err := known(t.levels, level.Key(), "level"); err != nil {
			return err
		}
		if err := t.putLevel(level); err != nil {
			return err
		}
	}
	return nil
}

func (t *tables) putLevel(level checkout.Level) error {
	if min(level.Available, level.Locked, level.Deducted, level.Restocked) < 0 {
		return fmt.Errorf("level %v: a quantity is below zero", level.Key())
	}
	put(t, t.levels, level.Key(), level)
	return nil
}
