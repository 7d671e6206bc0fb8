package api

import (
	"context"
	"encoding/base64"
	"net/http"
	"strings"
	"time"

	"kassa/checkout"
	"kassa/money"
	"kassa/saga"
)

func (s *server) products() {
	handle(s, route{
		method: http.MethodPut, path: "/products/{sku}", tag: "Products", scope: serverOnly,
		id: "saveProduct", summary: "Make or replace a product", about: "Later changes of price never touch an order. A new product has no stock yet: adjust its inventory.",
		statuses: []int{http.StatusOK, http.StatusCreated},
	}, s.saveProduct)
	handle(s, route{
		method: http.MethodGet, path: "/products", tag: "Products", scope: serverOnly,
		id: "listProducts", summary: "List products by SKU", statuses: []int{http.StatusOK},
	}, s.listProducts)
}

type saveProductInput struct {
	SKU  string `path:"sku" minLength:"1" maxLength:"64" pattern:"^[!-~]+$" patternDescription:"1 to 64 printable ASCII characters without spaces"`
	Body struct {
		SKU     string            `json:"sku,omitempty" doc:"Where given, it must equal the path's."`
		Name    string            `json:"name" maxLength:"200" pattern:"\\S" patternDescription:"more than spaces"`
		Prices  map[string]amount `json:"prices" minProperties:"1" maxProperties:"50" doc:"By currency, such as {\"INR\": \"499.50\"}."`
		TaxCode string            `json:"tax_code,omitempty" maxLength:"32" doc:"HSN or SAC in India."`
		WeightG int64             `json:"weight_g,omitempty" minimum:"0" maximum:"100000000" doc:"Grams of one unit."`
		Image   string            `json:"image,omitempty" maxLength:"2048" doc:"The http or https address of a picture, or the picture itself as a data:image/ URI."`
		Active  *bool             `json:"active,omitempty" doc:"Whether it is on sale; true by default."`
	}
}

type productBody struct {
	SKU       string            `json:"sku"`
	Name      string            `json:"name"`
	Prices    map[string]string `json:"prices" doc:"By currency."`
	TaxCode   string            `json:"tax_code,omitempty"`
	WeightG   int64             `json:"weight_g"`
	Image     string            `json:"image,omitempty"`
	Active    bool              `json:"active"`
	CreatedAt time.Time         `json:"created_at"`
	UpdatedAt time.Time         `json:"updated_at"`
}

func (s *server) saveProduct(ctx context.Context, in *saveProductInput) (answer[productBody], error) {
	b := in.Body
	if b.SKU != "" && b.SKU != in.SKU {
		return answer[productBody]{}, checkout.Invalid("sku", "must equal the path's")
	}
	if err := imageAddress("image", b.Image); err != nil {
		return answer[productBody]{}, err
	}
	prices, err := readPrices(b.Prices)
	if err != nil {
		return answer[productBody]{}, err
	}
	result, err := s.do(ctx, saga.SaveProduct{Product: checkout.Product{
		SKU: in.SKU, Name: b.Name, Prices: prices, TaxCode: b.TaxCode, WeightG: b.WeightG, Image: b.Image,
		Active: b.Active == nil || *b.Active,
	}})
	if err != nil {
		return answer[productBody]{}, err
	}
	status := http.StatusCreated
	if result.Existing {
		status = http.StatusOK
	}
	return answer[productBody]{status: status, body: renderProduct(result.Product)}, nil
}

// imageAddress checks where a page may take a picture from.
func imageAddress(field, given string) error {
	if picture, ok := strings.CutPrefix(given, "data:image/"); ok && strings.Contains(picture, ",") {
		return nil
	}
	if webAddress(field, given) != nil {
		return checkout.Invalid(field, "must be a whole address that begins with https:// or http://, or a data:image/ URI")
	}
	return nil
}

func readPrices(in map[string]amount) (map[money.Currency]int64, error) {
	prices := map[money.Currency]int64{}
	for code, literal := range in {
		currency, err := money.ParseCurrency(code)
		if err != nil {
			return nil, checkout.Invalid("prices", "%q is no ISO 4217 code such as INR", shown(code))
		}
		price, err := literal.Money(currency)
		switch {
		case err != nil:
			return nil, checkout.Invalid("prices."+code, "%s", err)
		case price.IsNegative() || price.Minor > checkout.MaxPrice:
			return nil, checkout.Invalid("prices."+code, "must be between 0 and %s", text(checkout.MaxPrice, currency))
		}
		prices[currency] = price.Minor
	}
	return prices, nil
}

func renderProduct(p *checkout.Product) productBody {
	body := productBody{
		SKU: p.SKU, Name: p.Name, Prices: map[string]string{}, TaxCode: p.TaxCode, WeightG: p.WeightG, Image: p.Image,
		Active: p.Active, CreatedAt: instant(p.CreatedAt), UpdatedAt: instant(p.UpdatedAt),
	}
	for currency, minor := range p.Prices {
		body.Prices[string(currency)] = text(minor, currency)
	}
	return body
}

// Page is how a list is walked.
type Page struct {
	Cursor string `query:"cursor" maxLength:"512" doc:"The next_cursor of the page before."`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50" doc:"Entries on a page."`
}

// list is a page of entries.
type list[B any] struct {
	Items      []B     `json:"items"`
	NextCursor *string `json:"next_cursor" doc:"Names the next page; null on the last one."`
}

// cursor reads where the page before ended; "" at the beginning.
func (p Page) cursor() (string, error) {
	raw, err := base64.RawURLEncoding.DecodeString(p.Cursor)
	if err != nil {
		return "", checkout.Invalid("cursor", "must be the next_cursor of a page")
	}
	return string(raw), nil
}

// cursorID reads where the page before ended, of lists by id.
func (p Page) cursorID() (checkout.ID, error) {
	raw, err := p.cursor()
	var id checkout.ID
	if err != nil || raw != "" && len(raw) != len(id) {
		return id, checkout.Invalid("cursor", "must be the next_cursor of a page")
	}
	copy(id[:], raw)
	return id, nil
}

// page renders up to limit rows of limit+1 that were read, and the cursor to the
// rest.
func page[R, B any](rows []R, limit int, render func(R) B, key func(R) string) list[B] {
	out := list[B]{Items: make([]B, 0, min(len(rows), limit))}
	for i, row := range rows {
		if i == limit {
			next := base64.RawURLEncoding.EncodeToString([]byte(key(rows[i-1])))
			out.NextCursor = &next
			break
		}
		out.Items = append(out.Items, render(row))
	}
	return out
}

type listProductsInput struct{ Page }

func (s *server) listProducts(ctx context.Context, in *listProductsInput) (answer[list[productBody]], error) {
	after, err := in.cursor()
	if err != nil {
		return answer[list[productBody]]{}, err
	}
	rows, err := s.Reader.Products(ctx, after, in.Limit+1)
	if err != nil {
		return answer[list[productBody]]{}, err
	}
	return answer[list[productBody]]{
		status: http.StatusOK,
		body:   page(rows, in.Limit, renderProduct, func(p *checkout.Product) string { return p.SKU }),
	}, nil
}
