package money_test

import (
	"errors"
	"math"
	"math/big"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"kassa/money"
)

func TestParse(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text     string
		currency money.Currency
		minor    int64
	}{
		{"999", "INR", 99900},
		{"999.0", "INR", 99900},
		{"999.00", "INR", 99900},
		{"999.000000000000000000000000000000000000", "INR", 99900},
		{"0.1", "INR", 10},
		{"0.29", "INR", 29}, // 28.999999999999996 for a float
		{"1.005", "KWD", 1005},
		{"9.99e2", "INR", 99900},
		{"9.99E+2", "INR", 99900},
		{"99900e-2", "INR", 99900},
		{"99900.000e-2", "JPY", 999},
		{"1e0", "JPY", 1},
		{"1e007", "JPY", 10000000},
		{"0", "INR", 0},
		{"-0", "INR", 0},
		{"-0.000", "JPY", 0},
		{"0e60", "JPY", 0},
		{"0.0e-60", "JPY", 0},
		{"-0.5", "INR", -50},
		{"-12.34", "USD", -1234},
		{"1.2345", "CLF", 12345},
		{"100", "JPY", 100},
		{"92233720368547758.07", "INR", math.MaxInt64},
		{"-92233720368547758.08", "INR", math.MinInt64},
		{"9223372036854775807", "JPY", math.MaxInt64},
		{"-9223372036854775808", "JPY", math.MinInt64},
		{"9.223372036854775807e18", "JPY", math.MaxInt64},
		{"0.00000000000000000000000000000000001e36", "JPY", 10},
	}
	for _, test := range tests {
		got, err := money.Parse(test.text, test.currency)
		require.NoError(t, err, test.text)
		require.Equal(t, money.New(test.minor, test.currency), got, test.text)
	}
}

func TestParseRefusesWhatIsNoNumber(t *testing.T) {
	t.Parallel()
	texts := []string{
		"", " ", "-", "+1", " 1", "1 ", "1\n", "1.", ".5", "-.5", "--1", "1..2", "1.2.3", "007", "00", "-01.5",
		"NaN", "Inf", "-Infinity", "null", "0x10", "0b1", "1_000", "1,000", "1,50", "₹1", "1₹", "INR 1", "١٢",
		"1e", "1e+", "1e-", "1e1.5", "1e1e1", "1e 1", "1e0x1", "1e1_0", "e5", "1f", "\x00", "1\x00",
		"1e61", "1e-61", "1e999999999", "1e-999999999", "1e99999999999999999999999999",
		strings.Repeat("1", 41), "1." + strings.Repeat("0", 39), strings.Repeat("9", 1<<20),
	}
	for _, text := range texts {
		_, err := money.Parse(text, "INR")
		require.ErrorIs(t, err, money.ErrSyntax, "%.50q", text)
		require.Less(t, len(err.Error()), 120, "the message does not repeat the text")
	}
}

func TestParseRefusesTooMuch(t *testing.T) {
	t.Parallel()
	texts := []string{
		"92233720368547758.08", "-92233720368547758.09", "99999999999999999999", "184467440737095516.16",
		"1e17", "1e60", "-1e60", strings.Repeat("9", 40),
	}
	for _, text := range texts {
		_, err := money.Parse(text, "INR")
		require.ErrorIs(t, err, money.ErrOverflow, text)
	}
}

func TestParseRefusesDigitsTheCurrencyHasNot(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text     string
		currency money.Currency
		excess   int
		message  string
	}{
		{"9.5", "JPY", 1, "JPY has no decimals: 9.5 has one too many"},
		{"9.50", "JPY", 1, "JPY has no decimals: 9.50 has one too many"},
		{"9.999", "INR", 1, "INR has 2 decimals: 9.999 has one too many"},
		{"-9.99999", "KWD", 2, "KWD has 3 decimals: -9.99999 has 2 too many"},
		{"15e-3", "USD", 1, "USD has 2 decimals: 15e-3 has one too many"},
		{"1e-60", "USD", 58, "USD has 2 decimals: 1e-60 has 58 too many"},
		{"92233720368547758.071", "INR", 1, "INR has 2 decimals: 92233720368547758.071 has one too many"},
	}
	for _, test := range tests {
		_, err := money.Parse(test.text, test.currency)
		var digits *money.DigitsError
		require.ErrorAs(t, err, &digits, test.text)
		require.Equal(t, money.DigitsError{Text: test.text, Currency: test.currency, Excess: test.excess}, *digits)
		require.EqualError(t, err, test.message)
	}
}

func TestParseRefusesUnknownCurrency(t *testing.T) {
	t.Parallel()
	for _, c := range []money.Currency{"", "inr", "ZZZ"} {
		_, err := money.Parse("1", c)
		require.ErrorIs(t, err, money.ErrCurrency)
	}
}

func TestParseReadsWhatStringWrites(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := money.New(edgeInt64().Draw(t, "minor"), anyCurrency().Draw(t, "currency"))
		got, err := money.Parse(m.String(), m.Currency)
		require.NoError(t, err)
		require.Equal(t, m, got)
	})
}

// TestParseIsExact compares with rational numbers on text that is near enough
// to the grammar, the length and the range to fall on both sides of each.
func TestParseIsExact(t *testing.T) {
	t.Parallel()
	number := rapid.StringMatching(`-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,6}0{0,12})?([eE][+-]?[0-9]{1,2})?`)
	rapid.Check(t, func(t *rapid.T) {
		requireSound(t, number.Draw(t, "text"), anyCurrency().Draw(t, "currency"))
	})
}

func FuzzParse(f *testing.F) {
	seeds := []string{
		"999", "999.00", "9.99e2", "-0.5", "-0", "1e-2", "1E+5", "0.0000e60", "92233720368547758.07", "-92233720368547758.08",
		"92233720368547758.08", "9.999", "", "+1", " 1", "1.", ".5", "007", "0x1p-2", "1_0", "NaN", "1e999999999", "1e-60",
	}
	for _, seed := range seeds {
		for _, currency := range []string{"INR", "JPY", "KWD", "CLF", "ZZZ"} {
			f.Add(seed, currency)
		}
	}
	f.Fuzz(func(t *testing.T, text, currency string) {
		requireSound(t, text, money.Currency(currency))
	})
}

// jsonNumber is the grammar of RFC 8259, section 6.
var jsonNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

// requireSound checks one Parse against rational arithmetic, whatever came out.
func requireSound(t require.TestingT, text string, c money.Currency) {
	m, err := money.Parse(text, c)
	switch {
	case errors.Is(err, money.ErrCurrency):
		require.False(t, c.Known())
	case errors.Is(err, money.ErrSyntax):
		plain := jsonNumber.MatchString(text) && !strings.ContainsAny(text, "eE") && len(text) <= 40
		require.False(t, plain, "%q is a number", text)
	default:
		require.Regexp(t, jsonNumber, text)
		requireSameValue(t, minorUnits(t, text, c), m, err)
	}
	if err == nil {
		again, err := money.Parse(m.String(), c)
		require.NoError(t, err)
		require.Equal(t, m, again)
	}
}

func requireSameValue(t require.TestingT, want *big.Rat, m money.Money, err error) {
	var digits *money.DigitsError
	switch {
	case errors.As(err, &digits):
		require.False(t, want.IsInt(), "%s minor units need no more digits", want)
	case errors.Is(err, money.ErrOverflow):
		require.True(t, want.IsInt() && !want.Num().IsInt64(), "%s minor units fit", want)
	default:
		require.NoError(t, err)
		require.Zero(t, want.Cmp(new(big.Rat).SetInt64(m.Minor)), "%s minor units, not %d", want, m.Minor)
	}
}

func minorUnits(t require.TestingT, text string, c money.Currency) *big.Rat {
	value, ok := new(big.Rat).SetString(text)
	require.True(t, ok, text)
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(c.Exponent())), nil)
	return value.Mul(value, new(big.Rat).SetInt(unit))
}

func anyCurrency() *rapid.Generator[money.Currency] {
	return rapid.SampledFrom(money.Currencies())
}

func BenchmarkParse(b *testing.B) {
	for _, text := range []string{"999", "1234567.50", "9.99e2"} {
		b.Run(text, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := money.Parse(text, "INR"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
