package engine

import (
	"context"
	"time"

	"kassa/saga"
	"kassa/store"
)

// clock tells the database's time without asking it for every batch: it asks now
// and then how far this process's own clock is from it.
type clock struct {
	store  store.Store
	ahead  time.Duration // of the database before this process
	asked  time.Time     // by this process's clock
	latest time.Time     // no batch is older than the one before
}

// askAgain is how long the distance between two clocks is trusted: they drift by
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
		c.asked = time.Now()
		c.ahead = state.Now.Sub(c.asked)
	}
	return time.Now().Add(c.ahead).UTC().Truncate(time.Microsecond), nil
}
