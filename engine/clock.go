package engine

import (
	"context"
	"time"

	"kassa/saga"
	"kassa/store"
)

// clock tells the database's time without asking it for every batch: it asks now
// and then, and adds what has passed since. That is measured, not read off this
// process's clock, which somebody may set.
type clock struct {
	store  store.Store
	told   time.Time // by the database
	asked  time.Time // when, by this process's clock
	latest time.Time // no batch is older than the one before
}

// askAgain is how long the database's answer is good for: two clocks drift apart by
// less than a millisecond in it.
const askAgain = time.Second

// now is the time of the next batch, in the precision that databases keep.
func (c *clock) now(ctx context.Context) (time.Time, error) {
	now, err := c.read(ctx)
	if err != nil {
		return time.Time{}, err
	}
	if now.After(c.latest) {
		c.latest = now
	}
	return c.latest, nil
}

func (c *clock) read(ctx context.Context) (time.Time, error) {
	if local := c.store.Clock(); local != nil {
		return local(), nil
	}
	if time.Since(c.asked) > askAgain {
		state := saga.NewState()
		if err := c.store.Read(ctx, saga.Keys{}, state); err != nil {
			return time.Time{}, err
		}
		c.told, c.asked = state.Now, time.Now()
	}
	return c.told.Add(time.Since(c.asked)).UTC().Truncate(time.Microsecond), nil
}
