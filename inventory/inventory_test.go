package inventory

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"kassa/checkout"
)

func level(warehouse string, available int64) checkout.Level {
	return checkout.Level{SKU: "shirt", Warehouse: warehouse, Available: available, Received: available}
}

func TestAllocate(t *testing.T) {
	t.Parallel()
	part := func(warehouse string, qty int64) checkout.Allocation {
		return checkout.Allocation{SKU: "shirt", Warehouse: warehouse, Qty: qty}
	}
	for name, test := range map[string]struct {
		qty  int64
		want []checkout.Allocation
		ok   bool
	}{
		"the first that has it all":        {2, []checkout.Allocation{part("b", 2)}, true},
		"a later one, before a split":      {5, []checkout.Allocation{part("d", 5)}, true},
		"split in order, empty ones aside": {7, []checkout.Allocation{part("b", 3), part("d", 4)}, true},
		"all there is":                     {8, []checkout.Allocation{part("b", 3), part("d", 5)}, true},
		"more than there is":               {9, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, ok := Allocate([]checkout.Level{level("a", 0), level("b", 3), level("c", 0), level("d", 5)}, test.qty)
			require.Equal(t, test.ok, ok)
			require.Equal(t, test.want, got)
		})
	}
	_, ok := Allocate(nil, 1)
	require.False(t, ok)
}

// TestAllocateGivesExactlyWhatIsAsked, from warehouses that have it, each once.
func TestAllocateGivesExactlyWhatIsAsked(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		have := map[string]int64{}
		var levels []checkout.Level
		for i, available := range rapid.SliceOfN(rapid.Int64Range(0, 20), 0, 5).Draw(t, "levels") {
			l := level(string(rune('a'+i)), available)
			levels = append(levels, l)
			have[l.Warehouse] = available
		}
		qty := rapid.Int64Range(1, 60).Draw(t, "qty")
		parts, ok := Allocate(levels, qty)
		require.Equal(t, Available(levels) >= qty, ok)
		if !ok {
			require.Empty(t, parts)
			return
		}
		var sum int64
		for _, p := range parts {
			require.Positive(t, p.Qty)
			require.LessOrEqual(t, p.Qty, have[p.Warehouse])
			delete(have, p.Warehouse)
			sum += p.Qty
		}
		require.Equal(t, qty, sum)
	})
}

// TestLevelsKeepTheLawOfStock: whatever is done in whatever order, received =
// available + locked + deducted − restocked, nothing is below zero, and what is
// refused changes nothing.
func TestLevelsKeepTheLawOfStock(t *testing.T) {
	t.Parallel()
	moves := map[string]func(checkout.Level, int64) (checkout.Level, error){
		"hold": Hold, "release": Release, "claim": Claim, "restock": Restock, "adjust": Adjust,
		"take": func(l checkout.Level, qty int64) (checkout.Level, error) { return Adjust(l, -qty) },
	}
	rapid.Check(t, func(t *rapid.T) {
		l := level("main", rapid.Int64Range(0, 50).Draw(t, "stock"))
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			name := rapid.SampledFrom([]string{"hold", "hold", "release", "claim", "restock", "adjust", "take", "count"}).Draw(t, "move")
			qty := rapid.Int64Range(0, 12).Draw(t, "qty")
			if name == "count" {
				l = count(t, l, qty)
			} else {
				after, err := moves[name](l, qty)
				if err != nil {
					require.ErrorIs(t, err, ErrShort)
					require.Equal(t, l, after)
				}
				l = after
			}
			require.Equal(t, l.Received, l.Available+l.Locked+l.Deducted-l.Restocked)
			require.GreaterOrEqual(t, min(l.Available, l.Locked, l.Deducted, l.Restocked, l.Deducted-l.Restocked), int64(0))
		}
	})
}

// count counts and checks what a count promises: the shelf has what was found,
// unless buyers hold more.
func count(t *rapid.T, l checkout.Level, found int64) checkout.Level {
	after, delta, missing := Count(l, found)
	require.Equal(t, l.Locked, after.Locked)
	require.Equal(t, l.Received+delta, after.Received)
	require.Equal(t, found, after.Available+after.Locked-missing)
	require.GreaterOrEqual(t, missing, int64(0))
	require.True(t, missing == 0 || after.Available == 0)
	return after
}

func TestMovesAreRefusedAtTheEdge(t *testing.T) {
	t.Parallel()
	l := checkout.Level{SKU: "shirt", Warehouse: "main", Available: 3, Locked: 2, Deducted: 4, Restocked: 1, Received: 8}
	for name, test := range map[string]struct {
		move func(checkout.Level, int64) (checkout.Level, error)
		most int64
	}{
		"hold": {Hold, 3}, "release": {Release, 2}, "claim": {Claim, 2}, "restock": {Restock, 3},
		"take": {func(l checkout.Level, n int64) (checkout.Level, error) { return Adjust(l, -n) }, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := test.move(l, test.most)
			require.NoError(t, err)
			_, err = test.move(l, test.most+1)
			require.ErrorIs(t, err, ErrShort)
			require.ErrorContains(t, err, "of shirt in main")
		})
	}
}
