package catalog_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"kassa/catalog"
	"kassa/checkout"
	"kassa/engine"
	"kassa/saga"
	"kassa/store/memory"
)

// shop is an empty store with an engine.
func shop(t *testing.T) (*engine.Engine, *memory.Store) {
	t.Helper()
	rows := memory.New(memory.Config{})
	e := engine.New(engine.Config{Store: rows}, func([]checkout.Task) {})
	t.Cleanup(func() { require.NoError(t, e.Close(context.WithoutCancel(t.Context()))) })
	return e, rows
}

func requireSeeded(t *testing.T, rows *memory.Store) {
	t.Helper()
	products, err := catalog.Demo()
	require.NoError(t, err)
	stock, err := catalog.DemoStock()
	require.NoError(t, err)
	for i, want := range products {
		got, err := rows.Product(t.Context(), want.SKU)
		require.NoError(t, err)
		got.CreatedAt, got.UpdatedAt = want.CreatedAt, want.UpdatedAt
		require.Equal(t, &want, got)
		levels, err := rows.Levels(t.Context(), want.SKU)
		require.NoError(t, err)
		require.Equal(t, []checkout.Level{{
			SKU: want.SKU, Warehouse: checkout.MainWarehouse, Available: stock[i].Qty, Received: stock[i].Qty,
		}}, levels)
	}
}

func TestSeedFillsAnEmptyShopOnce(t *testing.T) {
	t.Parallel()
	e, rows := shop(t)
	n, err := catalog.Seed(t.Context(), e.Do, rows)
	require.NoError(t, err)
	products, err := catalog.Demo()
	require.NoError(t, err)
	require.Equal(t, len(products), n)
	requireSeeded(t, rows)

	n, err = catalog.Seed(t.Context(), e.Do, rows)
	require.NoError(t, err)
	require.Zero(t, n)
	requireSeeded(t, rows)
}

func TestSeedLeavesWhatExistsAlone(t *testing.T) {
	t.Parallel()
	e, rows := shop(t)
	_, err := catalog.Seed(t.Context(), e.Do, rows)
	require.NoError(t, err)
	_, err = e.Do(t.Context(), saga.CountStock{SKU: "MUG-STONE", Warehouse: checkout.MainWarehouse, Counted: 0, Reason: "broken"})
	require.NoError(t, err)
	hidden, err := rows.Product(t.Context(), "TEA-ASSAM")
	require.NoError(t, err)
	hidden.Active = false
	_, err = e.Do(t.Context(), saga.SaveProduct{Product: *hidden})
	require.NoError(t, err)

	n, err := catalog.Seed(t.Context(), e.Do, rows)
	require.NoError(t, err)
	require.Zero(t, n)
	levels, err := rows.Levels(t.Context(), "MUG-STONE")
	require.NoError(t, err)
	require.Zero(t, levels[0].Available, "the count was overruled")
	tea, err := rows.Product(t.Context(), "TEA-ASSAM")
	require.NoError(t, err)
	require.False(t, tea.Active, "a product that was taken off sale is on sale again")
}

// TestSeedIsCompletedAfterAnInterruption stops the seeding after so many
// commands, in each of its three steps.
func TestSeedIsCompletedAfterAnInterruption(t *testing.T) {
	t.Parallel()
	errPulled := errors.New("the plug was pulled")
	for _, limit := range []int64{0, 1, 20, 51, 60, 100, 101, 102, 130, 151} {
		e, rows := shop(t)
		var done atomic.Int64
		_, err := catalog.Seed(t.Context(), func(ctx context.Context, c saga.Command) (saga.Result, error) {
			if done.Add(1) > limit {
				return saga.Result{}, errPulled
			}
			return e.Do(ctx, c)
		}, rows)
		require.ErrorIs(t, err, errPulled, "after %d commands", limit)

		_, err = catalog.Seed(t.Context(), e.Do, rows)
		require.NoError(t, err)
		requireSeeded(t, rows)
	}
}
