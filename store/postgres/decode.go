package postgres

import (
	"context"
	"encoding/binary"
	"encoding/json"
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

func (r *row) int() int64 {
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
	return time.UnixMicro(int64(binary.BigEndian.Uint64(value)) + epoch).UTC()
}

func (r *row) blob() []byte { return append([]byte(nil), r.bytes()...) }

// document decodes JSON; NULL is the zero value.
func document[T any](r *row) (value T) {
	text := r.bytes()
	if text == nil {
		return value
	}
	if err := json.Unmarshal(text, &value); err != nil {
		r.err = fmt.Errorf("%w: column %d: %w", store.ErrSchema, r.next, err)
	}
	return value
}

// idList reads an array of uuid: see array for the format.
func (r *row) idList() []checkout.ID {
	value := r.bytes()
	if len(value) < arrayHeader {
		return nil
	}
	n := int(binary.BigEndian.Uint32(value[12:]))
	value = value[arrayHeader:]
	if len(value) != n*20 {
		r.err = fmt.Errorf("%w: column %d is not an array of uuid", store.ErrSchema, r.next)
		return nil
	}
	out := make([]checkout.ID, n)
	for i := range out {
		copy(out[i][:], value[i*20+4:])
	}
	return out
}

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
