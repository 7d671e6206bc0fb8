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
	Data    string `help:"Folder of a demo, instead of a configuration." placeholder:"DIR" xor:"where"`
	Stopped bool   `help:"No process serves the database now: leave out what only a running one keeps, such as the end of holds."`
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
	report, err := audit.Run(ctx, s, c.options())
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
	path := filepath.Join(c.Data, "kassa.db")
	if _, err := os.Stat(path); err != nil {
		return app.Config{}, fmt.Errorf("there is no demo in %s: %w", c.Data, err)
	}
	cfg := app.DefaultConfig()
	cfg.Store.URL = "sqlite:" + path
	return cfg, nil
}

// options leaves the laws of progress out where nobody makes progress.
func (c auditCommand) options() audit.Options {
	if c.Stopped {
		return audit.Options{HoldGrace: -1, TaskGrace: -1}
	}
	return audit.Options{}
}
