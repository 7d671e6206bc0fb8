package tasks_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/engine"
	"kassa/money"
	"kassa/saga"
	"kassa/store"
	"kassa/store/memory"
	"kassa/tasks"
)

// rig is a runner on a memory store whose clock is that of the test's bubble.
type rig struct {
	store  store.Store
	engine *engine.Engine
	runner *tasks.Runner

	mu  sync.Mutex
	ran []checkout.ID
}

func newRig(t *testing.T, cfg tasks.Config, handler func(r *rig) tasks.Handler) *rig {
	t.Helper()
	return newRigOn(t, memory.New(memory.Config{}), cfg, handler)
}

func newRigOn(t *testing.T, s store.Store, cfg tasks.Config, handler func(r *rig) tasks.Handler) *rig {
	t.Helper()
	r := &rig{store: s}
	cfg.Source = s
	r.runner = tasks.New(cfg)
	r.engine = engine.New(engine.Config{Store: r.store}, r.runner.Enqueue)
	r.runner.Bind(r.engine, map[checkout.TaskKind]tasks.Handler{checkout.TaskWebhook: handler(r)})
	return r
}

func (r *rig) close(t *testing.T) {
	t.Helper()
	require.NoError(t, r.runner.Close(context.Background()))
	require.NoError(t, r.engine.Close(context.Background()))
}

func (r *rig) runs() int { return len(r.ids()) }

func (r *rig) ids() []checkout.ID {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.ran)
}

// remember notes the run and ends the task.
func remember(r *rig) tasks.Handler {
	return func(ctx context.Context, task checkout.Task) error {
		r.mu.Lock()
		r.ran = append(r.ran, task.ID)
		r.mu.Unlock()
		_, err := r.engine.Do(ctx, saga.FinishTask{Run: saga.TaskRun{Task: task}})
		return err
	}
}

// owe puts a task into the store as a commit of another process would.
func (r *rig) owe(t *testing.T, id byte, due time.Time, leased time.Time) checkout.Task {
	t.Helper()
	task := checkout.Task{ID: checkout.ID{id}, Kind: checkout.TaskWebhook, DueAt: due.UTC(), LeasedUntil: leased.UTC(), CreatedAt: time.Now().UTC()}
	if !leased.IsZero() {
		task.LeaseID = checkout.ID{0xff, id}
	}
	tx, err := r.store.Begin(t.Context())
	require.NoError(t, err)
	require.NoError(t, tx.Commit(t.Context(), &store.Save{BatchID: checkout.ID{0xaa, id}, Now: time.Now(), Tasks: []checkout.Task{task}}))
	return task
}

// sell puts MUG on sale.
func (r *rig) sell(t *testing.T, units int64) {
	t.Helper()
	_, err := r.engine.Do(t.Context(), saga.SaveProduct{Product: checkout.Product{SKU: "MUG", Name: "Mug", Active: true, Prices: map[money.Currency]int64{"INR": 100}}})
	require.NoError(t, err)
	_, err = r.engine.Do(t.Context(), saga.AdjustStock{SKU: "MUG", Warehouse: checkout.MainWarehouse, Delta: units})
	require.NoError(t, err)
}

func TestADueTaskRunsOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, tasks.Config{}, remember)
		r.owe(t, 1, time.Now(), time.Time{})
		r.owe(t, 2, time.Now().Add(time.Hour), time.Time{})
		r.runner.Start()
		time.Sleep(10 * time.Second)
		require.Equal(t, []checkout.ID{{1}}, r.ids())
		time.Sleep(time.Hour)
		require.Equal(t, []checkout.ID{{1}, {2}}, r.ids())
		_, err := r.store.Task(t.Context(), checkout.ID{1})
		require.ErrorIs(t, err, store.ErrNotFound)
		r.close(t)
	})
}

// A process that is to run some kinds, or none, leaves the others.
func TestTasksOfAnotherProcessAreLeft(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		kinds []checkout.TaskKind
		runs  int
	}{
		"all": {nil, 1}, "its own": {[]checkout.TaskKind{checkout.TaskWebhook}, 1},
		"another": {[]checkout.TaskKind{checkout.TaskRefund, checkout.TaskVoid}, 0}, "none": {[]checkout.TaskKind{}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, tasks.Config{Kinds: c.kinds}, remember)
				task := r.owe(t, 1, time.Now(), time.Time{})
				r.runner.Start()
				time.Sleep(10 * time.Second)
				require.Equal(t, c.runs, r.runs())
				if c.runs == 0 {
					stored, err := r.store.Task(t.Context(), task.ID)
					require.NoError(t, err)
					require.Equal(t, task, stored)
				}
				r.close(t)
			})
		})
	}
}

// A task that another process's commit left to this one is claimed with a lease that
// the saga takes for the first, until it may be a second one.
func TestALeaseOfAnotherProcessesTask(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		shared bool
		start  time.Duration // of the runner, after the commit
		first  bool
	}{
		"soon": {true, time.Second, true}, "late": {true, 10 * time.Second, false}, "a file of its own": {false, time.Second, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				leases := make(chan time.Duration, 1)
				r := newRig(t, tasks.Config{Shared: c.shared}, func(r *rig) tasks.Handler {
					done := remember(r)
					return func(ctx context.Context, task checkout.Task) error {
						leases <- task.LeasedUntil.Sub(task.CreatedAt)
						return done(ctx, task)
					}
				})
				r.owe(t, 1, time.Now(), time.Time{})
				time.Sleep(c.start)
				r.runner.Start()
				lease := <-leases
				require.Equal(t, c.first, lease <= checkout.TaskLease, lease)
				require.Greater(t, lease, checkout.TaskLease*9/10)
				r.close(t)
			})
		})
	}
}

func TestADeadProcessesTaskIsTakenOverWhenItsLeaseEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, tasks.Config{}, remember)
		r.owe(t, 1, time.Now(), time.Now().Add(checkout.TaskLease))
		r.runner.Start()
		time.Sleep(checkout.TaskLease - time.Second)
		require.Zero(t, r.runs())
		time.Sleep(3 * time.Second)
		require.Equal(t, 1, r.runs())
		r.close(t)
	})
}

func TestATaskWhoseResultWasNotCommittedRunsAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var tries atomic.Int64
		r := newRig(t, tasks.Config{}, func(r *rig) tasks.Handler {
			done := remember(r)
			return func(ctx context.Context, task checkout.Task) error {
				switch tries.Add(1) {
				case 1:
					return errors.New("the database is away")
				case 2:
					panic("a handler's bug")
				}
				return done(ctx, task)
			}
		})
		r.owe(t, 1, time.Now(), time.Time{})
		r.runner.Start()
		time.Sleep(3*checkout.TaskLease + 10*time.Second)
		require.Equal(t, 1, r.runs(), "an error and a panic each leave the task to its lease")
		r.close(t)
	})
}

func TestAFullQueueLosesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, tasks.Config{Workers: 1, Queue: 1}, remember)
		var leased []checkout.Task
		for id := range byte(10) {
			leased = append(leased, r.owe(t, id+1, time.Now(), time.Now().Add(checkout.TaskLease)))
		}
		r.runner.Enqueue(leased)
		r.runner.Start()
		time.Sleep(5 * time.Second)
		require.Less(t, r.runs(), 10, "some found the queue full")
		time.Sleep(2 * checkout.TaskLease)
		require.Equal(t, 10, r.runs())
		r.close(t)
	})
}

func TestCloseFinishesWhatRunsAndGivesBackWhatWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		r := newRig(t, tasks.Config{Workers: 1}, func(r *rig) tasks.Handler {
			done := remember(r)
			return func(ctx context.Context, task checkout.Task) error {
				<-gate
				return done(ctx, task)
			}
		})
		running := r.owe(t, 1, time.Now(), time.Now().Add(checkout.TaskLease))
		waiting := r.owe(t, 2, time.Now(), time.Now().Add(checkout.TaskLease))
		r.runner.Enqueue([]checkout.Task{running, waiting})
		r.runner.Start()
		synctest.Wait()
		closed := make(chan error)
		go func() { closed <- r.runner.Close(context.Background()) }()
		synctest.Wait()
		close(gate)
		require.NoError(t, <-closed)
		require.Equal(t, []checkout.ID{{1}}, r.ids())
		given, err := r.store.ClaimTasks(t.Context(), nil, checkout.ID{9}, 10, time.Minute)
		require.NoError(t, err)
		require.Len(t, given, 1, "another process can take it at once")
		require.Equal(t, waiting.ID, given[0].ID)
		require.NoError(t, r.engine.Close(context.Background()))
	})
}

func TestSweepsEndHoldsAndOrders(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, tasks.Config{}, remember)
		ctx := t.Context()
		r.sell(t, 10)
		_, err := r.engine.Do(ctx, saga.HoldStock{SessionID: "s", Items: []checkout.Item{{SKU: "MUG", Qty: 3}}, TTL: time.Minute})
		require.NoError(t, err)
		early, err := r.engine.Do(ctx, saga.PlaceOrder{Items: []checkout.Item{{SKU: "MUG", Qty: 2}}, Currency: "INR", HoldTTL: time.Minute})
		require.NoError(t, err)
		late, err := r.engine.Do(ctx, saga.PlaceOrder{Items: []checkout.Item{{SKU: "MUG", Qty: 1}}, Currency: "INR", HoldTTL: time.Hour})
		require.NoError(t, err)
		r.runner.Start()
		time.Sleep(2 * time.Minute)
		status := func(id checkout.ID) checkout.OrderStatus {
			o, err := r.store.Order(ctx, id)
			require.NoError(t, err)
			return o.Status
		}
		require.Equal(t, checkout.OrderExpired, status(early.Order.ID))
		require.Equal(t, checkout.OrderPending, status(late.Order.ID))
		levels, err := r.store.Levels(ctx, "MUG")
		require.NoError(t, err)
		require.Equal(t, int64(9), levels[0].Available)
		time.Sleep(time.Hour)
		require.Equal(t, checkout.OrderExpired, status(late.Order.ID), "the sweep's memory misses nothing")
		r.close(t)
	})
}

// Where another process sweeps, this one ends nothing.
func TestNoSweep(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, tasks.Config{NoSweep: true}, remember)
		r.sell(t, 10)
		_, err := r.engine.Do(t.Context(), saga.HoldStock{SessionID: "s", Items: []checkout.Item{{SKU: "MUG", Qty: 3}}, TTL: time.Minute})
		require.NoError(t, err)
		_, err = r.engine.Do(t.Context(), saga.PlaceOrder{Items: []checkout.Item{{SKU: "MUG", Qty: 2}}, Currency: "INR", HoldTTL: time.Minute})
		require.NoError(t, err)
		r.runner.Start()
		time.Sleep(10 * time.Minute)
		levels, err := r.store.Levels(t.Context(), "MUG")
		require.NoError(t, err)
		require.Equal(t, int64(5), levels[0].Available)
		r.close(t)
	})
}

// inParts is a store that looks through three seconds of ends at once, since a time at
// which there was none.
type inParts struct {
	store.Store
	start time.Time
}

func (s *inParts) DueOrders(ctx context.Context, since time.Time, limit int) (store.Due, error) {
	if since.Before(s.start) {
		since = s.start
	}
	due, err := s.Store.DueOrders(ctx, since, limit)
	if end := since.Add(3 * time.Second); end.Before(due.Until) {
		due.Until, due.More = end, true
		due.Orders = slices.DeleteFunc(due.Orders, func(o store.DueOrder) bool { return o.ExpiresAt.After(end) })
	}
	return due, err
}

// The first sweep after a start may have to look through all orders that there are,
// part by part.
func TestASweepGoesOnWhereTheStoreStopped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRigOn(t, &inParts{memory.New(memory.Config{}), time.Now()}, tasks.Config{}, remember)
		r.sell(t, 50)
		for i := range 50 {
			_, err := r.engine.Do(t.Context(), saga.PlaceOrder{
				Items: []checkout.Item{{SKU: "MUG", Qty: 1}}, Currency: "INR", HoldTTL: time.Minute + time.Duration(i)*time.Second,
			})
			require.NoError(t, err)
		}
		time.Sleep(2 * time.Minute)
		r.runner.Start()
		time.Sleep(10 * time.Second)
		levels, err := r.store.Levels(t.Context(), "MUG")
		require.NoError(t, err)
		require.Equal(t, int64(50), levels[0].Available)
		r.close(t)
	})
}

// refusing is a store that writes nothing of one order.
type refusing struct {
	store.Store
	order atomic.Value // its id
}

type refusingTx struct {
	store.Tx
	s *refusing
}

func (s *refusing) Begin(ctx context.Context) (store.Tx, error) {
	tx, err := s.Store.Begin(ctx)
	return refusingTx{tx, s}, err
}

func (t refusingTx) Commit(ctx context.Context, save *store.Save) error {
	if slices.ContainsFunc(save.Orders, func(o *checkout.Order) bool { return o.ID == t.s.order.Load() }) {
		return errors.New("this row cannot be written")
	}
	return t.Tx.Commit(ctx, save)
}

// An order that cannot be ended does not keep those behind it from their end, and is
// tried again.
func TestAnOrderThatCannotBeEnded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &refusing{Store: memory.New(memory.Config{})}
		r := newRigOn(t, &inParts{s, time.Now()}, tasks.Config{}, remember)
		r.sell(t, 50)
		for i := range 50 {
			placed, err := r.engine.Do(t.Context(), saga.PlaceOrder{
				Items: []checkout.Item{{SKU: "MUG", Qty: 1}}, Currency: "INR", HoldTTL: time.Minute + time.Duration(i)*time.Second,
			})
			require.NoError(t, err)
			if i == 2 {
				s.order.Store(placed.Order.ID)
			}
		}
		available := func() int64 {
			levels, err := r.store.Levels(t.Context(), "MUG")
			require.NoError(t, err)
			return levels[0].Available
		}
		time.Sleep(2 * time.Minute)
		r.runner.Start()
		time.Sleep(10 * time.Second)
		require.Equal(t, int64(49), available())
		s.order.Store(checkout.ID{})
		time.Sleep(10 * time.Second)
		require.Equal(t, int64(50), available())
		r.close(t)
	})
}

// Orders that wait for a gateway to close their attempts make room for those
// behind them, however many they are.
func TestClosingOrdersDoNotHoldUpTheSweep(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, tasks.Config{}, remember)
		ctx := t.Context()
		r.sell(t, 5000)
		place := func() checkout.ID {
			res, err := r.engine.Do(ctx, saga.PlaceOrder{Items: []checkout.Item{{SKU: "MUG", Qty: 1}}, Currency: "INR", HoldTTL: 20 * time.Minute})
			require.NoError(t, err)
			return res.Order.ID
		}
		for range 2100 { // more than two sweeps take at once
			id := place()
			_, err := r.engine.Do(ctx, saga.InitiatePayment{
				OrderID: id, Amount: "1.00", Method: checkout.MethodCard, IdempotencyKey: "k", RequestHash: "h",
				Routes: []saga.Route{{Gateway: "slow", Methods: []checkout.Method{checkout.MethodCard}, Closable: true}},
			})
			require.NoError(t, err)
		}
		behind := place()
		r.runner.Start()
		time.Sleep(20*time.Minute + 5*time.Second)
		o, err := r.store.Order(ctx, behind)
		require.NoError(t, err)
		require.Equal(t, checkout.OrderExpired, o.Status, "it needs no gateway and waits for nobody")
		time.Sleep(checkout.ClosePatience + 5*time.Second)
		levels, err := r.store.Levels(ctx, "MUG")
		require.NoError(t, err)
		require.Equal(t, int64(5000), levels[0].Available, "after their patience all the others have ended too")
		r.close(t)
	})
}

// A result that the database refuses again and again ends with an operator.
func TestAResultThatCannotBeCommittedEndsWithAnOperator(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var tries atomic.Int64
		r := newRig(t, tasks.Config{}, func(*rig) tasks.Handler {
			return func(context.Context, checkout.Task) error {
				tries.Add(1)
				return errors.New("the charge stands in another payment")
			}
		})
		r.owe(t, 1, time.Now(), time.Time{})
		r.runner.Start()
		time.Sleep(6 * time.Hour)
		require.Equal(t, int64(saga.Backoff.Limit), tries.Load())
		waiting, err := r.store.Attention(t.Context(), checkout.ID{}, 10)
		require.NoError(t, err)
		require.Len(t, waiting, 1)
		require.Contains(t, waiting[0].LastError, "another payment")
		r.close(t)
	})
}

// purged notes up to when answers were purged.
type purged struct {
	store.Store
	before []time.Time
}

func (p *purged) PurgeAnswers(ctx context.Context, before time.Time, limit int) (int, error) {
	p.before = append(p.before, before)
	return p.Store.PurgeAnswers(ctx, before, limit)
}

// How long an answer was kept is told by the database's clock: a process whose own one
// is days ahead must not forget answers that were promised to be kept.
func TestAnswersAreKeptByTheDatabasesClock(t *testing.T) {
	t.Parallel()
	for name, ahead := range map[string]time.Duration{"ahead": 100 * time.Hour, "behind": -100 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				now := func() time.Time { return time.Now().Add(-ahead) }
				p := &purged{Store: memory.New(memory.Config{Now: now})}
				r := newRigOn(t, p, tasks.Config{Retain: 48 * time.Hour}, remember)
				r.runner.Start()
				time.Sleep(3 * time.Minute)
				r.close(t)
				require.NotEmpty(t, p.before)
				for _, before := range p.before {
					require.WithinRange(t, before, now().Add(-48*time.Hour-5*time.Minute), now().Add(-48*time.Hour))
				}
			})
		})
	}
}
