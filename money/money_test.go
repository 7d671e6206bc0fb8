package money_test

import (
	"encoding"
	"encoding/json"
	"fmt"
	"go/build"
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"kassa/money"
)

func TestString(t *testing.T) {
	t.Parallel()
	tests := []struct {
		minor    int64
		currency money.Currency
		want     string
	}{
		{99900, "INR", "999.00"},
		{5, "INR", "0.05"},
		{50, "INR", "0.50"},
		{0, "INR", "0.00"},
		{-50, "INR", "-0.50"},
		{-99901, "INR", "-999.01"},
		{999, "JPY", "999"},
		{-1, "JPY", "-1"},
		{0, "JPY", "0"},
		{9990, "KWD", "9.990"},
		{-1, "KWD", "-0.001"},
		{12345, "CLF", "1.2345"},
		{math.MaxInt64, "INR", "92233720368547758.07"},
		{math.MinInt64, "INR", "-92233720368547758.08"},
		{math.MinInt64, "JPY", "-9223372036854775808"},
		{math.MinInt64, "UYW", "-922337203685477.5808"},
		{1234, "ZZZ", "1234"},
		{-1234, "", "-1234"},
	}
	for _, test := range tests {
		require.Equal(t, test.want, money.New(test.minor, test.currency).String(), test)
	}
}

func TestSigns(t *testing.T) {
	t.Parallel()
	require.True(t, money.Money{}.IsZero())
	require.True(t, money.New(0, "INR").IsZero())
	require.False(t, money.New(-1, "INR").IsZero())
	require.True(t, money.New(-1, "INR").IsNegative())
	require.False(t, money.New(0, "INR").IsNegative())
	require.False(t, money.New(1, "INR").IsNegative())
}

func TestCurrenciesDoNotMix(t *testing.T) {
	t.Parallel()
	for _, other := range []money.Money{money.New(1, "JPY"), {}} {
		rupee := money.New(100, "INR")
		_, err := rupee.Add(other)
		require.ErrorIs(t, err, money.ErrCurrency)
		_, err = rupee.Sub(other)
		require.ErrorIs(t, err, money.ErrCurrency)
		_, err = rupee.Cmp(other)
		require.ErrorIs(t, err, money.ErrCurrency)
		require.ErrorContains(t, err, fmt.Sprintf(`"INR" and %q do not mix`, other.Currency))
		require.NotEqual(t, rupee, other)
	}
}

func TestOverflowNamesTheAmounts(t *testing.T) {
	t.Parallel()
	_, err := money.New(math.MaxInt64, "INR").Add(money.New(1, "INR"))
	require.EqualError(t, err, "money: amount out of range: 92233720368547758.07 + 0.01 INR")
	_, err = money.New(math.MinInt64, "JPY").Sub(money.New(1, "JPY"))
	require.EqualError(t, err, "money: amount out of range: -9223372036854775808 - 1 JPY")
	_, err = money.New(math.MinInt64, "JPY").Mul(-1)
	require.EqualError(t, err, "money: amount out of range: -9223372036854775808 JPY times -1")
}

// TestArithmetic compares with big integers: the same value, or ErrOverflow
// exactly when it does not fit.
func TestArithmetic(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := edgeInt64().Draw(t, "a"), edgeInt64().Draw(t, "b")
		x, y := big.NewInt(a), big.NewInt(b)
		m, o := money.New(a, "INR"), money.New(b, "INR")

		sum, err := m.Add(o)
		requireExact(t, new(big.Int).Add(x, y), sum, err)
		difference, err := m.Sub(o)
		requireExact(t, new(big.Int).Sub(x, y), difference, err)
		product, err := m.Mul(b)
		requireExact(t, new(big.Int).Mul(x, y), product, err)
		order, err := m.Cmp(o)
		require.NoError(t, err)
		require.Equal(t, x.Cmp(y), order)
	})
}

func requireExact(t *rapid.T, want *big.Int, got money.Money, err error) {
	if !want.IsInt64() {
		require.ErrorIs(t, err, money.ErrOverflow)
		require.Equal(t, money.Money{}, got)
		return
	}
	require.NoError(t, err)
	require.Equal(t, money.New(want.Int64(), "INR"), got)
}

// edgeInt64 draws from the whole range, and often from its ends and from zero.
func edgeInt64() *rapid.Generator[int64] {
	return rapid.OneOf(
		rapid.Int64(),
		rapid.Int64Range(-3, 3),
		rapid.Int64Range(math.MinInt64, math.MinInt64+2),
		rapid.Int64Range(math.MaxInt64-2, math.MaxInt64),
		rapid.Int64Range(-1<<32, 1<<32),
	)
}

// TestNoJSONOfItsOwn keeps the shape of answers where it belongs, in the API.
func TestNoJSONOfItsOwn(t *testing.T) {
	t.Parallel()
	var m any = &money.Money{}
	_, isMarshaler := m.(json.Marshaler)
	_, isUnmarshaler := m.(json.Unmarshaler)
	_, isTextMarshaler := m.(encoding.TextMarshaler)
	_, isTextUnmarshaler := m.(encoding.TextUnmarshaler)
	require.False(t, isMarshaler || isUnmarshaler || isTextMarshaler || isTextUnmarshaler)
}

// TestImports holds the package to what its doc comment says.
func TestImports(t *testing.T) {
	t.Parallel()
	self, err := build.ImportDir(".", 0)
	require.NoError(t, err)
	require.NotEmpty(t, self.Imports)
	pure := []string{
		"cmp", "encoding/json", "errors", "fmt", "maps", "math", "math/big",
		"math/bits", "slices", "strconv", "strings",
	}
	for _, path := range self.Imports {
		require.Contains(t, pure, path, "money does arithmetic only; it imports %s", path)
	}
}

func BenchmarkString(b *testing.B) {
	m := money.New(123456750, "INR")
	b.ReportAllocs()
	for b.Loop() {
		_ = m.String()
	}
}
