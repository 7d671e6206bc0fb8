package sqlite

import (
	"encoding/json"
	"fmt"
	"time"

	"modernc.org/libc"
	native "modernc.org/sqlite/lib"

	"kassa/checkout"
)

// row is the row that a statement stands on. A scan function reads its columns
// from the first to the last. NULL is the field's zero.
type row struct {
	statement *statement
	column    int32
	err       error // the first column that was not what it should be
}

// next is the type of the next column and its number.
func (r *row) next() (kind, column int32) {
	column = r.column
	r.column++
	return native.Xsqlite3_column_type(r.statement.tls, r.statement.handle, column), column
}

func (r *row) expect(wanted string, column int32) {
	if r.err == nil {
		r.err = fmt.Errorf("column %d: %s is expected", column+1, wanted)
	}
}

func (r *row) int() int64 {
	kind, column := r.next()
	if kind != native.SQLITE_INTEGER && kind != native.SQLITE_NULL {
		r.expect("a number", column)
	}
	return native.Xsqlite3_column_int64(r.statement.tls, r.statement.handle, column)
}

func (r *row) bool() bool { return r.int() != 0 }

// flags unpacks truths, the first from the lowest bit.
func (r *row) flags(into ...*bool) {
	packed := r.int()
	for i, truth := range into {
		*truth = packed&(1<<i) != 0
	}
}

// bytes are valid until the next column is read.
func (r *row) bytes(wanted string, allowed int32) []byte {
	kind, column := r.next()
	if kind == native.SQLITE_NULL {
		return nil
	}
	if kind != allowed {
		r.expect(wanted, column)
		return nil
	}
	s := r.statement
	at := native.Xsqlite3_column_blob(s.tls, s.handle, column)
	length := int(native.Xsqlite3_column_bytes(s.tls, s.handle, column))
	if length == 0 {
		return []byte{} // at is 0
	}
	return libc.GoBytes(at, length)
}

func (r *row) text() string { return string(r.bytes("text", native.SQLITE_TEXT)) }

// blob copies bytes; NULL is nil.
func (r *row) blob() []byte {
	bytes := r.bytes("a blob", native.SQLITE_BLOB)
	if bytes == nil {
		return nil
	}
	return append([]byte{}, bytes...)
}

func (r *row) id() (id checkout.ID) {
	bytes := r.bytes("an id", native.SQLITE_BLOB)
	if bytes != nil && len(bytes) != len(id) {
		r.expect("an id of 16 bytes", r.column-1)
		return id
	}
	copy(id[:], bytes)
	return id
}

func (r *row) time() time.Time {
	kind, column := r.next()
	switch kind {
	case native.SQLITE_NULL:
		return time.Time{}
	case native.SQLITE_INTEGER:
	default:
		r.expect("a time in microseconds", column)
	}
	return time.UnixMicro(native.Xsqlite3_column_int64(r.statement.tls, r.statement.handle, column)).UTC()
}

// json reads a document; NULL leaves the value as it is.
func (r *row) json(into any) {
	text := r.bytes("JSON text", native.SQLITE_TEXT)
	if text == nil {
		return
	}
	if err := json.Unmarshal(text, into); err != nil && r.err == nil {
		r.err = fmt.Errorf("column %d: %w", r.column, err)
	}
}

// ids reads a list of ids, 16 bytes each.
func (r *row) ids() (ids []checkout.ID) {
	bytes := r.bytes("ids", native.SQLITE_BLOB)
	if len(bytes)%16 != 0 {
		r.expect("a list of ids", r.column-1)
	}
	for ; len(bytes) >= 16; bytes = bytes[16:] {
		ids = append(ids, checkout.ID(bytes[:16]))
	}
	return ids
}

func scanInt(r *row) int64      { return r.int() }
func scanText(r *row) string    { return r.text() }
func scanBlob(r *row) []byte    { return r.blob() }
func scanID(r *row) checkout.ID { return r.id() }
