package api

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"kassa/checkout"
)

// version of the contract, which may be added to and never changed.
const version = "1.0.0"

// securityScheme is the OpenAPI name of the API keys.
const securityScheme = "key"

func humaConfig() huma.Config {
	config := huma.DefaultConfig("Kassa", version)
	config.Info.Description = introduction
	config.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "", "", "" // documents serves them
	config.CreateHooks = nil                                             // no $schema links
	config.Transformers = []huma.Transformer{inOwnWords}
	config.RejectUnknownQueryParameters = true
	format := huma.Format{Marshal: func(w io.Writer, v any) error { return json.NewEncoder(w).Encode(v) }, Unmarshal: unmarshal}
	config.Formats = map[string]huma.Format{"application/json": format, "json": format} // "json" is that of problem+json
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{securityScheme: {
		Type: "http", Scheme: "bearer",
		Description: "An API key: sk_… of a server may do everything, pk_… of a storefront what a buyer does.",
	}}
	return config
}

// schemaName names a type in the contract: orderBody is Order there, and the body
// of lockInput LockRequest.
func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	if request, ok := strings.CutSuffix(name, "InputBody"); ok {
		return request + "Request"
	}
	return strings.TrimSuffix(name, "Body")
}

// unmarshal reads a body that was found to be JSON already. Its errors name no
// value of the body.
func unmarshal(data []byte, into any) error {
	err := json.Unmarshal(data, into)
	if err == nil {
		return nil
	}
	var wrong *json.UnmarshalTypeError
	switch {
	case !errors.As(err, &wrong) || wrong.Field == "":
		return errors.New("a value is not of the type that the contract says")
	case wrong.Type.Kind() == reflect.Int64:
		return errors.New(ofField + wrong.Field + ": must be a whole number, without a point or an exponent")
	}
	return errors.New(ofField + wrong.Field + ": is not of the type that the contract says")
}

const introduction = `Checkout for shops: stock is held, the payment taken and the order made, and it never ends with only two of the three.

**Money** is a decimal string with the currency's own digits in answers, and a JSON number or a string in major units in requests.

**Keys** go into ` + "`Authorization: Bearer`" + `. With a storefront key, a call that names an existing order needs that order's ` + "`order_token`" + `, as ` + "`?token=`" + ` or in ` + "`Order-Token`" + `; without it the order does not exist.

**Idempotency**: every POST takes an ` + "`Idempotency-Key`" + `. A repeat gets the first answer (` + "`Idempotent-Replayed: true`" + `), for 24 hours at least; the same key with another request is refused. Refusals and 202 answers are not kept, so a repeat is a new try.

**Errors** are ` + "`application/problem+json`" + ` (RFC 9457) with a ` + "`code`" + ` for programs. A path answers 405 to a method that it does not have, with the methods that it has in ` + "`Allow`" + `.`

// everywhere are the codes that any call may answer with.
var everywhere = []checkout.Code{checkout.CodeInvalid, checkout.CodeOverloaded, checkout.CodeInternal}

// operation documents a route.
func operation[B any](s *server, r route) huma.Operation {
	op := huma.Operation{
		OperationID: r.id, Method: r.method, Path: r.path, Tags: []string{r.tag},
		Summary: r.summary, Description: r.about,
		DefaultStatus: r.statuses[0], Responses: map[string]*huma.Response{},
		// receive has read the body already: bounded, and within the server's time.
		MaxBodyBytes: -1, BodyReadTimeout: -1,
	}
	codes := slices.Concat(r.codes, everywhere)
	if r.scope != public {
		op.Security = []map[string][]string{{securityScheme: {}}}
		codes = append(codes, checkout.CodeUnauthorized)
	} else {
		op.Security = []map[string][]string{}
	}
	if r.scope == serverOnly {
		codes = append(codes, checkout.CodeForbidden)
		op.Description = strings.TrimSpace(op.Description + "\n\nNeeds a server key (sk_…).")
	}
	if r.key != keyNone {
		op.Parameters = append(op.Parameters, keyParameter(r.key))
		codes = append(codes, checkout.CodeKeyInFlight)
	}
	if r.key == keyOptional || r.key == keyRequired {
		codes = append(codes, checkout.CodeKeyReused)
	}
	if r.cards {
		codes = append(codes, checkout.CodeCardDataRefused)
	}
	for _, status := range r.statuses {
		op.Responses[strconv.Itoa(status)] = success[B](s.huma, r, status)
	}
	refused(s.huma, &op, codes)
	return op
}

func keyParameter(use keyUse) *huma.Param {
	shortest, longest := 1, maxKeyLen
	p := &huma.Param{
		Name: keyHeader, In: "header", Required: use == keyRequired,
		Description: "Makes a repeat safe: it gets the first answer. 1 to 255 printable ASCII characters.",
		Schema:      &huma.Schema{Type: huma.TypeString, MinLength: &shortest, MaxLength: &longest, Pattern: "^[ -~]+$"},
	}
	if use == keyNatural {
		p.Description = "Accepted. What the body names, an idempotency_key or the order, rules over it."
	}
	return p
}

func success[B any](api huma.API, r route, status int) *huma.Response {
	body := reflect.TypeFor[B]()
	response := &huma.Response{
		Description: http.StatusText(status),
		Content: map[string]*huma.MediaType{"application/json": {
			Schema: api.OpenAPI().Components.Schemas.Schema(body, true, body.Name()),
		}},
	}
	if r.key != keyNone {
		response.Headers = map[string]*huma.Param{replayedHeader: {
			Description: "true where this is the answer of an earlier call.",
			Schema:      &huma.Schema{Type: huma.TypeString, Enum: []any{"true"}},
		}}
	}
	return response
}

// refused documents the codes, by their status.
func refused(api huma.API, op *huma.Operation, codes []checkout.Code) {
	schema := api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "")
	for _, r := range refusals {
		if !slices.Contains(codes, r.code) {
			continue
		}
		statuses := []int{r.status}
		if r.code == checkout.CodeInvalid {
			statuses = []int{http.StatusBadRequest, http.StatusUnprocessableEntity}
			if op.Method != http.MethodGet { // receive reads the body of every other method
				statuses = append(statuses, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
			}
		}
		for _, status := range statuses {
			name := strconv.Itoa(status)
			if op.Responses[name] == nil {
				op.Responses[name] = &huma.Response{Content: map[string]*huma.MediaType{problemType: {Schema: schema}}}
			}
			op.Responses[name].Description = strings.TrimPrefix(op.Responses[name].Description+", "+string(r.code), ", ")
		}
	}
}

// documents serves the contract, which is complete once all routes are there.
func (s *server) documents() error {
	spec := s.huma.OpenAPI()
	for _, theirs := range []string{"ErrorModel", "ErrorDetail"} {
		delete(spec.Components.Schemas.Map(), theirs) // huma registers its own; Problem is what is answered
	}
	for _, op := range sortedOperations(spec) {
		for _, r := range op.Responses {
			for _, media := range r.Content {
				open(spec, media.Schema)
			}
		}
	}
	asJSON, err := json.MarshalIndent(spec, "", "  ")
	if err != nil {
		return fmt.Errorf("api: write the contract as JSON: %w", err)
	}
	asYAML, err := spec.YAML()
	if err != nil {
		return fmt.Errorf("api: write the contract as YAML: %w", err)
	}
	page, err := docsPage(spec)
	if err != nil {
		return err
	}
	s.mux.HandleFunc("GET /openapi.json", fixed("application/openapi+json", asJSON))
	s.mux.HandleFunc("GET /openapi.yaml", fixed("application/openapi+yaml", asYAML))
	s.mux.HandleFunc("GET /docs", fixed("text/html; charset=utf-8", page))
	return nil
}

// open lets what is answered have more fields one day: the contract may be added
// to. What is sent stays closed: an unknown field is a mistake.
func open(spec *huma.OpenAPI, s *huma.Schema) {
	if s == nil {
		return
	}
	if s.Ref != "" {
		s = spec.Components.Schemas.SchemaFromRef(s.Ref)
	}
	if closed, ok := s.AdditionalProperties.(bool); ok && !closed {
		s.AdditionalProperties = nil
	}
	for _, p := range s.Properties {
		open(spec, p)
	}
	for _, some := range s.AnyOf {
		open(spec, some)
	}
	open(spec, s.Items)
}

// fixed answers with the same text each time.
func fixed(media string, body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", media)
		w.Header().Set("Cache-Control", "public, max-age=300")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'")
		_, _ = w.Write(body) // the caller may have left
	}
}

// sortedOperations lists the contract's operations by tag and path.
func sortedOperations(spec *huma.OpenAPI) []*huma.Operation {
	var ops []*huma.Operation
	for _, item := range spec.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Put, item.Post, item.Patch, item.Delete} {
			if op != nil {
				ops = append(ops, op)
			}
		}
	}
	slices.SortFunc(ops, func(a, b *huma.Operation) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Method, b.Method))
	})
	return ops
}
