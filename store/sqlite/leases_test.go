package sqlite

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/saga"
	"kassa/store"
)

// TestLeasesOfDroppedTasks: what is dropped is forgotten, or memory would fill with a
// minute's tasks; what is dropped in vain, or by a commit that fails, is claimed once
// its lease is over.
func TestLeasesOfDroppedTasks(t *testing.T) {
	t.Parallel()
	b := newBatches(t)
	now := b.now()
	ended := func(n byte) checkout.Task {
		return checkout.Task{
			ID: checkout.ID{n}, Kind: checkout.TaskAttend, DueAt: now.Add(-time.Minute), CreatedAt: now,
			LeaseID: checkout.ID{n, 1}, LeasedUntil: now.Add(-time.Second),
		}
	}
	drop := func(task checkout.Task, lease checkout.ID) []saga.TaskDrop {
		return []saga.TaskDrop{{ID: task.ID, Lease: lease}}
	}
	done, canceled, stale, failed, again := ended(1), ended(2), ended(3), ended(4), ended(5)
	b.commit(t, store.Save{Tasks: []checkout.Task{done, canceled, stale, failed, again}})

	b.commit(t, store.Save{DropTasks: drop(done, done.LeaseID)})
	b.commit(t, store.Save{DropTasks: drop(canceled, checkout.ID{})})
	b.commit(t, store.Save{DropTasks: drop(stale, checkout.ID{9})})
	b.commit(t, store.Save{DropTasks: drop(again, checkout.ID{}), Tasks: []checkout.Task{again}})
	require.Error(t, b.try(t, store.Save{DropTasks: drop(failed, failed.LeaseID), Levels: []checkout.Level{testLevel("none", 1)}}))

	conn, err := b.writer.acquire(t.Context())
	require.NoError(t, err)
	require.Len(t, conn.leases.ends, 3)
	b.writer.release(conn)
	claimed, err := b.ClaimTasks(t.Context(), nil, checkout.ID{7}, 10, time.Minute)
	require.NoError(t, err)
	ids := make([]checkout.ID, len(claimed))
	for i := range claimed {
		ids[i] = claimed[i].ID
	}
	require.ElementsMatch(t, []checkout.ID{stale.ID, failed.ID, again.ID}, ids)
}

// TestFirstLeases: of many that have ended, those that ended first.
func TestFirstLeases(t *testing.T) {
	t.Parallel()
	l, now := newLeases(), time.UnixMicro(1000)
	for i := range 100 {
		l.ends[checkout.ID{byte(i)}] = leaseEnd{at: int64((i*37)%100 + 950)} // half of them later
	}
	for _, limit := range []int{1, 5, 51, 80} {
		ids := l.first(now, nil, limit)
		require.Len(t, ids, min(limit, 51))
		for i, id := range ids {
			require.EqualValues(t, 950+i, l.ends[id].at)
		}
	}
}
