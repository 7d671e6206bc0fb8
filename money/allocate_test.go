package money_test

import (
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"kassa/money"
)

func TestAllocate(t *testing.T) {
	t.Parallel()
	const most, least = math.MaxInt64, math.MinInt64
	tests := []struct {
		name    string
		minor   int64
		weights []int64
		want    []int64
	}{
		{"even", 100, []int64{1, 1}, []int64{50, 50}},
		{"ties go to the first", 100, []int64{1, 1, 1}, []int64{34, 33, 33}},
		{"two units left", 101, []int64{1, 1, 1}, []int64{34, 34, 33}},
		{"larger remainder first", 10, []int64{3, 3, 4, 1}, []int64{3, 3, 3, 1}},
		{"the last has the largest remainder", 10, []int64{1, 1, 5}, []int64{2, 1, 7}},
		{"mirrored", -100, []int64{1, 1, 1}, []int64{-34, -33, -33}},
		{"a zero weight gets nothing", 7, []int64{0, 2, 0, 1}, []int64{0, 5, 0, 2}},
		{"one weight", 7, []int64{9}, []int64{7}},
		{"fewer units than weights", 2, []int64{1, 1, 1, 1}, []int64{1, 1, 0, 0}},
		{"nothing", 0, []int64{1, 2}, []int64{0, 0}},
		{"the most, by the heaviest", most, []int64{most, most, most}, []int64{most/3 + 1, most / 3, most / 3}},
		{"the least", least, []int64{1}, []int64{least}},
		{"the least, in two", least, []int64{most, most}, []int64{least / 2, least / 2}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			parts, err := money.New(test.minor, "INR").Allocate(test.weights)
			require.NoError(t, err)
			want := make([]money.Money, len(test.want))
			for i, minor := range test.want {
				want[i] = money.New(minor, "INR")
			}
			require.Equal(t, want, parts)
		})
	}
}

func TestAllocateRefusesWeights(t *testing.T) {
	t.Parallel()
	for _, weights := range [][]int64{nil, {}, {0}, {0, 0}} {
		_, err := money.New(100, "INR").Allocate(weights)
		require.ErrorContains(t, err, "no weight is above zero")
	}
	_, err := money.New(100, "INR").Allocate([]int64{1, -2, 3})
	require.EqualError(t, err, "money: weight 1 is negative: -2")
}

func TestAllocateProperties(t *testing.T) {
	t.Parallel()
	weight := rapid.OneOf(rapid.Int64Range(0, 5), rapid.Int64Range(0, math.MaxInt64), rapid.Just[int64](math.MaxInt64))
	rapid.Check(t, func(t *rapid.T) {
		m := money.New(edgeInt64().Draw(t, "minor"), anyCurrency().Draw(t, "currency"))
		weights := rapid.SliceOfN(weight, 1, 12).Filter(hasWeight).Draw(t, "weights")
		parts, err := m.Allocate(weights)
		require.NoError(t, err)
		require.Len(t, parts, len(weights))
		requireSumsTo(t, m, parts)
		requireNearShare(t, m, weights, parts)
		requireOrderKept(t, weights, parts)
		requireMirror(t, m, weights, parts)
	})
}

func hasWeight(weights []int64) bool {
	for _, weight := range weights {
		if weight > 0 {
			return true
		}
	}
	return false
}

func requireSumsTo(t *rapid.T, m money.Money, parts []money.Money) {
	sum := money.New(0, m.Currency)
	for _, part := range parts {
		var err error
		sum, err = sum.Add(part)
		require.NoError(t, err)
	}
	require.Equal(t, m, sum)
}

// requireNearShare checks that each part is its exact share or a neighbour of it.
func requireNearShare(t *rapid.T, m money.Money, weights []int64, parts []money.Money) {
	total := new(big.Int)
	for _, weight := range weights {
		total.Add(total, big.NewInt(weight))
	}
	for i, part := range parts {
		product := new(big.Int).Mul(big.NewInt(m.Minor), big.NewInt(weights[i]))
		share := new(big.Rat).SetFrac(product, total)
		distance := share.Sub(new(big.Rat).SetInt64(part.Minor), share)
		require.Negative(t, distance.Abs(distance).Cmp(big.NewRat(1, 1)), "part %d is a unit or more off", i)
	}
}

// requireOrderKept checks that a heavier weight never gets less, and that of
// two equal weights the first gets at least as much.
func requireOrderKept(t *rapid.T, weights []int64, parts []money.Money) {
	for i := range weights {
		for j := range weights {
			if weights[i] > weights[j] || weights[i] == weights[j] && i < j {
				require.GreaterOrEqual(t, size(parts[i]), size(parts[j]), "parts %d and %d", i, j)
			}
		}
	}
}

func size(m money.Money) uint64 {
	return new(big.Int).Abs(big.NewInt(m.Minor)).Uint64()
}

func requireMirror(t *rapid.T, m money.Money, weights []int64, parts []money.Money) {
	opposite, err := m.Mul(-1)
	if err != nil {
		require.EqualValues(t, math.MinInt64, m.Minor, "only the least amount has no opposite")
		return
	}
	mirrored, err := opposite.Allocate(weights)
	require.NoError(t, err)
	for i := range parts {
		require.Equal(t, -parts[i].Minor, mirrored[i].Minor)
	}
}

func BenchmarkAllocate(b *testing.B) {
	m := money.New(123456750, "INR")
	weights := []int64{99900, 4999, 129900, 1, 25000, 7700, 99, 199900, 45000, 12345}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Allocate(weights); err != nil {
			b.Fatal(err)
		}
	}
}
