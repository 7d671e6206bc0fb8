package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"kassa/store"
	"kassa/store/sqlite"
	"kassa/store/storetest"
)

// open opens a file of the test and migrates it.
func open(t *testing.T, path string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	require.NoError(t, s.Migrate(t.Context()))
	return s
}

// file is a store that knows where it is, so that it can be opened again.
type file struct {
	*sqlite.Store
	path string
}

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, storetest.Harness{
		ByCounter: true,
		Open: func(t *testing.T) store.Store {
			t.Helper()
			path := filepath.Join(t.TempDir(), "kassa.db")
			return file{open(t, path), path}
		},
		Reopen: func(t *testing.T, old store.Store) store.Store {
			t.Helper()
			require.NoError(t, old.Close())
			path := old.(file).path
			return file{open(t, path), path}
		},
	})
}
