package redis_test

import (
	"errors"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/stretchr/testify/require"

	"kassa/hold"
	"kassa/hold/holdtest"
	"kassa/hold/redis"
	"kassa/hold/redis/redistest"
)

// open makes a gate with the suite's times. On a busy machine a call may take long.
func open(t *testing.T, url, name string) hold.Gate {
	t.Helper()
	return openTimed(t, url, name, 10*time.Second)
}

func openTimed(t *testing.T, url, name string, timeout time.Duration) hold.Gate {
	t.Helper()
	gate, err := redis.Open(redis.Config{URL: url, Name: name, Times: holdtest.Times, Timeout: timeout})
	require.NoError(t, err)
	t.Cleanup(gate.Close)
	return gate
}

// onRedis runs the suite on one server, but for what flushes, which has one of its own.
func onRedis(t *testing.T, start func(*testing.T) *redistest.Server) {
	t.Helper()
	server, flushed := start(t), start(t)
	holdtest.Run(t, holdtest.Harness{
		Open: func(t *testing.T, name string) hold.Gate { return open(t, server.URL, name) },
		OpenFlushed: func(t *testing.T) (hold.Gate, func()) {
			return open(t, flushed.URL, "flushed"), func() { flushed.Flush(t) }
		},
	})
}

func TestRedis(t *testing.T) {
	t.Parallel()
	onRedis(t, func(t *testing.T) *redistest.Server { return redistest.Start(t) })
}

func TestCluster(t *testing.T) {
	t.Parallel()
	onRedis(t, func(t *testing.T) *redistest.Server { return redistest.StartCluster(t) })
}

func TestMiniredis(t *testing.T) {
	t.Parallel()
	server, flushed := miniredis.RunT(t), miniredis.RunT(t)
	holdtest.Run(t, holdtest.Harness{
		Open: func(t *testing.T, name string) hold.Gate { return open(t, "redis://"+server.Addr(), name) },
		OpenFlushed: func(t *testing.T) (hold.Gate, func()) {
			return open(t, "redis://"+flushed.Addr(), "flushed"), flushed.FlushAll
		},
	})
}

func TestAddressesThatAreNone(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"", "postgres://u:secret@h/d", "redis://u:secret@h:6379/x", "redis://%zz:secret@h"} {
		_, err := redis.Open(redis.Config{URL: url, Name: "x"})
		require.ErrorContains(t, err, "it should be redis://", url)
		require.NotContains(t, err.Error(), "secret")
	}
	gate := open(t, "redis://u:secret@127.0.0.1:1", "x")
	for range 2 {
		err := gate.Ping(t.Context())
		require.ErrorIs(t, err, hold.ErrUnavailable)
		require.NotContains(t, err.Error(), "secret")
	}
}

// TestAway has the server hang and die: each call ends in time and says so, and the
// gate works again when the server does, though it is empty.
func TestAway(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	server.Kill()
	gate := openTimed(t, server.URL, "away", time.Second)
	require.ErrorIs(t, gate.Ping(t.Context()), hold.ErrUnavailable)
	server.Restart(t)
	fill := func() error {
		return gate.Rebuild(t.Context(), func(put func([]hold.Level) error) error { return put([]hold.Level{{SKU: "A"}}) })
	}
	require.NoError(t, fill())
	server.Pause(t)
	require.ErrorIs(t, fill(), hold.ErrUnavailable)
	require.ErrorIs(t, gate.Ping(t.Context()), hold.ErrUnavailable)
	_, err := gate.Admit(t.Context(), []hold.Admission{{}})
	require.ErrorIs(t, err, hold.ErrUnavailable)
	server.Resume(t)
	require.Eventually(t, func() bool { return gate.Ping(t.Context()) == nil }, holdtest.Patience, holdtest.Patience/100)
	require.NoError(t, fill(), "the lease that it may have taken while nobody answered is its own")
	server.Kill()
	require.ErrorIs(t, gate.Settle(t.Context(), hold.Settlement{Levels: []hold.Level{{SKU: "A"}}}), hold.ErrUnavailable)
	require.ErrorIs(t, fill(), hold.ErrUnavailable)
	server.Restart(t)
	require.Eventually(t, func() bool { // on each of its connections
		_, err := gate.Admit(t.Context(), []hold.Admission{{}})
		return errors.Is(err, hold.ErrUnbuilt)
	}, holdtest.Patience, holdtest.Patience/100)
	require.Eventually(t, func() bool { return fill() == nil }, holdtest.Patience, holdtest.Patience/100)
}
