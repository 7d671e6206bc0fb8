package sqlite

import (
	"encoding/json"
	"strconv"
	"time"
)

// document writes JSON by hand, for what stands in every order: as encoding/json
// reads it, several times faster than encoding/json writes it. Between opening and
// closing an object or a list come its fields or values.
type document struct {
	data []byte
	err  error
}

// next puts a comma after what came before.
func (d *document) next() {
	if n := len(d.data); n > 0 && d.data[n-1] != '{' && d.data[n-1] != '[' {
		d.data = append(d.data, ',')
	}
}

// name writes the name of a field, which needs no escaping.
func (d *document) name(name string) {
	d.next()
	d.data = append(append(append(d.data, '"'), name...), '"', ':')
}

func (d *document) open(bracket byte) {
	d.next()
	d.data = append(d.data, bracket)
}

func (d *document) openField(name string, bracket byte) {
	d.name(name)
	d.data = append(d.data, bracket)
}

func (d *document) close(bracket byte) { d.data = append(d.data, bracket) }

func (d *document) text(name, value string) {
	d.name(name)
	d.quote(value)
}

// optional leaves out a text that is empty.
func (d *document) optional(name, value string) {
	if value != "" {
		d.text(name, value)
	}
}

func (d *document) int(name string, value int64) {
	d.name(name)
	d.data = strconv.AppendInt(d.data, value, 10)
}

func (d *document) time(name string, at time.Time) {
	d.name(name)
	d.instant(at)
}

// any writes what has no method of its own.
func (d *document) any(name string, value any) {
	d.next()
	d.quote(name)
	d.data = append(d.data, ':')
	switch v := value.(type) {
	case string:
		d.quote(v)
	case int:
		d.data = strconv.AppendInt(d.data, int64(v), 10)
	case int64:
		d.data = strconv.AppendInt(d.data, v, 10)
	case bool:
		d.data = strconv.AppendBool(d.data, v)
	case time.Time:
		d.instant(v)
	default:
		d.marshal(v)
	}
}

func (d *document) marshal(value any) {
	text, err := json.Marshal(value)
	d.note(err)
	d.data = append(d.data, text...)
}

func (d *document) instant(at time.Time) {
	d.data = append(d.data, '"')
	text, err := at.AppendText(d.data)
	d.note(err)
	d.data = append(text, '"') //nolint:gocritic // text is d.data, grown
}

// plain are the characters that stand in JSON as they are.
var plain = func() (is [256]bool) {
	for c := ' '; c <= '~'; c++ {
		is[c] = c != '"' && c != '\\'
	}
	return is
}()

// quote writes plain ASCII itself and leaves the rest to encoding/json.
func (d *document) quote(text string) {
	for i := range len(text) {
		if !plain[text[i]] {
			d.marshal(text)
			return
		}
	}
	d.data = append(append(append(d.data, '"'), text...), '"')
}

func (d *document) note(err error) {
	if d.err == nil {
		d.err = err
	}
}

// document gives what write writes.
func (s *statement) document(write func(*document)) {
	d := document{data: s.scratch[:0]}
	write(&d)
	s.note(d.err)
	s.scratch = d.data
	s.textOf(d.data)
}
