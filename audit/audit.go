// Package audit checks the laws of a shop over a live store: stock, money, once,
// progress and truth. It reads a chunk of rows at a time, with what belongs to
// them, each in a short snapshot of its own: a law of a row is judged on one
// moment, and no database has to keep the past for long. What is summed over all
// chunks is judged as of the moment at which the audit began. So a shop at work
// gives no false alarm, is not slowed down, and a large one needs no large memory.
//
// It must not know gateways, HTTP or any particular database, and it changes
// nothing: what is broken is named, for an operator to look at.
package audit

import (
	"context"
	"fmt"
	"time"

	"kassa/checkout"
	"kassa/money"
	"kassa/store"
)

// Law is one thing that must be true of every row of a kind.
type Law struct {
	Name      string // "stock.locked"
	Rows      string // what it is checked on: "levels"
	Statement string // in one line, for people
}

// Finding is how one law stands.
type Finding struct {
	Law     string
	Checked int64    // rows
	Broken  int64    // rows that break it
	IDs     []string // of the first of those
	Notes   []string // what is wrong with each of IDs
}

// maxIDs bounds the rows that a finding names.
const maxIDs = 20

// Report is how all checked laws stood at one moment. A law that could not be
// checked, because its option is not set, has no finding.
type Report struct {
	At       time.Time // the database's clock
	Findings []Finding
}

// Clean tells whether no law is broken.
func (r Report) Clean() bool {
	for _, f := range r.Findings {
		if f.Broken > 0 {
			return false
		}
	}
	return true
}

// Options say how strict an audit is.
type Options struct {
	// HoldGrace is how long a hold or an unpaid order may outlive its time while
	// a worker runs; 1 minute by default. Where no worker ran, a negative grace
	// leaves the laws of progress out that ask for one.
	HoldGrace time.Duration
	// TaskGrace is how long a due task may wait to be leased; as HoldGrace.
	TaskGrace time.Duration
	// Gateway reads what the gateway's own ledger says of a payment; found is
	// false where it knows of none. It is asked for each payment that has ended,
	// one after the other, so it is meant for a sandbox or a small shop.
	Gateway func(ctx context.Context, o *checkout.Order, p *checkout.Payment) (captured, refunded money.Money, found bool, err error)
	// Gate compares the admission gate with the database: how many SKUs there are, and
	// of those that differ what is wrong. Nil: there is no gate.
	Gate func(ctx context.Context) (skus int, drift map[string]string, err error)

	chunk int // rows read in one snapshot
	span  int // levels whose sums are opened in one snapshot
}

func (o Options) withDefaults() Options {
	if o.HoldGrace == 0 {
		o.HoldGrace = time.Minute
	}
	if o.TaskGrace == 0 {
		o.TaskGrace = time.Minute
	}
	if o.chunk == 0 {
		o.chunk = 500
	}
	if o.span == 0 {
		o.span = 50_000
	}
	return o
}

// Source is what an audit needs of a store. Every store.Reader is one.
type Source interface {
	Snapshot(ctx context.Context) (store.Snapshot, error)
}

// Run checks every law. An error means that the rows or the gateway could not be
// read; broken laws are findings.
func Run(ctx context.Context, source Source, options Options) (Report, error) {
	a := newAuditor(source, options.withDefaults())
	if err := a.run(ctx); err != nil {
		return Report{}, fmt.Errorf("audit: %w", err)
	}
	return Report{At: a.opening.at, Findings: a.list()}, nil
}
