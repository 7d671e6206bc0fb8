package engine

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"kassa/checkout"
	"kassa/store"
)

// ownership says whether this engine is the only one that writes. Then rows stay
// as it remembers them, and it decides ahead. The database checks it in every
// commit. An engine that finds another one's name there takes it away: from then
// on both lock what they read, until one of them tries again.
type ownership struct {
	store store.Store
	id    checkout.ID // this engine's
	mine  bool
	lost  atomic.Bool   // a commit was refused: somebody else is at work
	next  time.Time     // when to try
	pause time.Duration // from a loss to the next try
	since time.Time     // when the rows became ours

	// reign numbers the times in which the rows are ours; 0: they are not, as far as
	// we know. It ends before the rows can be taken again.
	reign  atomic.Int64
	reigns int64

	position atomic.Int64 // of the event log, after our last commit
}

// Two engines that are both at work should not take the rows from each other all
// the time.
const (
	firstPause = time.Second
	lastPause  = time.Minute
)

// claim tells whether the rows are ours, and takes them where it is time to.
func (o *ownership) claim(ctx context.Context) bool {
	o.settle()
	if o.mine || time.Now().Before(o.next) {
		return o.mine
	}
	position, err := o.store.Own(ctx, o.id)
	if err != nil {
		o.next = time.Now().Add(firstPause)
		return false
	}
	o.position.Store(position)
	o.mine, o.since = true, time.Now()
	o.reigns++
	o.reign.Store(o.reigns)
	return true
}

// settle takes note of a loss.
func (o *ownership) settle() {
	if !o.lost.Swap(false) {
		return
	}
	now := time.Now()
	o.pause = min(max(2*o.pause, firstPause), lastPause)
	if o.mine && now.Sub(o.since) > lastPause {
		o.pause = firstPause
	}
	o.mine, o.next = false, now.Add(o.pause)
	o.reign.Store(0)
}

// name is what a commit must find in the database.
func (o *ownership) name() checkout.ID {
	if o.mine {
		return o.id
	}
	return checkout.ID{}
}

// share makes the rows everybody's, where a commit found that they are somebody
// else's.
func (o *ownership) share(ctx context.Context) error {
	if !o.lost.Load() {
		return nil
	}
	o.settle()
	_, err := o.store.Own(ctx, checkout.ID{})
	return err
}

// commit writes a batch and remembers where the event log is then, or that the rows
// have become somebody else's.
func (o *ownership) commit(ctx context.Context, tx store.Tx, save *store.Save) error {
	save.After = o.position.Load()
	err := tx.Commit(ctx, save)
	switch {
	case err == nil:
		o.position.Add(1)
	case errors.Is(err, store.ErrOwned):
		o.lost.Store(true)
	}
	return err
}

// check makes sure, where nothing is written, that what was remembered is so.
func (o *ownership) check(ctx context.Context) error {
	err := o.still(ctx)
	if errors.Is(err, store.ErrOwned) {
		o.lost.Store(true)
	}
	return err
}

// still makes sure that nobody else has written since the rows became ours.
func (o *ownership) still(ctx context.Context) error {
	return o.store.Owns(ctx, o.id, o.position.Load())
}

// learn makes up for the lost answer of a commit that was written: the log is one
// further, and its orders have their invoice numbers.
func (o *ownership) learn(ctx context.Context, save *store.Save) error {
	for _, order := range save.Invoices {
		stored, err := o.store.Order(ctx, order.ID)
		if err != nil {
			return err
		}
		order.InvoiceSeq = stored.InvoiceSeq
	}
	o.position.Add(1)
	return nil
}
