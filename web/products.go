package web

import (
	"encoding/json"
	"net/http"

	"kassa/inventory"
	"kassa/money"
)

// maxProducts bounds the demo's list; a real shop has pages of its own.
const maxProducts = 500

// product is what a buyer may know of a product. The API's own list is for
// servers: it has what is not on sale too.
type product struct {
	SKU       string            `json:"sku"`
	Name      string            `json:"name"`
	Prices    map[string]string `json:"prices"`
	Image     string            `json:"image,omitempty"`
	Available int64             `json:"available_qty"`
}

// listProducts lists what is on sale, with what is left of it.
func (c Config) listProducts(w http.ResponseWriter, r *http.Request) {
	items := []product{}
	rows, err := c.Reader.Products(r.Context(), "", maxProducts)
	for i := 0; i < len(rows) && err == nil; i++ {
		if !rows[i].Active {
			continue
		}
		p := product{SKU: rows[i].SKU, Name: rows[i].Name, Image: rows[i].Image, Prices: map[string]string{}}
		for currency, minor := range rows[i].Prices {
			p.Prices[string(currency)] = money.New(minor, currency).String()
		}
		levels, levelsErr := c.Reader.Levels(r.Context(), p.SKU)
		p.Available, err = inventory.Available(levels), levelsErr
		items = append(items, p)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(`{"code":"overloaded","detail":"the products cannot be read now; try again"}`))
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"items": items}) // the buyer may be gone
}
