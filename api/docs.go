package api

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"kassa/checkout"
)

// The page at /docs is drawn from the contract, so that it cannot say anything
// else. It needs no script and nothing from elsewhere.

//go:embed docs.html
var docsTemplate string

type docsView struct {
	Title, Version string
	Introduction   template.HTML
	Groups         []docsGroup
	Refusals       []docsRefusal
}

type docsGroup struct {
	Tag   string
	Calls []docsCall
}

type docsCall struct {
	ID, Method, Path, Summary string
	About                     template.HTML
	Public                    bool
	Parameters                []docsField
	Body                      []docsField
	Answers                   []docsAnswer
}

type docsField struct {
	Name, Type, About string
	Required          bool
}

type docsAnswer struct {
	Status, Description string
	Fields              []docsField
	Problem             bool
}

type docsRefusal struct {
	Code, Title, About string
	Status             string
}

func docsPage(spec *huma.OpenAPI) ([]byte, error) {
	page, err := template.New("docs").Parse(docsTemplate)
	if err != nil {
		return nil, fmt.Errorf("api: read the template of /docs: %w", err)
	}
	d := docs{spec: spec}
	var out bytes.Buffer
	if err := page.Execute(&out, d.view()); err != nil {
		return nil, fmt.Errorf("api: draw /docs: %w", err)
	}
	return out.Bytes(), nil
}

// chapters are the tags in the order in which a reader needs them.
var chapters = []string{"Checkout", "Payments", "Orders", "Carts", "Inventory", "Products", "Webhooks", "Operations"}

type docs struct{ spec *huma.OpenAPI }

func (d docs) view() docsView {
	v := docsView{Title: d.spec.Info.Title, Version: d.spec.Info.Version, Introduction: marked(d.spec.Info.Description)}
	for _, tag := range chapters {
		group := docsGroup{Tag: tag}
		for _, op := range sortedOperations(d.spec) {
			if op.Tags[0] == tag {
				group.Calls = append(group.Calls, d.call(op))
			}
		}
		v.Groups = append(v.Groups, group)
	}
	for _, r := range refusals {
		status := fmt.Sprint(r.status)
		if r.code == checkout.CodeInvalid {
			status = "400, 405, 413, 415, 422"
		}
		v.Refusals = append(v.Refusals, docsRefusal{Code: string(r.code), Title: r.title, About: r.about, Status: status})
	}
	return v
}

func (d docs) call(op *huma.Operation) docsCall {
	c := docsCall{
		ID: op.OperationID, Method: op.Method, Path: op.Path, Summary: op.Summary, About: marked(op.Description),
		Public: len(op.Security) == 0,
	}
	for _, p := range op.Parameters {
		c.Parameters = append(c.Parameters, docsField{Name: p.Name + " (" + p.In + ")", Type: d.typeOf(p.Schema), About: d.about(p.Description, p.Schema), Required: p.Required})
	}
	if op.RequestBody != nil {
		if json := op.RequestBody.Content["application/json"]; json != nil {
			c.Body = d.fields("", json.Schema)
		}
	}
	for _, status := range slices.Sorted(maps.Keys(op.Responses)) {
		r := op.Responses[status]
		a := docsAnswer{Status: status, Description: r.Description, Problem: r.Content[problemType] != nil}
		if json := r.Content["application/json"]; json != nil {
			a.Fields = d.fields("", json.Schema)
		}
		c.Answers = append(c.Answers, a)
	}
	return c
}

// fields lists an object's fields with those of the objects in it.
func (d docs) fields(prefix string, s *huma.Schema) []docsField {
	s = d.resolve(s)
	var out []docsField
	names := slices.Sorted(maps.Keys(s.Properties))
	slices.SortStableFunc(names, func(a, b string) int { return requiredFirst(s, a) - requiredFirst(s, b) })
	for _, name := range names {
		p := s.Properties[name]
		out = append(out, docsField{
			Name: prefix + name, Type: d.typeOf(p), About: d.about(p.Description, d.resolve(p)), Required: slices.Contains(s.Required, name),
		})
		inner, mark := d.resolve(p), "."
		if inner.Items != nil {
			inner, mark = d.resolve(inner.Items), "[]."
		}
		out = append(out, d.fields(prefix+name+mark, inner)...)
	}
	return out
}

func requiredFirst(s *huma.Schema, name string) int {
	if slices.Contains(s.Required, name) {
		return 0
	}
	return 1
}

// resolve follows a reference, also one that may be null instead.
func (d docs) resolve(s *huma.Schema) *huma.Schema {
	if len(s.AnyOf) > 0 {
		s = s.AnyOf[0]
	}
	for s.Ref != "" {
		s = d.spec.Components.Schemas.SchemaFromRef(s.Ref)
	}
	return s
}

func (d docs) typeOf(s *huma.Schema) string {
	s = d.resolve(s)
	switch {
	case len(s.OneOf) > 0:
		return "amount"
	case s.Items != nil:
		return "list of " + d.typeOf(s.Items)
	case s.Type == huma.TypeObject && len(s.Properties) == 0:
		return "map"
	case s.Format == "date-time":
		return "time"
	case s.Format == "uuid":
		return "id"
	}
	return s.Type
}

// about tells what a field is and what bounds it.
func (d docs) about(text string, s *huma.Schema) string {
	parts := []string{}
	if text != "" {
		parts = append(parts, text)
	}
	if len(s.Enum) > 0 {
		values := make([]string, len(s.Enum))
		for i, v := range s.Enum {
			values[i] = fmt.Sprint(v)
		}
		parts = append(parts, "One of "+strings.Join(values, ", ")+".")
	}
	parts = append(parts, bounds(s)...)
	if len(s.Examples) > 0 {
		parts = append(parts, fmt.Sprintf("Example: %v", s.Examples[0]))
	}
	return strings.Join(parts, " ")
}

func bounds(s *huma.Schema) []string {
	var out []string
	for _, b := range []struct {
		bound *int
		text  string
	}{{s.MinItems, "At least %d entries."}, {s.MaxItems, "At most %d entries."}, {s.MaxLength, "At most %d characters."}} {
		if b.bound != nil {
			out = append(out, fmt.Sprintf(b.text, *b.bound))
		}
	}
	if s.Minimum != nil {
		out = append(out, fmt.Sprintf("At least %.0f.", *s.Minimum))
	}
	if s.Maximum != nil {
		out = append(out, fmt.Sprintf("At most %.0f.", *s.Maximum))
	}
	return out
}

var (
	boldText = regexp.MustCompile(`\*\*([^*]+)\*\*`)
	codeText = regexp.MustCompile("`([^`]+)`")
)

// marked draws the little Markdown that the contract's texts use.
func marked(text string) template.HTML {
	var out strings.Builder
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		safe := template.HTMLEscapeString(paragraph)
		safe = boldText.ReplaceAllString(safe, "<b>$1</b>")
		safe = codeText.ReplaceAllString(safe, "<code>$1</code>")
		out.WriteString("<p>" + safe + "</p>\n")
	}
	return template.HTML(out.String()) //nolint:gosec // this package's own texts, escaped above
}
