package api

import (
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// document is a body that was read once: its bytes, and the values of its JSON in
// the order of the text. nil is no body.
type document struct {
	raw   []byte
	nodes []node
}

// node is one value. A list's elements and an object's members follow it, up to
// end, which is the index of what comes behind them.
type node struct {
	kind jsontext.Kind
	end  int
	name string // of an object's member
	text string // a string's content or a number's digits
}

// documents and decoders are kept for later requests: their buffers are worth it.
var (
	documents = sync.Pool{New: func() any { return &document{raw: make([]byte, 0, usualRaw), nodes: make([]node, 0, usualNodes)} }}
	decoders  = sync.Pool{New: func() any { return new(jsontext.Decoder) }}
)

// The sizes of a document: of a new one, so that it seldom has to grow, and of the
// largest that is worth keeping.
const (
	usualRaw     = 2 << 10 // bytes
	usualNodes   = 48
	maxKeptRaw   = 64 << 10
	maxKeptNodes = 2_000
)

// release gives a document's memory back. The texts of its nodes stay good.
func (d *document) release() {
	if d == nil || cap(d.raw) > maxKeptRaw || cap(d.nodes) > maxKeptNodes {
		return
	}
	clear(d.nodes)
	d.raw, d.nodes = d.raw[:0], d.nodes[:0]
	documents.Put(d)
}

// text is the body's own bytes, good until it is released.
func (d *document) text() []byte {
	if d == nil {
		return nil
	}
	return d.raw
}

// count is how many elements or members a value has.
func (d *document) count(at int) (n int) {
	for e := at + 1; e < d.nodes[at].end; e = d.nodes[e].end {
		n++
	}
	return n
}

// appendCanonical writes what a body says, the same for any spaces, escapes and
// order of members. It is not JSON: a length stands before each text.
func (d *document) appendCanonical(b []byte) []byte {
	if d == nil || len(d.nodes) == 0 {
		return b
	}
	return d.appendValue(b, 0)
}

func (d *document) appendValue(b []byte, at int) []byte {
	n := &d.nodes[at]
	b = append(b, byte(n.kind))
	switch n.kind {
	case '{':
		for _, e := range d.sorted(at) {
			b = d.appendValue(appendText(b, d.nodes[e].name), e)
		}
		b = append(b, '}')
	case '[':
		for e := at + 1; e < n.end; e = d.nodes[e].end {
			b = d.appendValue(b, e)
		}
		b = append(b, ']')
	default:
		b = appendText(b, n.text)
	}
	return b
}

func appendText(b []byte, text string) []byte {
	b = strconv.AppendInt(b, int64(len(text)), 10)
	b = append(b, ':')
	return append(b, text...)
}

// sorted lists an object's members by name.
func (d *document) sorted(at int) []int {
	members := make([]int, 0, 16)
	for e := at + 1; e < d.nodes[at].end; e = d.nodes[e].end {
		members = append(members, e)
	}
	slices.SortFunc(members, func(a, b int) int { return strings.Compare(d.nodes[a].name, d.nodes[b].name) })
	return members
}
