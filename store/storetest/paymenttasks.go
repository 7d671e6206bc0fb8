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

// A payment is mostly written together with its task, and a store may keep the two
// together. Wherever a task stands, what can be done with it is the same.
func testPaymentTasks(t *testing.T, h Harness) {
	for name, test := range map[string]func(*testing.T, store.Store, *payer){
		"read":        readTask,
		"lease ends":  paymentLeaseEnds,
		"pause ends":  paymentPauseEnds,
		"release":     releasePaymentTask,
		"drop":        dropPaymentTask,
		"drop alone":  dropPaymentTaskAlone,
		"replace":     replacePaymentTask,
		"later runs":  laterTasks,
		"not yet due": notYetDue,
		"kinds":       paymentTaskKinds,
		"at once":     paymentTaskAtOnce,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := h.Open(t)
			test(t, s, newPayer(t, s))
		})
	}
	t.Run("never twice", func(t *testing.T) { t.Parallel(); paymentTasksNeverTwice(t, h.handles(t)) })
	t.Run("claimed while it ends", func(t *testing.T) { t.Parallel(); claimedWhileItEnds(t, h.handles(t)) })
}

// payer is a payment that was committed with its task, leased until an hour from now.
type payer struct {
	order   *checkout.Order
	payment checkout.Payment
	task    checkout.Task
}

func newPayer(t *testing.T, s store.Store) *payer {
	t.Helper()
	p := unsavedPayer()
	p.task.LeasedUntil = clock(t, s).Add(time.Hour)
	p.commit(t, s)
	return p
}

func unsavedPayer() *payer {
	o := newOrder()
	payment := newPayment(o)
	return &payer{o, payment, checkout.Task{
		ID: payment.ID, Kind: checkout.TaskInitiate, OrderID: o.ID, DueAt: epoch, CreatedAt: payment.CreatedAt,
		LeaseID: newID(epoch), LeasedUntil: epoch,
	}}
}

func (p *payer) commit(t *testing.T, s store.Store) {
	t.Helper()
	commit(t, s, store.Save{
		NewOrders: []*checkout.Order{p.order}, NewPayments: []checkout.Payment{p.payment}, Tasks: []checkout.Task{p.task},
	})
}

// requireTasks checks all ways to see tasks.
func requireTasks(t *testing.T, s store.Store, id checkout.ID, want ...checkout.Task) {
	t.Helper()
	snap, err := s.Snapshot(bounded(t))
	require.NoError(t, err)
	all, err := snap.Tasks(bounded(t), checkout.ID{}, 10)
	require.NoError(t, err)
	require.NoError(t, snap.Close())
	require.ElementsMatch(t, want, all)
	read, err := s.Task(bounded(t), id)
	if i := slices.IndexFunc(want, func(task checkout.Task) bool { return task.ID == id }); i >= 0 {
		require.NoError(t, err)
		require.Equal(t, want[i], read)
		return
	}
	require.ErrorIs(t, err, store.ErrNotFound)
}

func claim(t *testing.T, s store.Store) []checkout.Task {
	t.Helper()
	tasks, err := s.ClaimTasks(bounded(t), nil, newID(epoch), 10, time.Hour)
	require.NoError(t, err)
	return tasks
}

func readTask(t *testing.T, s store.Store, p *payer) {
	other := unsavedPayer()
	other.task.LeaseID, other.task.LeasedUntil = checkout.ID{}, time.Time{}
	other.task.Kind, other.task.DueAt = checkout.TaskLookUp, clock(t, s).Add(time.Hour)
	other.commit(t, s)
	plain := newTask(epoch)
	commit(t, s, store.Save{Tasks: []checkout.Task{plain}})
	requireTasks(t, s, p.task.ID, p.task, other.task, plain)
	requireTasks(t, s, other.task.ID, p.task, other.task, plain)
	snap := openSnapshot(t, s)
	paged := walk(t, 1, checkout.ID{}, func(task checkout.Task) checkout.ID { return task.ID }, snap.Tasks)
	require.Equal(t, []checkout.Task{p.task, other.task, plain}, paged)
}

// paymentLeaseEnds checks that a dead process's task goes to another, and is whole.
func paymentLeaseEnds(t *testing.T, s store.Store, p *payer) {
	dead := unsavedPayer()
	dead.commit(t, s)
	claimed := claim(t, s)
	require.Len(t, claimed, 1)
	dead.task.LeaseID, dead.task.LeasedUntil = claimed[0].LeaseID, claimed[0].LeasedUntil
	require.Equal(t, dead.task, claimed[0])
	require.Empty(t, claim(t, s))
	requireTasks(t, s, dead.task.ID, p.task, dead.task)

	commit(t, s, store.Save{DropTasks: []saga.TaskDrop{{ID: dead.task.ID, Lease: dead.task.LeaseID}}})
	requireTasks(t, s, dead.task.ID, p.task)
}

// paymentPauseEnds: the payment's next task is put with its change.
func paymentPauseEnds(t *testing.T, s store.Store, p *payer) {
	p.payment.Status = checkout.PaymentPending
	p.task.Kind, p.task.LeaseID, p.task.LeasedUntil = checkout.TaskLookUp, checkout.ID{}, time.Time{}
	commit(t, s, store.Save{Payments: []checkout.Payment{p.payment}, Tasks: []checkout.Task{p.task}})
	requireTasks(t, s, p.task.ID, p.task)
	claimed := claim(t, s)
	require.Equal(t, []checkout.ID{p.task.ID}, taskIDs(claimed))
	require.Equal(t, checkout.TaskLookUp, claimed[0].Kind)
}

func releasePaymentTask(t *testing.T, s store.Store, p *payer) {
	require.NoError(t, s.ReleaseTask(bounded(t), p.task.ID, newID(epoch)), "another's lease is left alone")
	requireTasks(t, s, p.task.ID, p.task)
	require.NoError(t, s.ReleaseTask(bounded(t), p.task.ID, p.task.LeaseID))
	require.Equal(t, []checkout.ID{p.task.ID}, taskIDs(claim(t, s)))
}

// dropPaymentTask ends the task with a change of its payment. A lease ends only what
// it holds.
func dropPaymentTask(t *testing.T, s store.Store, p *payer) {
	change := func(lease checkout.ID) {
		commit(t, s, store.Save{
			Payments: []checkout.Payment{p.payment}, DropTasks: []saga.TaskDrop{{ID: p.task.ID, Lease: lease}},
		})
	}
	commit(t, s, store.Save{Payments: []checkout.Payment{p.payment}})
	requireTasks(t, s, p.task.ID, p.task)
	change(newID(epoch))
	requireTasks(t, s, p.task.ID, p.task)
	change(p.task.LeaseID)
	requireTasks(t, s, p.task.ID)

	second := newPayer(t, s)
	p = second
	change(checkout.ID{})
	requireTasks(t, s, p.task.ID)
	require.Empty(t, claim(t, s))
}

func dropPaymentTaskAlone(t *testing.T, s store.Store, p *payer) {
	drop := func(lease checkout.ID) {
		commit(t, s, store.Save{DropTasks: []saga.TaskDrop{{ID: p.task.ID, Lease: lease}}})
	}
	drop(newID(epoch))
	requireTasks(t, s, p.task.ID, p.task)
	drop(p.task.LeaseID)
	requireTasks(t, s, p.task.ID)
	p = newPayer(t, s)
	drop(checkout.ID{})
	requireTasks(t, s, p.task.ID)
}

// replacePaymentTask puts one task after the other, with the payment and without.
func replacePaymentTask(t *testing.T, s store.Store, p *payer) {
	for i, kind := range []checkout.TaskKind{checkout.TaskLookUp, checkout.TaskClose, checkout.TaskVoid, checkout.TaskCapture} {
		p.task.Kind = kind
		save := store.Save{Tasks: []checkout.Task{p.task}}
		if i%2 == 1 {
			save.Payments = []checkout.Payment{p.payment}
		}
		commit(t, s, save)
		requireTasks(t, s, p.task.ID, p.task)
	}
}

// laterTasks checks tasks with a past, which a payment's first one has not.
func laterTasks(t *testing.T, s store.Store, p *payer) {
	first := p.task
	for _, change := range []func(*checkout.Task){
		func(task *checkout.Task) { task.Attempts = 3 },
		func(task *checkout.Task) { task.Attention = true },
		func(task *checkout.Task) { task.LastError = "the gateway answers 500" },
		func(task *checkout.Task) { task.CreatedAt = epoch.Add(time.Hour) },
		func(*checkout.Task) {},
	} {
		p.task = first
		change(&p.task)
		commit(t, s, store.Save{Payments: []checkout.Payment{p.payment}, Tasks: []checkout.Task{p.task}})
		requireTasks(t, s, p.task.ID, p.task)
	}
}

func notYetDue(t *testing.T, s store.Store, p *payer) {
	require.Empty(t, claim(t, s))
	p.task.LeaseID, p.task.LeasedUntil = checkout.ID{}, time.Time{}
	p.task.DueAt = clock(t, s).Add(time.Hour)
	commit(t, s, store.Save{Payments: []checkout.Payment{p.payment}, Tasks: []checkout.Task{p.task}})
	require.Empty(t, claim(t, s))
	requireTasks(t, s, p.task.ID, p.task)
}

// paymentTaskKinds: who asks for other kinds leaves it, and leaves it to be found.
func paymentTaskKinds(t *testing.T, s store.Store, p *payer) {
	dead := unsavedPayer()
	dead.commit(t, s)
	others, err := s.ClaimTasks(bounded(t), []checkout.TaskKind{checkout.TaskLookUp, checkout.TaskWebhook}, newID(epoch), 10, time.Hour)
	require.NoError(t, err)
	require.Empty(t, others)
	requireTasks(t, s, dead.task.ID, p.task, dead.task)
	claimed, err := s.ClaimTasks(bounded(t), []checkout.TaskKind{checkout.TaskInitiate}, newID(epoch), 10, time.Hour)
	require.NoError(t, err)
	require.Equal(t, []checkout.ID{dead.task.ID}, taskIDs(claimed))
}

// paymentTaskAtOnce: what is due as it is made and leased to nobody waits for no
// clock's next second. A buyer waits for it.
func paymentTaskAtOnce(t *testing.T, s store.Store, _ *payer) {
	for range 3 { // at another part of the second each time
		free := unsavedPayer()
		now := clock(t, s)
		free.payment.CreatedAt, free.task.CreatedAt, free.task.DueAt = now, now, now
		free.task.LeaseID, free.task.LeasedUntil = checkout.ID{}, time.Time{}
		free.commit(t, s)
		require.Equal(t, []checkout.ID{free.task.ID}, taskIDs(claim(t, s)))
	}
}

func paymentTasksNeverTwice(t *testing.T, handles []store.Store) {
	var want []checkout.ID
	for range rounds() {
		save := store.Save{}
		for range 5 {
			p := unsavedPayer()
			save.NewOrders = append(save.NewOrders, p.order)
			save.NewPayments = append(save.NewPayments, p.payment)
			save.Tasks = append(save.Tasks, p.task)
			want = append(want, p.task.ID)
		}
		commit(t, handles[0], save)
	}
	var mu sync.Mutex
	var claimed []checkout.ID
	together(t, handles, func(ctx context.Context, s store.Store, _ int) error {
		for {
			tasks, err := s.ClaimTasks(ctx, nil, newID(epoch), 7, time.Hour)
			mu.Lock()
			claimed = append(claimed, taskIDs(tasks)...)
			all := len(claimed) >= len(want)
			mu.Unlock()
			if err != nil || all {
				return err
			}
		}
	})
	slices.SortFunc(claimed, checkout.ID.Compare)
	require.Equal(t, want, claimed)
}

// claimedWhileItEnds has one process claim tasks whose lease has ended, while the
// commits that end them are on their way. None may be left over, or come back.
func claimedWhileItEnds(t *testing.T, handles []store.Store) {
	payers := make(chan *payer, rounds())
	for range rounds() {
		p := unsavedPayer()
		p.commit(t, handles[0])
		payers <- p
	}
	close(payers)
	together(t, handles, func(ctx context.Context, s store.Store, worker int) error {
		for p := range payers {
			if worker%2 == 0 {
				if _, err := s.ClaimTasks(ctx, nil, newID(epoch), 3, time.Hour); err != nil {
					return err
				}
			}
			err := transact(ctx, s, saga.Keys{Orders: []checkout.ID{p.order.ID}}, func(state *saga.State) *store.Save {
				payment := state.Orders[p.order.ID].Payments[0]
				payment.Status = checkout.PaymentSucceeded
				return &store.Save{Payments: []checkout.Payment{payment}, DropTasks: []saga.TaskDrop{{ID: payment.ID}}}
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	requireTasks(t, handles[0], newID(epoch))
	require.Empty(t, claim(t, handles[0]))
}
