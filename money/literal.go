package money

import (
	"encoding/json"
	"fmt"
)

// Literal is a request's amount exactly as the client wrote it: a JSON number
// or the content of a JSON string. It never passes through a float.
type Literal string

// UnmarshalJSON keeps a number's text or a string's content. Anything else,
// null included, fails with ErrSyntax. Whether the text is an amount is for
// Money to say, which knows the currency.
func (l *Literal) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err == nil && data[0] == '"' {
		*l = Literal(text)
		return nil
	}
	var number json.Number
	if err := json.Unmarshal(data, &number); err != nil || number == "" {
		return fmt.Errorf("%w: an amount is a JSON number or a string", ErrSyntax)
	}
	*l = Literal(number)
	return nil
}

// MarshalJSON writes the literal as a JSON string, whatever it was read from.
func (l Literal) MarshalJSON() ([]byte, error) {
	return json.Marshal(string(l))
}

// Money reads the literal as an amount of c; it fails as Parse does.
func (l Literal) Money(c Currency) (Money, error) {
	return Parse(string(l), c)
}
