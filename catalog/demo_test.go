package catalog_test

import (
	"encoding/base64"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kassa/catalog"
	"kassa/checkout"
	"kassa/money"
)

func TestDemoIsAShop(t *testing.T) {
	t.Parallel()
	products, err := catalog.Demo()
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(products), 50)
	seen := map[string]bool{}
	for _, p := range products {
		require.Regexp(t, `^[A-Z0-9-]{1,64}$`, p.SKU)
		require.False(t, seen[p.SKU], "%s is there twice", p.SKU)
		seen[p.SKU] = true
		require.NotEmpty(t, p.Name, p.SKU)
		require.Regexp(t, `^[0-9]{4}$`, p.TaxCode, "%s: a heading of the Harmonized System has four digits", p.SKU)
		require.Positive(t, p.WeightG, p.SKU)
		require.True(t, p.Active, p.SKU)
		require.Len(t, p.Prices, 4, p.SKU)
		for currency, price := range p.Prices {
			require.Positive(t, price, "%s in %s", p.SKU, currency)
			require.Less(t, price, int64(checkout.MaxPrice), "%s in %s", p.SKU, currency)
		}
	}
}

func TestDemoPricesAreReadInTheirCurrency(t *testing.T) {
	t.Parallel()
	products, err := catalog.Demo()
	require.NoError(t, err)
	for _, p := range products {
		if p.SKU == "BOOK-ATLAS" {
			require.Equal(t, map[money.Currency]int64{"INR": 149900, "USD": 2400, "EUR": 2250, "JPY": 3500}, p.Prices)
			return
		}
	}
	require.Fail(t, "there is no BOOK-ATLAS")
}

func TestDemoPicturesAreDrawings(t *testing.T) {
	t.Parallel()
	products, err := catalog.Demo()
	require.NoError(t, err)
	different := map[string]bool{}
	for _, p := range products {
		text, ok := strings.CutPrefix(p.Image, "data:image/svg+xml;base64,")
		require.True(t, ok, p.SKU)
		require.LessOrEqual(t, len(p.Image), 2048, "%s: the API takes no longer address", p.SKU)
		svg, err := base64.StdEncoding.DecodeString(text)
		require.NoError(t, err, p.SKU)
		require.NotContains(t, string(svg), `color="gray"`, "%s has no tint", p.SKU)
		require.NotContains(t, string(svg), "<script", p.SKU)
		requireXML(t, p.SKU, string(svg))
		different[p.Image] = true
	}
	require.Greater(t, len(different), 40, "the products look alike")
}

func requireXML(t *testing.T, sku, text string) {
	t.Helper()
	decoder := xml.NewDecoder(strings.NewReader(text))
	for {
		_, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		require.NoError(t, err, sku)
	}
}

func TestDemoStockHasScarceAndSoldOutProducts(t *testing.T) {
	t.Parallel()
	products, err := catalog.Demo()
	require.NoError(t, err)
	stock, err := catalog.DemoStock()
	require.NoError(t, err)
	require.Len(t, stock, len(products))
	soldOut, scarce := 0, 0
	for i, s := range stock {
		require.Equal(t, products[i].SKU, s.SKU)
		require.GreaterOrEqual(t, s.Qty, int64(0))
		switch {
		case s.Qty == 0:
			soldOut++
		case s.Qty <= 4:
			scarce++
		}
	}
	require.Equal(t, 1, soldOut)
	require.GreaterOrEqual(t, scarce, 3)
}
