package storetest

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"kassa/checkout"
	"kassa/saga"
	"kassa/store"
)

func testOwn(t *testing.T, h Harness) {
	t.Run("only the owner commits", func(t *testing.T) { t.Parallel(); ownersCommit(t, h.handles(t)) })
	t.Run("no two owners at once", func(t *testing.T) { t.Parallel(); ownersInTurn(t, h.handles(t)) })
	if h.Concurrent { // a file that one process has cannot be put back under it
		t.Run("a log that is not as the owner knows it", func(t *testing.T) { t.Parallel(); ownersLog(t, h.Open(t)) })
	}
	t.Run("an owner reads without locks", func(t *testing.T) { t.Parallel(); ownersRead(t, h.Open(t)) })
}

// ownersCommit tries a commit by everybody, whoever the owner is.
func ownersCommit(t *testing.T, handles []store.Store) {
	me, other, nobody := newID(epoch), newID(epoch), checkout.ID{}
	stock(t, handles[0], 5, "A")
	for _, owner := range []checkout.ID{nobody, me, other, me, me, nobody} {
		position, err := handles[0].Own(bounded(t), owner)
		require.NoError(t, err)
		for i, by := range []checkout.ID{me, other, nobody} {
			o := newOrder()
			owns := handles[(i+1)%2].Owns(bounded(t), by, position)
			err := commitAs(bounded(t), handles[i%2], by, position, o)
			_, found := handles[0].Order(bounded(t), o.ID)
			if by == owner {
				require.NoError(t, owns)
				require.NoError(t, err)
				require.NoError(t, found)
				continue
			}
			require.ErrorIs(t, owns, store.ErrOwned)
			require.ErrorIs(t, err, store.ErrOwned)
			require.ErrorIs(t, found, store.ErrNotFound, "nothing was written")
		}
	}
}

func commitAs(ctx context.Context, s store.Store, owner checkout.ID, after int64, o *checkout.Order) error {
	tx, err := s.Begin(ctx)
	if err != nil {
		return err
	}
	save := store.Save{BatchID: newID(epoch), Owner: owner, After: after, Now: epoch, NewOrders: []*checkout.Order{o}}
	return errors.Join(tx.Commit(ctx, &save), tx.Rollback(ctx))
}

// ownersLog has an owner meet a database that lost its last commit, as a standby
// can that takes over.
func ownersLog(t *testing.T, s store.Store) {
	me := newID(epoch)
	position, err := s.Own(bounded(t), me)
	require.NoError(t, err)
	require.ErrorIs(t, s.Owns(bounded(t), me, position+1), store.ErrOwned)
	require.ErrorIs(t, commitAs(bounded(t), s, me, position+1, newOrder()), store.ErrOwned)
	require.NoError(t, s.Owns(bounded(t), me, position))
	require.NoError(t, commitAs(bounded(t), s, me, position, newOrder()))
	require.ErrorIs(t, commitAs(bounded(t), s, me, position, newOrder()), store.ErrOwned)
	require.NoError(t, commitAs(bounded(t), s, me, position+1, newOrder()))
}

// ownersInTurn lets many count a level up as owners do: from what they read once
// it was theirs, without a lock. Each takes it from the one before, at any moment.
// No count may be lost.
func ownersInTurn(t *testing.T, handles []store.Store) {
	stock(t, handles[0], 0, "A")
	var group errgroup.Group
	for worker := range goroutines {
		s, me := handles[worker%len(handles)], newID(epoch)
		group.Go(func() error {
			for range rounds() {
				if err := countAsOwner(bounded(t), s, me); err != nil {
					return err
				}
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
	levels, err := handles[0].Levels(bounded(t), "A")
	require.NoError(t, err)
	require.EqualValues(t, goroutines*rounds(), levels[0].Available)
}

// countAsOwner adds one and takes the rows again where they were taken away.
func countAsOwner(ctx context.Context, s store.Store, me checkout.ID) error {
	for ctx.Err() == nil {
		position, err := s.Own(ctx, me)
		if err != nil {
			return err
		}
		state := saga.NewState()
		if err := s.Read(ctx, saga.Keys{Stock: []string{"A"}}, state); err != nil {
			return err
		}
		level := state.Stock["A"][0]
		level.Available++
		level.Received++
		tx, err := s.Begin(ctx)
		if err != nil {
			return err
		}
		save := store.Save{BatchID: newID(epoch), Owner: me, After: position, Now: epoch, Levels: []checkout.Level{level}}
		err = errors.Join(tx.Commit(ctx, &save), tx.Rollback(ctx))
		if !errors.Is(err, store.ErrOwned) && !errors.Is(err, store.ErrRetry) {
			return err
		}
	}
	return ctx.Err()
}

// ownersRead reads what a transaction has locked, and what is not there.
func ownersRead(t *testing.T, s store.Store) {
	stock(t, s, 5, "A")
	tx, err := s.Begin(bounded(t))
	require.NoError(t, err)
	require.NoError(t, tx.Load(bounded(t), saga.Keys{Stock: []string{"A"}}, saga.NewState()))
	state := saga.NewState()
	require.NoError(t, s.Read(bounded(t), saga.Keys{Stock: []string{"A", "B"}, Sessions: []string{"s"}}, state))
	require.Equal(t, []checkout.Level{level("A", 5)}, state.Stock["A"])
	require.Contains(t, state.Stock, "B")
	require.Contains(t, state.Holds, "s")
	require.False(t, state.Now.IsZero())
	require.NoError(t, tx.Rollback(bounded(t)))
}
