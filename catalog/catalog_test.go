package catalog_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"kassa/catalog"
	"kassa/checkout"
	"kassa/saga"
)

func TestQuotePricesACartAtCurrentPrices(t *testing.T) {
	t.Parallel()
	e, rows := shop(t)
	_, err := catalog.Seed(t.Context(), e.Do, rows)
	require.NoError(t, err)
	cart := &checkout.Cart{Currency: "JPY", Items: []checkout.Item{{SKU: "MUG-STONE", Qty: 2}, {SKU: "BOOK-ATLAS", Qty: 1}}}
	quote, err := catalog.Quote(t.Context(), rows, cart)
	require.NoError(t, err)
	require.Equal(t, int64(2*1500+3500), quote.Total)
	require.Equal(t, "MUG-STONE", quote.Lines[0].SKU, "lines stand in the cart's order")

	mug, err := rows.Product(t.Context(), "MUG-STONE")
	require.NoError(t, err)
	mug.Prices["JPY"] = 1000
	_, err = e.Do(t.Context(), saga.SaveProduct{Product: *mug})
	require.NoError(t, err)
	quote, err = catalog.Quote(t.Context(), rows, cart)
	require.NoError(t, err)
	require.Equal(t, int64(2*1000+3500), quote.Total)
}

func TestQuoteNamesTheItemAtFault(t *testing.T) {
	t.Parallel()
	e, rows := shop(t)
	_, err := catalog.Seed(t.Context(), e.Do, rows)
	require.NoError(t, err)
	for _, test := range []struct {
		cart checkout.Cart
		says string
	}{
		{checkout.Cart{Currency: "INR", Items: []checkout.Item{{SKU: "BOOK-ATLAS", Qty: 1}, {SKU: "NO-SUCH", Qty: 1}}}, `items[1].sku: there is no product "NO-SUCH"`},
		{checkout.Cart{Currency: "GBP", Items: []checkout.Item{{SKU: "MUG-STONE", Qty: 1}}}, `items[0].sku: "MUG-STONE" has no price in GBP`},
	} {
		_, err := catalog.Quote(t.Context(), rows, &test.cart)
		require.Equal(t, checkout.CodeInvalid, checkout.CodeOf(err))
		require.ErrorContains(t, err, test.says)
	}
}
