package storetest

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/saga"
	"kassa/store"
)

func testFence(t *testing.T, h Harness) {
	t.Run("committed", func(t *testing.T) { t.Parallel(); fenceCommitted(t, h.handles(t)) })
	t.Run("unknown", func(t *testing.T) { t.Parallel(); fenceUnknown(t, h.handles(t)) })
	t.Run("late commit", func(t *testing.T) { t.Parallel(); fenceLateCommit(t, h) })
	t.Run("race", func(t *testing.T) { t.Parallel(); fenceRace(t, h.handles(t)) })
}

func requireFence(t *testing.T, s store.Store, batch checkout.ID, want bool) {
	t.Helper()
	for range 2 { // asked again, the answer is the same
		committed, err := s.Fence(bounded(t), batch)
		require.NoError(t, err)
		require.Equal(t, want, committed)
	}
}

func fenceCommitted(t *testing.T, handles []store.Store) {
	batch := newID(epoch)
	commit(t, handles[0], store.Save{BatchID: batch, NewLevels: []checkout.Level{level("A", 1)}})
	requireFence(t, handles[1], batch, true)
	requireFence(t, handles[0], batch, true)
}

func fenceUnknown(t *testing.T, handles []store.Store) {
	batch := newID(epoch)
	requireFence(t, handles[1], batch, false)
	requireFence(t, handles[0], batch, false)
	entries, err := handles[0].LogEntries(bounded(t), []checkout.ID{batch})
	require.NoError(t, err)
	require.Empty(t, entries, "a fenced batch is no entry of the log")
}

// fenceLateCommit fences out a transaction that has begun, and lets it commit.
func fenceLateCommit(t *testing.T, h Harness) {
	handles := h.handles(t)
	stock(t, handles[0], 1, "A")
	ctx := bounded(t)
	batch := newID(epoch)
	tx, err := handles[0].Begin(ctx)
	require.NoError(t, err)
	if h.Concurrent {
		require.NoError(t, tx.Load(ctx, saga.Keys{Stock: []string{"A"}}, saga.NewState()))
	}
	requireFence(t, handles[1], batch, false)
	err = tx.Commit(ctx, &store.Save{BatchID: batch, Levels: []checkout.Level{level("A", 9)}})
	require.Error(t, err)
	require.NotErrorIs(t, err, store.ErrUnknownCommit)
	require.NoError(t, tx.Rollback(ctx))
	requireFence(t, handles[1], batch, false)
	require.Equal(t, []checkout.Level{level("A", 1)}, load(t, handles[0], saga.Keys{Stock: []string{"A"}}).Stock["A"])
}

// fenceRace fences batches while they commit: each is either committed and the
// fence says so, or it is not and never will be.
func fenceRace(t *testing.T, handles []store.Store) {
	ctx := bounded(t)
	for i := range rounds() {
		sku := fmt.Sprintf("SKU-%d", i)
		save := store.Save{BatchID: newID(epoch), NewLevels: []checkout.Level{level(sku, 1)}}
		done := make(chan error, 1)
		go func() { done <- tryCommit(ctx, handles[0], &save) }()
		committed, err := handles[1].Fence(ctx, save.BatchID)
		require.NoError(t, err)
		commitErr := <-done
		require.Equal(t, committed, commitErr == nil, "fence says %v, commit says %v", committed, commitErr)
		levels, err := handles[1].Levels(ctx, sku)
		require.NoError(t, err)
		require.Equal(t, committed, len(levels) == 1)
		requireFence(t, handles[0], save.BatchID, committed)
	}
}

func testEventLog(t *testing.T, h Harness) {
	t.Run("entries", func(t *testing.T) { t.Parallel(); logEntries(t, h.Open(t)) })
	t.Run("positions", func(t *testing.T) { t.Parallel(); positions(t, h.handles(t)) })
}

func logEntries(t *testing.T, s store.Store) {
	ctx := bounded(t)
	order := newID(epoch)
	var batches []checkout.ID
	for i := range 3 {
		batch := newID(epoch)
		commit(t, s, store.Save{BatchID: batch, Events: []checkout.Event{
			{OrderID: order, Seq: int64(2*i + 1), Type: "first", At: epoch}, {OrderID: order, Seq: int64(2*i + 2), Type: "second", At: epoch},
		}})
		batches = append(batches, batch)
	}
	silent := newID(epoch)
	commit(t, s, store.Save{BatchID: silent, Tasks: []checkout.Task{newTask(epoch)}})

	got, err := s.LogEntries(ctx, []checkout.ID{batches[2], newID(epoch), batches[0], silent})
	require.NoError(t, err)
	require.Len(t, got, 3)
	for i, want := range []struct {
		batch    checkout.ID
		position int64
		events   int
	}{{batches[0], 1, 2}, {batches[2], 3, 2}, {silent, 4, 0}} {
		require.Equal(t, want.batch, got[i].BatchID)
		require.Equal(t, want.position, got[i].Position)
		require.Len(t, got[i].Events, want.events)
	}
	require.Equal(t, "first", got[0].Events[0].Type)
	require.Equal(t, int64(6), got[1].Events[1].Seq)
	none, err := s.LogEntries(ctx, nil)
	require.NoError(t, err)
	require.Empty(t, none)
}

// positions checks that positions have no gap and follow the order of commits,
// while some transactions roll back, some are refused and some are fenced out.
func positions(t *testing.T, handles []store.Store) {
	o := newOrder()
	commit(t, handles[0], store.Save{NewOrders: []*checkout.Order{o}})
	keys := saga.Keys{Orders: []checkout.ID{o.ID}}
	together(t, handles, func(ctx context.Context, s store.Store, worker int) error {
		for i := range rounds() {
			if _, err := s.Fence(ctx, newID(epoch)); err != nil {
				return err
			}
			refused := &store.Save{NewLevels: []checkout.Level{level(fmt.Sprint("L", worker, i), -1)}}
			if err := tryCommit(ctx, s, refused); err == nil {
				return fmt.Errorf("a level below zero was taken")
			}
			if err := attempt(ctx, s, keys, func(*saga.State) *store.Save { return nil }); err != nil {
				return err
			}
			if err := transact(ctx, s, keys, appendEvent); err != nil {
				return err
			}
		}
		return nil
	})
	requireContiguous(t, handles[0], 1+goroutines*rounds())
}

func appendEvent(state *saga.State) *store.Save {
	save := addOne(state)
	for _, o := range save.Orders {
		save.Events = append(save.Events, checkout.Event{OrderID: o.ID, Seq: o.EventSeq, Type: "changed", At: epoch})
	}
	return save
}

// requireContiguous reads the whole log: its positions are 1, 2, 3 … and the
// events of the one order in it are in order.
func requireContiguous(t *testing.T, s store.Store, want int) {
	t.Helper()
	entries := wholeLog(t, s)
	require.Len(t, entries, want)
	var last int64
	for i, entry := range entries {
		require.Equal(t, int64(i+1), entry.Position)
		for _, event := range entry.Events {
			require.Equal(t, last+1, event.Seq)
			last = event.Seq
		}
	}
}

func wholeLog(t *testing.T, s store.Store) []checkout.LogEntry {
	t.Helper()
	snap := openSnapshot(t, s)
	return walk(t, 7, int64(0), func(e checkout.LogEntry) int64 { return e.Position }, snap.Log)
}

func testInvoices(t *testing.T, h Harness) {
	t.Run("order", func(t *testing.T) { t.Parallel(); invoiceOrder(t, h.Open(t)) })
	t.Run("gapless", func(t *testing.T) { t.Parallel(); invoicesGapless(t, h.handles(t)) })
}

// invoiceOrder numbers new and changed orders of two series in one batch.
func invoiceOrder(t *testing.T, s store.Store) {
	old := newOrder()
	commit(t, s, store.Save{NewOrders: []*checkout.Order{old}})
	a, b, c := newOrder(), newOrder(), newOrder()
	for _, o := range []*checkout.Order{a, b, old} {
		o.InvoiceSeries = "2026-27"
	}
	c.InvoiceSeries = "2027-28"
	commit(t, s, store.Save{
		NewOrders: []*checkout.Order{a, b, c}, Orders: []*checkout.Order{old}, Invoices: []*checkout.Order{b, c, old, a},
	})
	for o, want := range map[*checkout.Order]int64{b: 1, old: 2, a: 3, c: 1} {
		require.Equal(t, want, o.InvoiceSeq, "the number is put into the order that was saved")
		requireOrder(t, s, o)
	}
	snap := openSnapshot(t, s)
	counters, err := snap.Counters(bounded(t))
	require.NoError(t, err)
	require.Equal(t, map[string]int64{"events": 2, "invoice:2026-27": 3, "invoice:2027-28": 1}, counters)
}

// invoicesGapless numbers orders in many transactions of which some fail.
func invoicesGapless(t *testing.T, handles []store.Store) {
	together(t, handles, func(ctx context.Context, s store.Store, worker int) error {
		for i := range rounds() {
			o := newOrder()
			o.InvoiceSeries = "2026-27"
			save := store.Save{NewOrders: []*checkout.Order{o}, Invoices: []*checkout.Order{o}}
			fails := (i+worker)%3 == 0
			if fails {
				save.NewPayments = []checkout.Payment{newPayment(newOrder())}
			}
			if err := tryCommit(ctx, s, &save); (err != nil) != fails {
				return fmt.Errorf("worker %d, round %d: %w", worker, i, err)
			}
		}
		return nil
	})
	snap := openSnapshot(t, handles[0])
	orders := walk(t, 10, checkout.ID{}, func(o *checkout.Order) checkout.ID { return o.ID }, snap.Orders)
	require.NotEmpty(t, orders)
	seen := map[int64]bool{}
	for _, o := range orders {
		seen[o.InvoiceSeq] = true
	}
	for seq := range len(orders) {
		require.True(t, seen[int64(seq+1)], "invoice %d is missing", seq+1)
	}
	counters, err := snap.Counters(bounded(t))
	require.NoError(t, err)
	require.Equal(t, int64(len(orders)), counters["invoice:2026-27"])
}
