package pricing

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"kassa/checkout"
	"kassa/money"
)

func shelf(products ...checkout.Product) func(string) *checkout.Product {
	return func(sku string) *checkout.Product {
		for i := range products {
			if products[i].SKU == sku {
				return &products[i]
			}
		}
		return nil
	}
}

func product(sku string, minor int64) checkout.Product {
	return checkout.Product{SKU: sku, Name: "A " + sku, TaxCode: "6109", Active: true, Prices: map[money.Currency]int64{"INR": minor}}
}

func TestPrice(t *testing.T) {
	t.Parallel()
	quote, err := Price("INR", []checkout.Item{{SKU: "mug", Qty: 3}, {SKU: "shirt", Qty: 2}}, shelf(product("shirt", 49950), product("mug", 19900)))
	require.NoError(t, err)
	require.Equal(t, checkout.Quote{
		Currency: "INR", Subtotal: 159600, Total: 159600,
		Lines: []checkout.QuoteLine{
			{SKU: "mug", Name: "A mug", TaxCode: "6109", Qty: 3, UnitPrice: 19900, Total: 59700},
			{SKU: "shirt", Name: "A shirt", TaxCode: "6109", Qty: 2, UnitPrice: 49950, Total: 99900},
		},
	}, quote)
}

func TestPriceRefuses(t *testing.T) {
	t.Parallel()
	gone := product("gone", 100)
	gone.Active = false
	sell := shelf(product("shirt", 49950), gone, product("yacht", math.MaxInt64/2), product("island", math.MaxInt64/2+2))
	for name, test := range map[string]struct {
		currency money.Currency
		items    []checkout.Item
		field    string
		reason   string
	}{
		"an unknown SKU":      {"INR", []checkout.Item{{SKU: "shirt", Qty: 1}, {SKU: "hat", Qty: 1}}, "items[1].sku", `"hat"`},
		"one not on sale":     {"INR", []checkout.Item{{SKU: "gone", Qty: 1}}, "items[0].sku", `"gone"`},
		"a currency unpriced": {"USD", []checkout.Item{{SKU: "shirt", Qty: 1}}, "items[0].sku", "USD"},
		"a line too large":    {"INR", []checkout.Item{{SKU: "yacht", Qty: 3}}, "items[0].sku", "more than can be charged"},
		"a total too large":   {"INR", []checkout.Item{{SKU: "island", Qty: 1}, {SKU: "yacht", Qty: 1}}, "items", "more than can be charged"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			quote, err := Price(test.currency, test.items, sell)
			var refusal *checkout.Error
			require.True(t, errors.As(err, &refusal))
			require.Equal(t, checkout.CodeInvalid, refusal.Code)
			require.Len(t, refusal.Fields, 1)
			require.Equal(t, test.field, refusal.Fields[0].Field)
			require.Contains(t, refusal.Fields[0].Reason, test.reason)
			require.Empty(t, quote)
		})
	}
}

// TestPriceAddsUp: the lines add up to the total, for anything that the limits allow.
func TestPriceAddsUp(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var items []checkout.Item
		var products []checkout.Product
		for i := range rapid.IntRange(1, checkout.MaxLines).Draw(t, "lines") {
			p := product(fmt.Sprintf("sku-%03d", i), rapid.Int64Range(0, checkout.MaxPrice).Draw(t, "price"))
			products = append(products, p)
			items = append(items, checkout.Item{SKU: p.SKU, Qty: rapid.Int64Range(1, checkout.MaxQty/1000).Draw(t, "qty")})
		}
		quote, err := Price("INR", items, shelf(products...))
		require.NoError(t, err)
		var sum int64
		for i, l := range quote.Lines {
			require.Equal(t, items[i].SKU, l.SKU)
			require.Equal(t, l.UnitPrice*l.Qty-l.Discount+l.Tax, l.Total)
			sum += l.Total
		}
		require.Equal(t, sum, quote.Total)
		require.Equal(t, sum, quote.Subtotal)
	})
}
