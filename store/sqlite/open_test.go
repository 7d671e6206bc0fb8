package sqlite_test

import (
	"context"
	"database/sql"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"kassa/checkout"
	"kassa/saga"
	"kassa/store"
	"kassa/store/sqlite"
)

func TestOneServingProcess(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "kassa.db")
	first := open(t, path)
	_, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
	require.ErrorIs(t, err, store.ErrLocked)
	require.ErrorContains(t, err, path)
	require.NoError(t, first.Close())
	open(t, path)
}

// TestReadOnly reads a file beside the process that serves it, and after it.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "kassa.db")
	_, err := sqlite.Open(t.Context(), sqlite.Config{Path: path, ReadOnly: true})
	require.ErrorIs(t, err, store.ErrUnavailable, "there is no such file")
	require.NoFileExists(t, path)

	serving := open(t, path)
	level := checkout.Level{SKU: "A", Warehouse: "main", Available: 1, Received: 1}
	commit(t, serving, &store.Save{NewLevels: []checkout.Level{level}})
	beside := openReadOnly(t, path)
	checkReadOnly(t, beside, level)
	level.Available, level.Received = 2, 2
	commit(t, serving, &store.Save{Levels: []checkout.Level{level}})
	checkReadOnly(t, beside, level)
	require.NoError(t, beside.Close())
	require.NoError(t, serving.Close())
	checkReadOnly(t, openReadOnly(t, path), level)
}

func openReadOnly(t *testing.T, path string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Config{Path: path, ReadOnly: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func checkReadOnly(t *testing.T, s *sqlite.Store, want checkout.Level) {
	t.Helper()
	snap, err := s.Snapshot(t.Context())
	require.NoError(t, err)
	levels, err := snap.Levels(t.Context(), checkout.StockKey{}, 10)
	require.NoError(t, err)
	require.Equal(t, []checkout.Level{want}, levels)
	require.NoError(t, snap.Close())
	_, err = s.Begin(t.Context())
	require.ErrorIs(t, err, store.ErrUnavailable)
	_, err = s.Fence(t.Context(), checkout.ID{1})
	require.ErrorIs(t, err, store.ErrUnavailable)
	require.ErrorIs(t, s.Migrate(t.Context()), store.ErrSchema)
}

func commit(t *testing.T, s *sqlite.Store, save *store.Save) {
	t.Helper()
	save.BatchID = checkout.NewID(time.Now(), [10]byte{0: 1})
	tx, err := s.Begin(t.Context())
	require.NoError(t, err)
	require.NoError(t, tx.Commit(t.Context(), save))
}

// TestSchemaIsChecked refuses a file that was never migrated, and one that a
// later version of Kassa has migrated.
func TestSchemaIsChecked(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "kassa.db")
	s, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
	require.NoError(t, err)
	have, want, err := s.Schema(t.Context())
	require.NoError(t, err)
	require.Zero(t, have)
	require.Positive(t, want)
	checkRefused(t, s)
	require.NoError(t, s.Migrate(t.Context()))
	_, err = s.Begin(t.Context())
	require.NoError(t, err)
	require.NoError(t, s.Close())

	changeSchema(t, path, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (?1, 1)", want+1)
	later, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
	require.NoError(t, err)
	checkRefused(t, later)
	require.NoError(t, later.Close())
	checkRefused(t, openReadOnly(t, path))

	changeSchema(t, path, "DELETE FROM goose_db_version WHERE version_id >= ?1", want)
	checkRefused(t, openReadOnly(t, path))
}

func changeSchema(t *testing.T, path, statement string, version int64) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), statement, version)
	require.NoError(t, err)
	require.NoError(t, db.Close())
}

func checkRefused(t *testing.T, s *sqlite.Store) {
	t.Helper()
	_, err := s.Begin(t.Context())
	require.Error(t, err)
	_, err = s.Cart(t.Context(), checkout.ID{1})
	require.ErrorIs(t, err, store.ErrSchema)
	_, err = s.Snapshot(t.Context())
	require.ErrorIs(t, err, store.ErrSchema)
}

// TestOddPath opens a file whose name means something in a URL.
func TestOddPath(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ka ssa?mode=memory#%41&ü.db")
	open(t, path)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode().Perm(), "it holds buyers' names")
}

// TestWaitingForTheWriter checks that a caller who waits for his turn can go,
// and that readers do not wait at all.
func TestWaitingForTheWriter(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "kassa.db"))
	first, err := s.Begin(t.Context())
	require.NoError(t, err)
	require.NoError(t, first.Load(t.Context(), saga.Keys{Stock: []string{"A"}}, saga.NewState()))

	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error)
	go func() {
		_, err := s.Fence(ctx, checkout.ID{1})
		failed <- err
	}()
	_, err = s.Levels(t.Context(), "A")
	require.NoError(t, err)
	cancel()
	require.ErrorIs(t, <-failed, context.Canceled)
	require.NoError(t, first.Rollback(t.Context()))
	_, err = s.Fence(t.Context(), checkout.ID{1})
	require.NoError(t, err)
}

// TestClosed checks what a closed store says.
func TestClosed(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "kassa.db"))
	_, err := s.Levels(t.Context(), "A")
	require.NoError(t, err)
	require.NoError(t, s.Close())
	require.NoError(t, s.Close(), "closed twice")
	_, err = s.Levels(t.Context(), "A")
	require.ErrorIs(t, err, store.ErrUnavailable)
	_, err = s.Fence(t.Context(), checkout.ID{1})
	require.ErrorIs(t, err, store.ErrUnavailable)
}

// TestCrash copies the files of a store at work, as a power cut would leave
// them: what was committed is there, and nothing else.
func TestCrash(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "kassa.db")
	s := open(t, path)
	level := checkout.Level{SKU: "A", Warehouse: "main", Available: 1, Received: 1}
	commit(t, s, &store.Save{NewLevels: []checkout.Level{level}})
	working, err := s.Begin(t.Context())
	require.NoError(t, err)
	require.NoError(t, working.Load(t.Context(), saga.Keys{Stock: []string{"A"}}, saga.NewState()))

	crashed := filepath.Join(t.TempDir(), "kassa.db")
	for _, suffix := range []string{"", "-wal"} {
		content, err := os.ReadFile(path + suffix)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(crashed+suffix, content, 0o600))
	}
	levels, err := open(t, crashed).Levels(t.Context(), "A")
	require.NoError(t, err)
	require.Equal(t, []checkout.Level{level}, levels)
	require.NoError(t, working.Rollback(t.Context()))
}

// TestManyReaders has more readers than there are connections, all of them new
// to their statements.
func TestManyReaders(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "kassa.db"))
	var group errgroup.Group
	for range 64 {
		group.Go(func() error {
			_, err := s.Orders(t.Context(), store.OrderFilter{Limit: 1})
			return err
		})
	}
	require.NoError(t, group.Wait())
}
