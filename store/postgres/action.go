package postgres

import (
	"strings"

	"kassa/checkout"
)

// action writes what the buyer's browser must do next; nil becomes NULL. Mostly that
// is to go to an address, and in the address stands the gateway's name of the
// payment, which is long and has a column: then it is the list of the type, what
// comes before the name, and what comes after it.
func (r *record) action(a *checkout.Action, ref string) {
	switch {
	case a == nil:
		r.null()
	case a.Fields != nil || a.URI != "" || a.QRSVG != "":
		r.document(a)
	default:
		start := r.begin()
		r.data = appendList(r.data, a, func(l *list, a *checkout.Action) {
			l.text(a.Type)
			before, after, found := strings.Cut(a.URL, ref)
			if ref == "" || !found {
				l.text(a.URL)
				return
			}
			l.text(before)
			l.text(after)
			l.kept = len(l.data) // also where nothing comes after
		})
		r.end(start)
	}
}

func scanAction(r *row, ref string) *checkout.Action {
	if text := r.values[r.next]; len(text) == 0 || text[0] != '[' {
		return document[*checkout.Action](r)
	}
	parts := document[[]string](r)
	a := &checkout.Action{}
	switch len(parts) {
	case 3:
		a.Type, a.URL = parts[0], parts[1]+ref+parts[2]
	case 2:
		a.Type, a.URL = parts[0], parts[1]
	case 1:
		a.Type = parts[0]
	}
	return a
}
