package sandbox

import (
	"fmt"
	"sync"
	"time"
)

const (
	keyLife = 24 * time.Hour
	maxKeys = 500_000 // the oldest are forgotten before their time, so that a load test does not eat the memory
)

// keyStore remembers the answers of idempotency keys.
type keyStore struct {
	mu      sync.Mutex
	entries map[string]*keyEntry
	order   []string // oldest first
}

type keyEntry struct {
	Path        string
	Fingerprint [32]byte
	Born        time.Time
	Running     bool
	Reply       reply
}

func newKeyStore() *keyStore { return &keyStore{entries: map[string]*keyEntry{}} }

// begin claims a key, or returns the answer that it has, or says why it may not be used now.
func (k *keyStore) begin(key, path string, fingerprint [32]byte, now time.Time) (*reply, *apiError) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.forget(now)
	entry := k.entries[key]
	if entry == nil {
		k.entries[key] = &keyEntry{Path: path, Fingerprint: fingerprint, Born: now, Running: true}
		k.order = append(k.order, key)
		return nil, nil
	}
	switch {
	case entry.Path != path:
		return nil, keyMisused("Keys for idempotent requests can only be used for the same endpoint they were first used for ('%s' vs '%s'). "+
			"Try using a key other than '%s' if you meant to execute a different request.", path, entry.Path, key)
	case entry.Fingerprint != fingerprint:
		return nil, keyMisused("Keys for idempotent requests can only be used with the same parameters they were first used with. "+
			"Try using a key other than '%s' if you meant to execute a different request.", key)
	case entry.Running:
		return nil, &apiError{status: 409, Type: invalidRequest, Code: "idempotency_key_in_use", Message: "There is currently another in-progress " +
			"request using this Idempotent Key (that probably means you submitted twice, and the other request is still going through): " +
			key + ". Please try again later."}
	}
	stored := entry.Reply
	return &stored, nil
}

func keyMisused(format string, args ...any) *apiError {
	return &apiError{status: 400, Type: idempotencyError, Message: fmt.Sprintf(format, args...)}
}

// finish stores the answer of a key, or frees the key where nothing was executed.
func (k *keyStore) finish(key string, answer reply, keep bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	entry := k.entries[key]
	if entry == nil {
		return // forgotten meanwhile
	}
	if !keep {
		delete(k.entries, key)
		return
	}
	entry.Running, entry.Reply = false, answer
}

// know notes the answer of a key that is still running, so that it is saved with the effect, and returns the entry as it
// will be. It is nil where the key has been forgotten meanwhile.
func (k *keyStore) know(key string, answer reply) *keyEntry {
	k.mu.Lock()
	defer k.mu.Unlock()
	entry := k.entries[key]
	if entry == nil {
		return nil
	}
	entry.Reply = answer
	return entry.done()
}

// done is a copy of the entry once its request is over.
func (e *keyEntry) done() *keyEntry {
	over := *e
	over.Running = false
	return &over
}

// forget drops keys that are too old or too many. A freed key leaves its name in order, so the entry's age decides.
func (k *keyStore) forget(now time.Time) {
	for len(k.order) > 0 {
		entry := k.entries[k.order[0]]
		if entry != nil && now.Sub(entry.Born) < keyLife && len(k.order) <= maxKeys {
			return
		}
		if entry != nil && entry.Running {
			return
		}
		delete(k.entries, k.order[0])
		k.order = k.order[1:]
	}
}
