package checkout

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestSumItems: the sums are those of the items, sorted by SKU, each once, and the
// caller's list stays as it was.
func TestSumItems(t *testing.T) {
	t.Parallel()
	item := rapid.Custom(func(t *rapid.T) Item {
		return Item{SKU: rapid.SampledFrom([]string{"a", "b", "B", "aa", "é", "c"}).Draw(t, "sku"), Qty: rapid.Int64Range(1, MaxQty).Draw(t, "qty")}
	})
	rapid.Check(t, func(t *rapid.T) {
		items := rapid.SliceOfN(item, 0, 30).Draw(t, "items")
		before := slices.Clone(items)
		sums := SumItems(items)
		require.Equal(t, before, items)
		want := map[string]int64{}
		for _, it := range items {
			want[it.SKU] += it.Qty
		}
		require.Len(t, sums, len(want))
		for i, it := range sums {
			require.Equal(t, want[it.SKU], it.Qty)
			require.True(t, i == 0 || sums[i-1].SKU < it.SKU)
		}
		require.Equal(t, sums, SumItems(sums))
	})
}

func TestStockKeysCompareBySKUThenWarehouse(t *testing.T) {
	t.Parallel()
	sorted := []StockKey{{"a", "x"}, {"a", "y"}, {"ab", "a"}, {"b", "a"}}
	for i, a := range sorted {
		for j, b := range sorted {
			require.Equal(t, sign(i-j), a.Compare(b))
		}
	}
}

func sign(n int) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	}
	return 0
}
