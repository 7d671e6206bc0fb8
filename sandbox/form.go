package sandbox

import (
	"errors"
	"fmt"
	"net/url"
	"sort"
	"strconv"
	"strings"
)

const (
	maxFormFields = 1000 // name=value pairs of one request
	maxFormDepth  = 8    // brackets of one name
)

// form is a decoded body or query: a tree of the brackets in the names. metadata[order_id]=7 is the child "metadata"
// with the child "order_id" of text "7"; items of expand[]= are children "0", "1", ….
type form struct {
	text string
	kids map[string]*form
}

// parseForm decodes name=value pairs with brackets.
func parseForm(raw string) (*form, error) {
	root := &form{kids: map[string]*form{}}
	if raw == "" {
		return root, nil
	}
	pairs := strings.Split(raw, "&")
	if len(pairs) > maxFormFields {
		return nil, fmt.Errorf("too many parameters: %d, at most %d are taken", len(pairs), maxFormFields)
	}
	for _, pair := range pairs {
		if err := root.put(pair); err != nil {
			return nil, err
		}
	}
	return root, nil
}

// put adds one name=value pair.
func (f *form) put(pair string) error {
	if pair == "" {
		return nil
	}
	rawName, rawValue, _ := strings.Cut(pair, "=")
	name, err := url.QueryUnescape(rawName)
	if err != nil {
		return errors.New("a parameter's name is not URL-encoded")
	}
	value, err := url.QueryUnescape(rawValue)
	if err != nil {
		return fmt.Errorf("the value of %s is not URL-encoded", name)
	}
	path, err := splitName(name)
	if err != nil {
		return err
	}
	return f.set(path, value)
}

// splitName turns a[b][] into a, b and "".
func splitName(name string) ([]string, error) {
	first, rest, nested := strings.Cut(name, "[")
	if first == "" || strings.Contains(first, "]") {
		return nil, fmt.Errorf("invalid parameter name: %s", name)
	}
	path := []string{first}
	if !nested {
		return path, nil
	}
	if !strings.HasSuffix(rest, "]") {
		return nil, fmt.Errorf("invalid parameter name: %s", name)
	}
	for _, part := range strings.Split(strings.TrimSuffix(rest, "]"), "][") {
		if strings.ContainsAny(part, "[]") {
			return nil, fmt.Errorf("invalid parameter name: %s", name)
		}
		path = append(path, part)
	}
	if len(path) > maxFormDepth {
		return nil, fmt.Errorf("invalid parameter name: %s is nested too deep", first)
	}
	return path, nil
}

// set stores a value at a path, making the children on the way. An empty part appends to a list.
func (f *form) set(path []string, value string) error {
	node := f
	for i, part := range path {
		if node.kids == nil {
			if i > 0 && node.text != "" {
				return fmt.Errorf("%s is given both as a value and as an object", joinName(path[:i]))
			}
			node.kids = map[string]*form{}
		}
		if part == "" {
			part = strconv.Itoa(len(node.kids))
		}
		if node.kids[part] == nil {
			node.kids[part] = &form{}
		}
		node = node.kids[part]
	}
	if node.kids != nil {
		return fmt.Errorf("%s is given both as a value and as an object", joinName(path))
	}
	node.text = value
	return nil
}

// joinName turns a, b, c into a[b][c], the way that errors name parameters.
func joinName(path []string) string {
	if len(path) == 1 {
		return path[0]
	}
	return path[0] + "[" + strings.Join(path[1:], "][") + "]"
}

// at returns the node at a path, or nil.
func (f *form) at(path ...string) *form {
	for _, part := range path {
		if f == nil {
			return nil
		}
		f = f.kids[part]
	}
	return f
}

// has says whether something was given at a path.
func (f *form) has(path ...string) bool { return f.at(path...) != nil }

// get returns the text at a path, "" where there is none.
func (f *form) get(path ...string) string {
	if node := f.at(path...); node != nil {
		return node.text
	}
	return ""
}

// number returns the integer at a path, 0 where there is none. The form has been checked before.
func (f *form) number(path ...string) int64 {
	n, err := strconv.ParseInt(f.get(path...), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// truth returns the boolean at a path.
func (f *form) truth(path ...string) bool { return f.get(path...) == "true" }

// list returns the items at a path in the order of their indexes.
func (f *form) list(path ...string) []*form {
	node := f.at(path...)
	if node == nil {
		return nil
	}
	items := make([]*form, 0, len(node.kids))
	for _, key := range node.sortedKeys() {
		items = append(items, node.kids[key])
	}
	return items
}

// texts returns the texts of the items at a path.
func (f *form) texts(path ...string) []string {
	var out []string
	for _, item := range f.list(path...) {
		out = append(out, item.text)
	}
	return out
}

// strings returns the children at a path as a map, nil where there are none.
func (f *form) strings(path ...string) map[string]string {
	node := f.at(path...)
	if node == nil || len(node.kids) == 0 {
		return nil
	}
	out := make(map[string]string, len(node.kids))
	for key, kid := range node.kids {
		out[key] = kid.text
	}
	return out
}

// sortedKeys returns the children's names, numbers in numeric order.
func (f *form) sortedKeys() []string {
	keys := make([]string, 0, len(f.kids))
	for key := range f.kids {
		keys = append(keys, key)
	}
	sort.Slice(keys, func(i, j int) bool {
		a, errA := strconv.Atoi(keys[i])
		b, errB := strconv.Atoi(keys[j])
		if errA == nil && errB == nil && a != b {
			return a < b
		}
		return keys[i] < keys[j]
	})
	return keys
}

// encode writes the tree back as name=value pairs in a fixed order, so that equal requests give equal text.
func (f *form) encode() string {
	var out []string
	f.walk(nil, func(path []string, value string) {
		out = append(out, url.QueryEscape(joinName(path))+"="+url.QueryEscape(value))
	})
	return strings.Join(out, "&")
}

func (f *form) walk(path []string, visit func(path []string, value string)) {
	if f.kids == nil {
		visit(path, f.text)
		return
	}
	for _, key := range f.sortedKeys() {
		f.kids[key].walk(append(path[:len(path):len(path)], key), visit)
	}
}
