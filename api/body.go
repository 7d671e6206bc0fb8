package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"regexp"
	"strconv"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"kassa/checkout"
)

// The bounds of a request's body.
const (
	maxBody   = 1 << 20 // bytes
	maxDepth  = 16      // objects and lists within each other
	maxValues = 50_000  // of all kinds, so that no check of them costs much
	maxPath   = 200     // bytes of a field's path, whose names the caller may have made up
)

// readBody reads a whole JSON body before anything else looks at it, so that a
// slow or huge one costs no more than its bytes.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, unreadable(http.StatusRequestEntityTooLarge, "the body is larger than 1 MiB")
	case err != nil:
		return nil, unreadable(http.StatusBadRequest, "the body could not be read to its end")
	}
	// The answer may take longer than the server's deadline for reading, which
	// would end the request's context though nothing is left to read.
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // not every writer can
	return body, nil
}

// checkBody refuses what is no clean JSON: other media types, broken text, a
// field twice, control characters, and card numbers where they are looked for.
func checkBody(contentType string, body []byte, cards bool) error {
	if len(body) == 0 {
		return nil
	}
	if contentType != "" {
		media, _, err := mime.ParseMediaType(contentType)
		if err != nil || media != "application/json" {
			return unreadable(http.StatusUnsupportedMediaType, "send the body as application/json")
		}
	}
	if !utf8.Valid(body) {
		return unreadable(http.StatusBadRequest, "the body is not valid UTF-8")
	}
	if hasLoneSurrogate(body) {
		return unreadable(http.StatusBadRequest, "the body has half of a surrogate pair, which is no character")
	}
	w := walker{dec: json.NewDecoder(bytes.NewReader(body)), cards: cards}
	w.dec.UseNumber()
	if err := w.value(""); err != nil {
		return err
	}
	if _, err := w.dec.Token(); !errors.Is(err, io.EOF) {
		return unreadable(http.StatusBadRequest, "the body has something behind its JSON value")
	}
	return nil
}

// hasLoneSurrogate tells whether a JSON text escapes one half of a UTF-16 pair
// without the other (RFC 8259, section 8.2). A decoder would put U+FFFD there, and
// what is stored would not be what was sent.
func hasLoneSurrogate(text []byte) bool {
	for {
		at := bytes.IndexByte(text, '\\')
		if at < 0 || at+1 == len(text) {
			return false
		}
		text = text[at:]
		r := escapedUnit(text)
		switch {
		case !utf16.IsSurrogate(r):
			text = text[2:]
		case utf16.DecodeRune(r, escapedUnit(text[escapeLen:])) == unicode.ReplacementChar:
			return true
		default:
			text = text[2*escapeLen:]
		}
	}
}

const escapeLen = len(`\u0000`)

// escapedUnit reads the UTF-16 unit that a text begins with as an escape; -1
// where it begins otherwise.
func escapedUnit(text []byte) rune {
	if len(text) < escapeLen || text[0] != '\\' || text[1] != 'u' {
		return -1
	}
	unit, err := strconv.ParseUint(string(text[2:escapeLen]), 16, 16)
	if err != nil {
		return -1
	}
	return rune(unit)
}

// walker reads every token of a body once.
type walker struct {
	dec   *json.Decoder
	cards bool
	depth int
	count int // of values
}

func (w *walker) token() (json.Token, error) {
	token, err := w.dec.Token()
	if err != nil {
		return nil, unreadable(http.StatusBadRequest, "the body is not valid JSON near byte "+strconv.FormatInt(w.dec.InputOffset(), 10))
	}
	return token, nil
}

// value reads one value. field is its path, for messages.
func (w *walker) value(field string) error {
	token, err := w.token()
	if err != nil {
		return err
	}
	if w.count++; w.count > maxValues {
		return checkout.Invalid("body", "has more than %d values", maxValues)
	}
	switch t := token.(type) {
	case json.Delim:
		return w.nested(t, field)
	case string:
		return w.text(field, t)
	case json.Number:
		if _, err := t.Float64(); err != nil {
			return checkout.Invalid(shown(field), "is a number past all bounds")
		}
		if w.cards && field != "amount" && looksLikeCard(string(t)) {
			return cardRefused(field)
		}
	}
	return nil
}

func (w *walker) nested(open json.Delim, field string) error {
	w.depth++
	defer func() { w.depth-- }()
	if w.depth > maxDepth {
		return unreadable(http.StatusBadRequest, "the body nests deeper than 16 levels")
	}
	members := w.members
	if open == '[' {
		members = w.elements
	}
	if err := members(field); err != nil {
		return err
	}
	_, err := w.token() // the closing delimiter
	return err
}

func (w *walker) elements(field string) error {
	for i := 0; w.dec.More(); i++ {
		if err := w.value(bounded(field + "[" + strconv.Itoa(i) + "]")); err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) members(field string) error {
	seen := map[string]struct{}{}
	for w.dec.More() {
		token, err := w.token()
		if err != nil {
			return err
		}
		name, ok := token.(string)
		if !ok {
			return unreadable(http.StatusBadRequest, "the body is not valid JSON")
		}
		if err := w.text(join(field, "(a name)"), name); err != nil {
			return err
		}
		path := join(field, name)
		if _, twice := seen[name]; twice {
			return checkout.Invalid(shown(path), "is there twice")
		}
		seen[name] = struct{}{}
		if err := w.value(path); err != nil {
			return err
		}
	}
	return nil
}

// text refuses what no field may hold.
func (w *walker) text(field, text string) error {
	for _, r := range text {
		if unicode.IsControl(r) {
			return checkout.Invalid(shown(field), "has a control character")
		}
	}
	if w.cards && !itemSKU.MatchString(field) && looksLikeCard(text) {
		return cardRefused(field)
	}
	return nil
}

// itemSKU is where a barcode's number may stand as a SKU: one in ten EAN-13 codes
// has the check digit of a card number, too. It must name a product, so that a
// card number there is refused all the same.
var itemSKU = regexp.MustCompile(`^items\[[0-9]+\]\.sku$`)

func cardRefused(field string) error {
	e := checkout.Invalid(shown(field), "looks like a card number")
	e.Code = checkout.CodeCardDataRefused
	e.Detail = "a field looks like a card number: send the gateway's token instead (a phone number of 13 digits or more needs its leading +)"
	return e
}

func join(field, name string) string {
	if field == "" {
		return bounded(name)
	}
	return bounded(field + "." + name)
}

// bounded keeps a path from growing with the names in it.
func bounded(path string) string { return path[:min(len(path), maxPath)] }

// shown is a field's path as it may be shown: short, and without what does not
// print.
func shown(field string) string {
	const longest = 100
	clean := []rune{}
	for _, r := range field {
		if !unicode.IsPrint(r) {
			r = '?'
		}
		if clean = append(clean, r); len(clean) == longest {
			break
		}
	}
	return string(clean)
}
