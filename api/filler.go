package api

import (
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
)

// compiler makes fillers of schemas. What it does not know makes it lost, so that
// nothing that the contract says is passed over.
type compiler struct {
	schemas huma.Registry
	lost    bool
}

func (c *compiler) param(f reflect.StructField, op *huma.Operation) (param, bool) {
	for _, in := range []string{"path", "header", "query"} {
		name, ok := f.Tag.Lookup(in)
		if !ok {
			continue
		}
		i := slices.IndexFunc(op.Parameters, func(p *huma.Param) bool { return p.In == in && p.Name == name })
		switch schema := op.Parameters[i].Schema; {
		case in == "query":
			c.lost = c.lost || schema.Default != nil || op.Parameters[i].Required
			return param{}, false // a shortcut reads no query
		case f.Type.Kind() == reflect.String:
			return param{name: name, header: in == "header", index: f.Index, rule: c.textRule(schema)}, true
		}
	}
	c.lost = true
	return param{}, false
}

// filler compiles one schema for variables of a type.
func (c *compiler) filler(t reflect.Type, s *huma.Schema) filler {
	for s.Ref != "" {
		s = c.schemas.SchemaFromRef(s.Ref)
	}
	c.lost = c.lost || beyond(s)
	if t == reflect.TypeFor[amount]() {
		return c.amount(s)
	}
	switch t.Kind() {
	case reflect.Pointer:
		return pointer(t.Elem(), c.filler(t.Elem(), s))
	case reflect.Struct:
		return c.object(t, s)
	case reflect.Map:
		return c.textMap(t, s)
	case reflect.Slice:
		return c.list(t, s)
	case reflect.String:
		return c.text(s)
	case reflect.Int, reflect.Int64:
		return whole(s)
	case reflect.Bool:
		return truth
	}
	c.lost = true
	return nil
}

func (c *compiler) text(s *huma.Schema) filler {
	rule := c.textRule(s)
	return func(d *document, at int, into reflect.Value) bool {
		n := &d.nodes[at]
		into.SetString(n.text)
		return n.kind == '"' && rule.holds(n.text)
	}
}

// beyond tells of what no filler knows.
func beyond(s *huma.Schema) bool {
	mixed := len(s.AnyOf)+len(s.AllOf) > 0 || s.Not != nil || s.Discriminator != nil
	number := s.ExclusiveMinimum != nil || s.ExclusiveMaximum != nil || s.MultipleOf != nil
	return mixed || number || s.Default != nil || s.UniqueItems || s.ReadOnly || len(s.DependentRequired) > 0 || s.ContentEncoding != ""
}

// textRule is what a text must keep to.
type textRule struct {
	shortest, longest int // in characters; -1 where there is no bound
	pattern           *regexp.Regexp
}

func (c *compiler) textRule(s *huma.Schema) textRule {
	c.lost = c.lost || s.Format != "" || len(s.Enum) > 0
	rule := textRule{shortest: bound(s.MinLength), longest: bound(s.MaxLength)}
	if s.Pattern != "" {
		rule.pattern = regexp.MustCompile(s.Pattern)
	}
	return rule
}

func bound(b *int) int {
	if b == nil {
		return -1
	}
	return *b
}

func (r textRule) holds(text string) bool {
	if r.shortest > 0 && utf8.RuneCountInString(text) < r.shortest {
		return false
	}
	if r.longest >= 0 && len(text) > r.longest && utf8.RuneCountInString(text) > r.longest {
		return false
	}
	return r.pattern == nil || r.pattern.MatchString(text)
}

func pointer(t reflect.Type, fill filler) filler {
	return func(d *document, at int, into reflect.Value) bool {
		into.Set(reflect.New(t))
		return fill(d, at, into.Elem())
	}
}

// amount keeps an amount's literal, be it a text or a number.
func (c *compiler) amount(s *huma.Schema) filler {
	rule := c.textRule(s.OneOf[0])
	return func(d *document, at int, into reflect.Value) bool {
		n := &d.nodes[at]
		into.Field(0).SetString(n.text)
		return n.kind == '"' && rule.holds(n.text) || n.kind == '0' && n.text[0] != '-'
	}
}

// whole fills in a whole number that is written as one.
func whole(s *huma.Schema) filler {
	return func(d *document, at int, into reflect.Value) bool {
		n := &d.nodes[at]
		v, err := strconv.ParseInt(n.text, 10, 64)
		if n.kind != '0' || err != nil || s.Minimum != nil && float64(v) < *s.Minimum || s.Maximum != nil && float64(v) > *s.Maximum {
			return false
		}
		into.SetInt(v)
		return !into.OverflowInt(v)
	}
}

func truth(d *document, at int, into reflect.Value) bool {
	kind := d.nodes[at].kind
	into.SetBool(kind == 't')
	return kind == 't' || kind == 'f'
}

func (c *compiler) list(t reflect.Type, s *huma.Schema) filler {
	fill := c.filler(t.Elem(), s.Items)
	fewest, most := bound(s.MinItems), bound(s.MaxItems)
	return func(d *document, at int, into reflect.Value) bool {
		n := d.count(at)
		if d.nodes[at].kind != '[' || n < fewest || most >= 0 && n > most {
			return false
		}
		into.Set(reflect.MakeSlice(t, n, n))
		i := 0
		for e := at + 1; e < d.nodes[at].end; e = d.nodes[e].end {
			if !fill(d, e, into.Index(i)) {
				return false
			}
			i++
		}
		return true
	}
}

// textMap fills in a map from names that the caller has chosen.
func (c *compiler) textMap(t reflect.Type, s *huma.Schema) filler {
	values, ok := s.AdditionalProperties.(*huma.Schema)
	if !ok || t.Key().Kind() != reflect.String || len(s.Properties) > 0 {
		c.lost = true
		return nil
	}
	fill := c.filler(t.Elem(), values)
	fewest, most := bound(s.MinProperties), bound(s.MaxProperties)
	return func(d *document, at int, into reflect.Value) bool {
		n := d.count(at)
		if d.nodes[at].kind != '{' || n < fewest || most >= 0 && n > most {
			return false
		}
		into.Set(reflect.MakeMapWithSize(t, n))
		for e := at + 1; e < d.nodes[at].end; e = d.nodes[e].end {
			value := reflect.New(t.Elem()).Elem()
			if !fill(d, e, value) {
				return false
			}
			into.SetMapIndex(reflect.ValueOf(d.nodes[e].name), value)
		}
		return true
	}
}

// member is a field of an object.
type member struct {
	name  string
	index int    // in the struct
	bit   uint64 // of the required ones; 0 where it may be left out
	fill  filler
}

func (c *compiler) object(t reflect.Type, s *huma.Schema) filler {
	members, required := c.members(t, s)
	return func(d *document, at int, into reflect.Value) bool {
		if d.nodes[at].kind != '{' {
			return false
		}
		there := uint64(0)
		for e := at + 1; e < d.nodes[at].end; e = d.nodes[e].end {
			i := slices.IndexFunc(members, func(m member) bool { return m.name == d.nodes[e].name })
			if i < 0 || !members[i].fill(d, e, into.Field(members[i].index)) {
				return false
			}
			there |= members[i].bit
		}
		return there == required
	}
}

func (c *compiler) members(t reflect.Type, s *huma.Schema) (members []member, required uint64) {
	closed, ok := s.AdditionalProperties.(bool)
	c.lost = c.lost || !ok || closed || len(s.Properties) != t.NumField() || s.MinProperties != nil || s.MaxProperties != nil
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		property := s.Properties[name]
		if property == nil {
			c.lost = true
			return nil, 0
		}
		m := member{name: name, index: i, fill: c.filler(t.Field(i).Type, property)}
		if slices.Contains(s.Required, name) {
			m.bit = 1 << i
			required |= m.bit
		}
		members = append(members, m)
	}
	return members, required
}
