package sqlite

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	native "modernc.org/sqlite/lib"

	"kassa/checkout"
)

// statement is a prepared statement. A bind function gives it its values, from
// the first to the last. All of it is called within the connection's use.
type statement struct {
	*connection
	handle uintptr
	wants  int32 // values it takes
	given  int32
	err    error // the first value that could not be given
}

// begin forgets the values of the run before.
func (s *statement) begin() {
	s.memory.reset(s.tls)
	s.given, s.err = 0, nil
}

// note keeps the first error.
func (s *statement) note(err error) {
	if s.err == nil {
		s.err = err
	}
}

func (s *statement) next() int32 {
	s.given++
	return s.given
}

func (s *statement) null() {
	s.note(s.failure(native.Xsqlite3_bind_null(s.tls, s.handle, s.next())))
}

func (s *statement) int(n int64) {
	s.note(s.failure(native.Xsqlite3_bind_int64(s.tls, s.handle, s.next(), n)))
}

func (s *statement) bool(b bool) {
	if b {
		s.int(1)
	} else {
		s.int(0)
	}
}

func (s *statement) text(text string)   { giveText(s, text) }
func (s *statement) textOf(text []byte) { giveText(s, text) }

func giveText[T string | []byte](s *statement, text T) {
	if s.fits(len(text)) {
		at := copied(&s.memory, s.tls, text)
		s.note(s.failure(native.Xsqlite3_bind_text(s.tls, s.handle, s.next(), at, int32(len(text)), 0)))
	}
}

// blob gives bytes; nil is NULL.
func (s *statement) blob(bytes []byte) {
	if bytes == nil {
		s.null()
		return
	}
	if s.fits(len(bytes)) {
		at := copied(&s.memory, s.tls, bytes)
		s.note(s.failure(native.Xsqlite3_bind_blob(s.tls, s.handle, s.next(), at, int32(len(bytes)), 0)))
	}
}

// fits tells whether SQLite can be asked to take so many bytes. It takes a
// thousand million.
func (s *statement) fits(bytes int) bool {
	if bytes > math.MaxInt32 {
		s.note(fmt.Errorf("a value of %d bytes is too large", bytes))
		return false
	}
	return true
}

// id gives an id; the zero id is NULL.
func (s *statement) id(id checkout.ID) {
	if id.IsZero() {
		s.null()
		return
	}
	s.blob(id[:])
}

// ids gives a list of ids, 16 bytes each; an empty one is NULL.
func (s *statement) ids(ids []checkout.ID) {
	if len(ids) == 0 {
		s.null()
		return
	}
	s.scratch = s.scratch[:0]
	for _, id := range ids {
		s.scratch = append(s.scratch, id[:]...)
	}
	s.blob(s.scratch)
}

// flags gives truths packed into one number, the first in its lowest bit.
func (s *statement) flags(truths ...bool) {
	var packed int64
	for i, truth := range truths {
		if truth {
			packed |= 1 << i
		}
	}
	s.int(packed)
}

// time gives microseconds since 1970; the zero time is NULL.
func (s *statement) time(t time.Time) {
	if t.IsZero() {
		s.null()
		return
	}
	s.int(t.UnixMicro())
}

// optional gives a text; "" is NULL.
func (s *statement) optional(text string) {
	if text == "" {
		s.null()
		return
	}
	s.text(text)
}

func (s *statement) json(value any) {
	text, err := json.Marshal(value)
	if err != nil {
		s.note(err)
	}
	s.textOf(text)
}

// optionalJSON gives a document; a nil pointer is NULL.
func optionalJSON[T any](s *statement, value *T) {
	if value == nil {
		s.null()
		return
	}
	s.json(value)
}

// bindSeldom gives what is seldom there as a document, and NULL where nothing is.
func bindSeldom[T comparable](s *statement, value T) {
	var nothing T
	if value == nothing {
		s.null()
		return
	}
	s.json(value)
}

// any gives a value of a query.
func (s *statement) any(value any) {
	switch v := value.(type) {
	case string:
		s.text(v)
	case []byte:
		s.blob(v)
	case int:
		s.int(int64(v))
	case int64:
		s.int(v)
	default:
		s.note(fmt.Errorf("a %T cannot be given to SQLite", value))
	}
}

// all gives the values of a query.
func (s *statement) all(values []any) {
	for _, value := range values {
		s.any(value)
	}
}

// step runs the statement to its next row, or to its end.
func (s *statement) step() (more bool, err error) {
	code := native.Xsqlite3_step(s.tls, s.handle)
	return code == native.SQLITE_ROW, s.failure(code)
}

// ready says what is wrong with the values that were given.
func (s *statement) ready() error {
	if s.err == nil && s.given != s.wants {
		return fmt.Errorf("it takes %d values, not %d", s.wants, s.given)
	}
	return s.err
}

// end makes the statement ready for its next run.
func (s *statement) end() { native.Xsqlite3_reset(s.tls, s.handle) }

// execute runs the statement and counts the rows that it touched.
func (s *statement) execute() (int, error) {
	if err := s.ready(); err != nil {
		return 0, err
	}
	defer s.end()
	for more := true; more; {
		var err error
		if more, err = s.step(); err != nil {
			return 0, err
		}
	}
	return int(native.Xsqlite3_changes(s.tls, s.db)), nil
}
