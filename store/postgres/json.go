package postgres

import (
	"encoding/json"
	"fmt"
	"strconv"

	json2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	json1 "github.com/go-json-experiment/json/v1"
)

// list writes one JSON array. Long documents hold arrays in place of objects: the
// names of fields were a third of an order's bytes. What is empty at the end of an
// array is left out.
type list struct {
	data []byte
	kept int // up to the last value that is not empty
}

func beginList(data []byte) list {
	data = append(data, '[')
	return list{data, len(data)}
}

func (l *list) comma() {
	if l.data[len(l.data)-1] != '[' {
		l.data = append(l.data, ',')
	}
}

func (l *list) text(value string) {
	l.comma()
	l.data = appendJSONText(l.data, value)
	if value != "" {
		l.kept = len(l.data)
	}
}

func (l *list) int(value int64) {
	l.comma()
	l.data = strconv.AppendInt(l.data, value, 10)
	if value != 0 {
		l.kept = len(l.data)
	}
}

func (l *list) end() []byte { return append(l.data[:l.kept], ']') }

// appendLists writes a list of lists.
func appendLists[T any](data []byte, values []T, write func(*list, T)) []byte {
	data = append(data, '[')
	for i, value := range values {
		if i > 0 {
			data = append(data, ',')
		}
		l := beginList(data)
		write(&l, value)
		data = l.end()
	}
	return append(data, ']')
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

// readList reads a JSON array of texts and whole numbers into variables. What the
// array does not have leaves its variable as it is.
func readList(in *jsontext.Decoder, into ...any) error {
	if kind := in.PeekKind(); kind != '[' {
		return fmt.Errorf("a %s stands where a list should", kind)
	}
	if _, err := in.ReadToken(); err != nil {
		return err
	}
	for i := 0; in.PeekKind() != ']'; i++ {
		if i >= len(into) {
			return fmt.Errorf("a list has more than %d values", len(into))
		}
		if err := json2.UnmarshalDecode(in, into[i]); err != nil {
			return err
		}
	}
	_, err := in.ReadToken()
	return err
}

// unmarshal reads what was stored, in a third of the time that encoding/json takes.
func unmarshal(text []byte, into any) error {
	return json2.Unmarshal(text, into, json1.FormatDurationAsNano(true))
}

// appendJSON writes the kinds of value that most data are, and leaves the others to
// encoding/json.
func appendJSON(data []byte, value any) ([]byte, error) {
	switch v := value.(type) {
	case string:
		return appendJSONText(data, v), nil
	case int:
		return strconv.AppendInt(data, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(data, v, 10), nil
	case bool:
		return strconv.AppendBool(data, v), nil
	}
	text, err := json.Marshal(value)
	return append(data, text...), err
}
