package sandbox

import (
	crand "crypto/rand"
	"encoding/binary"
	"math/rand/v2"
)

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// idSource draws ids of the gateways' shapes. With a seed it draws the same ones again, but others after
// each restart. Not safe for concurrent use.
type idSource struct{ chacha *rand.ChaCha8 }

// newIDSource starts from seed and the number of earlier starts on the same state, or from true randomness where seed
// is 0. The generator's state is never kept: restored after a crash, it would draw ids that are taken.
func newIDSource(seed, starts uint64) *idSource {
	return &idSource{chacha: newChaCha(seed, starts, "ids")}
}

// newChaCha makes the generator of one purpose, so that faults do not disturb ids.
func newChaCha(seed, starts uint64, purpose string) *rand.ChaCha8 {
	var key [32]byte
	if seed == 0 {
		_, _ = crand.Read(key[:]) // never fails: crypto/rand.Read ends the program instead
	} else {
		binary.LittleEndian.PutUint64(key[:], seed)
		copy(key[8:24], purpose)
		binary.LittleEndian.PutUint64(key[24:], starts)
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
