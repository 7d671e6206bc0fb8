package engine

import (
	"context"
	"sync"
	"time"

	"kassa/checkout"
)

// watchers wakes those who wait for a change of an order.
type watchers struct {
	mu      sync.Mutex
	byOrder map[checkout.ID]map[*Watch]struct{}
}

// Watch follows the commits of one order from the moment it was made.
type Watch struct {
	engine *Engine
	order  checkout.ID
	latest chan *checkout.Order // holds the newest; one place
}

// Watch follows an order. Open it before the command whose effect is awaited, and
// close it.
func (e *Engine) Watch(order checkout.ID) *Watch {
	w := &Watch{engine: e, order: order, latest: make(chan *checkout.Order, 1)}
	e.watchers.mu.Lock()
	defer e.watchers.mu.Unlock()
	if e.watchers.byOrder == nil {
		e.watchers.byOrder = map[checkout.ID]map[*Watch]struct{}{}
	}
	if e.watchers.byOrder[order] == nil {
		e.watchers.byOrder[order] = map[*Watch]struct{}{}
	}
	e.watchers.byOrder[order][w] = struct{}{}
	return w
}

// Close ends the watch.
func (w *Watch) Close() {
	ws := &w.engine.watchers
	ws.mu.Lock()
	defer ws.mu.Unlock()
	delete(ws.byOrder[w.order], w)
	if len(ws.byOrder[w.order]) == 0 {
		delete(ws.byOrder, w.order)
	}
}

func (ws *watchers) notify(o *checkout.Order) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for w := range ws.byOrder[o.ID] {
		select {
		case <-w.latest: // an older one that nobody took
		default:
		}
		w.latest <- o
	}
}

// elsewhere is how often a watch reads the order itself: another process may have
// committed the change.
const elsewhere = 250 * time.Millisecond

// Until waits until the order is as wished and returns it, or the order as it was
// last seen when ctx ends. The order that is returned must not be changed.
func (w *Watch) Until(ctx context.Context, wished func(*checkout.Order) bool) (*checkout.Order, error) {
	ticker := time.NewTicker(elsewhere)
	defer ticker.Stop()
	var last *checkout.Order
	for {
		select {
		case last = <-w.latest:
		case <-ticker.C:
			o, err := w.engine.store.Order(ctx, w.order)
			if err != nil && ctx.Err() == nil {
				return nil, err
			}
			if err == nil {
				last = o
			}
		case <-ctx.Done():
			return last, ctx.Err()
		}
		if last != nil && wished(last) {
			return last, nil
		}
	}
}
