package main

import (
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestProfileAddress(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"6060": "127.0.0.1:6060", ":6060": "127.0.0.1:6060", "0.0.0.0:6060": "0.0.0.0:6060", "[::1]:6060": "[::1]:6060", "localhost:0": "localhost:0",
	} {
		require.Equal(t, want, profileAddress(given), given)
	}
}

func TestProfilesAreOffByDefault(t *testing.T) {
	t.Parallel()
	stop, err := pprofFlag{}.serveProfiles(t.Context())
	require.NoError(t, err)
	require.NoError(t, stop())
}

func TestProfilesAreServedAndStopped(t *testing.T) {
	t.Parallel()
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := taken.Addr().String()
	_, err = pprofFlag{Pprof: address}.serveProfiles(t.Context())
	require.ErrorContains(t, err, "--pprof "+address+": cannot listen there; name a free port")
	require.NoError(t, taken.Close())

	stop, err := pprofFlag{Pprof: address}.serveProfiles(t.Context())
	require.NoError(t, err)
	res, err := http.Get("http://" + address + "/debug/pprof/goroutine?debug=1")
	require.NoError(t, err)
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Contains(t, string(body), "goroutine profile:")
	require.NoError(t, stop())
	_, err = (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	require.Error(t, err)
}
