package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"kassa/app"
	"kassa/telemetry"
)

type demoCommand struct {
	Addr  string `help:"Address of the shop and the API. The sandbox takes the next port." default:"127.0.0.1:8080" placeholder:"HOST:PORT"`
	Data  string `help:"Folder of the demo's database." default:".kassa-demo" placeholder:"DIR"`
	Reset bool   `help:"Begin anew: remove the demo's database first."`
	pprofFlag
}

// Run runs the demo until it is told to stop.
func (c demoCommand) Run(ctx context.Context) (err error) {
	log, err := telemetry.NewLogger(os.Stderr, "text", "info")
	if err != nil {
		return err
	}
	stopProfiles, err := c.serveProfiles(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopProfiles()) }()
	d, err := app.RunDemo(ctx, app.DemoOptions{Addr: c.Addr, Data: c.Data, Reset: c.Reset}, adapters, log)
	if err != nil {
		return err
	}
	fmt.Printf(demoText, d.URL, d.SandboxURL, c.Data, app.DemoStorefrontKey, app.DemoServerKey, d.URL, app.DemoStorefrontKey)
	return untilStopped(ctx, d.Failed(), d.Close)
}

const demoText = `
Kassa demo

  Shop        %[1]s/
  API         %[1]s/docs
  Sandbox     %[2]s/   (stands in for Stripe)
  Data        %[3]s
  Keys        %[4]s (storefront)  %[5]s (server)

A first order:

  curl -s %[6]s/checkout -H 'Authorization: Bearer %[7]s' -H 'Content-Type: application/json' -d '{
    "items": [{"sku": "MUG-STONE", "qty": 1}], "currency": "INR",
    "customer": {"email": "asha@example.com", "name": "Asha Rao"},
    "shipping_address": {"name": "Asha Rao", "line1": "12 MG Road", "city": "Bengaluru", "state": "KA", "postal_code": "560001", "country": "IN"}
  }'

Audit it while it runs:  kassa audit --data %[3]s
Stop it with Ctrl-C.

`
