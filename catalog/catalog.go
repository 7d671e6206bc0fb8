// Package catalog knows what is for sale: it quotes carts at current prices and
// brings the demo's products. It must not know orders, payments, gateways or
// HTTP, and it writes through commands alone.
package catalog

import (
	"context"
	"fmt"

	"kassa/checkout"
	"kassa/pricing"
	"kassa/store"
)

// Quote prices a cart as it would be priced by a checkout now. A refusal is a
// *checkout.Error that names the item at fault.
func Quote(ctx context.Context, reader store.Reader, cart *checkout.Cart) (checkout.Quote, error) {
	skus := make([]string, len(cart.Items))
	for i, item := range cart.Items {
		skus[i] = item.SKU
	}
	products, err := reader.ProductsBySKU(ctx, skus)
	if err != nil {
		return checkout.Quote{}, fmt.Errorf("catalog: read the cart's products: %w", err)
	}
	bySKU := make(map[string]*checkout.Product, len(products))
	for _, p := range products {
		bySKU[p.SKU] = p
	}
	return pricing.Price(cart.Currency, cart.Items, func(sku string) *checkout.Product { return bySKU[sku] })
}
