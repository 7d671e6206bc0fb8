package sqlite

import (
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"kassa/checkout"
)

// args gathers the arguments of one row. An empty value that a column keeps as
// NULL is written as NULL.
type args struct {
	values []any
	err    error // the first value that could not be written as JSON
}

func (a *args) add(values ...any) { a.values = append(a.values, values...) }

func (a *args) id(id checkout.ID) {
	if id.IsZero() {
		a.add(nil)
		return
	}
	a.add(id[:])
}

func (a *args) time(t time.Time) {
	if t.IsZero() {
		a.add(nil)
		return
	}
	a.add(t.UnixMicro())
}

// optional writes "" as NULL.
func (a *args) optional(text string) {
	if text == "" {
		a.add(nil)
		return
	}
	a.add(text)
}

func (a *args) json(value any) {
	text, err := json.Marshal(value)
	if err != nil && a.err == nil {
		a.err = err
	}
	a.add(string(text))
}

// optionalJSON writes a nil pointer as NULL.
func optionalJSON[T any](a *args, value *T) {
	if value == nil {
		a.add(nil)
		return
	}
	a.json(value)
}

// The scanners below read a column into a field. NULL is the field's zero.

type idColumn checkout.ID

func (c *idColumn) Scan(source any) error {
	*c = idColumn{}
	if source == nil {
		return nil
	}
	bytes, ok := source.([]byte)
	if !ok || len(bytes) != len(c) {
		return fmt.Errorf("an id has 16 bytes, this is %T", source)
	}
	copy(c[:], bytes)
	return nil
}

func idTo(id *checkout.ID) *idColumn { return (*idColumn)(id) }

type timeColumn time.Time

func (c *timeColumn) Scan(source any) error {
	*c = timeColumn{}
	if source == nil {
		return nil
	}
	micro, ok := source.(int64)
	if !ok {
		return fmt.Errorf("a time is microseconds, this is %T", source)
	}
	*c = timeColumn(time.UnixMicro(micro).UTC())
	return nil
}

func timeTo(t *time.Time) *timeColumn { return (*timeColumn)(t) }

type intColumn int

func (c *intColumn) Scan(source any) error {
	number, ok := source.(int64)
	if !ok {
		return fmt.Errorf("a number is expected, this is %T", source)
	}
	*c = intColumn(number)
	return nil
}

func intTo(n *int) *intColumn { return (*intColumn)(n) }

type textColumn string

func (c *textColumn) Scan(source any) error {
	text, ok := source.(string)
	if !ok && source != nil {
		return fmt.Errorf("text is expected, this is %T", source)
	}
	*c = textColumn(text)
	return nil
}

func textTo(s *string) *textColumn { return (*textColumn)(s) }

type jsonColumn struct{ into any }

func (c jsonColumn) Scan(source any) error {
	text, ok := source.(string)
	if !ok {
		if source == nil {
			return nil
		}
		return fmt.Errorf("JSON text is expected, this is %T", source)
	}
	return json.Unmarshal([]byte(text), c.into)
}

func jsonTo(into any) jsonColumn { return jsonColumn{into} }

type logColumn struct{ into *[]checkout.ID }

func (c logColumn) Scan(source any) error {
	bytes, ok := source.([]byte)
	if !ok && source != nil {
		return fmt.Errorf("ids are expected, this is %T", source)
	}
	*c.into = nil
	for chunk := range slices.Chunk(bytes, 16) {
		if len(chunk) < 16 {
			return fmt.Errorf("a list of ids ends with %d bytes", len(chunk))
		}
		*c.into = append(*c.into, checkout.ID(chunk))
	}
	return nil
}

func logBytes(ids []checkout.ID) []byte {
	bytes := make([]byte, 0, 16*len(ids))
	for _, id := range ids {
		bytes = append(bytes, id[:]...)
	}
	return bytes
}

// idList writes ids as a JSON array of hexadecimal text, for json_each.
func idList(ids []checkout.ID) string {
	list := make([]byte, 0, 35*len(ids)+2)
	list = append(list, '[')
	for i, id := range ids {
		if i > 0 {
			list = append(list, ',')
		}
		list = append(list, '"')
		list = hex.AppendEncode(list, id[:])
		list = append(list, '"')
	}
	return string(append(list, ']'))
}

// textList writes texts as a JSON array, for json_each.
func textList(texts []string) (string, error) {
	list, err := json.Marshal(texts)
	return string(list), err
}

// row is what a scan function reads from.
type row interface{ Scan(into ...any) error }

var _ row = (*sql.Rows)(nil)

func scanValue[T any](r row) (value T, err error) {
	err = r.Scan(&value)
	return value, err
}

func scanID(r row) (id checkout.ID, err error) {
	err = r.Scan(idTo(&id))
	return id, err
}
