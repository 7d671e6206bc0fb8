package engine_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"kassa/batch"
	"kassa/checkout"
	"kassa/engine"
	"kassa/money"
	"kassa/saga"
	"kassa/store/postgres"
)

// Two processes that work on the same rows lock them in one order, whatever mix of
// steps their batches hold: a deadlock costs everybody a second.
func TestTwoProcessesDoNotDeadlock(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var troubles []string
	ctx, config := context.Background(), postgresSchema(t)
	var engines []*engine.Engine
	for i := range 2 {
		s, err := postgres.Open(ctx, config)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		if i == 0 {
			require.NoError(t, s.Migrate(ctx))
		}
		e := engine.New(engine.Config{Store: s, Batch: batch.Config{Retries: 30, OnTrouble: func(_ batch.Class, err error) {
			mu.Lock()
			defer mu.Unlock()
			troubles = append(troubles, err.Error())
		}}}, func([]checkout.Task) {})
		t.Cleanup(func() { require.NoError(t, e.Close(ctx)) })
		engines = append(engines, e)
	}
	skus := make([]string, 40)
	for i := range skus {
		skus[i] = fmt.Sprintf("SKU-%02d", i)
		_, err := engines[0].Do(ctx, saga.SaveProduct{Product: checkout.Product{SKU: skus[i], Name: "Thing", Active: true, Prices: map[money.Currency]int64{"INR": 100}}})
		require.NoError(t, err)
		_, err = engines[0].Do(ctx, saga.AdjustStock{SKU: skus[i], Warehouse: checkout.MainWarehouse, Delta: plenty, Reason: "delivery"})
		require.NoError(t, err)
	}
	var wg sync.WaitGroup
	for range 12 {
		wg.Go(func() {
			for range 25 {
				if err := buyAndCancel(ctx, engines, skus); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	for _, trouble := range troubles {
		require.NotContains(t, trouble, "40P01")
	}
	require.NotEmpty(t, troubles, "the two were to take the rows from each other")
}

// buyAndCancel has one engine lock stock that the command names, and another lock
// stock that only the order's row names.
func buyAndCancel(ctx context.Context, engines []*engine.Engine, skus []string) error {
	c := order(1)
	c.Items[0].SKU = skus[rand.IntN(len(skus))]
	c.Items = append(c.Items, checkout.Item{SKU: skus[rand.IntN(len(skus))], Qty: 1})
	placed, err := engines[rand.IntN(2)].Do(ctx, c)
	if err != nil {
		return fmt.Errorf("place: %w", err)
	}
	_, err = engines[rand.IntN(2)].Do(ctx, saga.CancelOrder{OrderID: placed.Order.ID})
	return err
}
