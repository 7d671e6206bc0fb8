package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"kassa/checkout"
	"kassa/saga"
	"kassa/store"
)

const goroutines = 8

// rounds is how often each goroutine does its work.
func rounds() int {
	if testing.Short() {
		return 5
	}
	return 25
}

// together runs work in several goroutines over all handles.
func together(t *testing.T, handles []store.Store, work func(ctx context.Context, s store.Store, worker int) error) {
	t.Helper()
	group, ctx := errgroup.WithContext(bounded(t))
	for worker := range goroutines {
		group.Go(func() error { return work(ctx, handles[worker%len(handles)], worker) })
	}
	require.NoError(t, group.Wait())
}

func testConcurrency(t *testing.T, h Harness) {
	t.Run("no update is lost", func(t *testing.T) { t.Parallel(); noLostUpdate(t, h.handles(t)) })
	t.Run("no deadlock", func(t *testing.T) { t.Parallel(); noDeadlock(t, h.handles(t)) })
	t.Run("turns", func(t *testing.T) { t.Parallel(); turns(t, h.handles(t)) })
	t.Run("never oversold", func(t *testing.T) { t.Parallel(); neverOversold(t, h.handles(t)) })
	if h.Concurrent {
		t.Run("locks", func(t *testing.T) { t.Parallel(); rowLocks(t, h) })
		t.Run("products are not locked", func(t *testing.T) { t.Parallel(); productsAreFree(t, h.handles(t)) })
	}
}

// turns has everybody take turns: one at a time, until its transaction ends in either
// way, and each goes on in it.
func turns(t *testing.T, handles []store.Store) {
	stock(t, handles[0], 0, "A")
	var atWork atomic.Int64
	together(t, handles, func(ctx context.Context, s store.Store, worker int) error {
		for i := range rounds() {
			if err := takeTurn(ctx, s, &atWork, (worker+i)%3 == 0); err != nil {
				return err
			}
		}
		return nil
	})
}

func takeTurn(ctx context.Context, s store.Store, atWork *atomic.Int64, back bool) error {
	tx, err := s.Begin(ctx)
	if err != nil {
		return err
	}
	if err := tx.Turn(ctx); err != nil { // it may take too long on a busy machine
		return tx.Rollback(ctx)
	}
	if others := atWork.Add(1) - 1; others > 0 {
		return errors.Join(fmt.Errorf("%d others had their turn", others), tx.Rollback(ctx))
	}
	state := saga.NewState()
	if err := tx.Load(ctx, saga.Keys{Stock: []string{"A"}}, state); err != nil {
		return errors.Join(err, tx.Rollback(ctx))
	}
	atWork.Add(-1)
	if back {
		return tx.Rollback(ctx)
	}
	return tx.Commit(ctx, &store.Save{BatchID: newID(epoch), Levels: state.Stock["A"]})
}

// noLostUpdate has everybody change the same rows by one: an order, a cart, a
// hold and a level. Each must count every change.
func noLostUpdate(t *testing.T, handles []store.Store) {
	s := handles[0]
	o, cart, hold := newOrder(), newCart(), newHold("s")
	commit(t, s, store.Save{
		NewOrders: []*checkout.Order{o}, NewCarts: []*checkout.Cart{cart}, NewHolds: []*checkout.Hold{hold},
		NewLevels: []checkout.Level{level("A", 0)},
	})
	all := []saga.Keys{
		{Orders: []checkout.ID{o.ID}}, {Carts: []checkout.ID{cart.ID}}, {Sessions: []string{"s"}}, {Stock: []string{"A"}},
	}
	together(t, handles, func(ctx context.Context, s store.Store, _ int) error {
		for i := range rounds() * len(all) {
			if err := transact(ctx, s, all[i%len(all)], addOne); err != nil {
				return err
			}
		}
		return nil
	})
	want := int64(goroutines * rounds())
	state := load(t, s, saga.Keys{
		Orders: all[0].Orders, Carts: all[1].Carts, Sessions: all[2].Sessions, Stock: all[3].Stock,
	})
	require.Equal(t, want, state.Orders[o.ID].EventSeq, "order")
	require.Len(t, state.Carts[cart.ID].Items, int(want), "cart")
	require.Equal(t, want+1, state.Holds["s"].Allocations[0].Qty, "hold")
	require.Equal(t, want, state.Stock["A"][0].Available, "level")
}

// addOne changes by one whatever was loaded.
func addOne(state *saga.State) *store.Save {
	save := &store.Save{}
	for _, o := range state.Orders {
		o = o.Clone()
		o.EventSeq++
		save.Orders = append(save.Orders, o)
	}
	for _, c := range state.Carts {
		c = c.Clone()
		c.Items = append(c.Items, checkout.Item{SKU: "A", Qty: 1})
		save.Carts = append(save.Carts, c)
	}
	for _, h := range state.Holds {
		next := *h
		next.Allocations = slices.Clone(h.Allocations)
		next.Allocations[0].Qty++
		save.Holds = append(save.Holds, &next)
	}
	for _, levels := range state.Stock {
		l := levels[0]
		l.Available++
		l.Received++
		save.Levels = append(save.Levels, l)
	}
	return save
}

// noDeadlock loads the same rows in opposite orders. The store sorts them, so
// nobody is ever told to repeat.
func noDeadlock(t *testing.T, handles []store.Store) {
	skus := []string{"A", "B", "C", "D"}
	stock(t, handles[0], 100, skus...)
	orders := []*checkout.Order{newOrder(), newOrder(), newOrder()}
	ids := make([]checkout.ID, len(orders))
	for i, o := range orders {
		ids[i] = o.ID
	}
	commit(t, handles[0], store.Save{NewOrders: orders})
	together(t, handles, func(ctx context.Context, s store.Store, worker int) error {
		keys := saga.Keys{Stock: slices.Clone(skus), Orders: slices.Clone(ids)}
		if worker%2 == 1 {
			slices.Reverse(keys.Stock)
			slices.Reverse(keys.Orders)
		}
		for range rounds() {
			if err := attempt(ctx, s, keys, func(state *saga.State) *store.Save { return sorted(addOne(state)) }); err != nil {
				return err
			}
		}
		return nil
	})
}

func sorted(save *store.Save) *store.Save {
	slices.SortFunc(save.Orders, func(a, b *checkout.Order) int { return a.ID.Compare(b.ID) })
	slices.SortFunc(save.Levels, func(a, b checkout.Level) int { return a.Key().Compare(b.Key()) })
	return save
}

// neverOversold sells the same few units to many.
func neverOversold(t *testing.T, handles []store.Store) {
	const units = 10
	stock(t, handles[0], units, "A")
	var sold atomic.Int64
	together(t, handles, func(ctx context.Context, s store.Store, _ int) error {
		for range rounds() {
			sell := false
			err := transact(ctx, s, saga.Keys{Stock: []string{"A"}}, func(state *saga.State) *store.Save {
				l := state.Stock["A"][0]
				sell = l.Available > 0
				if !sell {
					return nil
				}
				l.Available--
				l.Locked++
				return &store.Save{Levels: []checkout.Level{l}}
			})
			if err != nil {
				return err
			}
			if sell {
				sold.Add(1)
			}
		}
		return nil
	})
	require.Equal(t, int64(units), sold.Load())
	l := load(t, handles[0], saga.Keys{Stock: []string{"A"}}).Stock["A"][0]
	require.Equal(t, int64(0), l.Available)
	require.Equal(t, int64(units), l.Locked)
}

// naturalKeyRace has everybody create the same rows. Each round one does, and
// the others see it.
func naturalKeyRace(t *testing.T, h Harness) {
	handles := h.handles(t)
	var created atomic.Int64
	together(t, handles, func(ctx context.Context, s store.Store, _ int) error {
		for i := range rounds() {
			session := fmt.Sprintf("session-%d", i)
			mine := false
			err := transact(ctx, s, saga.Keys{Sessions: []string{session}}, func(state *saga.State) *store.Save {
				mine = state.Holds[session] == nil
				if !mine {
					return nil
				}
				return &store.Save{NewHolds: []*checkout.Hold{newHold(session)}}
			})
			if err != nil {
				return err
			}
			if mine {
				created.Add(1)
			}
		}
		return nil
	})
	require.Equal(t, int64(rounds()), created.Load())
}

// rowLocks checks that a second transaction waits for a locked row and then
// sees what the first one made of it.
func rowLocks(t *testing.T, h Harness) {
	o, cart := newOrder(), newCart()
	for name, keys := range map[string]saga.Keys{
		"order": {Orders: []checkout.ID{o.ID}},
		"cart":  {Carts: []checkout.ID{cart.ID}},
		"hold":  {Sessions: []string{"s"}},
		"level": {Stock: []string{"A"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			handles := h.handles(t)
			commit(t, handles[0], store.Save{
				NewOrders: []*checkout.Order{o}, NewCarts: []*checkout.Cart{cart}, NewHolds: []*checkout.Hold{newHold("s")},
				NewLevels: []checkout.Level{level("A", 0)},
			})
			secondWaits(t, handles, keys)
		})
	}
}

func secondWaits(t *testing.T, handles []store.Store, keys saga.Keys) {
	ctx := bounded(t)
	first, err := handles[0].Begin(ctx)
	require.NoError(t, err)
	before := saga.NewState()
	require.NoError(t, first.Load(ctx, keys, before))

	var wait sync.WaitGroup
	second := saga.NewState()
	var failed error
	var loaded atomic.Bool
	wait.Go(func() {
		failed = attempt(ctx, handles[1], keys, func(state *saga.State) *store.Save {
			loaded.Store(true)
			*second = *state
			return nil
		})
	})
	// Another row takes a while to write; whoever is not held up is through.
	for i := range 20 {
		stock(t, handles[0], 1, fmt.Sprintf("other-%d", i))
	}
	require.False(t, loaded.Load(), "the second transaction did not wait")
	save := addOne(before)
	save.BatchID = newID(epoch)
	require.NoError(t, first.Commit(ctx, save))
	wait.Wait()
	require.NoError(t, failed)
	require.Equal(t, load(t, handles[0], keys).Stock, second.Stock)
	require.Equal(t, load(t, handles[0], keys).Orders, second.Orders)
	require.Equal(t, load(t, handles[0], keys).Carts, second.Carts)
	require.Equal(t, load(t, handles[0], keys).Holds, second.Holds)
}

// productsAreFree checks that reading a product holds up nobody.
func productsAreFree(t *testing.T, handles []store.Store) {
	product := &checkout.Product{SKU: "A", CreatedAt: epoch, UpdatedAt: epoch}
	commit(t, handles[0], store.Save{NewProducts: []*checkout.Product{product}})
	ctx := bounded(t)
	first, err := handles[0].Begin(ctx)
	require.NoError(t, err)
	require.NoError(t, first.Load(ctx, saga.Keys{Products: []string{"A"}}, saga.NewState()))
	changed := *product
	changed.Name = "Kettle"
	commit(t, handles[1], store.Save{Products: []*checkout.Product{&changed}})
	require.NoError(t, first.Rollback(ctx))
}
