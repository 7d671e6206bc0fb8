package bench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"

	"kassa/app"
	"kassa/checkout"
	"kassa/engine"
	"kassa/money"
	"kassa/saga"
	"kassa/store"
)

// currency is that of every price.
const currency = "INR"

// plenty is a stock in units that no run can sell.
const plenty = 1 << 40

// goods is what is on sale in a run.
type goods struct {
	skus  int
	stock int64 // units of each
}

// sku is the name of the n-th product.
func sku(n int) string { return "BENCH-" + strconv.Itoa(100_000+n) }

// price is that of the n-th product, in minor units.
func price(n int) int64 { return 19_900 + int64(n%500)*100 }

func product(n int) checkout.Product {
	return checkout.Product{
		SKU: sku(n), Name: "Stoneware mug no. " + strconv.Itoa(n), Active: true, TaxCode: "69120010", WeightG: 350,
		Prices: map[money.Currency]int64{currency: price(n)},
	}
}

// stocked migrates a store, and fills it by an engine that is gone afterwards.
func stocked(ctx context.Context, s store.Store, g goods) (err error) {
	if err := s.Migrate(ctx); err != nil {
		return fmt.Errorf("migrate the benchmark's database: %w", err)
	}
	e := engine.New(engine.Config{Store: s}, func([]checkout.Task) {})
	defer func() { err = errors.Join(err, e.Close(context.WithoutCancel(ctx))) }()
	return fill(ctx, e, g)
}

// fillers is how many products are put on sale at once, so that they share
// transactions.
const fillers = 500

func fill(ctx context.Context, e *engine.Engine, g goods) error {
	numbers := make(chan int)
	failed := make(chan error, fillers)
	var wg sync.WaitGroup
	for range fillers {
		wg.Go(func() {
			for n := range numbers {
				if err := sell(ctx, e, n, g.stock); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	var err error
	for n := 0; n < g.skus && err == nil; n++ {
		select {
		case numbers <- n:
		case err = <-failed:
		}
	}
	close(numbers)
	wg.Wait()
	close(failed)
	return errors.Join(err, <-failed)
}

func sell(ctx context.Context, e *engine.Engine, n int, stock int64) error {
	if _, err := e.Do(ctx, saga.SaveProduct{Product: product(n)}); err != nil {
		return fmt.Errorf("put %s on sale: %w", sku(n), err)
	}
	if _, err := e.Do(ctx, saga.AdjustStock{SKU: sku(n), Warehouse: checkout.MainWarehouse, Delta: stock, Reason: "benchmark"}); err != nil {
		return fmt.Errorf("stock %s: %w", sku(n), err)
	}
	return nil
}

// openStore opens the ground's database.
func (o *Options) openStore(ctx context.Context, g *ground, access app.Access) (store.Store, error) {
	cfg := app.DefaultConfig()
	cfg.Store.URL = g.url
	return app.OpenStore(ctx, cfg, o.Adapters, access)
}

var silent = slog.New(slog.DiscardHandler)
