// Package hold is the port to the admission gate: a fast memory, shared by all
// processes, of what is left for sale, which refuses what the database would refuse
// and lets no more buyers through to it than there are units. It must not know
// orders, payments or which database there is.
//
// The gate holds nothing for good. A hold is made in the database, in the batch's
// own transaction, and its conditional update is the last guard. The gate keeps, of
// each SKU, what the last commit left for sale, and the admissions whose commands are
// still on their way. So it cannot oversell, whatever it forgets, and what it knows
// wrongly is put right by the next commit or the next probe.
package hold

import (
	"cmp"
	"context"
	"errors"
	"time"

	"kassa/checkout"
)

// The errors that every gate answers with, wrapped.
var (
	// ErrUnbuilt: the gate has been emptied, or was never filled: see Rebuild.
	ErrUnbuilt = errors.New("the gate is empty")
	// ErrBuilding: somebody else is filling the gate.
	ErrBuilding = errors.New("the gate is being filled by another process")
	// ErrUnavailable: the gate cannot be reached, or did not answer in time.
	ErrUnavailable = errors.New("the gate cannot be reached")
)

// Times are how long a gate trusts itself. Each bounds how long what it knows wrongly
// matters.
type Times struct {
	// Fresh is how long a level may refuse after it was published; 1 s by default.
	Fresh time.Duration
	// Probe is the pause between two admissions that a level that is no longer fresh
	// lets through, to learn from their commits how it stands; 200 ms by default.
	Probe time.Duration
	// Outdated is after how long a level gives way to one of a lower position, which
	// comes from a database that was put back to an earlier state; 10 s by default.
	Outdated time.Duration
	// TTL is how long an admission that nobody ends keeps its units, as its process
	// has died; 30 s by default.
	TTL time.Duration
}

// WithDefaults fills in what is zero.
func (t Times) WithDefaults() Times {
	return Times{
		Fresh: cmp.Or(t.Fresh, time.Second), Probe: cmp.Or(t.Probe, 200*time.Millisecond),
		Outdated: cmp.Or(t.Outdated, 10*time.Second), TTL: cmp.Or(t.TTL, 30*time.Second),
	}
}

// Admission is one command's wish: all of its items, or none. Its ID is the hold's.
type Admission struct {
	ID    checkout.ID
	Items []checkout.Item // each SKU once
}

// Verdict is what the gate says to an admission.
type Verdict int

// The verdicts.
const (
	// Admitted: the units are kept for it until it is settled, or for TTL. Of a SKU
	// that the gate does not know none are kept.
	Admitted Verdict = iota
	// Wait: there are units, but others who were admitted may take them. Ask again.
	Wait
	// SoldOut: the last commit left too few.
	SoldOut
)

// Answer is the verdict with its reason.
type Answer struct {
	Verdict Verdict
	Short   []checkout.Shortage // where SoldOut
}

// Level is what is left of a SKU for sale, over all warehouses.
type Level struct {
	SKU       string
	Available int64
	// Position orders what is said of a SKU: the position of the event log at which
	// it was so. A higher one wins.
	Position int64
}

// Settlement is what became of one batch.
type Settlement struct {
	Ended  []Admission // committed, refused or failed: each counts once
	Levels []Level
}

// Gate admits. Its methods may be called by many at a time, and by many processes.
type Gate interface {
	// Admit answers each admission, in order, each on top of those before it. An
	// admission that is repeated takes its units once.
	Admit(ctx context.Context, admissions []Admission) ([]Answer, error)

	// Settle ends admissions and publishes levels, in one step.
	Settle(ctx context.Context, s Settlement) error

	// Rebuild fills the gate: list hands levels to put, some at a time. One process
	// does it at a time; the others get ErrBuilding.
	Rebuild(ctx context.Context, list func(put func([]Level) error) error) error

	// Levels reads what is known of SKUs. Those that it does not know are left out.
	Levels(ctx context.Context, skus []string) (map[string]Level, error)

	Ping(ctx context.Context) error
	Close()
}
