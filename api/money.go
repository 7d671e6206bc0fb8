package api

import (
	"github.com/danielgtaylor/huma/v2"

	"kassa/money"
)

// amount is a request's amount as the client wrote it, a JSON number or a string
// in major units. It never passes through a float: validation looks at its type
// alone, and the literal's text is what is parsed.
type amount struct{ money.Literal }

// Schema documents an amount.
func (amount) Schema(huma.Registry) *huma.Schema {
	longest := 40
	return &huma.Schema{
		OneOf: []*huma.Schema{
			{Type: huma.TypeString, Pattern: `^[0-9]+(\.[0-9]+)?$`, MaxLength: &longest},
			{Type: huma.TypeNumber, Minimum: new(float64)},
		},
		Description: "An amount in major units, as a number or a string. More decimals than the currency has are refused, never rounded.",
		Examples:    []any{"999.00"},
	}
}

// text writes minor units as a decimal string with the currency's own digits.
func text(minor int64, currency money.Currency) string {
	return money.New(minor, currency).String()
}
