package postgres

import (
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

// reopen closes a store and opens its schema again.
func reopen(t *testing.T, old store.Store) store.Store {
	config := configOf(old)
	require.NoError(t, old.Close())
	return open(t, config)
}

// second opens a store's schema once more.
func second(t *testing.T, first store.Store) store.Store { return open(t, configOf(first)) }

func configOf(s store.Store) Config {
	config := s.(*Store).pool.Config()
	return Config{URL: config.ConnString(), Schema: trimQuotes(config.ConnConfig.RuntimeParams["search_path"])}
}

func trimQuotes(name string) string { return name[1 : len(name)-1] }
