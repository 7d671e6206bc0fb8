package api

import (
	"bytes"
	"errors"
	"mime"
	"net/http"
	"strconv"
	"time"
	"unicode"
	"unicode/utf16"
)

// The bounds of a request's body.
const (
	maxBody   = 1 << 20 // bytes
	maxDepth  = 16      // objects and lists within each other
	maxValues = 50_000  // of all kinds, so that no check of them costs much
	maxPath   = 200     // bytes of a field's path, whose names the caller may have made up
)

// readBody reads a whole body before anything else looks at it, so that a slow or
// huge one costs no more than its bytes. The document must be released, whatever
// comes of it.
func readBody(w http.ResponseWriter, r *http.Request) (*document, error) {
	d, _ := documents.Get().(*document)
	body := bytes.NewBuffer(d.raw)
	_, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, maxBody))
	d.raw = body.Bytes()
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return d, unreadable(http.StatusRequestEntityTooLarge, "the body is larger than 1 MiB")
	case err != nil:
		return d, unreadable(http.StatusBadRequest, "the body could not be read to its end")
	}
	// The answer may take longer than the server's deadline for reading, which
	// would end the request's context though nothing is left to read.
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // not every writer can
	return d, nil
}

// checkMedia refuses a body that does not say that it is JSON.
func checkMedia(contentType string) error {
	if contentType == "" || contentType == jsonType {
		return nil
	}
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil || media != jsonType {
		return unreadable(http.StatusUnsupportedMediaType, "send the body as application/json")
	}
	return nil
}

const jsonType = "application/json"

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
