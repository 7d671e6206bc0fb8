package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"kassa/app"
	"kassa/telemetry"
)

// configFlag names the configuration, for every command that works on a database.
type configFlag struct {
	Config string `help:"Configuration file (YAML). The environment (KASSA_…) goes over it." type:"existingfile" env:"KASSA_CONFIG" placeholder:"FILE"`
}

type serveCommand struct {
	configFlag
	pprofFlag
	Roles []string `help:"What this process does: api, orchestrator, payments. All of it by default; goes over the configuration." placeholder:"ROLE,..."`
}

// Run serves until it is told to stop.
func (c serveCommand) Run(ctx context.Context) (err error) {
	cfg, err := app.LoadConfig(c.Config)
	if err != nil {
		return err
	}
	if len(c.Roles) > 0 {
		cfg.Roles = c.Roles
	}
	log, err := telemetry.NewLogger(os.Stderr, cfg.Log.Format, cfg.Log.Level)
	if err != nil {
		return err
	}
	stopProfiles, err := c.serveProfiles(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopProfiles()) }()
	a, err := app.Run(ctx, cfg, adapters, log, nil)
	if err != nil {
		return err
	}
	return untilStopped(ctx, a.Failed(), a.Close)
}

// untilStopped waits for a signal or a failure, and drains.
func untilStopped(ctx context.Context, failed <-chan error, end func(context.Context) error) error {
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	ctx, cancel := context.WithTimeout(context.Background(), drain)
	defer cancel()
	return errors.Join(err, end(ctx))
}

type migrateCommand struct{ configFlag }

// Run migrates the database.
func (c migrateCommand) Run(ctx context.Context) error {
	cfg, err := app.LoadConfig(c.Config)
	if err != nil {
		return err
	}
	from, to, err := app.Migrate(ctx, cfg, adapters)
	if err != nil {
		return err
	}
	if from == to {
		fmt.Printf("the schema is at %d already\n", to)
		return nil
	}
	fmt.Printf("the schema went from %d to %d\n", from, to)
	return nil
}

type configCommand struct{ configFlag }

// Run prints the configuration.
func (c configCommand) Run() error {
	cfg, err := app.LoadConfig(c.Config)
	if err != nil {
		return err
	}
	if err := app.CheckGateways(cfg, adapters); err != nil {
		return err
	}
	text, err := cfg.YAML()
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(text)
	return err
}
