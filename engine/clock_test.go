package engine

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/saga"
	"kassa/store"
)

// remoteClock is a store whose clock is a server's, which somebody sets.
type remoteClock struct {
	store.Store
	ahead time.Duration
}

func (r *remoteClock) Clock() func() time.Time { return nil }

func (r *remoteClock) Read(_ context.Context, _ saga.Keys, state *saga.State) error {
	state.Now = time.Now().Add(r.ahead)
	return nil
}

// The database's time is followed within a second, and never goes back.
func TestTheClockFollowsTheDatabase(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &remoteClock{ahead: time.Hour}
		c := clock{store: r}
		var last time.Time
		for _, ahead := range []time.Duration{time.Hour, time.Hour, 2 * time.Hour, 2 * time.Hour, time.Hour} {
			r.ahead = ahead
			for range 4 {
				time.Sleep(400 * time.Millisecond)
				now, err := c.now(t.Context())
				require.NoError(t, err)
				require.False(t, now.Before(last))
				last = now
			}
			require.False(t, last.Before(time.Now().Add(ahead).Truncate(time.Microsecond)))
		}
	})
}
