package mysql

import (
	"net"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"kassa/store"
	"kassa/store/storetest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	storetest.Run(t, storetest.Harness{
		Open:       func(t *testing.T) store.Store { return newStore(t) },
		Reopen:     reopen,
		Second:     second,
		Concurrent: true,
		ByCounter:  true,
	})
}

// reopen closes a store and opens its database again.
func reopen(t *testing.T, old store.Store) store.Store {
	config := configOf(t, old)
	require.NoError(t, old.Close())
	return open(t, config)
}

// second opens a store's database once more.
func second(t *testing.T, first store.Store) store.Store { return open(t, configOf(t, first)) }

func configOf(t *testing.T, s store.Store) Config {
	t.Helper()
	ours, ok := s.(*Store)
	require.True(t, ok)
	c := ours.config
	_, _, err := net.SplitHostPort(c.Addr)
	require.NoError(t, err)
	u := url.URL{Scheme: "mysql", User: url.UserPassword(c.User, c.Passwd), Host: c.Addr, Path: "/" + c.DBName}
	return Config{URL: u.String(), MaxConns: 8}
}
