// Command kassa is the checkout engine: it serves, migrates, audits, and runs a
// demo shop. It must not know more than flags: package app does the work.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

// version is set by the linker.
var version = "dev"

type commands struct {
	Demo    demoCommand    `cmd:"" help:"Run a demo shop: nothing to install, sandbox gateways, a catalogue."`
	Serve   serveCommand   `cmd:"" help:"Serve checkouts by a configuration."`
	Migrate migrateCommand `cmd:"" help:"Bring the database's schema up to this version."`
	Audit   auditCommand   `cmd:"" help:"Check every law of the checkout on the live database."`
	Config  configCommand  `cmd:"" help:"Print the configuration that is in force, with secrets masked."`
	Holds   holdsCommand   `cmd:"" help:"Work on the admission gate."`
	Keys    keysCommand    `cmd:"" help:"Make, list and revoke API keys."`
	Bench   benchCommand   `cmd:"" help:"Measure this machine: drive a server of its own with a scenario, and audit what came of it."`

	BenchTextbook benchTextbookCommand `cmd:"" hidden:""`

	Version versionCommand `cmd:"" help:"Print the version."`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "kassa:", err)
		os.Exit(1)
	}
}

// gcPercent lets the heap grow fivefold between two collections. What lives is a
// few megabytes, so that Go's default would collect many times a second under
// load: that cost a quarter of the holds per second. GOGC overrules it.
const gcPercent = 400

// memoryLimit is from where on the collector works harder than that, in bytes: with
// what is not Go's the process stays below 150 MiB. GOMEMLIMIT overrules it. What
// SQLite takes, for its caches above all, the collector does not see.
const (
	memoryLimit  = 128 << 20
	sqliteMemory = 40 << 20
)

func limitMemory(bytes int64) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(bytes)
	}
}

func run() error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	limitMemory(memoryLimit)
	ends := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as nohup has it
		ends = append(ends, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), ends...)
	defer stop()
	var cli commands
	command := kong.Parse(&cli,
		kong.Name("kassa"),
		kong.Description("Kassa holds the stock, takes the payment and makes the order, and never ends with only two of the three."),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.UsageOnError(),
	)
	return command.Run()
}

// drain is how long a stopping process may take to finish what it has begun.
const drain = 30 * time.Second

type versionCommand struct{}

// Run prints the version.
func (versionCommand) Run() error {
	fmt.Println("kassa", version)
	return nil
}
