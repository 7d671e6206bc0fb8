package bench

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// quietLoad is a load whose edges nobody needs.
func quietLoad(l load) load {
	l.edge = func(bool) {}
	return l
}

// stall is an operation that takes a while the first time, and no time later.
func stall(pause time.Duration) func(int) op {
	return func(int) op {
		first := true
		return func(p *probe) (bool, error) {
			if first {
				time.Sleep(pause)
			}
			first = false
			p.step(0, p.begun)
			return true, nil
		}
	}
}

func TestOpenLoopCountsWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := quietLoad(load{workers: 1, rate: 100, duration: 2 * time.Second, work: stall(time.Second)})
		r, from, to := l.run(t.Context(), []string{"step"})
		require.Equal(t, 2*time.Second, to.Sub(from))
		h := r.merged()[0]
		require.EqualValues(t, 200, h.TotalCount())
		// The operation that was to begin after n/100 s waited for 1 s - n/100 s.
		require.InDelta(t, time.Second.Microseconds(), h.Max(), 1000)
		require.InDelta(t, 500_000, h.ValueAtQuantile(75), 15_000)
		require.Equal(t, time.Second-10*time.Millisecond, time.Duration(r.behind.Load()))
	})
}

func TestClosedLoopDoesNot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slow := func(int) op {
			return func(p *probe) (bool, error) {
				time.Sleep(10 * time.Millisecond)
				p.step(0, p.begun)
				return true, nil
			}
		}
		l := quietLoad(load{workers: 4, warmup: time.Second, duration: 3 * time.Second, work: slow})
		r, from, to := l.run(t.Context(), []string{"step"})
		require.EqualValues(t, 4*300, r.done.Load(), "the warm-up does not count")
		require.EqualValues(t, 4*300, r.merged()[0].TotalCount())
		require.InDelta(t, 10_000, r.merged()[0].Max(), 10)
		require.Equal(t, []int64{400, 400, 400}, r.perSecond(from, to))
	})
}

func TestLoadGoesOnAsLongAsItIsAsked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := quietLoad(load{workers: 1, rate: 10, duration: time.Second, work: stall(0)})
		l.more = func(r *recorder) bool { return r.total() < 35 }
		r, from, to := l.run(t.Context(), []string{"step"})
		require.Equal(t, 4*time.Second, to.Sub(from))
		require.InDelta(t, 40, r.done.Load(), 1)
	})
}

func TestWorkersPauseAfterAnError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		failing := func(int) op { return func(*probe) (bool, error) { return false, errors.New("no") } }
		l := quietLoad(load{workers: 2, duration: time.Second, work: failing})
		r, _, _ := l.run(t.Context(), []string{"step"})
		require.InDelta(t, 2*time.Second/errorPause, r.errors, 2)
		require.Equal(t, []string{"no"}, r.texts, "each text once")
		require.Zero(t, r.done.Load())
	})
}

// TestAStalledServerIsSeen is the same over HTTP: a server that does not answer
// once makes all that were to follow late, and p99 shows it.
func TestAStalledServerIsSeen(t *testing.T) {
	t.Parallel()
	const pause = 400 * time.Millisecond
	var calls atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if calls.Add(1) == 10 {
			<-time.After(pause)
		}
		w.WriteHeader(http.StatusCreated)
	}))
	defer server.Close()
	f := newFront(strings.TrimPrefix(server.URL, "http://"), "Bearer pk", nil, goods{skus: 1})
	defer f.client.CloseIdleConnections()
	l := quietLoad(load{workers: 1, rate: 200, duration: time.Second, work: func(worker int) op { return hot(f.buyer(worker)) }})
	r, _, _ := l.run(t.Context(), []string{"lock"})
	require.Empty(t, r.texts)
	h := r.merged()[0]
	require.GreaterOrEqual(t, h.Max(), pause.Microseconds())
	require.GreaterOrEqual(t, h.ValueAtQuantile(99), pause.Microseconds()/2, "one slow answer in %d", h.TotalCount())
}

func TestHistogramsOfAllWorkersAreMerged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder([]string{"a", "b"})
		r.measure(r.start, r.start.Add(time.Hour))
		start := time.Now()
		time.Sleep(100 * time.Millisecond)
		for worker := range 3 * shards {
			p := r.probe(worker)
			p.step(0, start)
			p.step(1, start.Add(90*time.Millisecond))
		}
		time.Sleep(900 * time.Millisecond)
		r.probe(0).step(0, start)
		merged := r.merged()
		require.EqualValues(t, 3*shards+1, merged[0].TotalCount())
		require.EqualValues(t, 3*shards, merged[1].TotalCount())
		require.InEpsilon(t, 100_000, merged[0].ValueAtQuantile(50), 0.001)
		require.InEpsilon(t, 1_000_000, merged[0].Max(), 0.001)
		require.InEpsilon(t, 10_000, merged[1].Max(), 0.001)
	})
}
