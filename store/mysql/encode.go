package mysql

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"kassa/checkout"
)

// record writes rows as one JSON array of arrays, which a statement unpacks by
// JSON_TABLE. Columns are put in the order of the statement's part in sql/parts.sql.
type record struct {
	data []byte
	err  error
}

func (r *record) fail(err error) { r.err = errors.Join(r.err, err) }

// begin starts a value.
func (r *record) begin() {
	if n := len(r.data); n > 0 && r.data[n-1] != '[' {
		r.data = append(r.data, ',')
	}
}

func (r *record) open() {
	r.begin()
	r.data = append(r.data, '[')
}

func (r *record) close() { r.data = append(r.data, ']') }

func (r *record) null() {
	r.begin()
	r.data = append(r.data, "null"...)
}

// bytes writes digits, which the statement makes bytes of again. Nil becomes NULL.
func (r *record) bytes(value []byte) {
	if value == nil {
		r.null()
		return
	}
	r.begin()
	r.data = append(r.data, '"')
	r.data = hex.AppendEncode(r.data, value)
	r.data = append(r.data, '"')
}

// id writes an id; the zero one becomes NULL.
func (r *record) id(id checkout.ID) {
	if id.IsZero() {
		r.null()
		return
	}
	r.bytes(id[:])
}

// ids writes a list of ids; an empty one becomes NULL.
func (r *record) ids(list []checkout.ID) {
	if len(list) == 0 {
		r.null()
		return
	}
	all := make([]byte, 0, len(list)*len(checkout.ID{}))
	for _, id := range list {
		all = append(all, id[:]...)
	}
	r.bytes(all)
}

// text writes a text, the empty one too.
func (r *record) text(value string) {
	r.begin()
	r.data = appendText(r.data, value)
}

// appendText quotes text that is plain ASCII itself and leaves the rest to
// encoding/json.
func appendText(data []byte, text string) []byte {
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

// optional writes a text; the empty one becomes NULL.
func (r *record) optional(value string) {
	if value == "" {
		r.null()
		return
	}
	r.text(value)
}

func (r *record) int(value int64) {
	r.begin()
	r.data = strconv.AppendInt(r.data, value, 10)
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
		r.int(1)
	} else {
		r.int(0)
	}
}

// timeFormat is cut, not rounded, to the microsecond.
const timeFormat = "2006-01-02 15:04:05.000000"

// time writes a time; the zero one becomes NULL.
func (r *record) time(at time.Time) {
	if at.IsZero() {
		r.null()
		return
	}
	r.begin()
	r.data = append(r.data, '"')
	r.data = at.UTC().AppendFormat(r.data, timeFormat)
	r.data = append(r.data, '"')
}

// document writes a value as a text of JSON; nil becomes NULL.
func (r *record) document(value any) {
	if value == nil {
		r.null()
		return
	}
	text, err := json.Marshal(value)
	if err != nil {
		r.fail(fmt.Errorf("%w: %w", errValue, err))
	}
	r.text(string(text))
}

// optionalList writes an empty list as NULL.
func optionalList[T any](values []T) any {
	if len(values) == 0 {
		return nil
	}
	return values
}

// optionalDocument writes a nil pointer as NULL.
func optionalDocument[T any](value *T) any {
	if value == nil {
		return nil
	}
	return value
}

// encode writes rows, or keys, as a parameter. All but an empty list fit one.
func encode[T any](rows []T, write func(*record, T)) (json.RawMessage, error) {
	r := &record{data: []byte{'['}}
	for _, row := range rows {
		write(r, row)
	}
	r.close()
	return r.data, r.err
}

// Keys, each a row of its own.

func idKeys(ids []checkout.ID) json.RawMessage { return keys(ids, (*record).id) }

func textKeys(texts []string) json.RawMessage { return keys(texts, (*record).text) }

func pairKeys[T any](all []T, first, second func(T) string) json.RawMessage {
	return keys(all, func(r *record, key T) {
		r.open()
		r.text(first(key))
		r.text(second(key))
		r.close()
	})
}

// keys are always written.
func keys[T any](all []T, write func(*record, T)) json.RawMessage {
	data, _ := encode(all, write)
	return data
}

// Single parameters. Where they are zero they become NULL.

func idParam(id checkout.ID) any {
	if id.IsZero() {
		return nil
	}
	return id[:]
}

func textParam(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func timeParam(at time.Time) any {
	if at.IsZero() {
		return nil
	}
	return timeText(at)
}

func timeText(at time.Time) string { return at.UTC().Format(timeFormat) }
