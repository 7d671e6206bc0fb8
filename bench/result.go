package bench

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Result is what one benchmark found: the object that --json prints.
type Result struct {
	Scenario    string          `json:"scenario"`
	Store       string          `json:"store"`   // postgres, sqlite, or a target's address
	Mode        string          `json:"mode"`    // http or in-process
	Subject     string          `json:"subject"` // kassa, textbook or ungated
	Processes   int             `json:"processes"`
	Gate        bool            `json:"gate"`
	Concurrency int             `json:"concurrency"`
	RatePerS    float64         `json:"rate_per_s,omitempty"` // of an open loop
	BehindS     float64         `json:"behind_s,omitempty"`   // how late its worst operation began
	DurationS   float64         `json:"duration_s"`
	WarmupS     float64         `json:"warmup_s"`
	Done        int64           `json:"done"`
	PerS        float64         `json:"per_s"`
	WorstS      int64           `json:"worst_second"` // operations in the slowest second
	Errors      int64           `json:"errors"`       // answers that were not expected, in all rounds
	ErrorTexts  []string        `json:"error_texts,omitempty"`
	Steps       map[string]Step `json:"steps"`
	CPU         CPU             `json:"cpu"`           // cores used, of the machine's
	CPUMicros   CPU             `json:"cpu_us_per_op"` // microseconds for each operation
	RSSMiB      float64         `json:"rss_mib"`       // the largest of a server; in process, this process's
	WALBytes    *float64        `json:"wal_bytes_per_checkout"`
	WALPages    *int64          `json:"wal_full_page_images,omitempty"`
	Audit       string          `json:"audit"` // clean, or what is broken
	PerSecond   []int64         `json:"per_second"`
	Rounds      []float64       `json:"rounds,omitempty"` // operations a second of each; the rest is of the median

	ExpiringPerS int     `json:"expiring_per_s,omitempty"`
	Expired      *int    `json:"expired,omitempty"`      // holds that ended beside the load
	ExpiredLeft  int     `json:"expired_left,omitempty"` // holds that should have ended and had not yet
	Grow         *Growth `json:"grow,omitempty"`
	Parts        []Part  `json:"parts,omitempty"` // where the server's time went, by a profile

	Baseline *Result           `json:"baseline,omitempty"`
	Ratio    *float64          `json:"ratio,omitempty"` // per_s to the baseline's
	Settings map[string]string `json:"settings,omitempty"`
	Machine  *Machine          `json:"machine,omitempty"`
}

// Step is how long a step took, in milliseconds.
type Step struct {
	P50  float64 `json:"p50_ms"`
	P99  float64 `json:"p99_ms"`
	P999 float64 `json:"p999_ms"`
	Max  float64 `json:"max_ms"`
}

// CPU is what each side used. Nil: it cannot be told.
type CPU struct {
	Server    *float64 `json:"server"`
	Generator *float64 `json:"generator"`
	Database  *float64 `json:"database"`
}

// OK tells whether everything was answered as expected and every law held, in
// what was measured and in what it was compared with.
func (res *Result) OK() bool {
	passed := res.Audit == auditClean || res.Audit == auditSkipped
	return res.Errors == 0 && passed && (res.Baseline == nil || res.Baseline.OK())
}

// auditSkipped is what Result.Audit says of a server whose database is not known.
const auditSkipped = "skipped: give the target's --store to audit it"

// What Result.Mode says.
const (
	overHTTP  = "http"
	inProcess = "in-process"
)

// auditClean is what Result.Audit says where every law holds.
const auditClean = "clean"

// fill takes over what was measured between two samples.
func (res *Result) fill(r *recorder, from, to time.Time, before, after sample) {
	elapsed := to.Sub(from).Seconds()
	res.Done = r.done.Load()
	res.DurationS = round(elapsed)
	res.PerS = round(float64(res.Done) / elapsed)
	res.BehindS = round(time.Duration(r.behind.Load()).Seconds())
	res.Errors, res.ErrorTexts = r.errors, r.texts
	res.PerSecond = r.perSecond(from, to)
	res.WorstS = worst(res.PerSecond)
	res.Steps = map[string]Step{}
	for i, h := range r.merged() {
		res.Steps[r.steps[i]] = stepOf(h)
	}
	res.used(before, after)
}

func stepOf(h *hdrhistogram.Histogram) Step {
	ms := func(micros int64) float64 { return float64(micros) / 1000 }
	return Step{P50: ms(h.ValueAtQuantile(50)), P99: ms(h.ValueAtQuantile(99)), P999: ms(h.ValueAtQuantile(99.9)), Max: ms(h.Max())}
}

// used tells what the time between two samples cost.
func (res *Result) used(before, after sample) {
	seconds := after.at.Sub(before.at).Seconds()
	each := func(pick func(sample) *time.Duration) (cores, micros *float64) {
		a, b := pick(before), pick(after)
		if a == nil || b == nil {
			return nil, nil
		}
		c := round((*b - *a).Seconds() / seconds)
		m := round(per((*b-*a).Seconds()*1e6, res.Done))
		return &c, &m
	}
	res.CPU.Server, res.CPUMicros.Server = each(func(s sample) *time.Duration { return s.server })
	res.CPU.Generator, res.CPUMicros.Generator = each(func(s sample) *time.Duration { return s.generator })
	res.CPU.Database, res.CPUMicros.Database = each(func(s sample) *time.Duration { return s.database })
	if before.wal != nil && after.wal != nil {
		bytes := round(per(float64(after.wal.bytes-before.wal.bytes), res.Done))
		pages := after.wal.pages - before.wal.pages
		res.WALBytes, res.WALPages = &bytes, &pages
	}
}

func per(sum float64, n int64) float64 {
	if n == 0 {
		return 0
	}
	return sum / float64(n)
}

// round keeps three decimals.
func round(f float64) float64 { return float64(int64(f*1000+0.5)) / 1000 }
