package engine

import (
	"context"
	"sync"

	"kassa/checkout"
	"kassa/store"
)

// Reader reads the store; orders that were just written are read from memory, where
// the store says that this engine owns the rows. Whoever reads gets what was committed
// when he asked, or later, as from the store itself. What it returns must not be
// changed.
func (e *Engine) Reader() store.Reader { return reader{e.store, e} }

type reader struct {
	store.Reader
	engine *Engine
}

// Order reads an order with details, payments and refunds.
func (r reader) Order(ctx context.Context, id checkout.ID) (*checkout.Order, error) {
	e := r.engine
	reign := e.owner.reign.Load()
	if reign == 0 || e.late.written(id, reign) == nil || e.owned.check(ctx) != nil {
		return r.Reader.Order(ctx, id)
	}
	// Read after the store was asked: nobody else had written until then. And the
	// rows were ours all the time, not only before and again.
	o := e.late.written(id, reign)
	if o == nil || e.owner.reign.Load() != reign {
		return r.Reader.Order(ctx, id)
	}
	return o, nil
}

// shared is a question to the store that all share who ask it at the same time. While
// one is under way, the next one gathers: who asks is answered by a question that was
// sent after he came.
type shared struct {
	ask func(context.Context) error

	mu      sync.Mutex
	running bool
	next    *question // that waits for the running one; nil: nobody asks
}

type question struct {
	answered chan struct{}
	err      error // readable once answered
}

func (s *shared) check(ctx context.Context) error {
	s.mu.Lock()
	q := s.next
	if q == nil {
		q = &question{answered: make(chan struct{})}
		s.next = q
	}
	start := !s.running
	s.running = true
	s.mu.Unlock()
	if start {
		go s.run() //nolint:gosec // it answers others too, so it does not end with this caller's context
	}
	select {
	case <-q.answered:
		return q.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run answers questions until nobody asks.
func (s *shared) run() {
	for {
		s.mu.Lock()
		q := s.next
		s.next, s.running = nil, q != nil
		s.mu.Unlock()
		if q == nil {
			return
		}
		q.err = s.ask(context.Background())
		close(q.answered)
	}
}
