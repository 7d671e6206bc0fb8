package postgres

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
)

// What is written by hand is what encoding/json writes.
func TestAllocationsAreJSON(t *testing.T) {
	t.Parallel()
	for _, list := range [][]checkout.Allocation{
		{{SKU: "MUG", Warehouse: "main", Qty: 1}},
		{{SKU: `a"b\c`, Warehouse: "पुणे\n<&>", Qty: -5}, {SKU: "", Warehouse: "x", Qty: 1 << 60}},
		{{SKU: "invalid \xff", Warehouse: "\x00", Qty: 0}},
	} {
		column := allocations([][]checkout.Allocation{list}, func(l []checkout.Allocation) []checkout.Allocation { return l })
		text := column.data[arrayHeader+4:]
		want, err := json.Marshal(list)
		require.NoError(t, err)
		require.JSONEq(t, string(want), string(text))
	}
}
