package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"kassa/app"
	"kassa/checkout"
	"kassa/store"
)

type keysCommand struct {
	Create keysCreate `cmd:"" help:"Make a key. Its secret is shown once."`
	List   keysList   `cmd:"" help:"List keys, without their secrets."`
	Revoke keysRevoke `cmd:"" help:"Revoke a key. It stops working within seconds."`
}

type keysCreate struct {
	configFlag
	Scope string `help:"sk: a server, everything. pk: a storefront, what a buyer does." enum:"sk,pk" required:""`
}

// Run makes a key and prints its secret.
func (c keysCreate) Run(ctx context.Context) error {
	return withStore(ctx, c.Config, func(s store.Store) error {
		key, secret, err := app.NewKey(ctx, s, checkout.KeyScope(c.Scope))
		if err != nil {
			return err
		}
		fmt.Printf("%s\n", secret)
		fmt.Fprintf(os.Stderr, "key %s; keep the secret, it cannot be shown again\n", key.ID)
		return nil
	})
}

type keysList struct{ configFlag }

// Run lists the keys.
func (c keysList) Run(ctx context.Context) error {
	return withStore(ctx, c.Config, func(s store.Store) error {
		keys, err := s.APIKeys(ctx)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
		_, _ = fmt.Fprintln(w, "ID\tSCOPE\tENDS IN\tMADE\tREVOKED")
		for _, k := range keys {
			revoked := "-"
			if !k.RevokedAt.IsZero() {
				revoked = k.RevokedAt.Format(time.RFC3339)
			}
			_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", k.ID, k.Scope, k.Hint, k.CreatedAt.Format(time.RFC3339), revoked)
		}
		return w.Flush()
	})
}

type keysRevoke struct {
	configFlag
	ID string `arg:"" help:"The key's id, as keys list shows it."`
}

// Run revokes a key.
func (c keysRevoke) Run(ctx context.Context) error {
	id, err := checkout.ParseID(c.ID)
	if err != nil {
		return err
	}
	return withStore(ctx, c.Config, func(s store.Store) error {
		if err := s.RevokeAPIKey(ctx, id); err != nil {
			return fmt.Errorf("revoke %s: %w", id, err)
		}
		return nil
	})
}

// withStore opens the configured store for a short job.
func withStore(ctx context.Context, path string, job func(store.Store) error) error {
	cfg, err := app.LoadConfig(path)
	if err != nil {
		return err
	}
	return onStore(ctx, cfg, job)
}

// onStore is withStore of a configuration that has been read.
func onStore(ctx context.Context, cfg app.Config, job func(store.Store) error) (err error) {
	s, err := app.OpenStore(ctx, cfg, adapters, app.Administer)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return job(s)
}
