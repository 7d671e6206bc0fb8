package main

import (
	"context"
	"errors"
	"fmt"

	"kassa/app"
	"kassa/engine"
	"kassa/store"
)

type holdsCommand struct {
	Rebuild holdsRebuild `cmd:"" help:"Tell the admission gate what is for sale of every product. It may run beside a shop at work."`
}

type holdsRebuild struct{ configFlag }

// Run fills the configured gate.
func (c holdsRebuild) Run(ctx context.Context) error {
	cfg, err := app.LoadConfig(c.Config)
	if err != nil {
		return err
	}
	if cfg.Gate.URL == "" {
		return errors.New("no admission gate is configured: set gate.url")
	}
	return onStore(ctx, cfg, func(s store.Store) error {
		gate, err := app.OpenGate(ctx, cfg, adapters, s)
		if err != nil {
			return err
		}
		defer gate.Close()
		skus, err := engine.FillGate(ctx, gate, s)
		if err != nil {
			return err
		}
		fmt.Printf("the admission gate knows %d products\n", skus)
		return nil
	})
}
