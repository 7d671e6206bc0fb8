package stripe

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/stripe/stripe-go/v85"
)

// The library carries a call and reads its errors. Requests are written and
// answers read here, because its own types have hundreds of fields, each of which
// costs time in both directions; mock_test.go sees that the requests are legal.

// form is a request's parameters as Stripe takes them: a[b]=c&d[0]=e.
type form struct{ text []byte }

// usualForm is room for a session's parameters, in bytes.
const usualForm = 2 << 10

// add adds a parameter; one that is empty is left out.
func (f *form) add(key, value string) {
	if value == "" {
		return
	}
	if f.text == nil {
		f.text = make([]byte, 0, usualForm)
	} else {
		f.text = append(f.text, '&')
	}
	f.text = append(f.text, key...)
	f.text = append(f.text, '=')
	f.text = append(f.text, url.QueryEscape(value)...)
}

func (f *form) addInt(key string, value int64) { f.add(key, strconv.FormatInt(value, 10)) }

// request is one call. Its key is the idempotency key of a POST.
type request struct {
	method, path, key string
	form              form
}

func get(path string, f form) request       { return request{http.MethodGet, path, "", f} }
func post(path, key string, f form) request { return request{http.MethodPost, path, key, f} }

// call makes a call and reads its answer, which is an object of Stripe's.
func (a *account) call(ctx context.Context, r request, answer any) error {
	params := &stripe.RawParams{Params: stripe.Params{Context: ctx}}
	content := string(r.form.text)
	switch {
	case r.method == http.MethodPost:
		params.SetIdempotencyKey(r.key)
	case content != "":
		r.path, content = r.path+"?"+content, ""
	}
	res, err := a.backend.RawRequest(r.method, r.path, a.config.SecretKey, content, params)
	if err != nil {
		return err
	}
	return unmarshal(res.RawJSON, answer)
}

// unmarshal reads JSON of Stripe's, which is taken as it comes.
func unmarshal(data []byte, into any) error {
	return json.Unmarshal(data, into, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// page is one page of a list.
type page[T any] struct {
	URL     string `json:"url"`
	HasMore bool   `json:"has_more"`
	Data    []T    `json:"data"`
}

// each visits a whole list, or fails. id is what the next page is asked for by.
func each[T any](ctx context.Context, a *account, path string, f form, id func(*T) string, visit func(*T)) error {
	f.addInt("limit", pageSize)
	for listed, after := 0, ""; ; {
		next := form{append([]byte(nil), f.text...)}
		next.add("starting_after", after)
		var p page[T]
		if err := a.call(ctx, get(path, next), &p); err != nil {
			return a.fail(err)
		}
		if p.URL == "" { // an empty list has one, an empty answer has none
			return a.unread("the answer is no list")
		}
		for i := range p.Data {
			if listed++; listed > maxListed {
				return a.unread("there are too many objects to search; find this one in Stripe's dashboard by its metadata")
			}
			visit(&p.Data[i])
			after = id(&p.Data[i])
		}
		if !p.HasMore || len(p.Data) == 0 {
			return nil
		}
	}
}
