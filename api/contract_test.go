package api

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"kassa/checkout"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// TestContract keeps the contract in a file, so that a change of it shows in the
// diff. go test ./api -run TestContract -rewrite writes it.
func TestContract(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	got := r.call("GET", "/openapi.yaml", nil, noKey).ok(200)
	require.Equal(t, "application/openapi+yaml", got.header.Get("Content-Type"))
	const golden = "testdata/openapi.yaml"
	if *rewrite {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(golden, []byte(got.raw), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), got.raw, "the contract changed; if that is meant, run with -rewrite")
}

func noKey(r *http.Request) { r.Header.Del("Authorization") }

// contract is the served OpenAPI document, with which every answer in these
// tests is compared.
type contract struct {
	paths  map[string]map[string]operationDoc
	schema func(pointer string) *jsonschema.Schema
}

type operationDoc struct {
	OperationID string                      `json:"operationId"`
	Security    []map[string]any            `json:"security"`
	Description string                      `json:"description"`
	Responses   map[string]json.RawMessage  `json:"responses"`
	RequestBody *struct{ Required bool }    `json:"requestBody"`
	Parameters  []struct{ Name, In string } `json:"parameters"`
}

func loadContract(t *testing.T, raw string) *contract {
	t.Helper()
	var spec struct {
		Paths map[string]map[string]operationDoc `json:"paths"`
	}
	require.NoError(t, json.Unmarshal([]byte(raw), &spec))
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(raw))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource("openapi.json", document))
	var mu sync.Mutex
	return &contract{paths: spec.Paths, schema: func(pointer string) *jsonschema.Schema {
		mu.Lock()
		defer mu.Unlock()
		compiled, err := compiler.Compile("openapi.json#" + pointer)
		require.NoError(t, err)
		return compiled
	}}
}

// find names the operation of a request: the path of most fixed parts.
func (c *contract) find(method, path string) (string, bool) {
	path, _, _ = strings.Cut(path, "?")
	best := ""
	for template, operations := range c.paths {
		pattern := "^" + regexp.MustCompile(`\{[^}]+\}`).ReplaceAllString(template, "[^/]+") + "$"
		if _, ok := operations[strings.ToLower(method)]; !ok || !regexp.MustCompile(pattern).MatchString(path) {
			continue
		}
		if best == "" || strings.Count(template, "{") < strings.Count(best, "{") {
			best = template
		}
	}
	return best, best != ""
}

// check requires that an answer is as the contract says.
func (c *contract) check(t *testing.T, method, path string, a reply) {
	t.Helper()
	template, ok := c.find(method, path)
	if !ok {
		return
	}
	status := strconv.Itoa(a.status)
	operation := c.paths[template][strings.ToLower(method)]
	require.Contains(t, operation.Responses, status, "%s %s answers a status that the contract does not have: %s", method, template, a.raw)
	media, _, _ := strings.Cut(a.header.Get("Content-Type"), ";")
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	pointer := "/paths/" + escape.Replace(template) + "/" + strings.ToLower(method) + "/responses/" + status +
		"/content/" + escape.Replace(media) + "/schema"
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(a.raw))
	require.NoError(t, err, a.raw)
	require.NoError(t, c.schema(pointer).Validate(value), "%s %s → %s", method, template, a.raw)
	if a.status >= 400 {
		var p Problem
		require.NoError(t, json.Unmarshal([]byte(a.raw), &p))
		require.Contains(t, string(operation.Responses[status]), p.Code, "%s %s answers a code that the contract does not have", method, template)
	}
}

func TestContractIsComplete(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, want := range []string{
		"POST /carts", "GET /carts/{id}", "PUT /carts/{id}", "POST /inventory/lock", "POST /inventory/unlock", "GET /inventory/{sku}",
		"POST /inventory/{sku}/adjust", "PUT /products/{sku}", "GET /products", "POST /checkout", "POST /payment/initiate",
		"GET /payment/{payment_id}", "POST /checkout/confirm", "GET /orders/{id}", "GET /orders/{id}/timeline", "GET /orders",
		"POST /orders/{id}/cancel", "POST /orders/{id}/refunds", "POST /webhooks/{account}", "GET /attention", "POST /tasks/{id}/retry",
		"POST /tasks/{id}/skip", "POST /tasks/{id}/compensate", "POST /payment/{payment_id}/capture", "POST /payment/{payment_id}/void",
		"POST /payment/{payment_id}/mark-received", "GET /healthz", "GET /readyz",
	} {
		method, path, _ := strings.Cut(want, " ")
		operation, ok := r.contract.paths[path][strings.ToLower(method)]
		require.True(t, ok, want)
		require.NotEmpty(t, operation.OperationID, want)
		isKeyed := strings.Contains(string(mustJSON(t, operation.Parameters)), "Idempotency-Key")
		require.Equal(t, method == "POST" && path != "/webhooks/{account}", isKeyed, want)
		require.Equal(t, method != "GET", operation.Responses["413"] != nil, want)
		require.Equal(t, method != "GET" && path != "/webhooks/{account}", operation.Responses["415"] != nil, want)
	}
	raw := r.call("GET", "/openapi.json", nil, noKey).ok(200).raw
	require.NotContains(t, raw, "ErrorModel")
	require.NotContains(t, raw, "$schema")
	require.Contains(t, raw, "answers 405")
	require.Contains(t, raw, `"openapi": "3.1.0"`)
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	return raw
}

// TestContractBounds compares what tags repeat with the limits they are from.
func TestContractBounds(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	raw := r.call("GET", "/openapi.json", nil, noKey).ok(200)
	require.Equal(t, json.Number(strconv.Itoa(checkout.MaxQty)), raw.at("components.schemas.ItemInput.properties.qty.maximum"))
	require.Equal(t, json.Number(strconv.Itoa(checkout.MaxSKULen)), raw.at("components.schemas.ItemInput.properties.sku.maxLength"))
	for _, body := range []string{"CartInput", "CheckoutInput", "LockRequest"} {
		require.Equal(t, json.Number(strconv.Itoa(checkout.MaxLines)), raw.at("components.schemas."+body+".properties.items.maxItems"))
	}
}

func TestDocsPage(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	page := r.call("GET", "/docs", nil, noKey).ok(200)
	require.Contains(t, page.header.Get("Content-Type"), "text/html")
	for path := range r.contract.paths {
		require.Contains(t, page.raw, path)
	}
	for _, line := range refusals {
		require.Contains(t, page.raw, `id="`+string(line.code)+`"`, "a problem's type leads there")
	}
	require.NotContains(t, page.raw, "<script")
	require.NotContains(t, page.raw, "http://")
	require.NotContains(t, page.raw, "{{")
	require.False(t, bytes.Contains([]byte(page.raw), []byte("ZgotmplZ")))
}
