package postgres

import (
	"encoding/binary"

	"github.com/jackc/pgx/v5/pgtype"

	"kassa/checkout"
)

// array is a list of values in PostgreSQL's binary format. It is written here
// because it is the hot path: the library's way boxes every element and finds its
// encoding by reflection.
//
// The format (src/backend/utils/adt/arrayfuncs.c, array_recv): dimensions, a flag
// for NULLs, the element's type, then length and first index of the dimension,
// then for each element its length, or -1 for NULL, and its bytes.
type array struct {
	data []byte
	err  error
}

const arrayHeader = 20

func appendArrayHeader(data []byte, element uint32, length int) []byte {
	data = binary.BigEndian.AppendUint32(data, 1)
	data = binary.BigEndian.AppendUint32(data, 0)
	data = binary.BigEndian.AppendUint32(data, element)
	data = binary.BigEndian.AppendUint32(data, uint32(length))
	return binary.BigEndian.AppendUint32(data, 1)
}

// makeArray encodes a value of each row. put appends its bytes, or returns nil for
// NULL. size is a guess at the bytes of one.
func makeArray[T any](element uint32, size int, rows []T, put func(data []byte, row T) []byte) *array {
	data := appendArrayHeader(make([]byte, 0, arrayHeader+len(rows)*(4+size)), element, len(rows))
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

// texts encodes strings, the empty one too.
func texts[T any](rows []T, get func(T) string) *array {
	return makeArray(pgtype.TextOID, 32, rows, func(data []byte, row T) []byte {
		return append(data, get(row)...)
	})
}

func ints[T any](rows []T, get func(T) int64) *array {
	return makeArray(pgtype.Int8OID, 8, rows, func(data []byte, row T) []byte {
		return binary.BigEndian.AppendUint64(data, uint64(get(row)))
	})
}

// self is the value of rows that are their own only value.
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
	for _, oid := range []uint32{pgtype.UUIDArrayOID, pgtype.TextArrayOID, pgtype.Int8ArrayOID} {
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
