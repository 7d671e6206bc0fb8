package postgres

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/store"
)

// ownTask is a payment with a task in its row, whose lease has ended.
func ownTask(t *testing.T, s *Store) checkout.Task {
	t.Helper()
	order := newOrder()
	payment := newPayment(order)
	task := checkout.Task{
		ID: payment.ID, Kind: checkout.TaskInitiate, OrderID: order.ID, DueAt: payment.CreatedAt, CreatedAt: payment.CreatedAt,
		LeaseID: newID(), LeasedUntil: time.Now().Add(-time.Minute),
	}
	save := newSave()
	save.NewOrders, save.NewPayments, save.Tasks = []*checkout.Order{order}, []checkout.Payment{payment}, []checkout.Task{task}
	commit(t, s, save)
	return task
}

func count(t *testing.T, s *Store, table string) int64 {
	t.Helper()
	n, err := query(t.Context(), s.pool, (*row).int, "select count(*) from "+table)
	require.NoError(t, err)
	return n[0]
}

// TestTaskOfAPaymentThatIsWritten: what a commit is about to change is left, and is
// found by the next claim.
func TestTaskOfAPaymentThatIsWritten(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	task := ownTask(t, s)
	claim := func() []checkout.Task {
		claimed, err := s.ClaimTasks(t.Context(), nil, newID(), 10, time.Hour)
		require.NoError(t, err)
		return claimed
	}
	writer, err := s.pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = writer.Exec(t.Context(), "select from payments where payment_id = $1 for update", [16]byte(task.ID))
	require.NoError(t, err)
	require.Empty(t, claim())
	require.EqualValues(t, 1, count(t, s, "task_reminders"))
	require.NoError(t, writer.Rollback(t.Context()))
	claimed := claim()
	require.Len(t, claimed, 1)
	require.Equal(t, task.ID, claimed[0].ID)
	require.Zero(t, count(t, s, "task_reminders"))
	require.EqualValues(t, 1, count(t, s, "tasks"))
}

// TestPaidOrdersLeaveNoTasks: the tasks of a batch that has been paid are nowhere,
// and its reminder goes when its time has come.
func TestPaidOrdersLeaveNoTasks(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	newLifecycles(t, s, 10).run(5)
	require.Zero(t, count(t, s, "tasks"))
	require.Zero(t, count(t, s, "payments where task_kind is not null"))
	require.EqualValues(t, 1, count(t, s, "task_reminders"), "of five tasks, in a second")
	_, err := s.pool.Exec(t.Context(), "update task_reminders set remind_at = now()")
	require.NoError(t, err)
	claimed, err := s.ClaimTasks(t.Context(), nil, newID(), 10, time.Hour)
	require.NoError(t, err)
	require.Empty(t, claimed)
	require.Zero(t, count(t, s, "task_reminders"))
}

// TestStatementsOfAFailedFlight: a statement that the server never came to read is
// sent again with the next flight.
func TestStatementsOfAFailedFlight(t *testing.T) {
	t.Parallel()
	config := newSchema(t)
	config.MaxConns = 1
	s := open(t, config)
	require.NoError(t, s.Migrate(t.Context()))
	save := func(available int64) *store.Save {
		save := newSave()
		save.NewLevels = []checkout.Level{level("A", available)}
		save.NewWebhooks = []*checkout.WebhookRecord{{ID: newID(), Status: checkout.WebhookReceived, ReceivedAt: testTime}}
		return save
	}
	require.ErrorContains(t, tryCommit(t.Context(), s, save(-1)), "inventory_available")
	connections := s.pool.Stat().NewConnsCount()
	commit(t, s, save(1))
	require.Equal(t, connections, s.pool.Stat().NewConnsCount(), "the failure has not cost the connection")
}

// TestValuesThatDoNotFit are refused before anything is sent.
func TestValuesThatDoNotFit(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	order := newOrder()
	order.EventSeq = 1 << 40
	save := newSave()
	save.NewOrders = []*checkout.Order{order}
	require.ErrorIs(t, tryCommit(t.Context(), s, save), errValue)
	require.Zero(t, s.pool.Stat().AcquiredConns())
	commit(t, s, holdSave("s"))
}

// TestDueOrdersInParts: a look that has far to go stops after so many orders, and the
// next one goes on from there. None is passed over.
func TestDueOrdersInParts(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	s.ordersAtOnce = 3
	save := newSave()
	var want []checkout.ID
	for i := range 10 {
		order := newOrder()
		order.CreatedAt = testTime.Add(time.Duration(i) * time.Minute)
		if i >= 4 && i < 8 { // at one time, more than are looked through at once
			order.CreatedAt = testTime.Add(4 * time.Minute)
		}
		order.ID = checkout.NewID(order.CreatedAt, [10]byte{byte(i)})
		order.HoldExpiresAt = order.CreatedAt.Add(usualHold)
		if i == 2 {
			order.HoldStatus = checkout.HoldClaimed
		} else {
			want = append(want, order.ID)
		}
		save.NewOrders = append(save.NewOrders, order)
	}
	commit(t, s, save)

	var found []checkout.ID
	looks := 0
	for since, more := (time.Time{}), true; more; looks++ {
		due, err := s.DueOrders(t.Context(), since, 100)
		require.NoError(t, err)
		for _, o := range due.Orders {
			found = append(found, o.ID)
		}
		since, more = due.Until, due.More
	}
	require.Equal(t, want, found)
	require.Greater(t, looks, 2)
}
