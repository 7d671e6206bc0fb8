package mysql

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"testing"

	mysqldriver "github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/store"
)

func refusal(number uint16, message string) error {
	return &mysqldriver.MySQLError{Number: number, Message: message}
}

// TestErrorClasses: what a repeat may cure, what only another server can, and what is
// the caller's fault. At a COMMIT nearly nothing is certain.
func TestErrorClasses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		err              error
		mapped, atCommit error // nil: none of the classes
	}{
		"deadlock":            {refusal(1213, ""), store.ErrRetry, store.ErrRetry},
		"lock timeout":        {refusal(1205, ""), store.ErrRetry, store.ErrUnknownCommit},
		"MariaDB's limit":     {refusal(1969, ""), store.ErrRetry, store.ErrUnknownCommit},
		"MySQL's limit":       {refusal(3024, ""), store.ErrRetry, store.ErrUnknownCommit},
		"query killed":        {refusal(1317, ""), store.ErrRetry, store.ErrUnknownCommit},
		"cart claimed":        {refusal(1062, "Duplicate entry 'x' for key 'orders_live_cart'"), store.ErrRetry, store.ErrUnknownCommit},
		"as MySQL says it":    {refusal(1062, "Duplicate entry 'x' for key 'webhook_events.webhook_events_key'"), store.ErrRetry, store.ErrUnknownCommit},
		"charge claimed":      {refusal(1062, "Duplicate entry 'a-orders_live_cart' for key 'payments_charge'"), nil, store.ErrUnknownCommit},
		"some primary key":    {refusal(1062, "Duplicate entry 'x' for key 'PRIMARY'"), nil, store.ErrUnknownCommit},
		"check":               {refusal(4025, "CONSTRAINT `inventory_available` failed"), nil, store.ErrUnknownCommit},
		"check of MySQL":      {refusal(3819, "Check constraint 'inventory_available' is violated."), nil, store.ErrUnknownCommit},
		"disk full":           {refusal(1021, ""), store.ErrUnavailable, store.ErrUnknownCommit},
		"read-only":           {refusal(1290, ""), store.ErrUnavailable, store.ErrUnknownCommit},
		"too many":            {refusal(1040, ""), store.ErrUnavailable, store.ErrUnknownCommit},
		"shutdown":            {refusal(1053, ""), store.ErrUnavailable, store.ErrUnknownCommit},
		"killed":              {refusal(1927, ""), store.ErrUnavailable, store.ErrUnknownCommit},
		"idle too long":       {refusal(4031, ""), store.ErrUnavailable, store.ErrUnknownCommit},
		"error during COMMIT": {refusal(1180, ""), nil, store.ErrUnknownCommit},
		"connection":          {mysqldriver.ErrInvalidConn, store.ErrUnavailable, store.ErrUnknownCommit},
		"bad connection":      {driver.ErrBadConn, store.ErrUnavailable, store.ErrUnknownCommit},
		"value":               {fmt.Errorf("%w: no JSON", errValue), nil, store.ErrUnknownCommit},
		"absent":              {fmt.Errorf("%w: 1 of 2", errAbsent), nil, store.ErrUnknownCommit},
		"not migrated":        {refusal(1146, ""), store.ErrSchema, store.ErrUnknownCommit},
		"column of a schema":  {fmt.Errorf("%w: column 3", store.ErrSchema), store.ErrSchema, store.ErrUnknownCommit},
		"owner checked":       {refusal(1242, ""), store.ErrOwned, store.ErrUnknownCommit},
		"owned":               {store.ErrOwned, store.ErrOwned, store.ErrUnknownCommit},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requireClass(t, test.mapped, mapError(test.err))
			requireClass(t, test.atCommit, commitError(test.err))
		})
	}
	require.NoError(t, mapError(nil))
}

func requireClass(t *testing.T, want, err error) {
	t.Helper()
	require.Error(t, err)
	if want == nil || !errors.Is(want, store.ErrUnknownCommit) {
		for _, class := range []error{store.ErrRetry, store.ErrUnavailable, store.ErrUnknownCommit, store.ErrSchema, store.ErrOwned} {
			require.Equal(t, errors.Is(want, class), errors.Is(err, class), "%v: %v", class, err)
		}
		return
	}
	require.ErrorIs(t, err, store.ErrUnknownCommit)
	require.NotErrorIs(t, err, store.ErrRetry)
	require.NotErrorIs(t, err, store.ErrUnavailable)
}

// TestConstraintsAreNamed breaks the last guards through the store itself.
func TestConstraintsAreNamed(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	order, first := newOrder(), newOrder()
	payment := newPayment(order)
	payment.ChargeID, payment.Captured = "ch_1", order.Total
	first.CartID = newID()
	save := newSave()
	save.NewOrders = []*checkout.Order{order, first}
	save.NewPayments = []checkout.Payment{payment}
	save.NewLevels = []checkout.Level{level("A", 1)}
	save.NewHolds = []*checkout.Hold{newHold("s")}
	commit(t, s, save)

	for name, test := range map[string]struct {
		change func(*store.Save)
		say    string
		retry  bool
	}{
		"stock":       {func(s *store.Save) { s.Levels = []checkout.Level{level("A", -1)} }, "inventory_available", false},
		"level twice": {func(s *store.Save) { s.NewLevels = []checkout.Level{level("A", 1)} }, primaryKey, true},
		"hold twice":  {func(s *store.Save) { s.NewHolds = []*checkout.Hold{newHold("s")} }, primaryKey, true},
		"order twice": {func(s *store.Save) { s.NewOrders = []*checkout.Order{order} }, primaryKey, false},
		"both": {func(s *store.Save) {
			s.NewHolds, s.NewOrders = []*checkout.Hold{newHold("other")}, []*checkout.Order{order}
		}, primaryKey, false},
		"cart": {func(s *store.Save) {
			o := newOrder()
			o.CartID = first.CartID
			s.NewOrders = []*checkout.Order{o}
		}, "orders_live_cart", true},
		"charge": {func(s *store.Save) {
			p := newPayment(order)
			p.ChargeID = "ch_1"
			s.NewPayments = []checkout.Payment{p}
		}, "payments_charge", false},
		"refunds": {func(s *store.Save) {
			p := payment
			p.RefundCommitted = p.Captured.Minor + 1
			s.Payments = []checkout.Payment{p}
		}, "payments_refunds", false},
		"absent":   {func(s *store.Save) { s.Levels = []checkout.Level{level("A", 1), level("B", 1)} }, "update_levels has found 1 of 2", false},
		"too long": {func(s *store.Save) { s.NewLevels = []checkout.Level{level(strings.Repeat("x", 300), 1)} }, "Data too long", false},
	} {
		t.Run(name, func(t *testing.T) {
			save := newSave()
			test.change(save)
			err := tryCommit(t.Context(), s, save)
			require.ErrorContains(t, err, test.say)
			require.Equal(t, test.retry, errors.Is(err, store.ErrRetry), "%v", err)
			requireIdle(t, s)
		})
	}
}

// TestKeysAreBytes: no key is taken for another that looks like it.
func TestKeysAreBytes(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	names := []string{"a", "a ", "A", "á", "a\u0301", "a\x00", "🛒"}
	save := newSave()
	for _, name := range names {
		save.NewHolds = append(save.NewHolds, newHold(name))
		save.NewLevels = append(save.NewLevels, level(name, 1))
		save.NewCustomers = append(save.NewCustomers, &checkout.Customer{UserID: name, Email: name})
	}
	commit(t, s, save)
	for _, name := range names {
		hold, err := s.Hold(t.Context(), name)
		require.NoError(t, err, "%q", name)
		require.Equal(t, name, hold.SessionID)
	}
}
