package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"kassa/app"
	"kassa/audit"
)

type auditCommand struct {
	configFlag
	Data     string `help:"Folder of a demo, instead of a configuration." placeholder:"DIR" xor:"where"`
	Gateways bool   `help:"Ask the gateways too: a call for each payment and refund."`
	Stopped  bool   `help:"No process serves the database now: leave out what only a running one keeps, such as the end of holds."`
}

// errBroken says that the audit found a broken law.
var errBroken = errors.New("a law is broken")

// Run checks the laws and prints a line for each.
func (c auditCommand) Run(ctx context.Context) (err error) {
	cfg, err := c.where()
	if err != nil {
		return err
	}
	s, err := app.OpenStore(ctx, cfg, adapters, app.ReadOnly)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	options, err := c.options(cfg)
	if err != nil {
		return err
	}
	gate, err := app.OpenGate(ctx, cfg, adapters, s)
	if err != nil {
		return err
	}
	if gate != nil {
		defer gate.Close()
		options.Gate = app.CompareGate(gate, s)
	}
	report, err := audit.Run(ctx, s, options)
	if err != nil {
		return err
	}
	if err := report.WriteText(os.Stdout); err != nil {
		return err
	}
	if !report.Clean() {
		return errBroken
	}
	return nil
}

func (c auditCommand) where() (app.Config, error) {
	if c.Data == "" {
		return app.LoadConfig(c.Config)
	}
	path := filepath.Join(c.Data, app.DemoConfigFile)
	if _, err := os.Stat(path); err != nil {
		return app.Config{}, fmt.Errorf("there is no demo in %s: %w", c.Data, err)
	}
	return app.LoadConfig(path)
}

// options leaves the laws of progress out where nobody makes progress, and asks the
// gateways where that is wished.
func (c auditCommand) options(cfg app.Config) (audit.Options, error) {
	var options audit.Options
	if c.Stopped {
		options.HoldGrace, options.TaskGrace = -1, -1
	}
	if c.Gateways {
		ledger, err := app.NewLedger(cfg, adapters)
		if err != nil {
			return options, err
		}
		options.Gateway = ledger.Ask
	}
	return options, nil
}
