package web_test

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/money"
	"kassa/store"
	"kassa/store/memory"
	"kassa/web"
)

var pages = []string{"/", "/checkout", "/pay/0198c0de-0000-7000-8000-000000000001", "/return?order=x", "/no/such/page"}

func shop(t *testing.T) http.Handler {
	t.Helper()
	handler, err := web.New(web.Config{StorefrontKey: "pk_demo", Currency: "INR", Title: "A shop"})
	require.NoError(t, err)
	return handler
}

func TestProductsOnSaleAreListedWithWhatIsLeft(t *testing.T) {
	t.Parallel()
	s := memory.New(memory.Config{})
	tx, err := s.Begin(t.Context())
	require.NoError(t, err)
	require.NoError(t, tx.Commit(t.Context(), &store.Save{
		BatchID: checkout.ID{1},
		NewProducts: []*checkout.Product{
			{SKU: "HIDDEN", Name: "Not on sale", Prices: map[money.Currency]int64{"INR": 100}},
			{SKU: "MUG", Name: "Mug <1>", Active: true, Prices: map[money.Currency]int64{"INR": 49950, "JPY": 900}},
		},
		NewLevels: []checkout.Level{{SKU: "MUG", Warehouse: "main", Available: 3, Received: 3}},
	}))
	handler, err := web.New(web.Config{StorefrontKey: "pk_demo", Reader: s})
	require.NoError(t, err)
	answer := get(t, handler, "/shop/products")
	require.Equal(t, http.StatusOK, answer.Code)
	require.JSONEq(t, `{"items":[{"sku":"MUG","name":"Mug <1>","prices":{"INR":"499.50","JPY":"900"},"available_qty":3}]}`, answer.Body.String())
}

func get(t *testing.T, handler http.Handler, target string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	request := httptest.NewRequest(http.MethodGet, target, nil)
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, request)
	return answer
}

func TestPages(t *testing.T) {
	t.Parallel()
	for target, says := range map[string]string{
		"/": "Your basket", "/checkout": "Place order", "/pay/0198c0de": "How do you want to pay?", "/return": "What happened",
	} {
		answer := get(t, shop(t), target)
		require.Equal(t, http.StatusOK, answer.Code, target)
		require.Equal(t, "text/html; charset=utf-8", answer.Header().Get("Content-Type"))
		body := answer.Body.String()
		require.Contains(t, body, says)
		require.Contains(t, body, "A shop</title>")
		require.Contains(t, body, `data-key="pk_demo" data-currency="INR"`)
		require.Contains(t, body, "<noscript>", "a browser without JavaScript is told so")
	}
}

func TestMissingPage(t *testing.T) {
	t.Parallel()
	answer := get(t, shop(t), "/no/such/page")
	require.Equal(t, http.StatusNotFound, answer.Code)
	require.Contains(t, answer.Body.String(), "There is no such page")
}

func TestOnlyReading(t *testing.T) {
	t.Parallel()
	answer := httptest.NewRecorder()
	shop(t).ServeHTTP(answer, httptest.NewRequest(http.MethodPost, "/checkout", strings.NewReader("{}")))
	require.Equal(t, http.StatusMethodNotAllowed, answer.Code)

	answer = httptest.NewRecorder()
	shop(t).ServeHTTP(answer, httptest.NewRequest(http.MethodHead, "/", nil))
	require.Equal(t, http.StatusOK, answer.Code)
	require.Empty(t, answer.Body.String())
}

// TestPagesLoadNothingElse: a page has no script, style or handler of its own,
// and names no other host, so that the policy can forbid them all.
func TestPagesLoadNothingElse(t *testing.T) {
	t.Parallel()
	inline := regexp.MustCompile(`(?i)<script(?:[^>]*)>[^<]|<style|\sstyle=|\son[a-z]+=|javascript:|https?://`)
	for _, target := range pages {
		answer := get(t, shop(t), target)
		require.Empty(t, inline.FindString(answer.Body.String()), target)
		policy := answer.Header().Get("Content-Security-Policy")
		require.Contains(t, policy, "default-src 'none'; script-src 'self'; style-src 'self';")
		require.Contains(t, policy, "connect-src 'self'")
		require.Contains(t, policy, "frame-ancestors 'none'")
		require.NotContains(t, policy, "unsafe")
		require.Equal(t, "nosniff", answer.Header().Get("X-Content-Type-Options"))
		require.Equal(t, "no-referrer", answer.Header().Get("Referrer-Policy"), "an address may carry an order's token")
	}
}

// TestEverythingNamedIsThere follows what pages and scripts load.
func TestEverythingNamedIsThere(t *testing.T) {
	t.Parallel()
	handler := shop(t)
	seen := map[string]bool{}
	var queue []string
	loads := regexp.MustCompile(`(?:src|href)="(/assets/[^"]+)"`)
	for _, target := range pages {
		for _, match := range loads.FindAllStringSubmatch(get(t, handler, target).Body.String(), -1) {
			queue = append(queue, match[1])
		}
	}
	imports := regexp.MustCompile(`from '\./([^']+)'`)
	for len(queue) > 0 {
		name := queue[0]
		queue = queue[1:]
		if seen[name] {
			continue
		}
		seen[name] = true
		answer := get(t, handler, name)
		require.Equal(t, http.StatusOK, answer.Code, name)
		for _, match := range imports.FindAllStringSubmatch(answer.Body.String(), -1) {
			queue = append(queue, "/assets/"+match[1])
		}
	}
	embedded, err := fs.Glob(os.DirFS("."), "assets/*")
	require.NoError(t, err)
	for _, name := range embedded {
		require.True(t, seen["/"+name], "nothing uses %s", name)
	}
}

func TestAssets(t *testing.T) {
	t.Parallel()
	for name, contentType := range map[string]string{
		"/assets/shop.js": "text/javascript; charset=utf-8", "/assets/shop.css": "text/css; charset=utf-8", "/assets/icon.svg": "image/svg+xml",
	} {
		answer := get(t, shop(t), name)
		require.Equal(t, contentType, answer.Header().Get("Content-Type"))
		etag := answer.Header().Get("ETag")
		require.NotEmpty(t, etag)
		again := get(t, shop(t), name, "If-None-Match", etag)
		require.Equal(t, http.StatusNotModified, again.Code)
		require.Empty(t, again.Body.String())
	}
	require.Equal(t, http.StatusNotFound, get(t, shop(t), "/assets/").Code, "folders are not listed")
}

// TestScriptsNeverReadTextAsHTML: what the API answers reaches a page as text.
func TestScriptsNeverReadTextAsHTML(t *testing.T) {
	t.Parallel()
	unsafe := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser|srcdoc`)
	for _, name := range scripts(t) {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		require.Empty(t, unsafe.FindString(string(text)), name)
		require.Empty(t, regexp.MustCompile(`://[\w.]+`).FindString(string(text)), "%s names a host", name)
	}
}

func scripts(t *testing.T) []string {
	t.Helper()
	names, err := fs.Glob(os.DirFS("."), "assets/*.js")
	require.NoError(t, err)
	require.NotEmpty(t, names)
	return names
}

// TestScriptsUseElementsThatAreThere compares each page's script with its page.
func TestScriptsUseElementsThatAreThere(t *testing.T) {
	t.Parallel()
	uses := regexp.MustCompile(`(?:\$|show)\('([a-z]+(?:-[a-z]+)*)'`)
	for script, target := range map[string]string{"shop": "/", "checkout": "/checkout", "pay": "/pay/x", "return": "/return"} {
		text, err := os.ReadFile(path.Join("assets", script+".js"))
		require.NoError(t, err)
		found := uses.FindAllStringSubmatch(string(text), -1)
		require.NotEmpty(t, found, script)
		page := get(t, shop(t), target).Body.String()
		for _, match := range found {
			require.Contains(t, page, `id="`+match[1]+`"`, "%s.js", script)
		}
	}
}

// TestFieldsHaveLabels: every field can be told by its name.
func TestFieldsHaveLabels(t *testing.T) {
	t.Parallel()
	field := regexp.MustCompile(`<(?:input|select)[^>]*\bid="([^"]+)"`)
	for _, target := range []string{"/checkout", "/pay/x"} {
		page := get(t, shop(t), target).Body.String()
		found := field.FindAllStringSubmatch(page, -1)
		require.NotEmpty(t, found, target)
		for _, match := range found {
			require.Contains(t, page, `<label for="`+match[1]+`">`, target)
		}
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"", "sk_live", "demo"} {
		_, err := web.New(web.Config{StorefrontKey: key})
		require.ErrorContains(t, err, "storefront key", "%q", key)
	}
	_, err := web.New(web.Config{StorefrontKey: "pk_x", Currency: "rupees"})
	require.ErrorContains(t, err, "currency")

	handler, err := web.New(web.Config{StorefrontKey: `pk_"><script>alert(1)</script>`, Title: `</title><script>alert(2)</script>`})
	require.NoError(t, err)
	for _, target := range pages {
		body := get(t, handler, target).Body.String()
		require.NotContains(t, body, "<script>", "%s: text became HTML", target)
		require.Contains(t, body, `data-currency="INR"`, "the default")
	}
}
