package catalog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"

	"kassa/checkout"
	"kassa/saga"
	"kassa/store"
)

// Submit decides a command and returns when its effect is durable.
type Submit func(context.Context, saga.Command) (saga.Result, error)

// Seed brings the demo's products and their stock into the shop and returns how
// many it added. A product that exists is left alone, whatever became of it. A
// seeding that was interrupted is completed by the next, which is why a product
// goes on sale only when its stock is there. Only one may run at a time.
func Seed(ctx context.Context, submit Submit, reader store.Reader) (int, error) {
	products, err := Demo()
	if err != nil {
		return 0, err
	}
	stock, err := DemoStock()
	if err != nil {
		return 0, err
	}
	var create, fill, sell []saga.Command
	for i, p := range products {
		found, err := progressOf(ctx, reader, p)
		if err != nil {
			return 0, err
		}
		if found == complete {
			continue
		}
		hidden := p
		hidden.Active = false
		if found == absent {
			create = append(create, saga.SaveProduct{Product: hidden})
		}
		if found != filled && stock[i].Qty > 0 {
			fill = append(fill, saga.AdjustStock{SKU: p.SKU, Warehouse: checkout.MainWarehouse, Delta: stock[i].Qty, Reason: "demo stock"})
		}
		sell = append(sell, saga.SaveProduct{Product: p})
	}
	for _, commands := range [][]saga.Command{create, fill, sell} {
		if err := submitAll(ctx, submit, commands); err != nil {
			return 0, fmt.Errorf("catalog: seed the demo: %w", err)
		}
	}
	return len(sell), nil
}

// progress is how far a product's seeding has come.
type progress int

const (
	absent   progress = iota
	created           // hidden, without stock
	filled            // hidden, with its stock
	complete          // on sale, or somebody else's
)

func progressOf(ctx context.Context, reader store.Reader, p checkout.Product) (progress, error) {
	found, err := reader.Product(ctx, p.SKU)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return absent, nil
	case err != nil:
		return 0, fmt.Errorf("catalog: read product %q: %w", p.SKU, err)
	case !justCreated(found, p):
		return complete, nil
	}
	levels, err := reader.Levels(ctx, p.SKU)
	if err != nil {
		return 0, fmt.Errorf("catalog: read stock of %q: %w", p.SKU, err)
	}
	for _, l := range levels {
		if l.Received != 0 {
			return filled, nil
		}
	}
	return created, nil
}

// justCreated tells whether a product is the hidden row that a seeding begins
// with and that nobody has touched since.
func justCreated(found *checkout.Product, p checkout.Product) bool {
	return !found.Active && found.CreatedAt.Equal(found.UpdatedAt) && found.Name == p.Name && found.Image == p.Image &&
		found.TaxCode == p.TaxCode && found.WeightG == p.WeightG && maps.Equal(found.Prices, p.Prices)
}

// submitAll sends commands all at once, so that they share a batch.
func submitAll(ctx context.Context, submit Submit, commands []saga.Command) error {
	failures := make([]error, len(commands))
	var wg sync.WaitGroup
	for i, c := range commands {
		wg.Go(func() { _, failures[i] = submit(ctx, c) })
	}
	wg.Wait()
	return errors.Join(failures...)
}
