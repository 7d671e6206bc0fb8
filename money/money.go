// Package money holds exact amounts: whole minor units (paise, cents, yen) of
// one ISO 4217 currency. It parses and prints decimal text, adds, compares and
// splits amounts without losing a unit.
//
// It must not know floats, rates, exchange, rounding policy, locales or the
// shape of any API. It does no I/O and reads no clock.
package money

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strconv"
)

var (
	// ErrCurrency reports a code that is not in the table, or two amounts
	// whose currencies differ.
	ErrCurrency = errors.New("money: wrong currency")
	// ErrOverflow reports a result beyond the 64 bits of minor units.
	ErrOverflow = errors.New("money: amount out of range")
	// ErrSyntax reports text that is not a decimal number.
	ErrSyntax = errors.New("money: not a decimal number")
)

// Money is an amount in minor units of a currency: {99900, "INR"} is 999 rupees.
// Two values are equal (==) when both fields are. The zero value has no
// currency and mixes with none.
type Money struct {
	Minor    int64
	Currency Currency
}

// New returns minor units of c. It does not check that c is known.
func New(minor int64, c Currency) Money {
	return Money{Minor: minor, Currency: c}
}

// String returns the amount in major units with the currency's own digits and
// without its code: "999.00", "-0.50", JPY "999", KWD "9.990". Of an unknown
// currency it returns the minor units, since it cannot place the point.
func (m Money) String() string {
	places := max(m.Currency.Exponent(), 0)
	var buffer [24]byte // a sign, at most 19 digits, a point
	out := buffer[:0]
	if m.IsNegative() {
		out = append(out, '-')
	}
	unit := pow10(places)
	whole, part := magnitude(m.Minor)/unit, magnitude(m.Minor)%unit
	out = strconv.AppendUint(out, whole, 10)
	if places == 0 {
		return string(out)
	}
	point := len(out)
	// unit+part always has places+1 digits; its leading 1 becomes the point.
	out = strconv.AppendUint(out, unit+part, 10)
	out[point] = '.'
	return string(out)
}

// Add returns m + o. It fails with ErrCurrency when the currencies differ and
// with ErrOverflow when the sum does not fit.
func (m Money) Add(o Money) (Money, error) {
	if err := m.sameCurrency(o); err != nil {
		return Money{}, err
	}
	sum := m.Minor + o.Minor
	if (sum > m.Minor) != (o.Minor > 0) {
		return Money{}, fmt.Errorf("%w: %s + %s %s", ErrOverflow, m, o, m.Currency)
	}
	return New(sum, m.Currency), nil
}

// Sub returns m - o. It fails as Add does.
func (m Money) Sub(o Money) (Money, error) {
	if err := m.sameCurrency(o); err != nil {
		return Money{}, err
	}
	difference := m.Minor - o.Minor
	if (difference < m.Minor) != (o.Minor > 0) {
		return Money{}, fmt.Errorf("%w: %s - %s %s", ErrOverflow, m, o, m.Currency)
	}
	return New(difference, m.Currency), nil
}

// Mul returns m times n, for a quantity of n. It fails with ErrOverflow when
// the product does not fit.
func (m Money) Mul(n int64) (Money, error) {
	negative := (m.Minor < 0) != (n < 0)
	high, low := bits.Mul64(magnitude(m.Minor), magnitude(n))
	product, ok := signed(low, negative)
	if high != 0 || !ok {
		return Money{}, fmt.Errorf("%w: %s %s times %d", ErrOverflow, m, m.Currency, n)
	}
	return New(product, m.Currency), nil
}

// IsZero reports whether the amount is nothing, in whatever currency.
func (m Money) IsZero() bool { return m.Minor == 0 }

// IsNegative reports whether the amount is below zero.
func (m Money) IsNegative() bool { return m.Minor < 0 }

// Cmp returns -1, 0 or 1 as m is less than, equal to or more than o. It fails
// with ErrCurrency when the currencies differ.
func (m Money) Cmp(o Money) (int, error) {
	if err := m.sameCurrency(o); err != nil {
		return 0, err
	}
	return cmp.Compare(m.Minor, o.Minor), nil
}

func (m Money) sameCurrency(o Money) error {
	if m.Currency != o.Currency {
		return fmt.Errorf("%w: %q and %q do not mix", ErrCurrency, m.Currency, o.Currency)
	}
	return nil
}

// magnitude is |n|, which for the smallest int64 fits only an unsigned.
func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}

// signed gives a magnitude its sign back; ok is false when it does not fit.
func signed(u uint64, negative bool) (n int64, ok bool) {
	if negative {
		return -int64(u), u <= -math.MinInt64
	}
	return int64(u), u <= math.MaxInt64
}

func pow10(n int) uint64 {
	power := uint64(1)
	for range n {
		power *= 10
	}
	return power
}
