package sandbox

import (
	"slices"
	"strconv"
	"time"
)

// identified objects have an id and a time of creation.
type identified interface {
	key() string
	createdAt() time.Time
}

// listing keeps objects in the order they were made and finds them by id without a scan. It drops the oldest past most.
type listing[T identified] struct {
	items   []T
	at      map[string]int // id to position, counted from the first object ever
	dropped int
	most    int // 0: no limit
}

func newListing[T identified](most int, items ...T) *listing[T] {
	l := &listing[T]{at: map[string]int{}, most: most}
	for _, item := range items {
		l.add(item)
	}
	return l
}

func (l *listing[T]) add(item T) {
	l.at[item.key()] = l.dropped + len(l.items)
	l.items = append(l.items, item)
	if l.most > 0 && len(l.items) > l.most {
		var none T
		delete(l.at, l.items[0].key())
		l.items[0] = none
		l.items = l.items[1:]
		l.dropped++
	}
}

func (l *listing[T]) find(id string) (item T, ok bool) {
	at, ok := l.at[id]
	if ok {
		item = l.items[at-l.dropped]
	}
	return item, ok
}

// pageQuery is what every list call takes: see listParams.
type pageQuery struct {
	limit         int
	after, before string
	from, to      int64 // created, both inclusive
}

const maxUnixTime = int64(1) << 40

// listParams are the parameters that every list call takes, and more.
func listParams(more params) params {
	p := params{"limit": integer(1), "starting_after": text(5000), "ending_before": text(5000), "created": timeRange(),
		"expand": expandList()}
	for name, param := range more {
		p[name] = param
	}
	return p
}

// newPageQuery reads a checked form.
func newPageQuery(f *form) (pageQuery, *apiError) {
	q := pageQuery{limit: 10, after: f.get("starting_after"), before: f.get("ending_before"), to: maxUnixTime}
	if f.has("limit") {
		q.limit = int(min(f.number("limit"), 1000))
	}
	if q.limit > 100 {
		return q, paramError("parameter_invalid_integer", "limit", "This value must be less than or equal to 100 (it currently is '%s').", f.get("limit"))
	}
	if q.after != "" && q.before != "" {
		return q, paramError("", "ending_before", "You cannot parameterize both starting_after and ending_before.")
	}
	if created := f.at("created"); created != nil {
		q.from, q.to = created.bounds()
	}
	return q, nil
}

// bounds turns created=, created[gt]=, … into an inclusive range.
func (f *form) bounds() (from, to int64) {
	if f.kids == nil {
		n, _ := strconv.ParseInt(f.text, 10, 64) // checked before
		return n, n
	}
	to = maxUnixTime
	if f.has("gt") {
		from = f.number("gt") + 1
	}
	if f.has("gte") {
		from = max(from, f.number("gte"))
	}
	if f.has("lt") {
		to = f.number("lt") - 1
	}
	if f.has("lte") {
		to = min(to, f.number("lte"))
	}
	return from, to
}

// page returns the objects that keep accepts, newest first, and whether there are more in the direction asked for.
// It stops at the first object older than the range, so that recent ones are found without a look at all.
func (l *listing[T]) page(q pageQuery, kind string, keep func(T) bool) ([]T, bool, *apiError) {
	start, step := len(l.items)-1, -1
	cursor, param := q.after, "starting_after"
	if q.before != "" {
		cursor, param, step = q.before, "ending_before", 1
	}
	if cursor != "" {
		at, ok := l.at[cursor]
		if !ok {
			return nil, false, missing(kind, param, cursor)
		}
		start = at - l.dropped + step
	}
	found := l.collect(q, start, step, keep)
	more := len(found) > q.limit
	if more {
		found = found[:q.limit]
	}
	if step > 0 {
		slices.Reverse(found)
	}
	return found, more, nil
}

// collect walks from start and takes one object more than the page holds.
func (l *listing[T]) collect(q pageQuery, start, step int, keep func(T) bool) []T {
	found := []T{}
	for i := start; i >= 0 && i < len(l.items) && len(found) <= q.limit; i += step {
		created := l.items[i].createdAt().Unix()
		if step < 0 && created < q.from {
			break
		}
		if created >= q.from && created <= q.to && keep(l.items[i]) {
			found = append(found, l.items[i])
		}
	}
	return found
}
