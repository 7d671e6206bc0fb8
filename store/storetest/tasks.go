package storetest

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/saga"
	"kassa/store"
)

func testTasks(t *testing.T, h Harness) {
	t.Run("claim", func(t *testing.T) { t.Parallel(); claimTasks(t, h.Open(t)) })
	t.Run("claim of some kinds", func(t *testing.T) { t.Parallel(); claimKinds(t, h.Open(t)) })
	t.Run("lease ends", func(t *testing.T) { t.Parallel(); leaseEnds(t, h.Open(t)) })
	t.Run("lease ends again", func(t *testing.T) { t.Parallel(); leaseEndsAgain(t, h.Open(t)) })
	t.Run("release", func(t *testing.T) { t.Parallel(); releaseTask(t, h.Open(t)) })
	t.Run("drop", func(t *testing.T) { t.Parallel(); dropTasks(t, h.Open(t)) })
	t.Run("never twice", func(t *testing.T) { t.Parallel(); claimNeverTwice(t, h.handles(t)) })
	t.Run("attention", func(t *testing.T) { t.Parallel(); attention(t, h.Open(t)) })
	t.Run("of a payment", func(t *testing.T) { t.Parallel(); testPaymentTasks(t, h) })
}

func taskIDs(tasks []checkout.Task) []checkout.ID {
	var ids []checkout.ID
	for _, task := range tasks {
		ids = append(ids, task.ID)
	}
	return ids
}

// claimTasks checks which tasks are given out, and in which order.
func claimTasks(t *testing.T, s store.Store) {
	now := clock(t, s)
	old, older, oldest := newTask(epoch.Add(2*time.Hour)), newTask(epoch.Add(time.Hour)), newTask(epoch)
	future, waiting, leased := newTask(now.Add(time.Hour)), newTask(epoch), newTask(epoch)
	waiting.Attention = true
	leased.LeaseID, leased.LeasedUntil = newID(epoch), now.Add(time.Hour)
	commit(t, s, store.Save{Tasks: []checkout.Task{old, older, oldest, future, waiting, leased}})

	lease := newID(epoch)
	first, err := s.ClaimTasks(bounded(t), nil, lease, 2, time.Hour)
	require.NoError(t, err)
	require.Equal(t, []checkout.ID{oldest.ID, older.ID}, taskIDs(first))
	for i, want := range []checkout.Task{oldest, older} {
		require.Equal(t, lease, first[i].LeaseID)
		require.WithinRange(t, first[i].LeasedUntil, now.Add(time.Hour), clock(t, s).Add(time.Hour))
		want.LeaseID, want.LeasedUntil = lease, first[i].LeasedUntil
		require.Equal(t, want, first[i])
		stored, err := s.Task(bounded(t), want.ID)
		require.NoError(t, err)
		require.Equal(t, want, stored)
	}
	rest, err := s.ClaimTasks(bounded(t), nil, newID(epoch), 10, time.Hour)
	require.NoError(t, err)
	require.Equal(t, []checkout.ID{old.ID}, taskIDs(rest))
	none, err := s.ClaimTasks(bounded(t), nil, newID(epoch), 10, time.Hour)
	require.NoError(t, err)
	require.Empty(t, none)
}

// claimKinds checks that who asks for some kinds gets none of another, however old
// those are, and whether they are free or their lease has ended.
func claimKinds(t *testing.T, s store.Store) {
	var all []checkout.Task
	for i, kind := range []checkout.TaskKind{
		checkout.TaskLookUp, checkout.TaskLookUpRefund, checkout.TaskWebhook, checkout.TaskLookUp, checkout.TaskWebhook, checkout.TaskRefund,
	} {
		free, leased := newTask(epoch.Add(time.Duration(2*i)*time.Second)), newTask(epoch.Add(time.Duration(2*i+1)*time.Second))
		free.Kind, leased.Kind = kind, kind
		leased.LeaseID, leased.LeasedUntil = newID(epoch), leased.DueAt
		all = append(all, free, leased)
	}
	commit(t, s, store.Save{Tasks: all})
	claim := func(limit int, want []checkout.Task, kinds ...checkout.TaskKind) {
		t.Helper()
		claimed, err := s.ClaimTasks(bounded(t), kinds, newID(epoch), limit, time.Hour)
		require.NoError(t, err)
		require.Equal(t, taskIDs(want), taskIDs(claimed))
	}
	claim(3, slices.Concat(all[:2], all[4:5]), checkout.TaskWebhook, checkout.TaskLookUp)
	claim(10, nil, checkout.TaskInitiate, checkout.TaskAttend)
	claim(10, slices.Concat(all[2:4], all[5:6], all[8:10]), checkout.TaskWebhook, checkout.TaskLookUpRefund)
	claim(10, slices.Concat(all[6:8], all[10:]))
}

// leaseEnds checks that a task whose runner has died goes to another.
func leaseEnds(t *testing.T, s store.Store) {
	task := newTask(epoch)
	task.LeaseID, task.LeasedUntil = newID(epoch), epoch.Add(time.Minute)
	commit(t, s, store.Save{Tasks: []checkout.Task{task}})
	lease := newID(epoch)
	claimed, err := s.ClaimTasks(bounded(t), nil, lease, 10, time.Hour)
	require.NoError(t, err)
	require.Equal(t, []checkout.ID{task.ID}, taskIDs(claimed))
	require.Equal(t, lease, claimed[0].LeaseID)
}

// leaseEndsAgain checks that it goes on to others, whatever came in between: those who
// asked for it too early, and a runner whose lease had ended.
func leaseEndsAgain(t *testing.T, s store.Store) {
	task := newTask(epoch)
	task.LeaseID, task.LeasedUntil = newID(epoch), epoch.Add(time.Minute)
	commit(t, s, store.Save{Tasks: []checkout.Task{task}})
	for range 3 {
		var claimed []checkout.Task
		require.Eventually(t, func() bool {
			var err error
			claimed, err = s.ClaimTasks(bounded(t), nil, newID(epoch), 10, 100*time.Millisecond)
			return err == nil && len(claimed) > 0
		}, 20*time.Second, 10*time.Millisecond)
		require.Equal(t, []checkout.ID{task.ID}, taskIDs(claimed))
		commit(t, s, store.Save{DropTasks: []saga.TaskDrop{{ID: task.ID, Lease: task.LeaseID}}})
		task = claimed[0]
	}
}

func releaseTask(t *testing.T, s store.Store) {
	task := newTask(epoch)
	task.LeaseID, task.LeasedUntil = newID(epoch), clock(t, s).Add(time.Hour)
	commit(t, s, store.Save{Tasks: []checkout.Task{task}})
	require.NoError(t, s.ReleaseTask(bounded(t), task.ID, newID(epoch)), "another's lease is left alone")
	kept, err := s.Task(bounded(t), task.ID)
	require.NoError(t, err)
	require.Equal(t, task, kept)
	require.NoError(t, s.ReleaseTask(bounded(t), task.ID, task.LeaseID))
	claimed, err := s.ClaimTasks(bounded(t), nil, newID(epoch), 10, time.Hour)
	require.NoError(t, err)
	require.Equal(t, []checkout.ID{task.ID}, taskIDs(claimed))
	require.NoError(t, s.ReleaseTask(bounded(t), newID(epoch), newID(epoch)), "a task that has gone")
}

// dropTasks checks that a lease drops only what it holds.
func dropTasks(t *testing.T, s store.Store) {
	held, lost, free := newTask(epoch), newTask(epoch), newTask(epoch)
	held.LeaseID, held.LeasedUntil = newID(epoch), epoch
	lost.LeaseID, lost.LeasedUntil = newID(epoch), epoch
	commit(t, s, store.Save{Tasks: []checkout.Task{held, lost, free}})
	commit(t, s, store.Save{DropTasks: []saga.TaskDrop{
		{ID: held.ID, Lease: held.LeaseID}, {ID: lost.ID, Lease: newID(epoch)}, {ID: free.ID, Lease: newID(epoch)},
	}})
	snap := openSnapshot(t, s)
	left, err := snap.Tasks(bounded(t), checkout.ID{}, 10)
	require.NoError(t, err)
	require.Equal(t, []checkout.Task{lost, free}, left)
	commit(t, s, store.Save{DropTasks: []saga.TaskDrop{{ID: lost.ID}, {ID: free.ID}}})
	_, err = s.Task(bounded(t), lost.ID)
	require.ErrorIs(t, err, store.ErrNotFound)
}

func claimNeverTwice(t *testing.T, handles []store.Store) {
	var all []checkout.Task
	for i := range 20 * rounds() {
		all = append(all, newTask(epoch.Add(time.Duration(i%3)*time.Second)))
	}
	commit(t, handles[0], store.Save{Tasks: all})
	var mu sync.Mutex
	var claimed []checkout.ID
	together(t, handles, func(ctx context.Context, s store.Store, _ int) error {
		for {
			tasks, err := s.ClaimTasks(ctx, nil, newID(epoch), 7, time.Hour)
			if err != nil || len(tasks) == 0 {
				return err
			}
			mu.Lock()
			claimed = append(claimed, taskIDs(tasks)...)
			mu.Unlock()
		}
	})
	slices.SortFunc(claimed, checkout.ID.Compare)
	require.Equal(t, taskIDs(all), claimed)
}

func attention(t *testing.T, s store.Store) {
	var want []checkout.Task
	for range 5 {
		task, other := newTask(epoch), newTask(epoch)
		task.Attention, task.LastError = true, "the gateway answers 500"
		commit(t, s, store.Save{Tasks: []checkout.Task{task, other}})
		want = append(want, task)
	}
	require.Equal(t, want, walk(t, 2, checkout.ID{}, func(task checkout.Task) checkout.ID { return task.ID }, s.Attention))
}

func testDue(t *testing.T, h Harness) {
	t.Run("holds", func(t *testing.T) { t.Parallel(); dueHolds(t, h.Open(t)) })
	t.Run("orders", func(t *testing.T) { t.Parallel(); dueOrders(t, h.Open(t)) })
	t.Run("orders with holds of the usual length", func(t *testing.T) { t.Parallel(); usualHolds(t, h.Open(t)) })
	t.Run("answers", func(t *testing.T) { t.Parallel(); purgeAnswers(t, h.Open(t)) })
}

func dueHolds(t *testing.T, s store.Store) {
	late, later, future := newHold("late"), newHold("later"), newHold("future")
	later.ExpiresAt = epoch.Add(time.Second)
	future.ExpiresAt = clock(t, s).Add(time.Hour)
	commit(t, s, store.Save{NewHolds: []*checkout.Hold{future, late, later}})
	due, err := s.DueHolds(bounded(t), 10)
	require.NoError(t, err)
	require.Equal(t, []string{"late", "later"}, due)
	one, err := s.DueHolds(bounded(t), 1)
	require.NoError(t, err)
	require.Equal(t, []string{"late"}, one)
}

func dueOrders(t *testing.T, s store.Store) {
	before := clock(t, s)
	orders := make([]*checkout.Order, 5)
	for i := range orders {
		orders[i] = newOrder()
		orders[i].HoldExpiresAt = epoch.Add(time.Duration(5-i) * time.Second)
	}
	orders[1].HoldStatus = checkout.HoldClaimed
	orders[2].HoldExpiresAt = before.Add(time.Hour)
	commit(t, s, store.Save{NewOrders: orders})
	want := []store.DueOrder{
		{ID: orders[4].ID, ExpiresAt: epoch.Add(time.Second)},
		{ID: orders[3].ID, ExpiresAt: epoch.Add(2 * time.Second)},
		{ID: orders[0].ID, ExpiresAt: epoch.Add(5 * time.Second)},
	}
	check := func(since time.Time, limit int, want []store.DueOrder) {
		t.Helper()
		due, err := s.DueOrders(bounded(t), since, limit)
		require.NoError(t, err)
		require.Equal(t, want, due.Orders)
		require.False(t, due.Until.Before(before))
		require.False(t, due.More)
	}
	check(time.Time{}, 10, want)
	check(time.Time{}, 2, want[:2])
	check(want[0].ExpiresAt, 10, want[1:])
	check(want[2].ExpiresAt, 10, nil)
}

// usualHolds are of the length that most holds have, which a store may know to find
// without an index. Ids begin with the time of their making.
func usualHolds(t *testing.T, s store.Store) {
	now := clock(t, s).Truncate(time.Second)
	var want []store.DueOrder
	var orders []*checkout.Order
	for i, ago := range []time.Duration{72 * time.Hour, 16 * time.Minute, 15*time.Minute + time.Second, 14 * time.Minute, 0} {
		o := newOrder()
		o.CreatedAt = now.Add(-ago)
		o.ID, o.UpdatedAt, o.HoldExpiresAt = newID(o.CreatedAt), o.CreatedAt, o.CreatedAt.Add(checkout.DefaultHoldTTL)
		orders = append(orders, o)
		if i < 3 {
			want = append(want, store.DueOrder{ID: o.ID, ExpiresAt: o.HoldExpiresAt})
		}
	}
	paid := newOrder()
	paid.ID, paid.CreatedAt, paid.HoldExpiresAt = newID(now.Add(-time.Hour)), now.Add(-time.Hour), now.Add(-45*time.Minute)
	paid.HoldStatus = checkout.HoldClaimed
	extended := newOrder()
	extended.ID, extended.CreatedAt, extended.HoldExpiresAt = newID(now.Add(-time.Hour)), now.Add(-time.Hour), now.Add(-30*time.Second)
	orders = append(orders, paid, extended)
	for i, lead := range []time.Duration{2 * time.Minute, -2 * time.Minute} { // whose maker's clock is wrong
		o := newOrder()
		o.CreatedAt = now.Add(-20*time.Minute - time.Duration(i)*time.Second)
		o.ID, o.UpdatedAt, o.HoldExpiresAt = newID(o.CreatedAt.Add(lead)), o.CreatedAt, o.CreatedAt.Add(checkout.DefaultHoldTTL)
		orders = append(orders, o)
		want = append(want, store.DueOrder{ID: o.ID, ExpiresAt: o.HoldExpiresAt})
	}
	slices.SortFunc(orders, func(a, b *checkout.Order) int { return a.ID.Compare(b.ID) })
	commit(t, s, store.Save{NewOrders: orders})
	want = append(want, store.DueOrder{ID: extended.ID, ExpiresAt: extended.HoldExpiresAt})
	slices.SortFunc(want, func(a, b store.DueOrder) int { return a.ExpiresAt.Compare(b.ExpiresAt) })
	for from := range want {
		since := want[from].ExpiresAt.Add(-time.Microsecond)
		due, err := s.DueOrders(bounded(t), since, 10)
		require.NoError(t, err)
		require.Equal(t, want[from:], due.Orders)
	}
}

func purgeAnswers(t *testing.T, s store.Store) {
	var keys []checkout.KeyID
	for i := range 5 {
		answer := newAnswer(string(rune('a' + i)))
		answer.CreatedAt = epoch.Add(time.Duration(i) * time.Hour)
		keys = append(keys, answer.KeyID)
		commit(t, s, store.Save{Answers: []checkout.IdempotencyRecord{answer}})
	}
	before := epoch.Add(150 * time.Minute) // of which there are three
	for _, want := range []int{2, 1, 0} {
		removed, err := s.PurgeAnswers(bounded(t), before, 2)
		require.NoError(t, err)
		require.Equal(t, want, removed)
	}
	answers := load(t, s, saga.Keys{Answers: keys}).Answers
	for i, key := range keys {
		require.Equal(t, i >= 3, answers[key] != nil, "answer %d", i)
	}
}
