package money

import (
	"fmt"
	"strconv"
	"strings"
)

const (
	// maxChars bounds the text Parse reads: the largest amount has 21
	// characters, the rest is room for trailing zeros and an exponent.
	maxChars = 40
	// maxExponent bounds the e-notation: beyond it no text of maxChars can be
	// an amount of any currency, unless it is a zero.
	maxExponent = 60
)

// DigitsError reports an amount with more decimals than its currency has. Such
// an amount is refused, never rounded.
type DigitsError struct {
	Text     string   // the amount as written
	Currency Currency // the currency it was read in
	Excess   int      // decimals too many, trailing zeros not counted
}

// Error names the amount, the currency and what is too much.
func (e *DigitsError) Error() string {
	decimals, excess := "no decimals", "one"
	if places := e.Currency.Exponent(); places > 0 {
		decimals = strconv.Itoa(places) + " decimals"
	}
	if e.Excess != 1 {
		excess = strconv.Itoa(e.Excess)
	}
	return fmt.Sprintf("%s has %s: %s has %s too many", e.Currency, decimals, e.Text, excess)
}

// Parse reads an amount in major units, written as JSON writes numbers: "999",
// "999.00", "-0.5", "9.99e2". The value is exact; zeros at the end do not count
// as decimals. It fails with ErrSyntax, with ErrCurrency for an unknown
// currency, with ErrOverflow, or with a *DigitsError when the currency has
// fewer decimals than the text needs. Whether a negative amount makes sense is
// the caller's to say.
func Parse(text string, c Currency) (Money, error) {
	places := c.Exponent()
	if places < 0 {
		return Money{}, fmt.Errorf("%w: %q is unknown, so its decimals are too", ErrCurrency, c)
	}
	d, err := scan(text)
	if err != nil {
		return Money{}, err
	}
	var buffer [maxChars]byte
	all := append(append(buffer[:0], d.whole...), d.fraction...)
	digits, zeros := trimZeros(all)
	if len(digits) == 0 {
		return New(0, c), nil
	}
	shift := places + d.exponent - len(d.fraction) + zeros
	if shift < 0 {
		return Money{}, &DigitsError{Text: text, Currency: c, Excess: -shift}
	}
	minor, ok := scale(digits, shift, d.negative)
	if !ok {
		return Money{}, fmt.Errorf("%w: more %s than can be counted", ErrOverflow, c)
	}
	return New(minor, c), nil
}

// decimal is a number's text, taken apart.
type decimal struct {
	negative        bool
	whole, fraction string
	exponent        int
}

// scan takes text apart by JSON's number grammar. Its errors do not repeat the
// text, which may be anything a client sent.
func scan(text string) (decimal, error) {
	if len(text) > maxChars {
		return decimal{}, fmt.Errorf("%w: longer than %d characters", ErrSyntax, maxChars)
	}
	var d decimal
	rest, negative := strings.CutPrefix(text, "-")
	d.negative = negative
	d.whole, rest = cutDigits(rest)
	if d.whole == "" {
		return decimal{}, fmt.Errorf("%w: it must begin with a digit or a minus and a digit", ErrSyntax)
	}
	if len(d.whole) > 1 && d.whole[0] == '0' {
		return decimal{}, fmt.Errorf("%w: drop the zeros in front", ErrSyntax)
	}
	if after, found := strings.CutPrefix(rest, "."); found {
		if d.fraction, rest = cutDigits(after); d.fraction == "" {
			return decimal{}, fmt.Errorf("%w: a digit must follow the point", ErrSyntax)
		}
	}
	var err error
	d.exponent, err = scanExponent(rest)
	return d, err
}

// scanExponent reads what follows the digits: nothing, or e and an integer.
func scanExponent(rest string) (int, error) {
	if rest == "" {
		return 0, nil
	}
	if rest[0] != 'e' && rest[0] != 'E' {
		return 0, fmt.Errorf("%w: write digits and one point only, such as 1999.50", ErrSyntax)
	}
	exponent, err := strconv.Atoi(rest[1:])
	if err != nil || exponent < -maxExponent || exponent > maxExponent {
		return 0, fmt.Errorf("%w: the exponent must be a whole number within %d", ErrSyntax, maxExponent)
	}
	return exponent, nil
}

func cutDigits(s string) (digits, rest string) {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return s[:n], s[n:]
}

// trimZeros drops the zeros on both sides and counts those at the end.
func trimZeros(digits []byte) (trimmed []byte, trailing int) {
	for len(digits) > 0 && digits[0] == '0' {
		digits = digits[1:]
	}
	for len(digits) > 0 && digits[len(digits)-1] == '0' {
		digits = digits[:len(digits)-1]
		trailing++
	}
	return digits, trailing
}

// scale returns digits with shift zeros behind them as a number; ok is false
// when it does not fit.
func scale(digits []byte, shift int, negative bool) (n int64, ok bool) {
	const maxDigits = 19 // of an int64; as many always fit a uint64
	if len(digits)+shift > maxDigits {
		return 0, false
	}
	var value uint64
	for _, digit := range digits {
		value = value*10 + uint64(digit-'0')
	}
	return signed(value*pow10(shift), negative)
}
