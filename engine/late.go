package engine

import (
	"context"
	"sync"
	"time"

	"kassa/batch"
	"kassa/checkout"
)

// late remembers orders as this process's last commits left them, for the tasks that
// those commits owe: an order that was just written need not be read to be acted on.
type late struct {
	mu      sync.Mutex
	orders  generations[checkout.ID, lateOrder]
	details generations[checkout.ID, *checkout.OrderDetails] // never change
	leases  generations[checkout.ID, checkout.ID]            // of tasks that commits have put, by task
	// writing counts the commits under way that write an order. It may be in the
	// store already, and others may have seen it there, so that it is not known.
	writing map[checkout.ID]int
}

type lateOrder struct {
	*checkout.Order
	at    time.Time // when it was committed, by this process's clock
	reign int64     // in which it was committed; 0: while the rows were everybody's
}

// lateOrders is how many are remembered for sure. A buyer who pays later costs a
// read.
const lateOrders = 2_000

// lateFor is how long an order is taken to be as it was: what another process
// commits is seen after that, as if the task had begun a moment sooner. What a
// task's gateway says is applied to the order as it is by then.
const lateFor = time.Second

func newLate() *late {
	return &late{
		orders:  generations[checkout.ID, lateOrder]{limit: lateOrders},
		details: generations[checkout.ID, *checkout.OrderDetails]{limit: lateOrders},
		leases:  generations[checkout.ID, checkout.ID]{limit: lateOrders},
		writing: map[checkout.ID]int{},
	}
}

// begun says that a commit begins; committed or failed says how it ended.
func (l *late) begun(outcomes []batch.Outcome[Reply]) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range outcomes {
		for _, o := range outcomes[i].Result.touched {
			l.writing[o.ID]++
		}
	}
}

func (l *late) failed(outcomes []batch.Outcome[Reply]) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range outcomes {
		for _, o := range outcomes[i].Result.touched {
			l.done(o.ID)
		}
	}
}

// done takes one commit of an order out of those under way.
func (l *late) done(id checkout.ID) {
	if l.writing[id]--; l.writing[id] <= 0 {
		delete(l.writing, id)
	}
}

func (l *late) committed(outcomes []batch.Outcome[Reply]) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.orders.age()
	l.details.age()
	l.leases.age()
	for i := range outcomes {
		for _, o := range outcomes[i].Result.touched {
			l.done(o.ID)
			l.orders.put(o.ID, lateOrder{o, now, outcomes[i].Result.reign})
			if o.Details != nil {
				l.details.put(o.ID, o.Details)
			}
		}
		for _, t := range outcomes[i].Result.run {
			l.leases.put(t.ID, t.LeaseID)
		}
	}
}

// just is a whole order that was committed with this task a moment ago, or since, or
// nil.
func (l *late) just(t checkout.Task) *checkout.Order {
	return l.find(t.OrderID, func(o lateOrder) bool {
		lease, put := l.leases.get(t.ID)
		return put && lease == t.LeaseID && time.Since(o.at) <= lateFor
	})
}

// written is a whole order that was last written in a reign, or nil.
func (l *late) written(id checkout.ID, reign int64) *checkout.Order {
	return l.find(id, func(o lateOrder) bool { return o.reign == reign && l.writing[id] == 0 })
}

func (l *late) find(id checkout.ID, good func(lateOrder) bool) *checkout.Order {
	l.mu.Lock()
	defer l.mu.Unlock()
	o, ok := l.orders.get(id)
	details, whole := l.details.get(id)
	if !ok || !whole || !good(o) {
		return nil
	}
	order := *o.Order
	order.Details = details
	return &order
}

// OrderOf reads the order of a task: with details, payments and refunds, as the store
// has it, or had it a second ago, with the task or after. It must not be changed.
func (e *Engine) OrderOf(ctx context.Context, t checkout.Task) (*checkout.Order, error) {
	if o := e.late.just(t); o != nil {
		return o, nil
	}
	return e.store.Order(ctx, t.OrderID)
}
