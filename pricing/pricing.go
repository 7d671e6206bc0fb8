// Package pricing turns wanted items into a quote: lines and totals. Discounts,
// shipping and taxes have their places in the quote. It is pure. It must not know
// stock, payments, stores or clocks: a quote depends on its arguments alone.
package pricing

import (
	"fmt"

	"kassa/checkout"
	"kassa/money"
)

// Price quotes items in a currency at the products' prices. Items name each SKU
// once. A SKU that is unknown, inactive or has no price in the currency is
// refused with its place in the list.
func Price(currency money.Currency, items []checkout.Item, product func(sku string) *checkout.Product) (checkout.Quote, error) {
	quote := checkout.Quote{Currency: currency, Lines: make([]checkout.QuoteLine, 0, len(items))}
	total := money.New(0, currency)
	for i, item := range items {
		line, err := priceLine(currency, item, product(item.SKU))
		if err != nil {
			return checkout.Quote{}, checkout.Invalid(fmt.Sprintf("items[%d].sku", i), "%s", err)
		}
		if total, err = total.Add(money.New(line.Total, currency)); err != nil {
			return checkout.Quote{}, checkout.Invalid("items", "the total is more than can be charged")
		}
		quote.Lines = append(quote.Lines, line)
	}
	quote.Subtotal = total.Minor
	quote.Total = total.Minor
	return quote, nil
}

func priceLine(currency money.Currency, item checkout.Item, p *checkout.Product) (checkout.QuoteLine, error) {
	if p == nil || !p.Active {
		return checkout.QuoteLine{}, fmt.Errorf("there is no product %q on sale", item.SKU)
	}
	unit, ok := p.Prices[currency]
	if !ok {
		return checkout.QuoteLine{}, fmt.Errorf("%q has no price in %s", item.SKU, currency)
	}
	total, err := money.New(unit, currency).Mul(item.Qty)
	if err != nil {
		return checkout.QuoteLine{}, fmt.Errorf("the price of %d is more than can be charged", item.Qty)
	}
	return checkout.QuoteLine{
		SKU: p.SKU, Name: p.Name, TaxCode: p.TaxCode, Qty: item.Qty, UnitPrice: unit, Total: total.Minor,
	}, nil
}
