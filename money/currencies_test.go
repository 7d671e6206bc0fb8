package money_test

import (
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"kassa/money"
)

func TestExponents(t *testing.T) {
	t.Parallel()
	byExponent := map[int][]money.Currency{}
	for _, c := range money.Currencies() {
		require.True(t, c.Known(), c)
		byExponent[c.Exponent()] = append(byExponent[c.Exponent()], c)
	}
	require.Equal(t, []money.Currency{
		"BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF",
		"UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF",
	}, byExponent[0])
	require.Equal(t, []money.Currency{"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"}, byExponent[3])
	require.Equal(t, []money.Currency{"CLF", "UYW"}, byExponent[4])
	require.Len(t, byExponent, 4, "only 0, 2, 3 and 4 decimals exist")
	// ISO's list of 2026 has 178 codes, 13 of them without minor units.
	require.Len(t, money.Currencies(), 165)
	for _, c := range []money.Currency{"INR", "USD", "EUR", "GBP", "AED", "SGD", "XCG", "ZWG"} {
		require.Contains(t, byExponent[2], c)
	}
}

func TestCurrencies(t *testing.T) {
	t.Parallel()
	all := money.Currencies()
	require.True(t, slices.IsSorted(all))
	for _, c := range all {
		require.Regexp(t, regexp.MustCompile(`^[A-Z]{3}$`), string(c))
	}
	all[0] = "ZZZ"
	require.NotEqual(t, all[0], money.Currencies()[0], "a caller may change its copy")
}

func TestUnknownCurrency(t *testing.T) {
	t.Parallel()
	for _, c := range []money.Currency{"", "inr", "ZZZ", "XAU", "XXX", "HRK"} {
		require.False(t, c.Known(), c)
		require.Equal(t, -1, c.Exponent(), c)
	}
}

func TestParseCurrency(t *testing.T) {
	t.Parallel()
	for _, code := range money.Currencies() {
		c, err := money.ParseCurrency(string(code))
		require.NoError(t, err)
		require.Equal(t, code, c)
	}
	refused := map[string]string{
		"":         "three letters",
		"INRX":     "three letters",
		" INR":     "three letters",
		"₹":        "is unknown",
		"ZZZ":      "is unknown",
		"inr":      "write \"inr\" in upper case: INR",
		"Usd":      "write \"Usd\" in upper case: USD",
		"\x00\xff": "three letters",
	}
	for code, message := range refused {
		_, err := money.ParseCurrency(code)
		require.ErrorIs(t, err, money.ErrCurrency, code)
		require.ErrorContains(t, err, message)
	}
}
