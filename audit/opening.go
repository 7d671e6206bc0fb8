package audit

import (
	"context"
	"slices"
	"time"

	"kassa/checkout"
	"kassa/store"
)

// opening is the moment at which the audit began.
type opening struct {
	at       time.Time
	position int64 // of the last batch
	beyond   int64 // of a batch after it, which there must not be
	counters map[string]int64
	last     store.LastKeys
}

func (a *auditor) open(ctx context.Context) error {
	err := a.within(ctx, func(rows store.Snapshot) (err error) {
		if a.opening.counters, err = rows.Counters(ctx); err != nil {
			return err
		}
		if a.opening.last, err = rows.Last(ctx); err != nil {
			return err
		}
		a.opening.at, a.opening.position = rows.Now(), a.opening.counters[eventCounter]
		later, err := rows.Batches(ctx, a.opening.position, 1)
		for _, entry := range later {
			a.opening.beyond = entry.Position
		}
		return err
	})
	if err != nil {
		return err
	}
	a.log = newLogbook(a.opening.position)
	a.books, err = a.openBooks(ctx)
	return err
}

// eventCounter is the name of the counter of the log's positions.
const eventCounter = "events"

// books are the levels of the shop with what holds and orders say of them. They
// are as many as the catalogue has, not as the shop has orders.
//
// Levels are read with the holds of sessions in one snapshot, or where they are
// many in several, each for a span of keys. What orders say is added while they
// are walked: as it was when the level's span was read.
type books struct {
	spans    []span
	last     checkout.ID // the last order that any span may know of
	accounts map[checkout.StockKey]*account
}

// span is a range of levels: up to a key, but for the last one.
type span struct {
	to       *checkout.StockKey
	position int64 // of the log, when it was read
}

// account is a level, and what it should be.
type account struct {
	locked, deducted, restocked int64
	held                        int64 // by open holds
	claimed, givenBack          int64 // by orders
}

func (a *auditor) openBooks(ctx context.Context) (*books, error) {
	b := &books{accounts: map[checkout.StockKey]*account{}}
	var after checkout.StockKey
	for {
		err := a.within(ctx, func(rows store.Snapshot) error { return b.readSpan(ctx, rows, after, a.options.span) })
		if err != nil {
			return nil, err
		}
		to := b.spans[len(b.spans)-1].to
		if to == nil {
			return b, nil
		}
		after = *to
	}
}

func (b *books) readSpan(ctx context.Context, rows store.Snapshot, after checkout.StockKey, limit int) error {
	counters, err := rows.Counters(ctx)
	if err != nil {
		return err
	}
	last, err := rows.Last(ctx)
	if err != nil {
		return err
	}
	levels, err := rows.Levels(ctx, after, limit)
	if err != nil {
		return err
	}
	held, err := rows.Held(ctx)
	if err != nil {
		return err
	}
	b.last = last.Order
	b.spans = append(b.spans, span{to: upTo(levels, limit), position: counters[eventCounter]})
	for _, l := range levels {
		at := b.at(l.Key())
		at.locked, at.deducted, at.restocked = l.Locked, l.Deducted, l.Restocked
	}
	here := len(b.spans) - 1
	for key, sum := range held {
		if b.spanOf(key) == here {
			b.at(key).held = sum
		}
	}
	return nil
}

func (b *books) at(key checkout.StockKey) *account {
	found := b.accounts[key]
	if found == nil {
		found = &account{}
		b.accounts[key] = found
	}
	return found
}

// since is the position of the log at which the first span was read.
func (b *books) since() int64 { return b.spans[0].position }

// spanOf finds the span of a level.
func (b *books) spanOf(key checkout.StockKey) int {
	return slices.IndexFunc(b.spans, func(s span) bool { return s.to == nil || key.Compare(*s.to) <= 0 })
}
