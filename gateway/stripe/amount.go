package stripe

import (
	"fmt"
	"slices"
	"strings"

	"github.com/stripe/stripe-go/v85"

	"kassa/money"
)

// oddExponents are Stripe's decimals where they are not those of ISO 4217: the
// ariary is charged in whole units, the krona and the Ugandan shilling are still
// written with two zeros. Source: docs.stripe.com/currencies, "Zero-decimal
// currencies" and "Special cases".
var oddExponents = map[money.Currency]int{"MGA": 0, "ISK": 2, "UGX": 2}

// notCharged are funds, units of account, and currencies that Stripe takes no
// payments in. Source: docs.stripe.com/currencies and the Currency values of
// stripe-go v85. A Config may name one all the same, when Stripe has moved on.
var notCharged = []money.Currency{
	"BOV", "BTN", "CHE", "CHW", "CLF", "COU", "CUP", "ERN", "GHS", "IQD", "IRR", "KPW", "LYD", "MRU", "MXV", "SDG",
	"SSP", "STN", "SYP", "TMT", "USN", "UYI", "UYW", "VED", "VES", "XAD", "XCG", "ZWG",
}

// plainCurrencies are those that need no care: Stripe writes their amounts as
// ISO 4217 does, and takes every amount. Three-decimal ones must end in 0.
func plainCurrencies() []money.Currency {
	return slices.DeleteFunc(money.Currencies(), func(c money.Currency) bool {
		_, odd := oddExponents[c]
		return odd || c.Exponent() > 2 || slices.Contains(notCharged, c)
	})
}

// representable tells whether Stripe's amounts can express a currency at all.
func representable(c money.Currency) bool { return c.Known() && c.Exponent() <= 3 }

// wireMoney is an amount as Stripe writes it, with its currency in lower case.
type wireMoney struct {
	minor    int64
	currency string
}

// toWire writes an amount. It fails where Stripe could not charge exactly that.
func toWire(m money.Money) (wireMoney, error) {
	if !representable(m.Currency) {
		return wireMoney{}, fmt.Errorf("currency %q cannot be charged at Stripe", m.Currency)
	}
	if m.Minor <= 0 {
		return wireMoney{}, fmt.Errorf("amount %s %s is not above zero", m, m.Currency)
	}
	amount := m.Minor
	switch shift := wireExponent(m.Currency) - m.Currency.Exponent(); {
	case shift > 0 && amount > maxWire/100:
		return wireMoney{}, fmt.Errorf("amount %s %s is beyond what Stripe can be told", m, m.Currency)
	case shift > 0:
		amount *= 100
	case shift < 0 && amount%100 != 0:
		return wireMoney{}, fmt.Errorf("amount %s %s has decimals and Stripe charges none in %s", m, m.Currency, m.Currency)
	case shift < 0:
		amount /= 100
	case m.Currency.Exponent() == 3 && amount%10 != 0:
		return wireMoney{}, fmt.Errorf("amount %s %s must end in 0: Stripe takes two of the three decimals", m, m.Currency)
	}
	if amount > maxWire {
		return wireMoney{}, fmt.Errorf("amount %s %s is beyond what Stripe can be told", m, m.Currency)
	}
	return wireMoney{amount, strings.ToLower(string(m.Currency))}, nil
}

// maxWire is the most that Stripe takes in any currency: twelve digits.
const maxWire = 999_999_999_999

// fromWire reads an amount of Stripe's.
func fromWire(amount int64, currency stripe.Currency) money.Money {
	c := money.Currency(strings.ToUpper(string(currency)))
	switch shift := wireExponent(c) - c.Exponent(); {
	case !c.Known() || shift == 0:
		return money.New(amount, c)
	case shift > 0:
		return money.New(amount/100, c) // Stripe refuses what is no multiple of 100
	default:
		return money.New(amount*100, c)
	}
}

// wireExponent is how many decimals Stripe writes.
func wireExponent(c money.Currency) int {
	if decimals, odd := oddExponents[c]; odd {
		return decimals
	}
	return c.Exponent()
}
