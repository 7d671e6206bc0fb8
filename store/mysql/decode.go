package mysql

import (
	"bytes"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"kassa/checkout"
	"kassa/store"
)

// row reads the columns of one row in their order. NULL is the zero value.
type row struct {
	values []driver.Value
	next   int
	err    error // the first column that was not what it should be
}

func (r *row) value() driver.Value {
	value := r.values[r.next]
	r.next++
	return value
}

func (r *row) wrong(value driver.Value, wanted string) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: column %d is a %T, not %s", store.ErrSchema, r.next, value, wanted)
	}
}

// bytes belong to the driver: they are good until the next row.
func (r *row) bytes() []byte {
	switch v := r.value().(type) {
	case nil:
		return nil
	case []byte:
		return v
	default:
		r.wrong(v, "bytes")
		return nil
	}
}

func (r *row) blob() []byte { return bytes.Clone(r.bytes()) }

func (r *row) text() string { return string(r.bytes()) }

func (r *row) int() int64 {
	switch v := r.value().(type) {
	case nil:
		return 0
	case int64:
		return v
	case uint64:
		return int64(v)
	case []byte:
		n, err := strconv.ParseInt(string(v), 10, 64)
		if err != nil {
			r.wrong(v, "a number")
		}
		return n
	default:
		r.wrong(v, "a number")
		return 0
	}
}

func (r *row) bool() bool { return r.int() != 0 }

func (r *row) time() time.Time {
	switch v := r.value().(type) {
	case nil:
		return time.Time{}
	case time.Time:
		return v
	default:
		r.wrong(v, "a time")
		return time.Time{}
	}
}

func (r *row) id() (id checkout.ID) {
	value := r.bytes()
	if value != nil && copy(id[:], value) != len(id) {
		r.wrong(value, "an id")
	}
	return id
}

// ids reads a list of ids.
func (r *row) ids() []checkout.ID {
	value := r.bytes()
	if len(value) == 0 {
		return nil
	}
	out := make([]checkout.ID, len(value)/len(checkout.ID{}))
	for i := range out {
		copy(out[i][:], value[i*len(checkout.ID{}):])
	}
	return out
}

// document decodes JSON; NULL is the zero value.
func document[T any](r *row) (value T) {
	text := r.bytes()
	if text == nil {
		return value
	}
	if err := json.Unmarshal(text, &value); err != nil && r.err == nil {
		r.err = fmt.Errorf("%w: column %d: %w", store.ErrSchema, r.next, err)
	}
	return value
}
