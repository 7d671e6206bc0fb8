package bench

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// op is one operation of a scenario: it tells the probe how long each step took.
// counts is false where it ended as it should and is not what the scenario counts.
type op func(p *probe) (counts bool, err error)

// load is a number of workers that repeat an operation.
type load struct {
	workers  int
	rate     float64 // operations per second on a fixed schedule; 0: each as soon as its worker is free
	warmup   time.Duration
	duration time.Duration
	// more, where it is set, prolongs the measured time, second by second, as
	// long as it returns true.
	more func(r *recorder) bool
	// work makes a worker's operation.
	work func(worker int) op
	// edge is called at the beginning and the end of the measured time.
	edge func(begin bool)
	// tick is called once a second.
	tick func(now time.Time, r *recorder)
}

// errorPause keeps a worker from repeating what fails at once.
const errorPause = 20 * time.Millisecond

// run runs the load to its end, or until ctx ends, and returns what was measured
// between which times. A warm-up in which nothing works is the end, too.
func (l *load) run(ctx context.Context, steps []string) (r *recorder, from, to time.Time) {
	r = newRecorder(steps)
	from = r.start.Add(l.warmup)
	to = from.Add(l.duration)
	if r.measure(from, to); l.more != nil {
		r.measure(from, r.start.Add(1<<60))
	}
	var stop atomic.Bool
	var wg sync.WaitGroup
	var next atomic.Int64
	for i := range l.workers {
		wg.Go(func() { l.worker(r, i, &next, &stop) })
	}
	l.wait(ctx, r, from)
	l.edge(true)
	for l.warmup == 0 || !r.hopeless() {
		l.wait(ctx, r, to)
		if ctx.Err() != nil || l.more == nil || !l.more(r) {
			break
		}
		to = to.Add(time.Second)
	}
	r.measure(from, to)
	l.edge(false)
	stop.Store(true)
	wg.Wait()
	return r, from, to
}

// wait waits until a time, and ticks.
func (l *load) wait(ctx context.Context, r *recorder, until time.Time) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	end := time.NewTimer(time.Until(until))
	defer end.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-end.C:
			return
		case now := <-ticker.C:
			if l.tick != nil {
				l.tick(now, r)
			}
		}
	}
}

func (l *load) worker(r *recorder, number int, next *atomic.Int64, stop *atomic.Bool) {
	work := l.work(number)
	p := r.probe(number)
	for !stop.Load() {
		p.begun = time.Now()
		if l.rate > 0 {
			p.begun = l.intended(r, next.Add(1)-1)
			late := sleepUntil(p.begun, stop)
			if stop.Load() {
				return
			}
			r.late(late)
		}
		counts, err := work(p)
		switch {
		case err != nil:
			r.fail(err)
			time.Sleep(errorPause)
		case counts:
			r.finish(time.Now())
		}
	}
}

// intended is when the n-th operation should begin.
func (l *load) intended(r *recorder, n int64) time.Time {
	return r.start.Add(time.Duration(float64(n) / l.rate * float64(time.Second)))
}

// sleepUntil sleeps in short pieces, so that a stop is seen, and returns how late
// it is.
func sleepUntil(at time.Time, stop *atomic.Bool) time.Duration {
	for !stop.Load() {
		left := time.Until(at)
		if left <= 0 {
			return -left
		}
		time.Sleep(min(left, 100*time.Millisecond))
	}
	return 0
}

// late keeps how far the worst operation began behind its schedule.
func (r *recorder) late(by time.Duration) {
	for {
		worst := r.behind.Load()
		if int64(by) <= worst || r.behind.CompareAndSwap(worst, int64(by)) {
			return
		}
	}
}
