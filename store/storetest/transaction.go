package storetest

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"kassa/checkout"
	"kassa/saga"
	"kassa/store"
)

func testSchema(t *testing.T, h Harness) {
	s := h.Open(t)
	ctx := bounded(t)
	have, want, err := s.Schema(ctx)
	require.NoError(t, err)
	require.Equal(t, want, have)
	require.Positive(t, want)
	stock(t, s, 5, "A")
	require.NoError(t, s.Migrate(ctx), "a second migration does nothing")
	again, _, err := s.Schema(ctx)
	require.NoError(t, err)
	require.Equal(t, have, again)
	levels, err := s.Levels(ctx, "A")
	require.NoError(t, err)
	require.Equal(t, []checkout.Level{level("A", 5)}, levels)

	require.NoError(t, s.Ping(ctx))
	require.NoError(t, s.Close())
	require.ErrorIs(t, s.Ping(ctx), store.ErrUnavailable)
}

func testLoad(t *testing.T, h Harness) {
	t.Run("absent", func(t *testing.T) { t.Parallel(); absentRows(t, h.Open(t)) })
	t.Run("several", func(t *testing.T) { t.Parallel(); severalRows(t, h.Open(t)) })
	t.Run("twice", func(t *testing.T) { t.Parallel(); loadTwice(t, h.Open(t)) })
	t.Run("position", func(t *testing.T) { t.Parallel(); loadsInOrder(t, h.handles(t)) })
}

// loadsInOrder has many raise one level, each by what it loaded: the position of a load
// is at least that of the commit that wrote what it found, and below its own.
func loadsInOrder(t *testing.T, handles []store.Store) {
	const rounds = 20
	stock(t, handles[0], 0, "A")
	found := make([]int64, 2*rounds+1) // the position at which so many were found
	var raisers errgroup.Group
	for _, s := range handles {
		raisers.Go(func() error {
			for range rounds {
				if err := raise(t, s, found); err != nil {
					return err
				}
			}
			return nil
		})
	}
	require.NoError(t, raisers.Wait())
	last, err := handles[0].Own(bounded(t), checkout.ID{})
	require.NoError(t, err)
	found[2*rounds] = last
	require.True(t, slices.IsSorted(found), "%v", found)
	require.Len(t, slices.Compact(slices.Clone(found)), 2*rounds+1, "each commit has a position of its own: %v", found)
}

func raise(t *testing.T, s store.Store, found []int64) error {
	ctx := bounded(t)
	tx, err := s.Begin(ctx)
	if err != nil {
		return err
	}
	state := saga.NewState()
	if err := tx.Load(ctx, saga.Keys{Stock: []string{"A"}}, state); err != nil {
		return err
	}
	l := state.Stock["A"][0]
	found[l.Available] = state.Position // it has the row to itself
	l.Available++
	l.Received++
	return tx.Commit(ctx, &store.Save{BatchID: newID(epoch), Levels: []checkout.Level{l}})
}

// absentRows checks that what was looked for and is not there is marked.
func absentRows(t *testing.T, s store.Store) {
	id := newID(epoch)
	keys := saga.Keys{
		Orders: []checkout.ID{id}, Carts: []checkout.ID{id}, Sessions: []string{"s"}, Customers: []string{"u"},
		Products: []string{"p"}, Stock: []string{"p"}, Answers: []checkout.KeyID{{Scope: "a", Key: "b"}},
		Webhooks: []checkout.WebhookKey{{Gateway: "g", Key: "k"}},
	}
	state := load(t, s, keys)
	missing := state.Missing(keys)
	require.True(t, missing.Empty(), "%+v is not marked", missing)
	require.Equal(t, map[checkout.ID]*checkout.Order{id: nil}, state.Orders)
	require.Equal(t, map[checkout.ID]*checkout.Cart{id: nil}, state.Carts)
	require.Equal(t, map[string]*checkout.Hold{"s": nil}, state.Holds)
	require.Equal(t, map[string]*checkout.Customer{"u": nil}, state.Customers)
	require.Equal(t, map[string]*checkout.Product{"p": nil}, state.Products)
	require.Equal(t, map[string][]checkout.Level{"p": nil}, state.Stock)
	require.Equal(t, map[checkout.KeyID]*checkout.IdempotencyRecord{{Scope: "a", Key: "b"}: nil}, state.Answers)
	require.Equal(t, map[checkout.WebhookKey]*checkout.WebhookRecord{{Gateway: "g", Key: "k"}: nil}, state.Webhooks)
	require.False(t, state.Now.IsZero())
	require.Equal(t, state.Now.UTC(), state.Now)
}

// severalRows checks that each row answers its own key, and no other comes.
func severalRows(t *testing.T, s store.Store) {
	orders := []*checkout.Order{newOrder(), newOrder(), newOrder()}
	var payments []checkout.Payment
	var ids []checkout.ID
	for _, o := range orders {
		second := newPayment(o)
		second.Attempt = 2
		payments = append(payments, second, newPayment(o))
		ids = append(ids, o.ID)
	}
	commit(t, s, store.Save{NewOrders: orders, NewPayments: payments})
	state := load(t, s, saga.Keys{Orders: []checkout.ID{ids[2], ids[0]}})
	require.Len(t, state.Orders, 2)
	for i, at := range map[int]checkout.ID{0: ids[0], 2: ids[2]} {
		require.Equal(t, at, state.Orders[at].ID)
		require.Equal(t, []checkout.Payment{payments[2*i+1], payments[2*i]}, state.Orders[at].Payments)
		require.Nil(t, state.Orders[at].Details)
	}
}

func loadTwice(t *testing.T, s store.Store) {
	stock(t, s, 1, "A", "B")
	ctx := bounded(t)
	tx, err := s.Begin(ctx)
	require.NoError(t, err)
	state := saga.NewState()
	require.NoError(t, tx.Load(ctx, saga.Keys{Stock: []string{"A"}}, state))
	require.NoError(t, tx.Load(ctx, saga.Keys{Stock: []string{"B"}, Sessions: []string{"s"}}, state))
	require.Equal(t, map[string][]checkout.Level{"A": {level("A", 1)}, "B": {level("B", 1)}}, state.Stock)
	require.Contains(t, state.Holds, "s")
	require.NoError(t, tx.Commit(ctx, &store.Save{BatchID: newID(epoch), Levels: []checkout.Level{level("B", 7)}}))
	require.Equal(t, int64(7), load(t, s, saga.Keys{Stock: []string{"B"}}).Stock["B"][0].Available)
}

func testTransaction(t *testing.T, h Harness) {
	t.Run("rollback", func(t *testing.T) { t.Parallel(); rollback(t, h.Open(t)) })
	t.Run("spent", func(t *testing.T) { t.Parallel(); spent(t, h.Open(t)) })
	t.Run("all or nothing", func(t *testing.T) { t.Parallel(); allOrNothing(t, h.Open(t)) })
	t.Run("cancelled", func(t *testing.T) { t.Parallel(); cancelled(t, h.Open(t)) })
	t.Run("keys move in one batch", func(t *testing.T) { t.Parallel(); keysMove(t, h.Open(t)) })
}

func rollback(t *testing.T, s store.Store) {
	stock(t, s, 3, "A")
	ctx := bounded(t)
	tx, err := s.Begin(ctx)
	require.NoError(t, err)
	require.NoError(t, tx.Rollback(ctx), "a transaction that has loaded nothing")
	tx, err = s.Begin(ctx)
	require.NoError(t, err)
	require.NoError(t, tx.Load(ctx, saga.Keys{Stock: []string{"A"}}, saga.NewState()))
	require.NoError(t, tx.Rollback(ctx))
	require.NoError(t, tx.Rollback(ctx), "rolled back twice")
	require.Equal(t, []checkout.Level{level("A", 3)}, load(t, s, saga.Keys{Stock: []string{"A"}}).Stock["A"])
}

func spent(t *testing.T, s store.Store) {
	ctx := bounded(t)
	tx, err := s.Begin(ctx)
	require.NoError(t, err)
	require.NoError(t, tx.Commit(ctx, &store.Save{BatchID: newID(epoch), NewLevels: []checkout.Level{level("A", 1)}}))
	require.NoError(t, tx.Rollback(ctx))
	require.Error(t, tx.Load(ctx, saga.Keys{Stock: []string{"A"}}, saga.NewState()))
	require.Error(t, tx.Commit(ctx, &store.Save{BatchID: newID(epoch), NewLevels: []checkout.Level{level("B", 1)}}))
	levels, err := s.Levels(ctx, "B")
	require.NoError(t, err)
	require.Empty(t, levels)
	require.Len(t, load(t, s, saga.Keys{Stock: []string{"A"}}).Stock["A"], 1)
}

// allOrNothing puts one bad row into a batch that touches every table.
func allOrNothing(t *testing.T, s store.Store) {
	stock(t, s, 3, "A")
	o, hold := newOrder(), newHold("s")
	o.InvoiceSeries = "2026"
	customer := filled[checkout.Customer](t)
	product := filled[checkout.Product](t)
	p := newPayment(o)
	task, webhook, cart, answer := newTask(epoch), newWebhook("evt_1"), newCart(), newAnswer("k")
	save := store.Save{
		NewOrders: []*checkout.Order{o}, NewPayments: []checkout.Payment{p}, NewRefunds: []checkout.Refund{newRefund(p)},
		NewCarts: []*checkout.Cart{cart}, NewHolds: []*checkout.Hold{hold}, NewCustomers: []*checkout.Customer{&customer},
		NewProducts: []*checkout.Product{&product}, NewLevels: []checkout.Level{level("B", 1)},
		Adjustments: []checkout.Adjustment{filled[checkout.Adjustment](t)}, NewWebhooks: []*checkout.WebhookRecord{webhook},
		Tasks: []checkout.Task{task}, Answers: []checkout.IdempotencyRecord{answer}, Invoices: []*checkout.Order{o},
		Levels: []checkout.Level{level("A", -1)}, // refused
		Events: []checkout.Event{{OrderID: o.ID, Seq: 1, Type: "order.created", At: epoch}},
	}
	refuse(t, s, save)
	require.Zero(t, o.InvoiceSeq, "no number is given by a batch that failed")
	state := load(t, s, saga.Keys{
		Orders: []checkout.ID{o.ID}, Carts: []checkout.ID{cart.ID}, Sessions: []string{"s"}, Customers: []string{customer.UserID},
		Products: []string{product.SKU}, Stock: []string{"A", "B"}, Answers: []checkout.KeyID{answer.KeyID},
		Webhooks: []checkout.WebhookKey{{Gateway: "stripe", Key: "evt_1"}},
	})
	require.Nil(t, state.Orders[o.ID])
	require.Nil(t, state.Carts[cart.ID])
	require.Nil(t, state.Holds["s"])
	require.Nil(t, state.Customers[customer.UserID])
	require.Nil(t, state.Products[product.SKU])
	require.Nil(t, state.Answers[answer.KeyID])
	require.Nil(t, state.Webhooks[checkout.WebhookKey{Gateway: "stripe", Key: "evt_1"}])
	require.Equal(t, []checkout.Level{level("A", 3)}, state.Stock["A"])
	require.Empty(t, state.Stock["B"])
	_, err := s.Task(bounded(t), task.ID)
	require.ErrorIs(t, err, store.ErrNotFound)

	save.Levels, save.BatchID = nil, checkout.ID{}
	commit(t, s, save)
	_, whole := loadOrder(t, s, o.ID)
	require.Equal(t, int64(1), whole.InvoiceSeq, "the failed batch used no number")
}

// cancelled checks that a caller who goes away leaves a whole store behind.
func cancelled(t *testing.T, s store.Store) {
	stock(t, s, 3, "A")
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for range 5 {
		tx, err := s.Begin(gone)
		if err != nil {
			continue
		}
		require.Error(t, tx.Load(gone, saga.Keys{Stock: []string{"A"}}, saga.NewState()))
		require.NoError(t, tx.Rollback(t.Context()))
	}
	ctx := bounded(t)
	tx, err := s.Begin(ctx)
	require.NoError(t, err)
	require.NoError(t, tx.Load(ctx, saga.Keys{Stock: []string{"A"}}, saga.NewState()))
	require.Error(t, tx.Commit(gone, &store.Save{BatchID: newID(epoch), Levels: []checkout.Level{level("A", 9)}}))
	require.NoError(t, tx.Rollback(ctx))
	require.Equal(t, []checkout.Level{level("A", 3)}, load(t, s, saga.Keys{Stock: []string{"A"}}).Stock["A"])
	commit(t, s, store.Save{Levels: []checkout.Level{level("A", 4)}})
}

// keysMove checks that a key which one row gives up another takes in one batch.
func keysMove(t *testing.T, s store.Store) {
	cart := newCart()
	old := newOrder()
	old.CartID = cart.ID
	task := newTask(epoch)
	commit(t, s, store.Save{NewCarts: []*checkout.Cart{cart}, NewOrders: []*checkout.Order{old}, Tasks: []checkout.Task{task}})

	expired := old.Clone()
	expired.Status, expired.HoldStatus = checkout.OrderExpired, checkout.HoldExpired
	fresh := newOrder()
	fresh.CartID = cart.ID
	later := task
	later.Attempts = 3
	commit(t, s, store.Save{
		Orders: []*checkout.Order{expired}, NewOrders: []*checkout.Order{fresh},
		DropTasks: []saga.TaskDrop{{ID: task.ID}}, Tasks: []checkout.Task{later},
	})
	requireOrder(t, s, expired)
	requireOrder(t, s, fresh)
	read, err := s.Task(bounded(t), task.ID)
	require.NoError(t, err, "a task that is dropped and put again stays")
	require.Equal(t, later, read)
}
