package batch

import (
	"context"
	"errors"
	"runtime"
	"time"
)

// flight is a prepared batch that is being committed.
type flight[C any, R any] struct {
	items    []*item[C, R]
	outcomes []Outcome[R]
	ended    chan struct{} // closed when it is committed or has failed
	err      error         // nothing was written, or nobody knows; readable once ended
	told     chan struct{} // closed when everybody has been told of it
}

func (l *Lane[ID, C, R]) run() {
	defer close(l.stopped)
	defer func() { l.last.wait() }()
	var head []*item[C, R] // comes before the queue
	var air *flight[C, R]  // what is being committed; nil: nothing
	for {
		if l.await(air, len(head)) {
			again, _ := l.land(air)
			head, air = append(again, head...), nil
		}
		batch, open := l.draw(air, head)
		if len(batch) == 0 && !open {
			return
		}
		head, air = l.advance(air, batch)
		l.gather()
	}
}

// aheadFrom is how many commands a batch must have to be worth deciding ahead.
// Below, two transactions cost more than one of twice the size, so that commands
// do better to wait for each other.
const aheadFrom = 128

// await waits until the next batch should be drawn: when what is in the air has
// ended, or when so many commands wait that they are worth a batch of their own.
func (l *Lane[ID, C, R]) await(air *flight[C, R], head int) (ended bool) {
	if air == nil {
		return false
	}
	enough := max(aheadFrom, len(air.items)*3/4) - head
	l.enough.Store(int64(max(enough, 1)))
	defer l.enough.Store(0)
	for len(l.queue) < enough {
		select {
		case <-air.ended:
			return true
		case <-l.woken:
		}
	}
	return false
}

// wake tells the lane that enough commands wait.
func (l *Lane[ID, C, R]) wake() {
	if enough := l.enough.Load(); enough > 0 && int64(len(l.queue)) >= enough {
		select {
		case l.woken <- struct{}{}:
		default:
		}
	}
}

// gather lets those who were just answered send their next command, so that the
// next batch is not drawn half empty. It yields as long as the queue grows by it
// and waits for nobody: with nothing else to run it takes less than a microsecond.
func (l *Lane[ID, C, R]) gather() {
	for quiet := 0; quiet < 3 && len(l.queue) < l.cfg.MaxBatch; quiet++ {
		before := len(l.queue)
		runtime.Gosched()
		if len(l.queue) > before {
			quiet = -1
		}
	}
}

// draw takes what is there. It waits for a first command only where there is
// nothing else to do.
func (l *Lane[ID, C, R]) draw(air *flight[C, R], head []*item[C, R]) (batch []*item[C, R], open bool) {
	batch = head
	if len(batch) == 0 {
		it, ok := <-l.queue
		if !ok {
			return nil, false
		}
		batch = append(batch, it)
	}
	return l.top(batch, l.size(air, len(batch)))
}

// top fills a batch up to a size with those who wait. open is false once the queue has
// been closed and is empty.
func (l *Lane[ID, C, R]) top(batch []*item[C, R], size int) (_ []*item[C, R], open bool) {
	for len(batch) < size {
		select {
		case it, ok := <-l.queue:
			if !ok {
				return batch, false
			}
			batch = append(batch, it)
		default:
			return batch, true
		}
	}
	return batch, true
}

// size is how many commands to draw at most. Many are shared out between the
// batch that commits and the one that is decided meanwhile.
func (l *Lane[ID, C, R]) size(air *flight[C, R], head int) int {
	there := head + len(l.queue)
	if air != nil {
		there += len(air.items)
	}
	if there < 2*aheadFrom {
		return l.cfg.MaxBatch
	}
	return min(l.cfg.MaxBatch, (there+1)/2)
}

// advance decides a batch on top of the one in the air, waits for that one's end
// and sends the new one off. It returns what comes before the queue, and what is
// in the air now. Where the one before failed, the batch is decided again.
func (l *Lane[ID, C, R]) advance(air *flight[C, R], batch []*item[C, R]) (head []*item[C, R], next *flight[C, R]) {
	ctx := context.Background() // a batch outlives the callers it serves
	id := l.committer.NewID()
	prepared, err := l.committer.Prepare(ctx, id, commands(batch))
	if again, ok := l.land(air); !ok {
		return append(again, batch...), nil
	}
	if errors.Is(err, ErrBusy) {
		prepared, err = l.committer.Prepare(ctx, id, commands(batch))
	}
	if err != nil || prepared == nil {
		l.committer.Turn(ctx)
		batch, _ = l.top(batch, l.cfg.MaxBatch) // the next draw sees that the queue is closed, too
		return l.process(batch), nil            // meets the same error again, if it has not passed
	}
	items, outcomes, deferred := l.split(batch, prepared.Outcomes())
	next = &flight[C, R]{items: items, outcomes: outcomes, ended: make(chan struct{}), told: make(chan struct{})}
	go l.fly(ctx, next, l.last, id, prepared)
	l.last = next
	return deferred, next
}

// fly commits a prepared batch and answers its commands. Before it tells anybody, the
// lane may send off the next one: hundreds who were answered would keep the
// processors from that, and the database idle.
func (l *Lane[ID, C, R]) fly(ctx context.Context, f, before *flight[C, R], id ID, prepared Prepared[R]) {
	defer close(f.told)
	start := time.Now()
	f.err = l.settle(ctx, id, prepared.Commit(ctx))
	if f.err != nil {
		l.cfg.OnTrouble(l.committer.Classify(f.err), f.err)
	}
	took := time.Since(start)
	close(f.ended)
	if before.wait(); f.err != nil {
		return
	}
	l.committed(f.outcomes, took)
	for i, it := range f.items {
		it.done <- f.outcomes[i]
	}
}

// wait waits until everybody has been told of a flight, so that commits are told of
// in their order.
func (f *flight[C, R]) wait() {
	if f != nil {
		<-f.told
	}
}

// land waits for a flight's end. Where it failed, what was decided on top of it is
// void, and its own commands go the certain way; it returns those that are deferred
// then.
func (l *Lane[ID, C, R]) land(f *flight[C, R]) (again []*item[C, R], ok bool) {
	if f == nil {
		return nil, true
	}
	<-f.ended
	if f.err == nil {
		return nil, true
	}
	l.committer.Forget()
	if errors.Is(f.err, ErrUnresolved) {
		fail(f.items, f.err)
		return nil, false
	}
	return l.process(f.items), false
}

func fail[C any, R any](items []*item[C, R], err error) {
	for _, it := range items {
		it.done <- Outcome[R]{Err: err}
	}
}

func commands[C any, R any](batch []*item[C, R]) []C {
	out := make([]C, len(batch))
	for i, it := range batch {
		out[i] = it.command
	}
	return out
}
