package postgres

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"kassa/checkout"
)

// record writes rows in PostgreSQL's binary format (src/backend/utils/adt/
// rowtypes.c, record_recv): the number of columns, then for each its type, its
// length, or -1 for NULL, and its bytes. Columns are put in the order of the table.
type record struct {
	data    []byte
	columns []uint32
	next    int
	err     error
}

func (r *record) fail(err error) { r.err = errors.Join(r.err, err) }

// begin starts a column and leaves room for its length.
func (r *record) begin() (start int) {
	var oid uint32
	if r.next < len(r.columns) {
		oid = r.columns[r.next]
	}
	r.next++
	r.data = binary.BigEndian.AppendUint32(r.data, oid)
	r.data = append(r.data, 0, 0, 0, 0)
	return len(r.data)
}

func (r *record) end(start int) {
	binary.BigEndian.PutUint32(r.data[start-4:], uint32(len(r.data)-start))
}

// null in the place of a length says that there is no value.
const null = math.MaxUint32

func (r *record) null() {
	start := r.begin()
	binary.BigEndian.PutUint32(r.data[start-4:], null)
}

// nulls leaves n columns empty.
func (r *record) nulls(n int) {
	for range n {
		r.null()
	}
}

// id writes an id; the zero one becomes NULL.
func (r *record) id(id checkout.ID) {
	if id.IsZero() {
		r.null()
		return
	}
	r.raw(id[:])
}

func (r *record) raw(value []byte) {
	start := r.begin()
	r.data = append(r.data, value...)
	r.end(start)
}

// blob writes bytes; nil becomes NULL.
func (r *record) blob(value []byte) {
	if value == nil {
		r.null()
		return
	}
	r.raw(value)
}

// text writes a text or the word of an enum, the empty one too.
func (r *record) text(value string) {
	start := r.begin()
	r.data = append(r.data, value...)
	r.end(start)
}

// optional writes a text; the empty one becomes NULL.
func (r *record) optional(value string) {
	if value == "" {
		r.null()
		return
	}
	r.text(value)
}

// int writes a number as wide as its column is.
func (r *record) int(value int64) {
	start := r.begin()
	if r.next <= len(r.columns) && r.columns[r.next-1] == pgtype.Int4OID {
		if value != int64(int32(value)) {
			r.fail(fmt.Errorf("%w: %d is too large for column %d", errValue, value, r.next))
		}
		r.data = binary.BigEndian.AppendUint32(r.data, uint32(value))
	} else {
		r.data = binary.BigEndian.AppendUint64(r.data, uint64(value))
	}
	r.end(start)
}

// optionalInt writes a number; zero becomes NULL.
func (r *record) optionalInt(value int64) {
	if value == 0 {
		r.null()
		return
	}
	r.int(value)
}

func (r *record) bool(value bool) {
	if value {
		r.raw([]byte{1})
	} else {
		r.raw([]byte{0})
	}
}

// epoch is the zero of PostgreSQL's times, 2000-01-01, in microseconds of Unix.
const epoch = 946_684_800_000_000

// time writes a time to the microsecond; the zero one becomes NULL.
func (r *record) time(at time.Time) {
	if at.IsZero() {
		r.null()
		return
	}
	start := r.begin()
	r.data = binary.BigEndian.AppendUint64(r.data, uint64(at.UnixMicro()-epoch))
	r.end(start)
}

// timeUnless writes a time that is not the usual one.
func (r *record) timeUnless(at, usual time.Time) {
	if at.Equal(usual) {
		r.null()
		return
	}
	r.time(at)
}

// usualHold is how long a hold whose end is not stored lasts, and usualLead how far
// its order's id may be from after its making. They must not change: what is stored,
// and due_orders in sql/work.sql, stand on them.
const (
	usualHold = 15 * time.Minute
	usualLead = time.Second
)

// noTime is -infinity: it stands where there is no time and NULL says something else.
const noTime = 1 << 63

// holdEnd writes the end of an order's hold. The usual one becomes NULL, if the order
// is found by its id: whose time is its maker's, and may be anything.
func (r *record) holdEnd(o *checkout.Order) {
	lead := o.ID.Time().Sub(o.CreatedAt.Truncate(time.Millisecond))
	switch {
	case !o.HoldExpiresAt.IsZero() && lead >= 0 && lead <= usualLead:
		r.timeUnless(o.HoldExpiresAt, o.CreatedAt.Add(usualHold))
		return
	case !o.HoldExpiresAt.IsZero():
		r.time(o.HoldExpiresAt)
		return
	}
	start := r.begin()
	r.data = binary.BigEndian.AppendUint64(r.data, noTime)
	r.end(start)
}

// log writes a list of ids, the last one first: what was there before is then the
// end of the value, and an update's record leaves it out. An empty one becomes NULL.
func (r *record) log(list []checkout.ID) {
	if len(list) == 0 {
		r.null()
		return
	}
	start := r.begin()
	for i := range slices.Backward(list) {
		r.data = append(r.data, list[i][:]...)
	}
	r.end(start)
}

// document writes a value as JSON; nil becomes NULL.
func (r *record) document(value any) {
	if value == nil {
		r.null()
		return
	}
	text, err := json.Marshal(value)
	if err != nil {
		r.fail(fmt.Errorf("%w: %w", errValue, err))
	}
	r.raw(text)
}

// The kinds of a stored hash.
const (
	hashDigits = 'x' // hexadecimal digits, two to a byte
	hashText   = 't' // another text, as it is
	keyUUID    = 'u' // a UUID, as its sixteen bytes
)

// hash writes a text that is usually hexadecimal digits in half their space.
func (r *record) hash(text string) {
	if text == "" {
		r.null()
		return
	}
	start := r.begin()
	if digits, ok := appendDigits(append(r.data, hashDigits), text); ok {
		r.data = digits
	} else {
		r.data = append(append(r.data, hashText), text...)
	}
	r.end(start)
}

// key writes an idempotency key: most are UUIDs, which are long as texts.
func (r *record) key(text string) {
	id, err := checkout.ParseID(text)
	if err != nil || id.IsZero() || id.String() != text {
		r.hash(text)
		return
	}
	start := r.begin()
	r.data = append(append(r.data, keyUUID), id[:]...)
	r.end(start)
}

// unpackKey reads what key has written.
func unpackKey(data []byte) string {
	if len(data) == 1+len(checkout.ID{}) && data[0] == keyUUID {
		return checkout.ID(data[1:]).String()
	}
	return unpackHash(data)
}

// appendDigits packs lower-case hexadecimal digits, which is what hex writes back.
func appendDigits(data []byte, text string) ([]byte, bool) {
	for i := range len(text) {
		if c := text[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return nil, false
		}
	}
	data, err := hex.AppendDecode(data, []byte(text))
	return data, err == nil
}

// unpackHash reads what hash has written.
func unpackHash(data []byte) string {
	switch {
	case len(data) == 0:
		return ""
	case data[0] == hashDigits:
		return hex.EncodeToString(data[1:])
	}
	return string(data[1:])
}
