package postgres

import (
	"context"
	"fmt"
	"sync"

	"kassa/checkout"
	"kassa/store"
)

// A lone query costs the server four times what one more id costs in a query that
// is sent anyway. So those who look rows up by id at the same time share one: while
// a flight is on its way, the next one gathers. Nobody is held up by a timer, and
// whoever asks is answered by a query that was sent after he did.
const (
	gatherFlights = 2   // that are on their way at once
	gatherLimit   = 200 // ids of one flight
)

// gather looks up values by id.
type gather[V any] struct {
	look func(ctx context.Context, ids []checkout.ID) (map[checkout.ID]V, error)

	mu      sync.Mutex
	waiting []*lookedUp[V]
	flights int
}

// lookedUp is one who waits. done is closed once the rest is set.
type lookedUp[V any] struct {
	id    checkout.ID
	value V
	found bool
	err   error
	done  chan struct{}
}

// get returns the value of an id, and whether there is one.
func (g *gather[V]) get(ctx context.Context, id checkout.ID) (value V, found bool, err error) {
	w := &lookedUp[V]{id: id, done: make(chan struct{})}
	g.mu.Lock()
	g.waiting = append(g.waiting, w)
	start := g.flights < gatherFlights
	if start {
		g.flights++
	}
	g.mu.Unlock()
	if start {
		go g.fly()
	}
	select {
	case <-w.done:
		return w.value, w.found, w.err
	case <-ctx.Done():
		return value, false, fmt.Errorf("postgres: %w: %w", store.ErrUnavailable, ctx.Err())
	}
}

// fly answers those who wait until there is nobody.
func (g *gather[V]) fly() {
	for {
		batch := g.take()
		if len(batch) == 0 {
			return
		}
		g.answer(batch)
	}
}

// take takes those who wait, each id once: two callers must not share a value.
func (g *gather[V]) take() (batch []*lookedUp[V]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	seen := make(map[checkout.ID]bool, len(g.waiting))
	var left []*lookedUp[V]
	for _, w := range g.waiting {
		if seen[w.id] || len(batch) == gatherLimit {
			left = append(left, w)
			continue
		}
		seen[w.id] = true
		batch = append(batch, w)
	}
	g.waiting = left
	if len(batch) == 0 {
		g.flights--
	}
	return batch
}

func (g *gather[V]) answer(batch []*lookedUp[V]) {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	ids := make([]checkout.ID, len(batch))
	for i, w := range batch {
		ids[i] = w.id
	}
	found, err := g.look(ctx, ids)
	for _, w := range batch {
		w.value, w.found = found[w.id]
		w.err = err
		close(w.done)
	}
}
