package bench

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// The bounds of what a histogram tells apart, in microseconds: three digits
// between 1 µs and 2 minutes.
const (
	longestMicros = int64(2 * time.Minute / time.Microsecond)
	digits        = 3
)

// shards is how many histograms of each step there are while a load runs: workers
// share one, so that many workers need little memory and rarely wait.
const shards = 8

// recorder gathers what workers measure. What ends outside of the measured time
// is not counted, but for errors, which count whenever they happen.
type recorder struct {
	steps  []string
	start  time.Time
	opens  atomic.Int64 // of the measured time, in nanoseconds since start
	closes atomic.Int64
	shards [shards]shard
	done   atomic.Int64 // operations in the measured time
	all    atomic.Int64 // operations since start

	seconds sync.Map // number of a second since start to *atomic.Int64: operations, warm-up included
	behind  atomic.Int64

	mu     sync.Mutex
	errors int64
	texts  []string // of the first errors
}

type shard struct {
	mu    sync.Mutex
	steps []*hdrhistogram.Histogram
	_     [64]byte // a cache line of its own
}

func newRecorder(steps []string) *recorder {
	r := &recorder{steps: steps, start: time.Now()}
	r.closes.Store(int64(1) << 62)
	for i := range r.shards {
		r.shards[i].steps = newHistograms(len(steps))
	}
	return r
}

func newHistograms(n int) []*hdrhistogram.Histogram {
	out := make([]*hdrhistogram.Histogram, n)
	for i := range out {
		out[i] = hdrhistogram.New(1, longestMicros, digits)
	}
	return out
}

// measure says which time counts.
func (r *recorder) measure(from, to time.Time) {
	r.opens.Store(int64(from.Sub(r.start)))
	r.closes.Store(int64(to.Sub(r.start)))
}

func (r *recorder) counts(at time.Time) bool {
	since := int64(at.Sub(r.start))
	return since >= r.opens.Load() && since < r.closes.Load()
}

// maxTexts is how many errors are kept word by word.
const maxTexts = 5

func (r *recorder) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errors++
	if text := err.Error(); len(r.texts) < maxTexts && !slices.Contains(r.texts, text) {
		r.texts = append(r.texts, text)
	}
}

// nothing says that no operation was counted, and why, if that is known.
func (r *recorder) nothing() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.texts) == 0 {
		return errors.New("nothing was done in the measured time: give it a longer --duration")
	}
	return fmt.Errorf("nothing was done, and %d tries failed, such as: %s", r.errors, r.texts[0])
}

// hopeless tells whether only errors have come so far.
func (r *recorder) hopeless() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.errors > 0 && r.total() == 0
}

// finish counts an operation that has ended well.
func (r *recorder) finish(at time.Time) {
	second := int(at.Sub(r.start) / time.Second)
	count, ok := r.seconds.Load(second)
	if !ok {
		count, _ = r.seconds.LoadOrStore(second, new(atomic.Int64))
	}
	count.(*atomic.Int64).Add(1)
	r.all.Add(1)
	if r.counts(at) {
		r.done.Add(1)
	}
}

// total is how many operations have ended well since the start.
func (r *recorder) total() int64 { return r.all.Load() }

// perSecond is the operations in each whole second between two times.
func (r *recorder) perSecond(from, to time.Time) []int64 {
	var out []int64
	first := int((from.Sub(r.start) + time.Second - 1) / time.Second)
	for s := first; s < int(to.Sub(r.start)/time.Second); s++ {
		n := int64(0)
		if count, ok := r.seconds.Load(s); ok {
			n = count.(*atomic.Int64).Load()
		}
		out = append(out, n)
	}
	return out
}

// merged is each step's histogram over all workers.
func (r *recorder) merged() []*hdrhistogram.Histogram {
	out := newHistograms(len(r.steps))
	for i := range r.shards {
		s := &r.shards[i]
		s.mu.Lock()
		for k, h := range s.steps {
			out[k].Merge(h)
		}
		s.mu.Unlock()
	}
	return out
}

// probe is what one worker measures with.
type probe struct {
	r     *recorder
	shard *shard
	begun time.Time // when the operation should have begun
}

func (r *recorder) probe(worker int) *probe {
	return &probe{r: r, shard: &r.shards[worker%shards]}
}

// step records how long a step took that began at start, and returns its end.
func (p *probe) step(step int, start time.Time) time.Time {
	now := time.Now()
	if p.r.counts(now) {
		micros := min(max(now.Sub(start).Microseconds(), 1), longestMicros)
		p.shard.mu.Lock()
		err := p.shard.steps[step].RecordValue(micros)
		p.shard.mu.Unlock()
		if err != nil {
			p.r.fail(fmt.Errorf("record a latency: %w", err))
		}
	}
	return now
}
