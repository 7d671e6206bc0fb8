package api

import (
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
)

func units(n int64) []checkout.Item { return []checkout.Item{{SKU: "SKU123", Qty: n}} }

func takeLock(t *testing.T, c *lockCaps, ip, session string, n int64) (settle func(locked bool)) {
	t.Helper()
	settle, err := c.take(ip, session, units(n), time.Minute)
	require.NoError(t, err)
	return settle
}

// left is how many units another session of an address could still lock.
func left(c *lockCaps, ip string) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.perIP - c.lockedAt(ip, "")
}

// TestLocksOfOneSessionThatRace settles two calls of a session in every order
// after both were counted.
func TestLocksOfOneSessionThatRace(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name          string
		first, second bool // whether it was locked
		want          int64
	}{
		{"both refused", false, false, 1},
		{"the first locked", true, false, 3},
		{"the second locked", false, true, 5},
	} {
		for _, secondEndsFirst := range []bool{false, true} {
			c := newLockCaps(0, 10, time.Now)
			takeLock(t, c, "ip", "s", 1)(true)
			first, second := takeLock(t, c, "ip", "s", 3), takeLock(t, c, "ip", "s", 5)
			require.Equal(t, int64(5), left(c, "ip"), "the largest counts while both are asked for")
			if secondEndsFirst {
				second(test.second)
				first(test.first)
			} else {
				first(test.first)
				second(test.second)
			}
			require.Equal(t, 10-test.want, left(c, "ip"), "%s, the second one ends first: %t", test.name, secondEndsFirst)
			c.release("s")
			require.Equal(t, int64(10), left(c, "ip"), test.name)
			require.Empty(t, c.sessions)
			require.Empty(t, c.byIP)
		}
	}
}

// TestLockThatIsAskedForCountsOn: neither the end of the lock before nor another
// call's success takes from the count what the database may yet lock.
func TestLockThatIsAskedForCountsOn(t *testing.T) {
	t.Parallel()
	c := newLockCaps(0, 10, time.Now)
	first, second := takeLock(t, c, "ip", "s", 3), takeLock(t, c, "ip", "s", 5)
	first(true)
	require.Equal(t, int64(5), left(c, "ip"))
	c.release("s")
	require.Equal(t, int64(5), left(c, "ip"))
	second(true)
	require.Equal(t, int64(5), left(c, "ip"))
	takeLock(t, c, "ip", "s", 2)(true)
	require.Equal(t, int64(8), left(c, "ip"), "the new lock took the place of the old one")
}

// TestLocksThatEndLeaveNothing runs many sessions at once.
func TestLocksThatEndLeaveNothing(t *testing.T) {
	t.Parallel()
	c := newLockCaps(0, 1000, time.Now)
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			session := strconv.Itoa(i % 7)
			settle, err := c.take("ip", session, units(int64(i%5+1)), time.Minute)
			if err == nil {
				settle(i%3 > 0)
			}
			c.release(session)
		})
	}
	all.Wait()
	for i := range 7 {
		c.release(strconv.Itoa(i))
	}
	require.Equal(t, int64(1000), left(c, "ip"))
	require.Empty(t, c.sessions)
	require.Empty(t, c.byIP)
}

// TestSessionThatMoves counts at its new address, where that has room for all
// that it has.
func TestSessionThatMoves(t *testing.T) {
	t.Parallel()
	c := newLockCaps(0, 10, time.Now)
	takeLock(t, c, "home", "s", 8)(true)
	takeLock(t, c, "office", "other", 3)(true)
	_, err := c.take("office", "s", units(1), time.Minute)
	require.Equal(t, checkout.CodeRateLimited, checkout.CodeOf(err), "8 and 3 are more than 10, though 1 is asked for")
	require.Equal(t, int64(2), left(c, "home"), "a refusal moves nothing")
	takeLock(t, c, "train", "s", 2)(true)
	require.Equal(t, []int64{10, 8}, []int64{left(c, "home"), left(c, "train")})
}
