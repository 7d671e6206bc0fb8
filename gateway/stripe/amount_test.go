package stripe

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/stripe/stripe-go/v85"
	"pgregory.net/rapid"

	"kassa/money"
)

func TestToWire(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		amount money.Money
		want   wireMoney
	}{
		"two decimals":                 {money.New(129950, "INR"), wireMoney{129950, "inr"}},
		"no decimals":                  {money.New(500, "JPY"), wireMoney{500, "jpy"}},
		"three decimals, last one 0":   {money.New(1230, "KWD"), wireMoney{1230, "kwd"}},
		"krona, written with decimals": {money.New(5, "ISK"), wireMoney{500, "isk"}},
		"shilling, the same":           {money.New(5, "UGX"), wireMoney{500, "ugx"}},
		"ariary, written without":      {money.New(4500, "MGA"), wireMoney{45, "mga"}},
		"the least":                    {money.New(1, "USD"), wireMoney{1, "usd"}},
		"the most":                     {money.New(maxWire, "USD"), wireMoney{maxWire, "usd"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := toWire(c.amount)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
			require.Equal(t, c.amount, fromWire(got.minor, stripe.Currency(got.currency)))
		})
	}
}

func TestToWireRefuses(t *testing.T) {
	t.Parallel()
	for name, amount := range map[string]money.Money{
		"nothing":                        money.New(0, "INR"),
		"less than nothing":              money.New(-1, "INR"),
		"three decimals, last one not 0": money.New(1234, "KWD"),
		"a part of an ariary":            money.New(4550, "MGA"),
		"too much":                       money.New(maxWire+1, "USD"),
		"too much once written":          money.New(maxWire, "ISK"),
		"four decimals":                  money.New(10000, "CLF"),
		"no currency":                    money.New(100, "ABC"),
		"lower case":                     money.New(100, "inr"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := toWire(amount)
			require.Error(t, err)
		})
	}
}

// What can be told to Stripe comes back unchanged, in every currency.
func TestWireIsExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		amount := money.New(rapid.Int64().Draw(t, "minor"), rapid.SampledFrom(money.Currencies()).Draw(t, "currency"))
		wire, err := toWire(amount)
		if err == nil && fromWire(wire.minor, stripe.Currency(wire.currency)) != amount {
			t.Fatalf("%v went out as %v and came back as another amount", amount, wire)
		}
	})
}

func TestPlainCurrencies(t *testing.T) {
	t.Parallel()
	plain := plainCurrencies()
	for _, c := range []money.Currency{"INR", "USD", "EUR", "JPY", "HUF"} {
		require.Contains(t, plain, c)
	}
	for _, c := range []money.Currency{"ISK", "UGX", "MGA", "KWD", "CLF", "XCG"} {
		require.NotContains(t, plain, c)
	}
	for _, c := range plain {
		wire, err := toWire(money.New(100, c))
		require.NoError(t, err)
		require.EqualValues(t, 100, wire.minor, "%s needs no care", c)
	}
}
