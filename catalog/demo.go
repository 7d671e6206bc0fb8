package catalog

import (
	"bytes"
	"embed"
	"encoding/base64"
	"encoding/csv"
	"fmt"
	"strconv"

	"kassa/checkout"
	"kassa/money"
)

// demoFiles is the demo's shop: a line for each product, and drawings, each of
// which takes a product's tint.
//
//go:embed demo
var demoFiles embed.FS

// Stock is how many units of a demo product there are at first.
type Stock struct {
	SKU string
	Qty int64
}

// Demo returns the demo's products, all of them on sale.
func Demo() ([]checkout.Product, error) {
	rows, err := demoRows()
	if err != nil {
		return nil, err
	}
	products := make([]checkout.Product, len(rows))
	for i, row := range rows {
		if products[i], err = row.product(); err != nil {
			return nil, fmt.Errorf("catalog: demo product %q: %w", row["sku"], err)
		}
	}
	return products, nil
}

// DemoStock returns what the demo's warehouse has of each product at first, in
// the order of Demo. Some products are nearly sold out, and one is.
func DemoStock() ([]Stock, error) {
	rows, err := demoRows()
	if err != nil {
		return nil, err
	}
	stock := make([]Stock, len(rows))
	for i, row := range rows {
		qty, err := strconv.ParseInt(row["stock"], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("catalog: stock of demo product %q: %w", row["sku"], err)
		}
		stock[i] = Stock{SKU: row["sku"], Qty: qty}
	}
	return stock, nil
}

// demoRow is one line of the demo's list by the names of its columns.
type demoRow map[string]string

func demoRows() ([]demoRow, error) {
	text, err := demoFiles.ReadFile("demo/products.csv")
	if err != nil {
		return nil, fmt.Errorf("catalog: demo products: %w", err)
	}
	lines, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("catalog: demo products: %w", err)
	}
	rows := make([]demoRow, 0, len(lines)-1)
	for _, line := range lines[1:] {
		row := demoRow{}
		for i, column := range lines[0] {
			row[column] = line[i]
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func (r demoRow) product() (checkout.Product, error) {
	p := checkout.Product{
		SKU: r["sku"], Name: r["name"], TaxCode: r["tax_code"], Prices: map[money.Currency]int64{}, Active: true,
	}
	for _, currency := range []money.Currency{"INR", "USD", "EUR", "JPY"} {
		price, err := money.Parse(r[string(currency)], currency)
		if err != nil {
			return p, fmt.Errorf("price in %s: %w", currency, err)
		}
		p.Prices[currency] = price.Minor
	}
	var err error
	if p.WeightG, err = strconv.ParseInt(r["weight_g"], 10, 64); err != nil {
		return p, fmt.Errorf("weight: %w", err)
	}
	p.Image, err = picture(r["art"], r["tint"])
	return p, err
}

// picture is a drawing in a product's tint as a data URI, so that the shop needs
// no other host.
func picture(art, tint string) (string, error) {
	svg, err := demoFiles.ReadFile("demo/art/" + art + ".svg")
	if err != nil {
		return "", fmt.Errorf("drawing: %w", err)
	}
	svg = bytes.Replace(bytes.TrimSpace(svg), []byte(`color="gray"`), []byte(`color="`+tint+`"`), 1)
	return "data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString(svg), nil
}
