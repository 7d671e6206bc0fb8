// Package web is the demo's shop: a few pages and scripts that take a buyer from
// the catalogue to a confirmed order. The server renders shells and lists the
// products; all that a buyer does goes through the JSON API alone, with a
// storefront key, as any shop's own pages would.
//
// It must not know the engine or the gateways, it reads the store and never
// writes, and it holds no state: a buyer's basket and order tokens live in the
// buyer's browser.
package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strings"

	"kassa/checkout"
	"kassa/money"
	"kassa/store"
)

//go:embed pages assets
var files embed.FS

// Config says whose shop it is.
type Config struct {
	StorefrontKey string // pk_…; every visitor can read it
	Currency      string // shown first; INR by default
	Title         string // of the shop; "Kassa" by default
	Reader        store.Reader
	// Methods of payment that are offered; card always is.
	Methods []checkout.Method
}

// Offers tells a page whether to show a method.
func (c Config) Offers(method checkout.Method) bool { return slices.Contains(c.Methods, method) }

// New makes the shop's pages, to be mounted at "/". It refuses a server key,
// which must never reach a browser.
func New(cfg Config) (http.Handler, error) {
	if !strings.HasPrefix(cfg.StorefrontKey, "pk_") {
		return nil, fmt.Errorf("web: the shop's pages need a storefront key (pk_…): whatever they have is public")
	}
	if cfg.Currency == "" {
		cfg.Currency = "INR"
	}
	if _, err := money.ParseCurrency(cfg.Currency); err != nil {
		return nil, fmt.Errorf("web: currency of the shop: %w", err)
	}
	if cfg.Title == "" {
		cfg.Title = "Kassa"
	}
	mux := http.NewServeMux()
	for pattern, name := range map[string]string{
		"GET /{$}": "shop", "GET /checkout": "checkout", "GET /pay/{order_id}": "pay", "GET /return": "return", "GET /": "missing",
	} {
		page, err := render(name, cfg)
		if err != nil {
			return nil, err
		}
		mux.Handle(pattern, page)
	}
	mux.HandleFunc("GET /shop/products", cfg.listProducts)
	return mux, addAssets(mux)
}

// document is a response that never changes.
type document struct {
	contentType string
	etag        string
	body        []byte
	status      int
}

func newDocument(contentType string, body []byte) *document {
	sum := sha256.Sum256(body)
	return &document{contentType: contentType, etag: `"` + hex.EncodeToString(sum[:8]) + `"`, body: body, status: http.StatusOK}
}

// policy lets a page load nothing but its own files and pictures, and talk to
// nobody but the API. A form may go to a gateway: some take the buyer over by a
// POST.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: https:; connect-src 'self'; " +
	"form-action 'self' https: http://127.0.0.1:* http://localhost:*; frame-ancestors 'none'; base-uri 'none'"

func (d *document) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer") // a page's address may carry an order's token
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", d.etag)
	if r.Header.Get("If-None-Match") == d.etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", d.contentType)
	w.WriteHeader(d.status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(d.body) // the buyer may be gone
	}
}

// render fills the frame that all pages share with one page's content.
func render(name string, cfg Config) (*document, error) {
	page, err := template.ParseFS(files, "pages/frame.html", "pages/"+name+".html")
	if err != nil {
		return nil, fmt.Errorf("web: page %s: %w", name, err)
	}
	var body bytes.Buffer
	if err := page.ExecuteTemplate(&body, "frame.html", cfg); err != nil {
		return nil, fmt.Errorf("web: page %s: %w", name, err)
	}
	doc := newDocument("text/html; charset=utf-8", body.Bytes())
	if name == "missing" {
		doc.status = http.StatusNotFound
	}
	return doc, nil
}

func addAssets(mux *http.ServeMux) error {
	names, err := fs.Glob(files, "assets/*")
	if err != nil {
		return fmt.Errorf("web: assets: %w", err)
	}
	for _, name := range names {
		body, err := files.ReadFile(name)
		if err != nil {
			return fmt.Errorf("web: asset %s: %w", name, err)
		}
		mux.Handle("GET /"+name, newDocument(contentType(name), body))
	}
	return nil
}

// contentType does not ask the machine's own table for what the shop has: a
// script of a wrong type is not run.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return "application/octet-stream"
}
