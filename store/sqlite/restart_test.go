package sqlite

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/store"
)

// A process that was killed leaves leases behind. The next one need not wait.
func TestTheNextProcessTakesLeasedTasksAtOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "kassa.db")
	open := func() *Store {
		s, err := Open(t.Context(), Config{Path: path})
		require.NoError(t, err)
		require.NoError(t, s.Migrate(t.Context()))
		return s
	}
	first := open()
	task := checkout.Task{
		ID: checkout.ID{1}, Kind: checkout.TaskAttend, DueAt: time.Now().Add(-time.Minute).UTC().Truncate(time.Microsecond),
		LeaseID: checkout.ID{2}, LeasedUntil: time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond), CreatedAt: time.Now().UTC().Truncate(time.Microsecond),
	}
	putTask(t, first, task)
	claimed, err := first.ClaimTasks(t.Context(), nil, checkout.ID{3}, 10, time.Minute)
	require.NoError(t, err)
	require.Empty(t, claimed, "the lease holds while its process lives")

	beside, err := Open(t.Context(), Config{Path: path, Beside: true})
	require.NoError(t, err, "a short write beside the serving process")
	require.NoError(t, beside.AddAPIKey(t.Context(), checkout.APIKey{ID: checkout.ID{9}, Scope: checkout.ScopeServer, Hint: "abcd", CreatedAt: task.CreatedAt}))
	require.NoError(t, beside.Close())
	claimed, err = first.ClaimTasks(t.Context(), nil, checkout.ID{3}, 10, time.Minute)
	require.NoError(t, err)
	require.Empty(t, claimed, "and it ended no lease")
	require.NoError(t, first.Close())

	second := open()
	t.Cleanup(func() { require.NoError(t, second.Close()) })
	claimed, err = second.ClaimTasks(t.Context(), nil, checkout.ID{4}, 10, time.Minute)
	require.NoError(t, err)
	require.Len(t, claimed, 1)
}

// A link is another name of the same file, not another file.
func TestALinkDoesNotEscapeTheLock(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "kassa.db")
	first, err := Open(t.Context(), Config{Path: path})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, first.Close()) })
	link := filepath.Join(t.TempDir(), "link.db")
	require.NoError(t, os.Symlink(path, link))
	_, err = Open(t.Context(), Config{Path: link})
	require.ErrorIs(t, err, store.ErrLocked)
}

func putTask(t *testing.T, s *Store, task checkout.Task) {
	t.Helper()
	tx, err := s.Begin(context.Background())
	require.NoError(t, err)
	require.NoError(t, tx.Commit(t.Context(), &store.Save{BatchID: checkout.ID{7}, Now: task.CreatedAt, Tasks: []checkout.Task{task}}))
}
