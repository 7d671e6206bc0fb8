package checkout

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"
)

// ID names a row: a UUID, version 7, so that ids sort by their time of making.
// The zero ID names nothing.
type ID [16]byte

// ParseID reads the usual 36-character form of a UUID.
func ParseID(text string) (ID, error) {
	var id ID
	err := id.UnmarshalText([]byte(text))
	return id, err
}

// NewID builds a version 7 UUID of a time and 10 random bytes. The caller
// brings both, so that pure code stays pure (RFC 9562, section 5.7).
func NewID(at time.Time, random [10]byte) ID {
	var id ID
	ms := uint64(at.UnixMilli())
	binary.BigEndian.PutUint64(id[:8], ms<<16)
	copy(id[6:], random[:])
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	return id
}

// Child derives the n-th id from this one. A command carries one random id;
// the rows it makes are its children, so that deciding needs no randomness.
// It adds n to the 62 random bits at the end.
func (id ID) Child(n int) ID {
	tail := binary.BigEndian.Uint64(id[8:])
	variant := tail & (3 << 62)
	tail = (tail + uint64(n)) &^ (3 << 62)
	binary.BigEndian.PutUint64(id[8:], tail|variant)
	return id
}

// Time is when a version 7 id was made, by its maker's clock, in whole milliseconds.
func (id ID) Time() time.Time {
	return time.UnixMilli(int64(binary.BigEndian.Uint64(id[:8]) >> 16)).UTC() // 48 bits fit
}

// IsZero tells whether the id names nothing.
func (id ID) IsZero() bool { return id == ID{} }

// Compare orders ids by their bytes, which for version 7 is by time.
func (id ID) Compare(other ID) int { return bytes.Compare(id[:], other[:]) }

// Random returns 62 bits of the id's random tail: the seed of a jitter.
func (id ID) Random() uint64 { return binary.BigEndian.Uint64(id[8:]) &^ (3 << 62) }

// String writes the 36-character form.
func (id ID) String() string {
	var b [36]byte
	id.encode(&b)
	return string(b[:])
}

func (id ID) encode(b *[36]byte) {
	hex.Encode(b[0:8], id[0:4])
	hex.Encode(b[9:13], id[4:6])
	hex.Encode(b[14:18], id[6:8])
	hex.Encode(b[19:23], id[8:10])
	hex.Encode(b[24:36], id[10:16])
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
}

// MarshalText writes the 36-character form, and nothing for the zero ID.
func (id ID) MarshalText() ([]byte, error) {
	if id.IsZero() {
		return []byte{}, nil
	}
	var b [36]byte
	id.encode(&b)
	return b[:], nil
}

// UnmarshalText reads the 36-character form; empty text is the zero ID.
func (id *ID) UnmarshalText(text []byte) error {
	*id = ID{}
	if len(text) == 0 {
		return nil
	}
	if len(text) != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return fmt.Errorf("an id is a UUID of 36 characters such as 0198c0de-0000-7000-8000-000000000001")
	}
	var digits [32]byte
	n := copy(digits[:], text[0:8])
	n += copy(digits[n:], text[9:13])
	n += copy(digits[n:], text[14:18])
	n += copy(digits[n:], text[19:23])
	copy(digits[n:], text[24:36])
	if _, err := hex.Decode(id[:], digits[:]); err != nil {
		*id = ID{}
		return fmt.Errorf("an id is a UUID of hexadecimal digits: %w", err)
	}
	return nil
}

const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// Number is the short form for people: twelve letters and digits without the
// ones that are mistaken for others. It is read off the id's time (40 bits of
// milliseconds) and the 20 bits after it, so it needs no column of its own.
func (id ID) Number() string {
	head := binary.BigEndian.Uint64(id[:8])
	bits := head >> 16 & (1<<40 - 1) << 20
	bits |= (head & 0xfff) << 8
	bits |= uint64(id[15])
	var b [14]byte
	for i := 13; i >= 0; i-- {
		if i == 4 || i == 9 {
			b[i] = '-'
			continue
		}
		b[i] = crockford[bits&31]
		bits >>= 5
	}
	return string(b[:])
}
