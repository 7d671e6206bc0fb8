package sandbox

import (
	"fmt"
	"net/mail"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// param says what Stripe takes for one parameter. check gets the parameter's full name and what was sent.
type param struct {
	required bool
	check    func(name string, f *form) *apiError
}

// params names every parameter that an operation takes. Stripe refuses all others, and so do we.
type params map[string]param

// validate refuses unknown, missing and ill-typed parameters, in a fixed order so that answers repeat.
func (p params) validate(f *form, prefix string) *apiError {
	for _, key := range f.sortedKeys() {
		name := nestedName(prefix, key)
		spec, known := p[key]
		if !known {
			return paramError("parameter_unknown", name, "Received unknown parameter: %s", name)
		}
		if err := spec.check(name, f.kids[key]); err != nil {
			return err
		}
	}
	if absent := p.absent(f); absent != "" {
		name := nestedName(prefix, absent)
		return paramError("parameter_missing", name, "Missing required param: %s.", name)
	}
	return nil
}

// absent is the first required parameter, by name, that was not given.
func (p params) absent(f *form) (first string) {
	for name, spec := range p {
		if spec.required && !f.has(name) && (first == "" || name < first) {
			first = name
		}
	}
	return first
}

func nestedName(prefix, key string) string {
	if prefix == "" {
		return key
	}
	return prefix + "[" + key + "]"
}

// must makes a parameter required.
func must(p param) param { p.required = true; return p }

// text takes a string of 1 to limit characters.
func text(limit int) param {
	return param{check: func(name string, f *form) *apiError {
		if f.kids != nil {
			return paramError("", name, "Invalid string: %s must be a single value", name)
		}
		if f.text == "" {
			return emptyError(name)
		}
		if n := utf8.RuneCountInString(f.text); n > limit {
			return paramError("", name, "Invalid string: %s must be at most %d characters, but has %d", name, limit, n)
		}
		return nil
	}}
}

// clearable takes what p takes, or an empty value that unsets the parameter.
func clearable(p param) param {
	return param{check: func(name string, f *form) *apiError {
		if f.kids == nil && f.text == "" {
			return nil
		}
		return p.check(name, f)
	}}
}

// integer takes a whole number of at least least.
func integer(least int64) param {
	return param{check: func(name string, f *form) *apiError {
		if f.kids == nil && f.text == "" {
			return emptyError(name)
		}
		n, err := strconv.ParseInt(f.text, 10, 64)
		if err != nil || f.kids != nil {
			return paramError("parameter_invalid_integer", name, "Invalid integer: %s", f.text)
		}
		if n < least {
			return paramError("parameter_invalid_integer", name, "This value must be greater than or equal to %d.", least)
		}
		return nil
	}}
}

// boolean takes true or false.
func boolean() param {
	return param{check: func(name string, f *form) *apiError {
		if f.text != "true" && f.text != "false" || f.kids != nil {
			return paramError("", name, "Invalid boolean: %s", f.text)
		}
		return nil
	}}
}

// enum takes one of the values.
func enum(values ...string) param {
	return param{check: func(name string, f *form) *apiError {
		if f.kids != nil || !slices.Contains(values, f.text) {
			return paramError("", name, "Invalid %s: must be one of %s", name, strings.Join(values, ", "))
		}
		return nil
	}}
}

// object takes the nested parameters.
func object(fields params) param {
	return param{check: func(name string, f *form) *apiError {
		if f.kids == nil {
			return paramError("", name, "Invalid object: %s", name)
		}
		return fields.validate(f, name)
	}}
}

// array takes any number of items, each of which item takes.
func array(item param) param {
	return param{check: func(name string, f *form) *apiError {
		if f.kids == nil && f.text != "" {
			return paramError("", name, "Invalid array: %s", name)
		}
		for _, key := range f.sortedKeys() {
			if n, err := strconv.Atoi(key); err != nil || n < 0 {
				return paramError("", name, "Invalid array: %s", name)
			}
			if err := item.check(nestedName(name, key), f.kids[key]); err != nil {
				return err
			}
		}
		return nil
	}}
}

// metadata takes up to 50 keys of 40 characters with values of 500; an empty value unsets a key.
func metadata() param {
	return param{check: func(name string, f *form) *apiError {
		if f.kids == nil && f.text != "" {
			return paramError("", name, "Invalid object: %s", name)
		}
		if len(f.kids) > 50 {
			return paramError("", name, "You have %d metadata keys, but at most 50 are allowed.", len(f.kids))
		}
		for _, key := range f.sortedKeys() {
			if err := checkMetadata(nestedName(name, key), key, f.kids[key]); err != nil {
				return err
			}
		}
		return nil
	}}
}

func checkMetadata(name, key string, f *form) *apiError {
	switch {
	case f.kids != nil:
		return paramError("", name, "Metadata values must be strings, but %s is an object.", name)
	case utf8.RuneCountInString(key) > 40:
		return paramError("", name, "Metadata keys can have up to 40 characters, but %s has more.", key)
	case utf8.RuneCountInString(f.text) > 500:
		return paramError("", name, "Metadata values can have up to 500 characters, but that of %s has more.", key)
	}
	return nil
}

// email takes an address.
func email() param {
	return param{check: func(name string, f *form) *apiError {
		if address, err := mail.ParseAddress(f.text); err != nil || address.Address != f.text {
			return paramError("email_invalid", name, "Invalid email address: %s", f.text)
		}
		return nil
	}}
}

// link takes an absolute http or https address.
func link() param {
	return param{check: func(name string, f *form) *apiError {
		u, err := url.Parse(f.text)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return paramError("url_invalid", name, "Not a valid URL")
		}
		return nil
	}}
}

// currency takes a lower-case or upper-case code that Stripe charges in.
func currency() param {
	return param{check: func(name string, f *form) *apiError {
		if !supportedCurrency(strings.ToLower(f.text)) {
			return paramError("", name, "Invalid currency: %s. Stripe does not support it.", f.text)
		}
		return nil
	}}
}

// timeRange takes a Unix time or an object of gt, gte, lt, lte.
func timeRange() param {
	bounds := params{"gt": integer(0), "gte": integer(0), "lt": integer(0), "lte": integer(0)}
	return param{check: func(name string, f *form) *apiError {
		if f.kids == nil {
			return integer(0).check(name, f)
		}
		return bounds.validate(f, name)
	}}
}

// unsimulated refuses a parameter that Stripe knows and the sandbox does not, instead of ignoring it.
func unsimulated() param {
	return param{check: func(name string, _ *form) *apiError {
		return paramError("", name, "The sandbox does not simulate the parameter %s. See its README for what it does.", name)
	}}
}

// without adds the names that Stripe takes and the sandbox does not simulate.
func (p params) without(names ...string) params {
	for _, name := range names {
		p[name] = unsimulated()
	}
	return p
}

func emptyError(name string) *apiError {
	return paramError("parameter_invalid_empty", name, "You passed an empty string for '%s'. We assume empty values are an "+
		"attempt to unset a parameter; however '%s' cannot be unset. You should remove '%s' from your request or supply a "+
		"non-empty value.", name, name, name)
}

// paramError is the 400 that blames a parameter.
func paramError(code, name, format string, args ...any) *apiError {
	return &apiError{status: 400, Type: invalidRequest, Code: code, Param: name, Message: fmt.Sprintf(format, args...), early: true}
}
