package engine_test

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"kassa/checkout"
	"kassa/engine"
	"kassa/money"
	"kassa/saga"
	"kassa/store"
	"kassa/store/memory"
)

func TestMain(m *testing.M) {
	debug.SetGCPercent(400) // as the command does; the benchmarks are to show what it does
	goleak.VerifyTestMain(m)
}

// bench is an engine on a memory store with one product, MUG, of which stock
// units are there.
type bench struct {
	engine *engine.Engine
	store  store.Store
	mu     sync.Mutex
	tasks  []checkout.Task
}

func newBench(t *testing.T, s store.Store, stock int64) *bench {
	t.Helper()
	return newBenchOf(t, engine.Config{Store: s}, stock)
}

func newBenchOf(t *testing.T, cfg engine.Config, stock int64) *bench {
	t.Helper()
	b := &bench{store: cfg.Store}
	b.engine = engine.New(cfg, func(tasks []checkout.Task) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.tasks = append(b.tasks, tasks...)
	})
	t.Cleanup(func() { require.NoError(t, b.engine.Close(context.Background())) })
	_, err := b.engine.Do(t.Context(), saga.SaveProduct{Product: checkout.Product{
		SKU: "MUG", Name: "Mug", Active: true, Prices: map[money.Currency]int64{"INR": 49950},
	}})
	require.NoError(t, err)
	_, err = b.engine.Do(t.Context(), saga.AdjustStock{SKU: "MUG", Warehouse: checkout.MainWarehouse, Delta: stock, Reason: "delivery"})
	require.NoError(t, err)
	return b
}

func order(qty int64) saga.PlaceOrder {
	return saga.PlaceOrder{
		Items: []checkout.Item{{SKU: "MUG", Qty: qty}}, Currency: "INR", HoldTTL: time.Minute,
		Details: checkout.OrderDetails{Customer: checkout.Customer{Email: "asha@example.com", Name: "Asha"}},
	}
}

func (b *bench) level(t *testing.T) checkout.Level {
	t.Helper()
	levels, err := b.store.Levels(t.Context(), "MUG")
	require.NoError(t, err)
	require.Len(t, levels, 1)
	return levels[0]
}

func TestOneUnitShortEverybodyElseIsServed(t *testing.T) {
	t.Parallel()
	b := newBench(t, memory.New(memory.Config{}), 50)
	var sold, refused atomic.Int64
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			qty := int64(1 + i%2)
			_, err := b.engine.Do(t.Context(), order(qty))
			switch {
			case err == nil:
				sold.Add(qty)
			case checkout.CodeOf(err) == checkout.CodeOutOfStock:
				refused.Add(1)
			default:
				t.Errorf("unexpected: %v", err)
			}
		})
	}
	wg.Wait()
	level := b.level(t)
	require.Equal(t, sold.Load(), level.Locked)
	require.Equal(t, int64(50), level.Available+level.Locked)
	require.LessOrEqual(t, level.Available, int64(0))
	require.Positive(t, refused.Load())
}

func TestAnAnswerIsKeptForItsKey(t *testing.T) {
	t.Parallel()
	b := newBench(t, memory.New(memory.Config{}), 50)
	submit := func(key, hash string, qty int64) (engine.Reply, error) {
		return b.engine.Submit(t.Context(), engine.Submission{
			Command: order(qty), Key: &engine.Key{KeyID: checkout.KeyID{Scope: "checkout", Key: key}, RequestHash: hash},
			Render: func(r saga.Result) (checkout.Answer, error) {
				return checkout.Answer{Status: 201, Body: []byte(r.Order.ID.String())}, nil
			},
		})
	}
	var wg sync.WaitGroup
	bodies := make([]string, 50)
	var replays atomic.Int64
	for i := range bodies {
		wg.Go(func() {
			reply, err := submit("a", "1", 1)
			if err != nil {
				t.Error(err)
				return
			}
			bodies[i] = string(reply.Answer.Body)
			if reply.Replayed {
				replays.Add(1)
			}
		})
	}
	wg.Wait()
	for _, body := range bodies {
		require.Equal(t, bodies[0], body)
	}
	require.Equal(t, int64(49), replays.Load())
	require.Equal(t, int64(1), b.level(t).Locked, "one order")

	_, err := submit("a", "2", 2)
	require.Equal(t, checkout.CodeKeyReused, checkout.CodeOf(err))

	_, err = submit("b", "3", 1000)
	require.Equal(t, checkout.CodeOutOfStock, checkout.CodeOf(err))
	_, err = submit("b", "4", 1)
	require.NoError(t, err, "a refusal is not kept: the key is still free")
}

// initiate places an order and begins to pay it, which owes a task at once.
func (b *bench) initiate(t *testing.T) saga.Result {
	t.Helper()
	placed, err := b.engine.Do(t.Context(), order(1))
	require.NoError(t, err)
	res, err := b.engine.Do(t.Context(), saga.InitiatePayment{
		OrderID: placed.Order.ID, Amount: "499.50", Method: checkout.MethodCard, IdempotencyKey: "k", RequestHash: "h",
		Routes: []saga.Route{{Gateway: "stripe", Methods: []checkout.Method{checkout.MethodCard}, Closable: true}},
	})
	require.NoError(t, err)
	return res
}

// A task of a kind that another process runs is free as soon as it is there.
func TestATaskOfAnotherProcessIsNotLeased(t *testing.T) {
	t.Parallel()
	for name, kinds := range map[string][]checkout.TaskKind{"no kind": {}, "another kind": {checkout.TaskWebhook}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBenchOf(t, engine.Config{Store: memory.New(memory.Config{}), Kinds: kinds}, 5)
			res := b.initiate(t)
			claimed, err := b.store.ClaimTasks(t.Context(), []checkout.TaskKind{checkout.TaskInitiate}, checkout.ID{1}, 10, time.Minute)
			require.NoError(t, err)
			require.Len(t, claimed, 1)
			require.Equal(t, res.Payment.ID, claimed[0].ID)
			b.mu.Lock()
			defer b.mu.Unlock()
			require.Empty(t, b.tasks)
		})
	}
	t.Run("its own kind", func(t *testing.T) {
		t.Parallel()
		b := newBenchOf(t, engine.Config{Store: memory.New(memory.Config{}), Kinds: []checkout.TaskKind{checkout.TaskInitiate}}, 5)
		res := b.initiate(t)
		b.mu.Lock()
		defer b.mu.Unlock()
		require.Len(t, b.tasks, 1)
		require.Equal(t, res.Payment.ID, b.tasks[0].ID)
	})
}

func TestATaskIsHandedOverOnceItsCommitIsDurable(t *testing.T) {
	t.Parallel()
	b := newBench(t, memory.New(memory.Config{}), 5)
	res := b.initiate(t)
	b.mu.Lock()
	defer b.mu.Unlock()
	require.Len(t, b.tasks, 1)
	require.Equal(t, checkout.TaskInitiate, b.tasks[0].Kind)
	require.Equal(t, res.Payment.ID, b.tasks[0].ID)
	stored, err := b.store.Task(t.Context(), res.Payment.ID)
	require.NoError(t, err)
	require.Equal(t, b.tasks[0].LeaseID, stored.LeaseID, "the row is leased to this process")
}

func TestAWatchSeesTheCommit(t *testing.T) {
	t.Parallel()
	b := newBench(t, memory.New(memory.Config{}), 5)
	placed, err := b.engine.Do(t.Context(), order(1))
	require.NoError(t, err)
	watch := b.engine.Watch(placed.Order.ID)
	defer watch.Close()
	go func() {
		_, err := b.engine.Do(t.Context(), saga.CancelOrder{OrderID: placed.Order.ID})
		if err != nil {
			t.Error(err)
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	o, err := watch.Until(ctx, func(o *checkout.Order) bool { return o.Status == checkout.OrderCancelled })
	require.NoError(t, err)
	require.Equal(t, checkout.OrderCancelled, o.Status)
}

func TestTwoCommandsForOneOrderInABatchSeeEachOther(t *testing.T) {
	t.Parallel()
	b := newBench(t, memory.New(memory.Config{}), 5)
	cart, err := b.engine.Do(t.Context(), saga.SaveCart{Currency: "INR", Items: []checkout.Item{{SKU: "MUG", Qty: 2}}})
	require.NoError(t, err)
	ids := make([]checkout.ID, 50)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			c := order(1)
			c.CartID, c.Items = cart.Cart.ID, nil
			res, err := b.engine.Do(t.Context(), c)
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = res.Order.ID
		})
	}
	wg.Wait()
	for _, id := range ids {
		require.Equal(t, ids[0], id, "a cart has one live order")
	}
	require.Equal(t, int64(2), b.level(t).Locked)
}

func TestIDsCountUpAndNumbersDiffer(t *testing.T) {
	t.Parallel()
	b := newBench(t, memory.New(memory.Config{}), 1000)
	numbers := map[string]bool{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 500 {
		wg.Go(func() {
			res, err := b.engine.Do(t.Context(), order(1))
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if number := res.Order.ID.Number(); numbers[number] {
				t.Error(fmt.Errorf("two orders have the number %s", number))
			} else {
				numbers[number] = true
			}
		})
	}
	wg.Wait()
	require.Len(t, numbers, 500)
}

// A command whose answer cannot be rendered without a panic gets an error; the
// others of its batch are committed.
func TestAPanicHarmsNoNeighbour(t *testing.T) {
	t.Parallel()
	b := newBench(t, memory.New(memory.Config{}), 500)
	var wg sync.WaitGroup
	var failed atomic.Int64
	for i := range 100 {
		wg.Go(func() {
			_, err := b.engine.Submit(t.Context(), engine.Submission{
				Command: order(1),
				Key:     &engine.Key{KeyID: checkout.KeyID{Scope: "s", Key: fmt.Sprint(i)}, RequestHash: "h"},
				Render: func(saga.Result) (checkout.Answer, error) {
					if i == 57 {
						panic("a bug")
					}
					return checkout.Answer{Status: 201}, nil
				},
			})
			if err != nil {
				failed.Add(1)
			}
		})
	}
	wg.Wait()
	require.Equal(t, int64(1), failed.Load())
	require.Equal(t, int64(99), b.level(t).Locked)
}
