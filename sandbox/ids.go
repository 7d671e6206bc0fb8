package sandbox

import (
	crand "crypto/rand"
	"encoding/binary"
	"math/rand/v2"
)

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// idSource draws ids of the gateways' shapes. With a seed it draws the same ones again. Not safe for concurrent use.
type idSource struct{ chacha *rand.ChaCha8 }

// newIDSource starts from seed, or from true randomness where it is 0.
func newIDSource(seed uint64) *idSource { return &idSource{chacha: newChaCha(seed, "ids")} }

// newChaCha makes the generator of one purpose, so that faults do not disturb ids.
func newChaCha(seed uint64, purpose string) *rand.ChaCha8 {
	var key [32]byte
	if seed == 0 {
		_, _ = crand.Read(key[:]) // never fails: crypto/rand.Read ends the program instead
	} else {
		binary.LittleEndian.PutUint64(key[:], seed)
		copy(key[8:], purpose)
	}
	return rand.NewChaCha8(key)
}

// text draws n letters and digits. One 64-bit draw gives ten of them.
func (s *idSource) text(n int) string {
	out := make([]byte, n)
	var bits uint64
	for i := range out {
		if i%10 == 0 {
			bits = s.chacha.Uint64()
		}
		out[i] = base62[bits%62]
		bits /= 62
	}
	return string(out)
}

// stripe draws an id such as pi_3Nx…: the prefix and 24 characters, of which Stripe's first is a shard's digit.
func (s *idSource) stripe(prefix string) string { return prefix + "_3" + s.text(23) }
