package postgres

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"kassa/checkout"
)

// array is one column of many rows as an array in PostgreSQL's binary format. It
// is written here because it is the hot path: the library's way boxes every
// element and finds its encoding by reflection.
//
// The format (src/backend/utils/adt/arrayfuncs.c, array_recv): dimensions, a flag
// for NULLs, the element's type, then length and first index of the dimension,
// then for each element its length, or -1 for NULL, and its bytes.
type array struct {
	data []byte
	err  error
}

const arrayHeader = 20

// makeArray encodes a column. put appends an element's bytes, or returns nil for
// NULL. size is a guess at the bytes of one element.
func makeArray[T any](element uint32, size int, rows []T, put func(data []byte, row T) []byte) *array {
	data := make([]byte, arrayHeader, arrayHeader+len(rows)*(4+size))
	binary.BigEndian.PutUint32(data[0:], 1)
	binary.BigEndian.PutUint32(data[8:], element)
	binary.BigEndian.PutUint32(data[12:], uint32(len(rows)))
	binary.BigEndian.PutUint32(data[16:], 1)
	for _, row := range rows {
		start := len(data)
		data = append(data, 0xff, 0xff, 0xff, 0xff)
		filled := put(data, row)
		if filled == nil {
			data[7] = 1
			continue
		}
		data = filled
		binary.BigEndian.PutUint32(data[start:], uint32(len(data)-start-4))
	}
	return &array{data: data}
}

// uuids encodes ids; the zero id becomes NULL.
func uuids[T any](rows []T, get func(T) checkout.ID) *array {
	return makeArray(pgtype.UUIDOID, 16, rows, func(data []byte, row T) []byte {
		id := get(row)
		if id.IsZero() {
			return nil
		}
		return append(data, id[:]...)
	})
}

// width is the mean length of a column's texts, rounded up.
func width[T any](rows []T, get func(T) string) int {
	sum := len(rows)
	for _, row := range rows {
		sum += len(get(row))
	}
	return sum / max(len(rows), 1)
}

// texts encodes strings, the empty one too.
func texts[T any](rows []T, get func(T) string) *array {
	return makeArray(pgtype.TextOID, width(rows, get), rows, func(data []byte, row T) []byte {
		return append(data, get(row)...)
	})
}

// optional encodes strings; the empty one becomes NULL, which takes no space in
// a row or in an index.
func optional[T any](rows []T, get func(T) string) *array {
	return makeArray(pgtype.TextOID, width(rows, get), rows, func(data []byte, row T) []byte {
		text := get(row)
		if text == "" {
			return nil
		}
		return append(data, text...)
	})
}

func ints[T any](rows []T, get func(T) int64) *array {
	return makeArray(pgtype.Int8OID, 8, rows, func(data []byte, row T) []byte {
		return binary.BigEndian.AppendUint64(data, uint64(get(row)))
	})
}

// optionalInts encodes numbers; nil becomes NULL.
func optionalInts[T any](rows []T, get func(T) *int64) *array {
	return makeArray(pgtype.Int8OID, 8, rows, func(data []byte, row T) []byte {
		value := get(row)
		if value == nil {
			return nil
		}
		return binary.BigEndian.AppendUint64(data, uint64(*value))
	})
}

func bools[T any](rows []T, get func(T) bool) *array {
	return makeArray(pgtype.BoolOID, 1, rows, func(data []byte, row T) []byte {
		if get(row) {
			return append(data, 1)
		}
		return append(data, 0)
	})
}

// epoch is the zero of PostgreSQL's times, 2000-01-01, in microseconds of Unix.
const epoch = 946_684_800_000_000

// times encodes times to the microsecond; the zero time becomes NULL.
func times[T any](rows []T, get func(T) time.Time) *array {
	return makeArray(pgtype.TimestamptzOID, 8, rows, func(data []byte, row T) []byte {
		at := get(row)
		if at.IsZero() {
			return nil
		}
		return binary.BigEndian.AppendUint64(data, uint64(at.UnixMicro()-epoch))
	})
}

func blobs[T any](rows []T, get func(T) []byte) *array {
	return makeArray(pgtype.ByteaOID, 64, rows, func(data []byte, row T) []byte {
		return append(data, get(row)...)
	})
}

// documents encodes values as JSON; a nil one becomes NULL.
func documents[T any](rows []T, get func(T) any) *array {
	var failed error
	out := makeArray(pgtype.JSONOID, 128, rows, func(data []byte, row T) []byte {
		value := get(row)
		if value == nil {
			return nil
		}
		text, err := json.Marshal(value)
		failed = errors.Join(failed, err)
		return append(data, text...)
	})
	if failed != nil {
		out.err = fmt.Errorf("%w: %w", errValue, failed)
	}
	return out
}

// allocations encodes lists of allocations as JSON. They stand in each hold and
// order, so they are written by hand: as encoding/json would, three times faster.
func allocations[T any](rows []T, get func(T) []checkout.Allocation) *array {
	return makeArray(pgtype.JSONOID, 64, rows, func(data []byte, row T) []byte {
		list := get(row)
		if len(list) == 0 {
			return nil
		}
		for i, a := range list {
			data = append(data, "[,"[min(i, 1)])
			data = appendJSONText(append(data, `{"sku":`...), a.SKU)
			data = appendJSONText(append(data, `,"warehouse":`...), a.Warehouse)
			data = strconv.AppendInt(append(data, `,"qty":`...), a.Qty, 10)
			data = append(data, '}')
		}
		return append(data, ']')
	})
}

// appendJSONText quotes text that is plain ASCII itself and leaves the rest to
// encoding/json.
func appendJSONText(data []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			quoted, _ := json.Marshal(text) // a string can always be marshalled
			return append(data, quoted...)
		}
	}
	data = append(data, '"')
	data = append(data, text...)
	return append(data, '"')
}

// idLists encodes a list of ids for each row as the text of an array, because
// unnest would open lists of lists to the last element.
func idLists[T any](rows []T, get func(T) []checkout.ID) *array {
	return makeArray(pgtype.TextOID, 160, rows, func(data []byte, row T) []byte {
		data = append(data, '{')
		for i, id := range get(row) {
			if i > 0 {
				data = append(data, ',')
			}
			data = append(data, id.String()...)
		}
		return append(data, '}')
	})
}

// self is the column of rows that are their own only value.
func self[T any](value T) T { return value }

// uuid is an id as a single parameter; the zero id becomes NULL.
func uuid(id checkout.ID) any {
	if id.IsZero() {
		return nil
	}
	return [16]byte(id)
}

// registerArrays lets a connection send arrays as they are.
func registerArrays(types *pgtype.Map) {
	for _, oid := range []uint32{
		pgtype.UUIDArrayOID, pgtype.TextArrayOID, pgtype.Int8ArrayOID, pgtype.BoolArrayOID,
		pgtype.TimestamptzArrayOID, pgtype.ByteaArrayOID, pgtype.JSONArrayOID,
	} {
		if known, ok := types.TypeForOID(oid); ok {
			types.RegisterType(&pgtype.Type{Name: known.Name, OID: oid, Codec: arrayCodec{known.Codec}})
		}
	}
}

// arrayCodec adds the ready-made array to what an array's own codec takes.
type arrayCodec struct{ pgtype.Codec }

// PreferredFormat is binary, also of texts.
func (arrayCodec) PreferredFormat() int16 { return pgtype.BinaryFormatCode }

// PlanEncode passes ready-made arrays through.
func (c arrayCodec) PlanEncode(m *pgtype.Map, oid uint32, format int16, value any) pgtype.EncodePlan {
	if _, ok := value.(*array); ok && format == pgtype.BinaryFormatCode {
		return readyMade{}
	}
	return c.Codec.PlanEncode(m, oid, format, value)
}

type readyMade struct{}

// Encode appends the array's bytes.
func (readyMade) Encode(value any, buf []byte) ([]byte, error) {
	a := value.(*array) //nolint:forcetypeassert // PlanEncode has checked it
	return append(buf, a.data...), a.err
}
