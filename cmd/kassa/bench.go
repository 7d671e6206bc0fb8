package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"kassa/bench"
)

type benchCommand struct {
	Store       string        `help:"Database: postgres://… or sqlite:PATH. A schema or file of its own is made beside what is there, and removed at the end. By default a temporary SQLite file." placeholder:"URL"`
	Scenario    string        `help:"What the buyers do: lifecycle, hot, hot-checkout, browse, mixed or soldout." default:"lifecycle" placeholder:"NAME"`
	Concurrency int           `help:"Buyers at once. By default 64, and 512 with --in-process." placeholder:"N"`
	Duration    time.Duration `help:"Measured time of a round." default:"15s"`
	Warmup      time.Duration `help:"Time before it that is not measured." default:"3s"`
	Rate        float64       `help:"Begin this many operations a second on a fixed schedule, by up to --concurrency buyers, and count their waiting as latency. By default each buyer begins anew when done." placeholder:"R"`
	InProcess   bool          `help:"Drive the engine alone, without HTTP."`
	Processes   int           `help:"Serve by this many processes on one database, among which the buyers are shared out." default:"1" placeholder:"N"`
	Gate        string        `help:"Put an admission gate before it." placeholder:"redis://HOST:PORT"`
	Compare     string        `help:"Measure this beside it in alternation, and give the ratio: textbook, the checkout as most teams write it; calm, the same without --expiring; or ungated, the same without --gate." placeholder:"WHAT"`
	Rounds      int           `help:"Rounds, of which the median counts. By default 1, and 5 with --compare." placeholder:"N"`
	SKUs        int           `name:"skus" help:"Products on sale, where the scenario has many; 10,000 by default." placeholder:"N"`
	Expiring    int           `help:"Let this many other holds expire in each second." placeholder:"R"`
	Grow        int           `help:"Go on after --duration until this many orders are in the tables, and compare the last minute with the one that began at 30,000 orders." placeholder:"N"`
	Profile     string        `help:"Write a CPU profile of the server in the first round's measured time to this file." placeholder:"FILE"`

	BaselineConcurrency int `help:"Clients of the textbook. By default the better of 16 and 64." placeholder:"N"`

	Target        string `help:"Drive a server that runs already, instead of one of its own. Its gateway account stripe must have --gateway as its base_url, and its lock_limits must be 0. --store is then its database, to be audited. Products and orders stay there." placeholder:"http://HOST:PORT"`
	Key           string `help:"The target's storefront key (pk_…)." env:"BENCH_KEY" placeholder:"KEY"`
	ServerKey     string `help:"The target's server key (sk_…), to put the benchmark's products on sale." env:"BENCH_SERVER_KEY" placeholder:"KEY"`
	Gateway       string `help:"Address where the gateway is played for the target." default:"127.0.0.1:4242" placeholder:"HOST:PORT"`
	WebhookSecret string `help:"The webhook secret (whsec_…) that the target knows." env:"BENCH_WEBHOOK_SECRET" placeholder:"SECRET"`

	JSON bool   `help:"Print one JSON object."`
	HTML string `name:"html" help:"Write a page with plots to this file." placeholder:"FILE"`
}

// errBench says that a benchmark is not to be trusted. What happened was printed.
var errBench = errors.New("there were errors, or a law is broken: these figures count for nothing")

// Run measures and prints. Its own server is this binary again.
func (c benchCommand) Run(ctx context.Context) error {
	signal.Ignore(syscall.SIGPIPE) // who reads the progress may leave; the database is removed all the same
	binary, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this binary: %w", err)
	}
	for _, path := range []string{c.HTML, c.Profile} { // a mistake is told before the run, not after it
		if path == "" {
			continue
		}
		file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o644) //nolint:gosec // the caller's own choice; what is there stays until there is more
		if err == nil {
			err = file.Close()
		}
		if err != nil {
			return err
		}
	}
	result, err := bench.Run(ctx, bench.Options{
		Store: c.Store, Scenario: c.Scenario, InProcess: c.InProcess, Concurrency: c.Concurrency,
		Duration: c.Duration, Warmup: c.Warmup, Rate: c.Rate, SKUs: c.SKUs, Rounds: c.Rounds, Grow: c.Grow, Expiring: c.Expiring,
		Profile: c.Profile, Processes: c.Processes, Gate: c.Gate, Compare: c.Compare, BaselineConcurrency: c.BaselineConcurrency, Target: c.target(),
		Adapters: adapters, Binary: binary, Progress: os.Stderr, Live: isTerminal(os.Stderr),
	})
	if err != nil {
		return err
	}
	if err := c.write(&result); err != nil {
		return err
	}
	if !result.OK() {
		return errBench
	}
	return nil
}

func (c benchCommand) target() *bench.Target {
	if c.Target == "" {
		return nil
	}
	return &bench.Target{
		URL: c.Target, StorefrontKey: c.Key, ServerKey: c.ServerKey, Gateway: c.Gateway, WebhookSecret: c.WebhookSecret, Store: c.Store,
	}
}

func (c benchCommand) write(result *bench.Result) error {
	if c.HTML != "" {
		if err := writeFile(c.HTML, result.WriteHTML); err != nil {
			return err
		}
	}
	if c.JSON {
		return result.WriteJSON(os.Stdout)
	}
	return result.WriteText(os.Stdout)
}

func writeFile(path string, write func(io.Writer) error) (err error) {
	file, err := os.Create(path) //nolint:gosec // the caller's own choice
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return write(file)
}

func isTerminal(file *os.File) bool {
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// benchTextbookCommand serves what Kassa is compared with. bench starts it.
type benchTextbookCommand struct{}

// Run serves until it is told to stop.
func (benchTextbookCommand) Run(ctx context.Context) error { return bench.ServeTextbook(ctx) }
