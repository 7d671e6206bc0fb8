package postgres

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"kassa/store"
)

// rowTypes are the types of the tables' rows, by table. Rows travel as one array
// of them: a third cheaper for the server than an array for each column.
type rowTypes map[string]rowType

type rowType struct {
	element uint32   // the row's type, by number
	columns []uint32 // the columns' types, in order
}

const rowTypesKey = "kassa.row_types"

// rowTypesOf are the types that a connection of the pool has learnt.
func rowTypesOf(conn *pgx.Conn) rowTypes {
	types, _ := conn.PgConn().CustomData()[rowTypesKey].(rowTypes)
	return types
}

// learnTypes has a connection know the types of the schema's rows before it is used
// for the first time since there is a schema.
func learnTypes(ctx context.Context, conn *pgx.Conn) (usable bool, err error) {
	if rowTypesOf(conn) != nil {
		return true, nil
	}
	rows, err := conn.Query(ctx, statement("row_types"))
	if err != nil {
		return false, err
	}
	types := rowTypes{}
	err = each(func(r *row) {
		table, element, array := r.text(), uint32(r.int()), uint32(r.int())
		known := types[table]
		known.element, known.columns = element, append(known.columns, uint32(r.int()))
		types[table] = known
		conn.TypeMap().RegisterType(&pgtype.Type{Name: table + "[]", OID: array, Codec: arrayCodec{pgtype.ByteaCodec{}}})
	})(rows)
	if len(types) > 0 {
		conn.PgConn().CustomData()[rowTypesKey] = types
	}
	return err == nil, err
}

// encodeRows appends the array of a table's rows.
func encodeRows[T any](r *record, types rowTypes, table string, rows []T, write func(*record, T)) {
	typ, ok := types[table]
	if !ok {
		r.fail(fmt.Errorf("%w: there is no table %s: migrate the database", store.ErrSchema, table))
		return
	}
	r.columns = typ.columns
	r.data = appendArrayHeader(r.data, typ.element, len(rows))
	for _, row := range rows {
		start := len(r.data)
		r.data = append(r.data, 0, 0, 0, 0)
		r.data = binary.BigEndian.AppendUint32(r.data, uint32(len(typ.columns)))
		r.next = 0
		write(r, row)
		if r.next != len(typ.columns) {
			r.fail(fmt.Errorf("%w: table %s has %d columns, and %d were written", store.ErrSchema, table, len(typ.columns), r.next))
			return
		}
		binary.BigEndian.PutUint32(r.data[start:], uint32(len(r.data)-start-4))
	}
}
