package postgres

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"kassa/checkout"
	"kassa/store"
)

// row reads the columns of one row in their order. Ids, numbers, times and
// booleans come in binary, texts and JSON as they are; NULL is the zero value.
type row struct {
	values [][]byte
	next   int
	err    error
}

func (r *row) bytes() []byte {
	value := r.values[r.next]
	r.next++
	return value
}

func (r *row) fixed(size int) []byte {
	value := r.bytes()
	if value != nil && len(value) != size {
		r.err = fmt.Errorf("%w: column %d has %d bytes, want %d", store.ErrSchema, r.next, len(value), size)
		return nil
	}
	return value
}

func (r *row) id() (id checkout.ID) {
	copy(id[:], r.fixed(16))
	return id
}

func (r *row) text() string { return string(r.bytes()) }

// int reads a number of four or eight bytes.
func (r *row) int() int64 {
	if len(r.values[r.next]) == 4 {
		return int64(int32(binary.BigEndian.Uint32(r.bytes())))
	}
	value := r.fixed(8)
	if value == nil {
		return 0
	}
	return int64(binary.BigEndian.Uint64(value))
}

func (r *row) bool() bool {
	value := r.fixed(1)
	return value != nil && value[0] == 1
}

func (r *row) time() time.Time {
	value := r.fixed(8)
	if value == nil {
		return time.Time{}
	}
	return microTime(value)
}

func microTime(value []byte) time.Time {
	return time.UnixMicro(int64(binary.BigEndian.Uint64(value)) + epoch).UTC()
}

// holdEnd reads the end of an order's hold.
func (r *row) holdEnd(created time.Time) time.Time {
	value := r.fixed(8)
	switch {
	case value == nil:
		return created.Add(usualHold)
	case binary.BigEndian.Uint64(value) == noTime:
		return time.Time{}
	}
	return microTime(value)
}

// timeOr reads a time that is left out where it is the usual one.
func (r *row) timeOr(usual time.Time) time.Time {
	at := r.time()
	if at.IsZero() {
		return usual
	}
	return at
}

func (r *row) blob() []byte { return bytes.Clone(r.bytes()) }

func (r *row) hash() string { return unpackHash(r.bytes()) }

// document decodes JSON; NULL is the zero value.
func document[T any](r *row) (value T) {
	text := r.bytes()
	if text == nil {
		return value
	}
	if err := unmarshal(text, &value); err != nil {
		r.err = fmt.Errorf("%w: column %d: %w", store.ErrSchema, r.next, err)
	}
	return value
}

// log reads ids, of which the last one stands first.
func (r *row) log() []checkout.ID {
	value := r.bytes()
	if len(value)%16 != 0 {
		r.err = fmt.Errorf("%w: column %d has %d bytes, which are no ids", store.ErrSchema, r.next, len(value))
		return nil
	}
	if len(value) == 0 {
		return nil
	}
	out := make([]checkout.ID, len(value)/16)
	for i := range out {
		copy(out[i][:], value[len(value)-16*(i+1):])
	}
	return out
}

// rows reads an array of a table's rows: see array and record for the format.
func (r *row) rows(scan func(*row)) {
	value := r.bytes()
	if len(value) < arrayHeader {
		return // an empty array has no dimension
	}
	inner := &row{}
	for value = value[arrayHeader:]; len(value) > 8; {
		size, columns := binary.BigEndian.Uint32(value), int(binary.BigEndian.Uint32(value[4:]))
		inner.split(value[8:4+size], columns)
		scan(inner)
		value = value[4+size:]
	}
	if inner.err != nil {
		r.err = inner.err
	}
}

// split finds the columns of a record.
func (r *row) split(data []byte, columns int) {
	r.values, r.next = r.values[:0], 0
	for range columns {
		size := int32(binary.BigEndian.Uint32(data[4:]))
		data = data[8:]
		if size < 0 {
			r.values = append(r.values, nil)
			continue
		}
		r.values = append(r.values, data[:size])
		data = data[size:]
	}
}

// skip passes over columns.
func (r *row) skip(n int) { r.next += n }

// each runs a function for each row of an answer.
func each(do func(*row)) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		defer rows.Close()
		r := &row{}
		for rows.Next() {
			r.values, r.next = rows.RawValues(), 0
			do(r)
			if r.err != nil {
				return r.err
			}
		}
		return rows.Err()
	}
}

// querier is a pool, a connection or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// query reads all rows of one statement.
func query[T any](ctx context.Context, q querier, scan func(*row) T, sql string, args ...any) ([]T, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, mapError(err)
	}
	var out []T
	err = each(func(r *row) { out = append(out, scan(r)) })(rows)
	return out, mapError(err)
}
