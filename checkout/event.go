package checkout

import (
	"crypto/sha256"
	"time"
)

// Event is a fact about one order that others may want to know. Events are
// written in the transaction of their cause and relayed from there.
type Event struct {
	OrderID ID             `json:"order_id"`
	Seq     int64          `json:"seq"` // 1, 2, 3 … for each order
	Type    string         `json:"type"`
	At      time.Time      `json:"at"`
	Data    map[string]any `json:"data,omitempty"`
}

// LogEntry is one committed batch: its events in order.
type LogEntry struct {
	BatchID  ID
	Position int64 // positions follow the order of commits
	Events   []Event
}

// KeyID names an idempotency key: the endpoint, API key and thing it is for, and
// the client's own text.
type KeyID struct{ Scope, Key string }

// Hash is what databases keep a key by: 16 bytes of SHA-256, so that the length of what
// clients send stays out of their indexes. Two keys with one hash are not to be found:
// that takes 2⁶⁴ tries.
func (k KeyID) Hash() ID {
	var buffer [256]byte
	text := append(buffer[:0], k.Scope...)
	text = append(append(text, 0), k.Key...)
	sum := sha256.Sum256(text)
	return ID(sum[:16])
}

// Answer is an HTTP answer that is kept for its idempotency key.
type Answer struct {
	Status int
	// Body is nil in a kept answer that names an Order: it is written anew from
	// what never changes of that order.
	Body  []byte
	Order ID
}

// IdempotencyRecord is the kept answer of a first call.
type IdempotencyRecord struct {
	KeyID
	RequestHash string
	Answer      Answer
	CreatedAt   time.Time
}

// APIKey is a credential. Only a hash of its secret is stored.
type APIKey struct {
	ID        ID
	Scope     KeyScope
	Hash      [32]byte // SHA-256 of the secret
	Hint      string   // last four characters, to tell keys apart
	CreatedAt time.Time
	RevokedAt time.Time // zero while it is good
}

// KeyScope says what an API key may do.
type KeyScope string

// The scopes: a server may do everything, a storefront what a buyer does.
const (
	ScopeServer     KeyScope = "sk"
	ScopeStorefront KeyScope = "pk"
)
