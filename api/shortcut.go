package api

import (
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
)

// shortcut reads the usual request of a route into its input: no query, and a
// body in which all is as the contract says. It takes nothing that huma would not
// take, and takes it for the same; but it does not say what is wrong, and it
// leaves what is rare, such as a null, to huma.
type shortcut struct {
	none   bool // the input has something that no shortcut reads
	params []param
	body   filler // nil where the input has no body
	index  []int  // of the body in the input
	needed bool   // there is no request without a body
}

// param is a text of the path or of a header.
type param struct {
	name   string
	header bool
	index  []int
	rule   textRule
}

// filler puts the value at a node into a variable, where it keeps the contract.
type filler func(d *document, at int, into reflect.Value) bool

// newShortcut compiles the contract of a route whose input is I.
func newShortcut[I any](spec *huma.OpenAPI, r route) shortcut {
	c := compiler{schemas: spec.Components.Schemas}
	s := shortcut{}
	op := operationOf(spec, r)
	for _, f := range reflect.VisibleFields(reflect.TypeFor[I]()) {
		switch {
		case f.Anonymous:
		case f.Name == "Body":
			s.index, s.needed = f.Index, op.RequestBody.Required
			s.body = c.filler(f.Type, op.RequestBody.Content[jsonType].Schema)
		default:
			if p, ok := c.param(f, op); ok {
				s.params = append(s.params, p)
			}
		}
	}
	s.none = c.lost
	return s
}

// operationOf finds the contract of a route.
func operationOf(spec *huma.OpenAPI, r route) *huma.Operation {
	item := spec.Paths[r.path]
	return map[string]*huma.Operation{http.MethodGet: item.Get, http.MethodPost: item.Post, http.MethodPut: item.Put}[r.method]
}

// read reads a request. in must be thrown away where it answers false.
func (s shortcut) read(r *http.Request, body *document, in any) bool {
	if s.none || r.URL.RawQuery != "" {
		return false
	}
	v := reflect.ValueOf(in).Elem()
	for i := range s.params {
		p := &s.params[i]
		value := ""
		if p.header {
			value = r.Header.Get(p.name)
		} else if value = r.PathValue(p.name); value == "" {
			return false
		}
		if value != "" && !p.rule.holds(value) {
			return false
		}
		v.FieldByIndex(p.index).SetString(value)
	}
	switch {
	case s.body == nil:
		return true
	case body == nil || len(body.nodes) == 0:
		return !s.needed
	}
	return s.body(body, 0, v.FieldByIndex(s.index))
}
