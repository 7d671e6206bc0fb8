package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// rounds measures all subjects in alternation and reports the median round of the
// first, beside that of the second.
func (o *Options) rounds(ctx context.Context, s Scenario, all []*subject) (Result, error) {
	if err := o.settleBaseline(ctx, s, all); err != nil {
		return Result{}, err
	}
	found := make([][]Result, len(all))
	for n := range o.Rounds {
		for i := len(all) - 1; i >= 0; i-- { // the baseline goes first
			res, err := o.round(ctx, s, all[i], n, i > 0)
			if err != nil {
				return Result{}, err
			}
			found[i] = append(found[i], res)
		}
	}
	res := summary(found[0])
	if len(all) > 1 {
		base := summary(found[1])
		ratio := round(res.PerS / max(base.PerS, 0.001))
		res.Baseline, res.Ratio = &base, &ratio
	}
	for i, into := range []*Result{&res, res.Baseline}[:len(all)] {
		o.progress("auditing")
		var err error
		if into.Audit, err = all[i].audit(ctx); err != nil {
			return res, fmt.Errorf("audit: %w", err)
		}
	}
	o.progress("")
	res.Machine = thisMachine()
	var err error
	res.Settings, err = all[0].settings(ctx)
	return res, err
}

// round measures one subject once. The calm one of two is measured without the
// holds that expire.
func (o *Options) round(ctx context.Context, s Scenario, u *subject, number int, baseline bool) (Result, error) {
	calm := o.Compare == Calm && baseline
	m := &measurement{o: o, s: s, u: u, rate: o.Rate}
	if o.Expiring > 0 && !calm {
		m.expiring = o.Expiring
	}
	title := u.name
	if calm {
		title = "calm"
	}
	m.title = fmt.Sprintf("%s %s on %s", title, s.Name, u.kind())
	if o.Rounds > 1 {
		m.title += fmt.Sprintf(", round %d of %d", number+1, o.Rounds)
	}
	m.profile = o.Profile != "" && number == 0 && !baseline
	res, err := m.run(ctx, o.Warmup, o.Duration)
	if err == nil && m.profile {
		res.Parts, err = readParts(o.Profile, res.PerS)
	}
	return res, err
}

// summary is the median round, of an even number the lower one, with the errors of
// all.
func summary(all []Result) Result {
	sorted := slices.Clone(all)
	slices.SortFunc(sorted, func(a, b Result) int { return int(a.PerS*1000) - int(b.PerS*1000) })
	res := sorted[(len(sorted)-1)/2]
	if len(all) == 1 {
		return res
	}
	res.Errors, res.ErrorTexts, res.Parts = 0, nil, all[0].Parts
	for _, r := range all {
		res.Rounds = append(res.Rounds, r.PerS)
		res.Errors += r.Errors
		res.ErrorTexts = append(res.ErrorTexts, r.ErrorTexts...)
	}
	slices.Sort(res.ErrorTexts)
	res.ErrorTexts = slices.Compact(res.ErrorTexts)
	res.ErrorTexts = res.ErrorTexts[:min(len(res.ErrorTexts), maxTexts)]
	return res
}

// The numbers of clients that the textbook is tried with: with few, its
// connections wait for each other less; with many, a commit carries more.
var baselineClients = []int{16, 64}

// trial is how long each of them is tried, at most.
const trial = 5 * time.Second

// settleBaseline gives the textbook the number of clients that suits it best.
func (o *Options) settleBaseline(ctx context.Context, s Scenario, all []*subject) error {
	if o.Compare != Textbook {
		return nil
	}
	u := all[1]
	if u.workers = o.BaselineConcurrency; u.workers > 0 {
		return nil
	}
	best := -1.0
	for _, clients := range baselineClients {
		attempt := *u
		attempt.workers = clients
		m := &measurement{o: o, s: s, u: &attempt, title: fmt.Sprintf("trial of %s with %d clients", u.name, clients)}
		res, err := m.run(ctx, min(o.Warmup, time.Second), min(o.Duration, trial))
		if err != nil {
			return err
		}
		if res.PerS > best {
			best, u.workers = res.PerS, clients
		}
	}
	return nil
}

// measurement is one round of one subject.
type measurement struct {
	o        *Options
	s        Scenario
	u        *subject
	title    string
	rate     float64
	expiring int
	profile  bool

	before, after sample
	rss           float64
	errs          []error
	growth        growth
	profiled      chan error
}

func (m *measurement) run(ctx context.Context, warmup, duration time.Duration) (Result, error) {
	var over *expiry
	if m.expiring > 0 {
		var err error
		if over, err = m.placeExpiring(ctx, warmup+duration); err != nil {
			return Result{}, err
		}
	}
	l := load{workers: m.u.workers, rate: m.rate, warmup: warmup, duration: duration, work: m.u.work}
	l.edge = func(begin bool) { m.edge(ctx, begin, duration) }
	l.tick = m.tick
	if m.o.Grow > 0 {
		m.growth.past = m.o.Grow > fewOrders
		l.tick = func(now time.Time, r *recorder) { m.tick(now, r); m.growth.watch(now, r) }
	}
	if m.o.Grow > 0 || m.o.least > 0 {
		l.more = func(r *recorder) bool { return r.total() < int64(m.o.Grow) || r.done.Load() < m.o.least }
	}
	r, from, to := l.run(ctx, m.s.steps)
	if m.profiled != nil {
		m.errs = append(m.errs, <-m.profiled)
	}
	if ctx.Err() != nil {
		return Result{}, fmt.Errorf("the benchmark was stopped before its end: %w", ctx.Err())
	}
	if err := errors.Join(m.errs...); err != nil {
		return Result{}, err
	}
	if r.done.Load() == 0 {
		return Result{}, r.nothing()
	}
	res := m.result(warmup)
	res.fill(r, from, to, m.before, m.after)
	if over != nil {
		return res, m.countExpired(ctx, over, &res)
	}
	if m.o.Grow > 0 {
		var err error
		if res.Grow, err = m.growth.result(r, to, m.before, m.after); err != nil {
			m.o.say("%s", err)
		}
	}
	return res, nil
}

func (m *measurement) result(warmup time.Duration) Result {
	res := Result{
		Scenario: m.s.Name, Store: m.u.kind(), Mode: overHTTP, Subject: m.u.name, Concurrency: m.u.workers,
		Processes: max(m.u.processes, 1), Gate: m.u.gated,
		RatePerS: m.rate, WarmupS: warmup.Seconds(), RSSMiB: round(m.rss),
	}
	if m.o.InProcess {
		res.Mode = inProcess
	}
	return res
}

// edge is called where the measured time begins and ends.
func (m *measurement) edge(ctx context.Context, begin bool, duration time.Duration) {
	var err error
	if !begin {
		m.after, err = m.u.meter.sample(ctx)
		m.rss = m.u.meter.peakMiB()
		m.errs = append(m.errs, err)
		return
	}
	m.u.meter.resetPeak()
	if m.profile {
		m.profiled = make(chan error, 1)
		go func() { m.profiled <- m.u.takeProfile(ctx, m.o.Profile, duration) }()
	}
	m.before, err = m.u.meter.sample(ctx)
	m.errs = append(m.errs, err)
}

// clearLine begins a terminal's line anew.
const clearLine = "\r\x1b[K"

// quietSeconds is the pause between two lines where there is no terminal.
const quietSeconds = 5

func (m *measurement) tick(now time.Time, r *recorder) {
	second := int(now.Sub(r.start) / time.Second)
	if !m.o.Live && second%quietSeconds != 0 {
		return
	}
	span := min(quietSeconds, second)
	end := r.start.Add(time.Duration(second) * time.Second)
	sum := int64(0)
	for _, n := range r.perSecond(end.Add(-time.Duration(span)*time.Second), end) {
		sum += n
	}
	m.o.progress("%s: %d s, %d/s", m.title, second, sum/int64(max(span, 1)))
}

// progress says how far the run is: on a terminal in place of what it said before.
func (o *Options) progress(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	switch {
	case o.Live:
		_, _ = fmt.Fprint(o.Progress, clearLine+text)
	case text != "":
		_, _ = fmt.Fprintln(o.Progress, text)
	}
}

func listed(names []string) string {
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}
