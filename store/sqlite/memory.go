package sqlite

import "modernc.org/libc"

// memory holds the texts and blobs that a statement is given until it has run:
// what stands in for C must not be handed Go's own memory.
type memory struct {
	start      uintptr
	used, size int
	full       []uintptr // pieces before this one, too small by now
}

const firstPiece = 64 << 10 // bytes

// copied copies a value and returns where it is, which is never 0: that would be NULL.
func copied[T string | []byte](m *memory, tls *libc.TLS, value T) (at uintptr) {
	if m.used+len(value) >= m.size {
		m.grow(tls, len(value))
	}
	at = m.start + uintptr(m.used)
	m.used += len(value)
	copy(libc.GoBytes(at, len(value)), value)
	return at
}

func (m *memory) grow(tls *libc.TLS, length int) {
	if m.size > 0 {
		m.full = append(m.full, m.start)
	}
	m.size = max(firstPiece, 2*m.size, 2*length)
	m.start, m.used = libc.Xmalloc(tls, libc.Tsize_t(m.size)), 0
}

// reset gives all of it free but the newest, largest piece.
func (m *memory) reset(tls *libc.TLS) {
	m.used = 0
	for _, piece := range m.full {
		libc.Xfree(tls, piece)
	}
	m.full = m.full[:0]
}

func (m *memory) free(tls *libc.TLS) {
	m.reset(tls)
	libc.Xfree(tls, m.start)
	*m = memory{}
}
