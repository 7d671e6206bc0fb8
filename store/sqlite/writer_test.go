package sqlite

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/money"
	"kassa/saga"
	"kassa/store"
)

// batches makes ids for a test's batches.
type batches struct {
	*Store
	last byte
}

func newBatches(t *testing.T) *batches { return &batches{Store: openTest(t)} }

func (b *batches) try(t *testing.T, save store.Save) error {
	t.Helper()
	tx, err := b.Begin(t.Context())
	require.NoError(t, err)
	b.last++
	save.BatchID = checkout.ID{0xff, b.last}
	return tx.Commit(t.Context(), &save)
}

func (b *batches) commit(t *testing.T, save store.Save) {
	t.Helper()
	require.NoError(t, b.try(t, save))
}

func testOrder(n byte) *checkout.Order {
	at := time.UnixMicro(1_700_000_000_000_000).UTC()
	return &checkout.Order{
		ID: checkout.ID{1, n}, Status: checkout.OrderPending, Total: money.New(100, "INR"), HoldStatus: checkout.HoldOpen,
		CreatedAt: at, UpdatedAt: at, Details: &checkout.OrderDetails{},
	}
}

func testLevel(sku string, available int64) checkout.Level {
	return checkout.Level{SKU: sku, Warehouse: checkout.MainWarehouse, Available: available, Received: available}
}

// TestNumbersOfRowsThatAreNotThere: after a rollback the next row gets the number of
// one that is not there. Who then changes the lost row must not change that one.
func TestNumbersOfRowsThatAreNotThere(t *testing.T) {
	t.Parallel()
	b := newBatches(t)
	lost, kept := testOrder(1), testOrder(2)
	double := []checkout.Adjustment{{ID: checkout.ID{9}, SKU: "A"}, {ID: checkout.ID{9}, SKU: "A"}}
	require.Error(t, b.try(t, store.Save{
		NewOrders: []*checkout.Order{lost}, NewLevels: []checkout.Level{testLevel("A", 1)}, Adjustments: double,
	}))
	b.commit(t, store.Save{NewOrders: []*checkout.Order{kept}, NewLevels: []checkout.Level{testLevel("B", 2)}})

	require.Error(t, b.try(t, store.Save{Orders: []*checkout.Order{lost}}))
	require.Error(t, b.try(t, store.Save{Levels: []checkout.Level{testLevel("A", 5)}}))
	found, err := b.Order(t.Context(), kept.ID)
	require.NoError(t, err)
	require.Equal(t, kept, found)
	levels, err := b.Levels(t.Context(), "B")
	require.NoError(t, err)
	require.Equal(t, []checkout.Level{testLevel("B", 2)}, levels)
}

// TestNumbersAreForgotten changes rows that the writer has forgotten, among others
// that it remembers.
func TestNumbersAreForgotten(t *testing.T) {
	t.Parallel()
	b := newBatches(t)
	generation := newNumbers().levels.limit
	sku := func(i int) string { return fmt.Sprintf("SKU-%06d", i) }
	for round := range 3 { // two are remembered
		var created []checkout.Level
		for i := range generation {
			created = append(created, testLevel(sku(round*generation+i), 1))
		}
		b.commit(t, store.Save{NewLevels: created})
	}
	var changed []checkout.Level
	for round := range 3 {
		changed = append(changed, testLevel(sku(round*generation), 7))
	}
	b.commit(t, store.Save{Levels: changed})
	for _, level := range changed {
		levels, err := b.Levels(t.Context(), level.SKU)
		require.NoError(t, err)
		require.Equal(t, []checkout.Level{level}, levels)
	}
}

// TestIndexedColumnsChange: an update that touches no index is tried first, and must
// not lose a change of a column that has one.
func TestIndexedColumnsChange(t *testing.T) {
	t.Parallel()
	b := newBatches(t)
	o := testOrder(1)
	o.CartID, o.HoldExpiresAt = checkout.ID{7}, o.CreatedAt.Add(time.Hour)
	b.commit(t, store.Save{NewOrders: []*checkout.Order{o}})
	due := func() []store.DueOrder {
		found, err := b.DueOrders(t.Context(), time.Time{}, 10)
		require.NoError(t, err)
		return found.Orders
	}
	require.Len(t, due(), 1)

	later := b.now().Add(time.Hour)
	for _, change := range []func(){
		func() { o.Status = checkout.OrderAwaitingPayment },
		func() { o.HoldExpiresAt = later },
		func() { o.Status = checkout.OrderCancelled }, // and the cart is free
	} {
		change()
		b.commit(t, store.Save{Orders: []*checkout.Order{o}})
		found, err := b.Order(t.Context(), o.ID)
		require.NoError(t, err)
		require.Equal(t, o, found)
	}
	require.Empty(t, due())
	next := testOrder(2)
	next.CartID = o.CartID
	b.commit(t, store.Save{NewOrders: []*checkout.Order{next}})
	other := testOrder(3)
	other.CartID = o.CartID
	require.ErrorIs(t, b.try(t, store.Save{NewOrders: []*checkout.Order{other}}), store.ErrRetry)
}

// TestCheckpoints puts the log back while it is read and written, and sees that it
// begins anew.
func TestCheckpoints(t *testing.T) {
	t.Parallel()
	b := newBatches(t)
	inLog := func() int64 {
		frames, err := collect(t.Context(), b.checkpoints.conn, "checkpoint", func(r *row) int64 {
			r.int() // whether something was in the way
			return r.int()
		})
		require.NoError(t, err)
		return frames[0]
	}
	var created []checkout.Level
	for i := range 20_000 {
		created = append(created, testLevel(fmt.Sprintf("SKU-%05d", i), 1))
	}
	b.commit(t, store.Save{NewLevels: created})
	snap, err := b.Snapshot(t.Context())
	require.NoError(t, err)
	b.commit(t, store.Save{Levels: created[:1]})
	b.checkpoints.putBack(t.Context())
	b.commit(t, store.Save{Levels: created[:1]})
	require.Greater(t, inLog(), int64(100), "somebody reads from it")
	levels, err := snap.Levels(t.Context(), checkout.StockKey{}, 1)
	require.NoError(t, err)
	require.Equal(t, created[:1], levels)
	require.NoError(t, snap.Close())

	b.checkpoints.putBack(t.Context())
	b.commit(t, store.Save{Levels: created[:1]})
	require.Less(t, inLog(), int64(100))

	before := b.writer.all[0].written(checkpointEvery)
	b.commit(t, store.Save{Levels: created})
	require.Greater(t, b.writer.all[0].written(checkpointEvery), before, "what wakes it")
}

// TestValues gives statements too few values and large ones.
func TestValues(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	c, err := s.writer.acquire(t.Context())
	require.NoError(t, err)
	defer s.writer.release(c)
	_, err = c.exec("holds.delete")
	require.ErrorContains(t, err, "it takes 1 values, not 0")
	_, err = c.exec("holds.delete", 1.5)
	require.ErrorContains(t, err, "float64")
	_, err = c.exec("no such")
	require.Error(t, err)
	for _, size := range []int{0, 1, firstPiece - 1, firstPiece, 3 * firstPiece, 100} {
		value := make([]byte, size)
		for i := range value {
			value[i] = byte(i)
		}
		name := fmt.Sprint("size ", size)
		_, err := c.exec("settings.insert", name, value)
		require.NoError(t, err)
		kept, err := collect(context.Background(), c, "settings.by_name", scanBlob, name)
		require.NoError(t, err)
		require.Equal(t, [][]byte{value}, kept)
	}
	_, err = collect(context.Background(), c, "settings.by_name", scanID, "size 100")
	require.ErrorContains(t, err, "an id of 16 bytes is expected")
	_, err = collect(context.Background(), c, "settings.by_name", scanInt, "size 100")
	require.ErrorContains(t, err, "a number is expected")
}

// TestClosedUnderReaders closes the store while a snapshot and a transaction are
// open. What they do then is refused, and the file can be opened again.
func TestClosedUnderReaders(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "kassa.db")
	s, err := Open(t.Context(), Config{Path: path})
	require.NoError(t, err)
	require.NoError(t, s.Migrate(t.Context()))
	snap, err := s.Snapshot(t.Context())
	require.NoError(t, err)
	tx, err := s.Begin(t.Context())
	require.NoError(t, err)
	require.NoError(t, tx.Load(t.Context(), saga.Keys{Stock: []string{"A"}}, saga.NewState()))
	require.NoError(t, s.Close())

	_, err = snap.Levels(t.Context(), checkout.StockKey{}, 1)
	require.ErrorIs(t, err, store.ErrUnavailable)
	require.ErrorIs(t, tx.Commit(t.Context(), &store.Save{BatchID: checkout.ID{1}}), store.ErrUnavailable)
	next, err := Open(t.Context(), Config{Path: path})
	require.NoError(t, err)
	require.NoError(t, next.Close())
}

// TestPackedViews reads by name what is packed in the tables.
func TestPackedViews(t *testing.T) {
	t.Parallel()
	b := newBatches(t)
	o := testOrder(1)
	o.Superseded, o.CancelReason = true, "the buyer wished it"
	o.Details.Quote.Lines = []checkout.QuoteLine{{SKU: "A", Name: "a", Qty: 2, UnitPrice: 50, Total: 100}, {SKU: "B", Qty: 1}}
	p := checkout.Payment{
		ID: checkout.ID{3}, OrderID: o.ID, Attempt: 1, Gateway: "stripe", Method: checkout.MethodCard, Status: checkout.PaymentFailed,
		Amount: o.Total, Captured: money.New(0, "INR"), CallNo: 3, Extra: true, FailureCode: "declined", CreatedAt: o.CreatedAt, UpdatedAt: o.CreatedAt,
	}
	b.commit(t, store.Save{NewOrders: []*checkout.Order{o}, NewPayments: []checkout.Payment{p}})
	db := openSQL(t, b.Store)
	for query, want := range map[string]string{
		"SELECT group_concat(concat_ws(' ', line_no, sku, qty, unit_price, total)) FROM order_items":               "1 A 2 50 100,2 B 1 0 0",
		"SELECT concat_ws(' ', amount, hold_extended, superseded, cancel_reason) FROM orders_view":                 "1.00 0 1 the buyer wished it",
		"SELECT concat_ws(' ', status, captured_currency, extra, unknown, calls, failure_code) FROM payments_view": "FAILED INR 1 0 3 declined",
	} {
		var got string
		require.NoError(t, db.QueryRowContext(t.Context(), query).Scan(&got), query)
		require.Equal(t, want, got, query)
	}
}
