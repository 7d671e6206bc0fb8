package batch

import (
	"context"
	"sync"
)

// Reads turns single reads that wait at the same time into few queries. While as
// many queries run as may, the keys that arrive gather and make the next one;
// nothing is held back otherwise. A read begins after it was asked for, so it sees
// what was committed before. Callers that ask for the same key at once share the
// value and must not change it.
type Reads[K comparable, V any] struct {
	fetch func(ctx context.Context, keys []K) (map[K]V, error)
	limit int

	mu      sync.Mutex
	running int
	next    *reading[K, V] // gathers while all may-run queries run
}

// reading is one query and those who wait for it.
type reading[K comparable, V any] struct {
	keys  []K
	ended chan struct{}
	found map[K]V
	err   error
}

// NewReads makes reads of a query that leaves out the keys it does not find. It
// must end by itself: nobody's context ends it. limit is how many run at once.
func NewReads[K comparable, V any](limit int, fetch func(ctx context.Context, keys []K) (map[K]V, error)) *Reads[K, V] {
	return &Reads[K, V]{fetch: fetch, limit: limit}
}

// Read reads one key; found is false where nothing is there.
func (r *Reads[K, V]) Read(ctx context.Context, key K) (value V, found bool, err error) {
	reading := r.join(key)
	select {
	case <-reading.ended:
		value, found = reading.found[key]
		return value, found, reading.err
	case <-ctx.Done():
		return value, false, ctx.Err()
	}
}

// join adds the key to the query that gathers, and sends it off where it may run.
func (r *Reads[K, V]) join(key K) *reading[K, V] {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next == nil {
		r.next = &reading[K, V]{ended: make(chan struct{})}
	}
	joined := r.next
	joined.keys = append(joined.keys, key)
	if r.running < r.limit {
		r.running++
		r.next = nil
		go r.run(joined)
	}
	return joined
}

// run makes one query after the other as long as keys have gathered.
func (r *Reads[K, V]) run(reading *reading[K, V]) {
	for reading != nil {
		reading.found, reading.err = r.fetch(context.Background(), reading.keys)
		close(reading.ended)
		reading = r.gathered()
	}
}

func (r *Reads[K, V]) gathered() *reading[K, V] {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := r.next
	r.next = nil
	if next == nil {
		r.running--
	}
	return next
}
