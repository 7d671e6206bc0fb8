package api

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"kassa/checkout"
)

// walker reads every token of a body once.
type walker struct {
	doc   *document
	body  string
	dec   *jsontext.Decoder
	cards bool
	at    int // where the last token ended
	path  [maxDepth]step
	depth int // of the path to the value that is read
}

// step is one part of a field's path.
type step struct {
	name  string // of an object's member
	index int    // in a list; -1 in an object
}

// parse finds the values and refuses what is no clean JSON: broken text, a field
// twice, control characters, and card numbers where they are looked for.
func (d *document) parse(cards bool) error {
	if !utf8.Valid(d.raw) {
		return unreadable(http.StatusBadRequest, "the body is not valid UTF-8")
	}
	if hasLoneSurrogate(d.raw) {
		return unreadable(http.StatusBadRequest, "the body has half of a surrogate pair, which is no character")
	}
	dec, _ := decoders.Get().(*jsontext.Decoder)
	defer decoders.Put(dec)
	dec.Reset(bytes.NewBuffer(d.raw), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) // both are looked for here
	w := walker{doc: d, body: string(d.raw), dec: dec, cards: cards}
	if err := w.value(""); err != nil {
		return err
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return unreadable(http.StatusBadRequest, "the body has something behind its JSON value")
	}
	return nil
}

// token reads a token.
func (w *walker) token() (kind jsontext.Kind, text string, err error) {
	token, err := w.dec.ReadToken()
	for w.at < len(w.body) && strings.IndexByte(" \t\r\n,:", w.body[w.at]) >= 0 {
		w.at++
	}
	if err != nil {
		return 0, "", unreadable(http.StatusBadRequest, "the body is not valid JSON near byte "+strconv.Itoa(w.at))
	}
	from := w.at
	w.at = int(w.dec.InputOffset())
	kind, text = token.Kind(), w.body[from:w.at]
	switch {
	case kind != '"':
	case strings.IndexByte(text, '\\') < 0:
		text = text[1 : len(text)-1] // shares the body's memory
	default:
		text = token.String()
	}
	return kind, text, nil
}

// value reads one value. name is that of an object's member.
func (w *walker) value(name string) error {
	kind, text, err := w.token()
	if err != nil {
		return err
	}
	i := len(w.doc.nodes)
	if i == maxValues {
		return checkout.Invalid("body", "has more than %d values", maxValues)
	}
	w.doc.nodes = append(w.doc.nodes, node{kind: kind, end: i + 1, name: name, text: text})
	switch kind {
	case '{', '[':
		return w.nested(i)
	case '"':
		return w.text(text, false)
	case '0':
		return w.number(text)
	}
	return nil
}

// nested reads what is within an object or a list.
func (w *walker) nested(i int) error {
	if w.depth == maxDepth {
		return unreadable(http.StatusBadRequest, "the body nests deeper than 16 levels")
	}
	inside := w.members
	if w.doc.nodes[i].kind == '[' {
		inside = w.elements
	}
	w.depth++
	if err := inside(&w.path[w.depth-1], i+1); err != nil {
		return err
	}
	w.depth--
	w.doc.nodes[i].end = len(w.doc.nodes)
	_, _, err := w.token() // the closing delimiter
	return err
}

func (w *walker) elements(at *step, _ int) error {
	for at.index = 0; w.dec.PeekKind() != ']'; at.index++ {
		if err := w.value(""); err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) members(at *step, first int) error {
	seen := names{doc: w.doc, first: first}
	for at.index = -1; w.dec.PeekKind() != '}'; {
		_, name, err := w.token()
		if err != nil {
			return err
		}
		at.name = name
		if err := w.text(name, true); err != nil {
			return err
		}
		if seen.before(name) {
			return checkout.Invalid(shown(w.field()), "is there twice")
		}
		if err := w.value(name); err != nil {
			return err
		}
	}
	return nil
}

// number refuses what no number of ours can be.
func (w *walker) number(text string) error {
	if len(text) > maxPlainNumber {
		if _, err := strconv.ParseFloat(text, 64); err != nil {
			return checkout.Invalid(shown(w.field()), "is a number past all bounds")
		}
	}
	if w.cards && looksLikeCard(text) && w.field() != "amount" {
		return cardRefused(w.field())
	}
	return nil
}

// maxPlainNumber is a length in bytes up to which no number is past all bounds.
const maxPlainNumber = len("1e99")

// text refuses what no text may hold, be it a string or a member's name.
func (w *walker) text(text string, isName bool) error {
	if hasControl(text) {
		return checkout.Invalid(shown(w.where(isName)), "has a control character")
	}
	if w.cards && looksLikeCard(text) && !itemSKU.MatchString(w.where(isName)) {
		return cardRefused(w.where(isName))
	}
	return nil
}

func hasControl(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' {
			return strings.ContainsFunc(text[i:], unicode.IsControl)
		}
	}
	return false
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

// field is the path of the value that is read, for messages.
func (w *walker) field() string { return pathOf(w.path[:w.depth]) }

// where is the path of a text: a value's own, or one that stands for a name.
func (w *walker) where(isName bool) string {
	if isName {
		return join(pathOf(w.path[:w.depth-1]), "(a name)")
	}
	return w.field()
}

func pathOf(steps []step) (path string) {
	for _, s := range steps {
		if s.index >= 0 {
			path = bounded(path + "[" + strconv.Itoa(s.index) + "]")
		} else {
			path = join(path, s.name)
		}
	}
	return path
}

// names are those that an object, whose members are the last nodes from the first
// on, has so far.
type names struct {
	doc   *document
	first int
	count int
	many  map[string]struct{} // where they are too many to look through
}

// maxSought is how many names are looked through.
const maxSought = 32

// before tells whether a name was there before.
func (n *names) before(name string) bool {
	n.count++
	if n.count <= maxSought {
		for i := n.first; i < len(n.doc.nodes); i = n.doc.nodes[i].end {
			if n.doc.nodes[i].name == name {
				return true
			}
		}
		return false
	}
	if n.many == nil {
		n.many = map[string]struct{}{}
		for i := n.first; i < len(n.doc.nodes); i = n.doc.nodes[i].end {
			n.many[n.doc.nodes[i].name] = struct{}{}
		}
	}
	_, twice := n.many[name]
	n.many[name] = struct{}{}
	return twice
}
