package postgres

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"kassa/checkout"
	"kassa/store"
)

// TestReadersShareQueries has many read at once, some of them the same order and
// some one that is not there. Each gets an order of his own, as it is.
func TestReadersShareQueries(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	save := newSave()
	for range 5 {
		save.NewOrders = append(save.NewOrders, newOrder())
	}
	commit(t, s, save)
	var readers errgroup.Group
	read := make([]*checkout.Order, 300)
	for i := range read {
		readers.Go(func() (err error) {
			if i%6 == 5 {
				_, err := s.Order(t.Context(), newID())
				require.ErrorIs(t, err, store.ErrNotFound)
				return nil
			}
			read[i], err = s.Order(t.Context(), save.NewOrders[i%6].ID)
			return err
		})
	}
	require.NoError(t, readers.Wait())
	seen := map[*checkout.Order]bool{}
	for i, order := range read {
		if i%6 == 5 {
			continue
		}
		require.Equal(t, save.NewOrders[i%6], order)
		require.False(t, seen[order], "two readers have one value")
		seen[order] = true
	}
}

// TestReaderSeesWhatWasCommitted: a query that was on its way before the commit is
// not what answers who asks after it.
func TestReaderSeesWhatWasCommitted(t *testing.T) {
	t.Parallel()
	first, second := newID(), newID()
	asked := make(chan []checkout.ID, gatherFlights)
	answer := make(chan struct{})
	g := &gather[int]{look: func(_ context.Context, ids []checkout.ID) (map[checkout.ID]int, error) {
		asked <- ids
		<-answer
		return map[checkout.ID]int{ids[0]: 1}, nil
	}}
	var readers errgroup.Group
	get := func(id checkout.ID) {
		readers.Go(func() error {
			_, found, err := g.get(t.Context(), id)
			require.True(t, found)
			return err
		})
	}
	for range gatherFlights { // all flights are on their way
		get(first)
		require.Equal(t, []checkout.ID{first}, <-asked)
	}
	get(second)
	answer <- struct{}{}
	require.Equal(t, []checkout.ID{second}, <-asked, "asked for after the others were answered")
	close(answer)
	require.NoError(t, readers.Wait())
}

func TestReaderLeaves(t *testing.T) {
	t.Parallel()
	answer := make(chan struct{})
	g := &gather[int]{look: func(context.Context, []checkout.ID) (map[checkout.ID]int, error) {
		<-answer
		return nil, nil
	}}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := g.get(ctx, newID())
	require.ErrorIs(t, err, store.ErrUnavailable)
	require.ErrorIs(t, err, context.Canceled)
	close(answer)
}
