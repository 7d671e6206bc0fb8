package api

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/stretchr/testify/require"
)

// twoReaders read the same requests of one route: by the shortcut and by huma.
type twoReaders struct {
	route route
	// quickly and carefully return the input; false where they do not take it.
	quickly   func(*http.Request, *document) (any, bool)
	carefully func(*http.Request) (any, bool)
}

func readersOf[I any](method, path string) twoReaders {
	r := route{method: method, path: path, id: "read", statuses: []int{http.StatusOK}}
	kept := shelf{}
	api := humago.New(kept, humaConfig())
	var got any
	huma.Register(api, operation[struct{}](&server{huma: api}, r), func(_ context.Context, in *I) (*output, error) {
		got = *in
		return &output{Status: http.StatusOK}, nil
	})
	short := newShortcut[I](api.OpenAPI(), r)
	return twoReaders{
		route: r,
		quickly: func(req *http.Request, d *document) (any, bool) {
			var in I
			ok := short.read(req, d, &in)
			return in, ok
		},
		carefully: func(req *http.Request) (any, bool) {
			got = nil
			kept[method+" "+path](httptest.NewRecorder(), req)
			return got, got != nil
		},
	}
}

// allReaders are those of every route that is read by a shortcut.
func allReaders() []twoReaders {
	strictHuma()
	return []twoReaders{
		readersOf[placeOrderInput]("POST", "/checkout"),
		readersOf[lockInput]("POST", "/inventory/lock"),
		readersOf[initiateInput]("POST", "/payment/initiate"),
		readersOf[orderPath]("GET", "/orders/{id}"),
		readersOf[confirmInput]("POST", "/checkout/confirm"),
		readersOf[unlockInput]("POST", "/inventory/unlock"),
		readersOf[adjustInput]("POST", "/inventory/{sku}/adjust"),
		readersOf[makeCartInput]("POST", "/carts"),
		readersOf[replaceCartInput]("PUT", "/carts/{id}"),
		readersOf[cartPath]("GET", "/carts/{id}"),
		readersOf[saveProductInput]("PUT", "/products/{sku}"),
		readersOf[refundInput]("POST", "/orders/{id}/refunds"),
		readersOf[cancelInput]("POST", "/orders/{id}/cancel"),
		readersOf[markReceivedInput]("POST", "/payment/{payment_id}/mark-received"),
		readersOf[resolveInput]("POST", "/tasks/{id}/retry"),
		readersOf[actInput]("POST", "/payment/{payment_id}/capture"),
		readersOf[paymentPath]("GET", "/payment/{payment_id}"),
		readersOf[skuPath]("GET", "/inventory/{sku}"),
	}
}

func request(route route, name, token, body string) *http.Request {
	req := httptest.NewRequest(route.method, "/", strings.NewReader(body))
	for _, field := range []string{"id", "sku", "payment_id"} {
		req.SetPathValue(field, name)
	}
	if token != "" {
		req.Header.Set("Order-Token", token)
	}
	req.Header.Set("Content-Type", jsonType)
	return req
}

// requireSame requires that what a shortcut takes is what huma takes, too.
func requireSame(t *testing.T, r twoReaders, name, token, body string) (taken bool) {
	t.Helper()
	d := &document{raw: []byte(body)}
	if body != "" && d.parse(false) != nil {
		return false // refused before it is read
	}
	quick, taken := r.quickly(request(r.route, name, token, body), d)
	if !taken {
		return false
	}
	careful, ok := r.carefully(request(r.route, name, token, body))
	require.True(t, ok, "%s %s: huma refuses %q with %q", r.route.method, r.route.path, body, name)
	require.Equal(t, careful, quick, "%s %s: %q", r.route.method, r.route.path, body)
	return true
}

const (
	fullAddress = `{"name":"Asha Rao","line1":"12 MG Road","line2":"2nd floor","city":"München","state":"KA","postal_code":"560001","country":"IN"}`
	someID      = "0198c0de-0000-7000-8000-000000000001"
)

// usualBodies are some that a shortcut must take, with every field, by path.
var usualBodies = map[string][]string{
	"/checkout": {
		`{"cart_id":"` + someID + `","items":[{"sku":"MUG","qty":1},{"qty":2,"sku":"SHIRT"}],"session_id":"s","customer":{"email":"asha@example.com","name":"Asha Rao",` +
			`"phone":"+919876543210","user_id":"u-7","tax_id":"29ABCDE1234F1Z5"},"shipping_address":` + fullAddress + `,"billing_address":` + fullAddress +
			`,"shipping_method":"express","coupons":["A"],"currency":"INR","reference":"WEB-1001","metadata":{"gift":"yes","\u00fc":"\ud83d\ude00"}}`,
		` { "customer" : { "email" : "a@b" , "name" : "\"A\"" } } `,
	},
	"/inventory/lock": {
		`{"session_id":"0123456789abcdef","order_id":"` + someID + `","items":[{"sku":"MUG","qty":1}],"ttl_seconds":30}`,
	},
	"/payment/initiate": {
		`{"orderId":"` + someID + `","order_id":"` + someID + `","amount":"999.00","payment_method":"card","idempotency_key":"k","gateway":"stripe","payment_token":"pm_card_visa","return_url":"https://shop.example/"}`,
		`{"orderId":"x","amount":999.00,"payment_method":"upi"}`,
	},
	"/checkout/confirm":                   {`{"order_id":"` + someID + `"}`},
	"/inventory/unlock":                   {`{"session_id":"s","order_id":"` + someID + `"}`, `{}`},
	"/inventory/{sku}/adjust":             {`{"warehouse":"main","delta":-5,"counted":7,"reason":"delivery 4711"}`},
	"/carts":                              {`{"currency":"INR","items":[{"sku":"MUG","qty":1}],"shipping_address":` + fullAddress + `,"coupons":[]}`, `{"items":[]}`},
	"/carts/{id}":                         {`{"items":[{"sku":"MUG","qty":100000}]}`},
	"/products/{sku}":                     {`{"sku":"MUG","name":"Mug","prices":{"INR":"499.50","JPY":1200,"KWD":0.125},"tax_code":"6912","weight_g":350,"image":"data:image/png,x","active":false}`},
	"/orders/{id}/refunds":                {`{"amount":1.50,"reason":"a scratch","restock":true}`, `{"reason":"all"}`},
	"/orders/{id}/cancel":                 {`{"reason":"changed my mind"}`, ``},
	"/payment/{payment_id}/mark-received": {`{"reference":"UTR 1"}`, ``},
	"/payment/{payment_id}/capture":       {``, `{"anything":"is passed over"}`},
	"/tasks/{id}/retry":                   {`{"note":"looked at it"}`},
	"/orders/{id}":                        {``},
	"/payment/{payment_id}":               {``},
	"/inventory/{sku}":                    {``},
}

func TestShortcutsTakeTheUsual(t *testing.T) {
	t.Parallel()
	for _, r := range allReaders() {
		bodies := usualBodies[r.route.path]
		if r.route.method == http.MethodGet {
			bodies = []string{""}
		}
		require.NotEmpty(t, bodies, r.route.path)
		for _, body := range bodies {
			require.True(t, requireSame(t, r, "MUG", "ot_token", body), "%s %s is not read by its shortcut: %q", r.route.method, r.route.path, body)
		}
	}
}

// TestEveryBodyHasAShortcut: a route whose input a shortcut cannot read would be
// served slowly, and nobody would know.
func TestEveryBodyHasAShortcut(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for path, operations := range r.contract.paths {
		for method, operation := range operations {
			if operation.RequestBody == nil || path == "/webhooks/{account}" {
				continue
			}
			known := slices.ContainsFunc(allReaders(), func(known twoReaders) bool {
				same := strings.NewReplacer("skip", "retry", "compensate", "retry").Replace(path)
				return known.route.path == same && strings.EqualFold(known.route.method, method)
			})
			require.True(t, known, "%s %s is not in these tests", method, path)
		}
	}
}

// odd are values to be put in the place of any other.
var odd = []string{
	`null`, `true`, `false`, `0`, `-0`, `-1`, `1`, `1.0`, `1.5`, `1e2`, `30`, `1801`, `100001`, `9223372036854775807`, `9223372036854775808`, `1e400`, `0.000`, `-0.0`,
	`""`, `" "`, `"x"`, `"0"`, `"1.50"`, `"-1"`, `"a@b"`, `"IN"`, `"in"`, `"ü"`, `"\t"`, `"\u0061"`, `"4242424242424242"`,
	`"` + strings.Repeat("x", 33) + `"`, `"` + strings.Repeat("x", 65) + `"`, `"` + strings.Repeat("ü", 64) + `"`, `"` + strings.Repeat("x", 129) + `"`,
	`"` + strings.Repeat("x", 255) + `"`, `"` + strings.Repeat("x", 2049) + `"`,
	`[]`, `[null]`, `[""]`, `[{}]`, `[[]]`, `{}`, `{"a":null}`, `{"a":"b"}`, `[{"sku":"MUG","qty":1}]`, `[{"sku":"MUG"}]`, `[{"sku":"MUG","qty":1,"SKU":"x"}]`,
	`[` + strings.Repeat(`{"sku":"MUG","qty":1},`, 200) + `{"sku":"MUG","qty":1}]`, `[` + strings.Repeat(`"a",`, 20) + `"a"]`,
}

// TestShortcutsTakeNothingElse spoils each value of the usual bodies in every way.
func TestShortcutsTakeNothingElse(t *testing.T) {
	t.Parallel()
	for _, r := range allReaders() {
		for _, body := range usualBodies[r.route.path] {
			for _, spoiled := range spoil(t, body) {
				requireSame(t, r, "MUG", "", spoiled)
			}
		}
		for _, name := range []string{"", "x y", "ü", "x", someID, strings.Repeat("x", 64), strings.Repeat("x", 65)} {
			requireSame(t, r, name, strings.Repeat("t", 2*len(name)), usualBodies[r.route.path][0])
		}
	}
}

// spoil makes bodies of one: with other values, with a member less, with one more,
// and with one whose name is in other letters.
func spoil(t *testing.T, body string) (out []string) {
	t.Helper()
	if body == "" {
		return append([]string{"{}"}, odd...)
	}
	d := &document{raw: []byte(body)}
	require.NoError(t, d.parse(false))
	for at := range d.nodes {
		for _, value := range odd {
			out = append(out, d.without(at, value))
		}
		if d.nodes[at].name != "" {
			out = append(out, d.without(at, ""), strings.Replace(body, `"`+d.nodes[at].name+`"`, `"`+strings.ToUpper(d.nodes[at].name)+`"`, 1))
		}
	}
	return append(out, strings.Replace(body, "{", `{"nonsense":1,`, 1), body[:len(body)-1]+`,"nonsense":null}`)
}

// without writes a document with another value at a node, or without the member.
func (d *document) without(at int, value string) string {
	var out bytes.Buffer
	var write func(i int)
	write = func(i int) {
		n := d.nodes[i]
		text, _ := json.Marshal(n.text)
		switch {
		case i == at:
			out.WriteString(value)
		case n.kind == '{' || n.kind == '[':
			out.WriteByte(byte(n.kind))
			first := true
			for e := i + 1; e < n.end; e = d.nodes[e].end {
				if e == at && value == "" {
					continue
				}
				if !first {
					out.WriteByte(',')
				}
				first = false
				if n.kind == '{' {
					name, _ := json.Marshal(d.nodes[e].name)
					out.Write(append(name, ':'))
				}
				write(e)
			}
			out.WriteByte(byte(n.kind) + 2) // the closing one
		case n.kind == '"':
			out.Write(text)
		default:
			out.WriteString(n.text)
		}
	}
	write(0)
	return out.String()
}

// FuzzShortcuts looks for a request that a shortcut takes and huma does not, or
// takes for something else.
func FuzzShortcuts(f *testing.F) {
	all := allReaders()
	for i, r := range all {
		for _, body := range usualBodies[r.route.path] {
			f.Add(uint8(i), "MUG", "ot_token", body)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, name, token, body string) {
		requireSame(t, all[int(which)%len(all)], name, token, body)
	})
}
