// Package bench measures Kassa under load, beside the way that most teams write a
// checkout. A run makes a database of its own, starts a server of its own on it or
// an engine in this process, drives a scenario, audits what came of it, and
// removes everything again.
//
// It must not know flags, nor which adapters there are: those are handed in. It
// knows the inside of Kassa as far as a command of the engine must be built; what
// it measures over HTTP it sees only from outside.
package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"kassa/app"
)

// Options say what is measured.
type Options struct {
	Store       string        // postgres://… or sqlite:PATH; "": a temporary SQLite file
	Scenario    string        // lifecycle by default
	InProcess   bool          // the engine alone, without HTTP
	Concurrency int           // callers at once; 64 by default, 512 in process
	Duration    time.Duration // measured time of a round; 15 s by default
	Warmup      time.Duration // time before it that is not measured
	Rate        float64       // operations a second of an open loop; 0: closed loop
	SKUs        int           // products on sale; 0: as many as the scenario has
	Rounds      int           // 1 by default, 5 where something is compared
	Grow        int           // go on until this many orders are in the tables; 0: no
	Expiring    int           // holds that end in each second beside the scenario
	Profile     string        // file for the CPU profile of the (first) server; "": none
	Processes   int           // on one database, among which the buyers are shared out; 1 by default
	Gate        string        // redis://… of an admission gate; "": none

	Compare             string // Textbook, Calm, Ungated, or "" for nothing
	BaselineConcurrency int    // of the textbook; 0: the better of 16 and 64

	Target *Target // a server that runs already, instead of one of our own

	Adapters app.Adapters
	Binary   string    // serves when it is called with "serve" or TextbookCommand
	Progress io.Writer // for people while it runs; nil: none
	Live     bool      // Progress is a terminal, whose last line can be rewritten

	least int64 // operations that prolong the measured time until they are counted; for tests
}

// What a run can be compared with.
const (
	Textbook = "textbook" // the same by the textbook's shop
	Calm     = "calm"     // the same without the expiring holds
	Ungated  = "ungated"  // the same without the gate
)

func (o Options) withDefaults() (Options, Scenario, error) {
	if o.Scenario == "" {
		o.Scenario = "lifecycle"
	}
	s, ok := scenarioOf(o.Scenario)
	if !ok {
		return o, s, fmt.Errorf("there is no scenario %q; use %s", o.Scenario, listed(ScenarioNames()))
	}
	if o.Store == "" {
		o.Store = "sqlite:"
	}
	if o.Concurrency == 0 {
		o.Concurrency = 64
		if o.InProcess {
			o.Concurrency = 512
		}
	}
	if o.Duration == 0 {
		o.Duration = 15 * time.Second
	}
	if o.Processes == 0 {
		o.Processes = 1
	}
	if o.Rounds == 0 {
		o.Rounds = 1
		if o.Compare != "" {
			o.Rounds = 5
		}
	}
	if o.SKUs > 0 && s.goods.skus > 1 {
		s.goods.skus = o.SKUs
	}
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	return o, s, o.check(s)
}

// check refuses what makes no sense.
func (o Options) check(s Scenario) error {
	for _, n := range []float64{float64(o.Concurrency), float64(o.Duration), float64(o.Warmup), o.Rate, float64(o.SKUs), float64(o.Rounds), float64(o.Processes), float64(o.Grow), float64(o.Expiring)} {
		if n < 0 || math.IsNaN(n) {
			return errors.New("a number of a benchmark must be one, and not be negative")
		}
	}
	if o.InProcess && s.local == nil {
		return fmt.Errorf("scenario %s runs only over HTTP", s.Name)
	}
	for _, check := range []func(Scenario) error{o.checkPlace, o.checkLoad, o.checkComparison} {
		if err := check(s); err != nil {
			return err
		}
	}
	return nil
}

// checkPlace looks at what serves.
func (o Options) checkPlace(Scenario) error {
	switch {
	case o.Target != nil && (o.InProcess || o.Compare != "" || o.Expiring > 0 || o.Profile != "" || o.Processes > 1 || o.Gate != ""):
		return errors.New("a server that runs already is driven over HTTP and as it is: without a comparison, expiring holds, a profile, a gate or others beside it")
	case strings.HasPrefix(o.Store, "sqlite:") && (o.Processes > 1 || o.Gate != ""):
		return errors.New("a SQLite file has one process, and no gate before it")
	}
	return nil
}

func (o Options) checkLoad(s Scenario) error {
	switch {
	case !o.InProcess && o.Concurrency > maxConnections:
		return fmt.Errorf("over HTTP there can be %d buyers at once, not %d", maxConnections, o.Concurrency)
	case o.Grow > 0 && (!s.makesOrders || o.Rounds > 1 || o.Compare != "" || o.Expiring > 0):
		return errors.New("a growing run has one round of a scenario that makes orders, without expiring holds, and is compared with itself")
	case o.Rate > 0 && o.Compare != "":
		return errors.New("an open loop does as much as its rate says, on either side: compare without a rate")
	}
	return nil
}

func (o Options) checkComparison(s Scenario) error {
	switch o.Compare {
	case "":
		return nil
	case Calm:
		if o.Expiring == 0 {
			return errors.New("a comparison with calm needs expiring holds; say how many")
		}
		return nil
	case Ungated:
		if o.Gate == "" {
			return errors.New("a comparison with ungated needs a gate; say which")
		}
		return nil
	case Textbook:
		switch {
		case !s.textbook:
			return fmt.Errorf("the textbook's shop does not know scenario %s", s.Name)
		case o.Expiring > 0:
			return errors.New("expiring holds are compared with calm, not with the textbook")
		}
		return nil
	}
	return fmt.Errorf("there is nothing named %q to compare with; use %s, %s or %s", o.Compare, Textbook, Calm, Ungated)
}

// Run measures, and leaves nothing behind. Its result is whole only where the
// error is nil. Answers that were not expected are no error but Result.Errors; what
// the audit found is in Result.Audit.
func Run(ctx context.Context, options Options) (res Result, err error) {
	o, s, err := options.withDefaults()
	if err != nil {
		return Result{}, err
	}
	var all []*subject
	defer func() {
		for _, u := range all {
			err = errors.Join(err, u.close())
		}
	}()
	for _, open := range o.subjects(s) {
		u, err := open(ctx)
		if u != nil {
			all = append(all, u)
		}
		if err != nil {
			return Result{}, err
		}
	}
	return o.rounds(ctx, s, all)
}

// subjects are what is measured: the first is Kassa, a second is what it is
// compared with.
func (o *Options) subjects(s Scenario) []func(context.Context) (*subject, error) {
	kassa := func(ctx context.Context) (*subject, error) { return o.openKassa(ctx, s, o.Gate) }
	switch {
	case o.Target != nil:
		return []func(context.Context) (*subject, error){func(ctx context.Context) (*subject, error) { return o.openTarget(ctx, s) }}
	case o.Compare == Textbook:
		return []func(context.Context) (*subject, error){kassa, func(ctx context.Context) (*subject, error) { return o.openTextbook(ctx, s) }}
	case o.Compare == Ungated:
		return []func(context.Context) (*subject, error){kassa, func(ctx context.Context) (*subject, error) { return o.openKassa(ctx, s, "") }}
	case o.Compare == Calm:
		return []func(context.Context) (*subject, error){kassa, kassa}
	}
	return []func(context.Context) (*subject, error){kassa}
}
