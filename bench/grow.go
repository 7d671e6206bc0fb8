package bench

import (
	"fmt"
	"time"
)

// Growth is how throughput held while the tables grew.
type Growth struct {
	Orders       int64   `json:"orders"`        // in the tables at the end
	WindowS      float64 `json:"window_s"`      // of both rates
	EarlyOrders  int64   `json:"early_orders"`  // in the tables where the first window began
	EarlyPerS    float64 `json:"early_per_s"`   //
	LatePerS     float64 `json:"late_per_s"`    // of the last window
	Ratio        float64 `json:"ratio"`         // late to early
	WorstS       int64   `json:"worst_second"`  // operations in the slowest second of the measured time
	Checkpoints  *int64  `json:"checkpoints"`   // in the measured time, of the whole server
	Autovacuums  *int64  `json:"autovacuums"`   // in the measured time, of the run's tables
	WALBytes     *int64  `json:"wal_bytes"`     // in the measured time
	WALPages     *int64  `json:"wal_fpi"`       // full-page images
	WALPageBytes *int64  `json:"wal_fpi_bytes"` // at most: pages of 8 KiB before their holes are left out
}

const (
	// fewOrders is how many orders "small tables" have.
	fewOrders = 30_000
	// growWindow is the time over which both rates are taken, at most: a short run
	// takes a third of its time.
	growWindow = time.Minute
	pageBytes  = 8 << 10
)

// growth watches for the moment in which the first window begins.
type growth struct {
	early  time.Time
	orders int64
	past   bool // the run grows past fewOrders
}

func (g *growth) watch(now time.Time, r *recorder) {
	if g.past && g.early.IsZero() && r.total() >= fewOrders && now.Sub(r.start) >= time.Duration(r.opens.Load()) {
		g.early, g.orders = now, r.total()
	}
}

func (g *growth) result(r *recorder, to time.Time, before, after sample) (*Growth, error) {
	begin := r.start.Add(time.Duration(r.opens.Load()))
	if g.early.IsZero() { // fewer orders than are called few
		g.early = begin
	}
	window := min(growWindow, (to.Sub(begin) / 3).Truncate(time.Second))
	if window < time.Second || g.early.Add(2*window).After(to) {
		return nil, fmt.Errorf("the run grew for %s after its first %d orders, too short to compare its ends: give it a longer --duration or a larger --grow",
			to.Sub(g.early).Truncate(time.Millisecond), g.orders)
	}
	out := &Growth{
		Orders: r.total(), WindowS: window.Seconds(), EarlyOrders: g.orders,
		EarlyPerS: rate(r.perSecond(g.early, g.early.Add(window))), LatePerS: rate(r.perSecond(to.Add(-window), to)),
	}
	out.Ratio = round(out.LatePerS / max(out.EarlyPerS, 0.001))
	out.WorstS = worst(r.perSecond(begin, to))
	if a, b := before.wal, after.wal; a != nil && b != nil {
		difference := func(before, after int64) *int64 { d := after - before; return &d }
		out.Checkpoints = difference(a.checkpoints, b.checkpoints)
		out.Autovacuums = difference(a.autovacuums, b.autovacuums)
		out.WALBytes = difference(a.bytes, b.bytes)
		out.WALPages = difference(a.pages, b.pages)
		out.WALPageBytes = difference(a.pages*pageBytes, b.pages*pageBytes)
	}
	return out, nil
}

func rate(seconds []int64) float64 {
	sum := int64(0)
	for _, n := range seconds {
		sum += n
	}
	return round(float64(sum) / float64(max(len(seconds), 1)))
}

func worst(seconds []int64) int64 {
	least := int64(0)
	for i, n := range seconds {
		if i == 0 || n < least {
			least = n
		}
	}
	return least
}
