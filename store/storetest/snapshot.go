package storetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"kassa/checkout"
	"kassa/saga"
	"kassa/store"
)

func openSnapshot(t *testing.T, s store.Store) store.Snapshot {
	t.Helper()
	snap, err := s.Snapshot(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, snap.Close()) })
	return snap
}

func testSnapshot(t *testing.T, h Harness) {
	t.Run("pages", func(t *testing.T) { t.Parallel(); snapshotPages(t, h.Open(t)) })
	t.Run("held", func(t *testing.T) { t.Parallel(); snapshotHeld(t, h.Open(t)) })
	t.Run("find", func(t *testing.T) { t.Parallel(); snapshotFind(t, h.Open(t)) })
	t.Run("find nothing", func(t *testing.T) { t.Parallel(); snapshotFindNothing(t, h.Open(t)) })
	t.Run("one moment", func(t *testing.T) { t.Parallel(); oneMoment(t, h.Open(t)) })
	t.Run("while others write", func(t *testing.T) { t.Parallel(); whileOthersWrite(t, h.handles(t)) })
}

// snapshotPages walks every list in small pages.
func snapshotPages(t *testing.T, s store.Store) {
	orders := someOrders(t, s)
	var levels []checkout.Level
	var adjusted []store.Adjusted
	var adjustments []checkout.Adjustment
	save := store.Save{}
	for i := range 9 {
		l := filled[checkout.Level](t)
		l.SKU, l.Warehouse = fmt.Sprintf("SKU-%d", i/3), fmt.Sprintf("w%d", i%3)
		levels = append(levels, l)
		for _, delta := range []int64{int64(i + 10), -3} {
			a := filled[checkout.Adjustment](t)
			a.SKU, a.Warehouse, a.Delta = l.SKU, l.Warehouse, delta
			adjustments = append(adjustments, a)
		}
		adjusted = append(adjusted, store.Adjusted{Key: l.Key(), Sum: int64(i + 7)})
		save.NewHolds = append(save.NewHolds, newHold(fmt.Sprintf("s%d", i)))
		save.NewCarts = append(save.NewCarts, newCart())
		save.Tasks = append(save.Tasks, newTask(epoch))
		save.NewWebhooks = append(save.NewWebhooks, newWebhook(fmt.Sprintf("evt_%d", i)))
	}
	save.NewLevels, save.Adjustments = levels, adjustments
	commit(t, s, save)

	snap := openSnapshot(t, s)
	require.False(t, snap.Now().IsZero())
	require.Equal(t, levels, walk(t, 2, checkout.StockKey{}, checkout.Level.Key, snap.Levels))
	require.Equal(t, adjusted, walk(t, 2, checkout.StockKey{}, func(a store.Adjusted) checkout.StockKey { return a.Key }, snap.Adjusted))
	require.Equal(t, save.NewHolds, walk(t, 3, "", func(h *checkout.Hold) string { return h.SessionID }, snap.Holds))
	require.Equal(t, save.NewCarts, walk(t, 4, checkout.ID{}, func(c *checkout.Cart) checkout.ID { return c.ID }, snap.Carts))
	require.Equal(t, orders, walk(t, 5, checkout.ID{}, func(o *checkout.Order) checkout.ID { return o.ID }, snap.Orders))
	require.Equal(t, save.Tasks, walk(t, 4, checkout.ID{}, func(task checkout.Task) checkout.ID { return task.ID }, snap.Tasks))
	require.Equal(t, save.NewWebhooks, walk(t, 9, checkout.ID{}, func(w *checkout.WebhookRecord) checkout.ID { return w.ID }, snap.Webhooks))
	log := wholeLog(t, s)
	require.Len(t, log, 3)
	for i := range log {
		log[i].Events = nil
	}
	require.Equal(t, log, walk(t, 2, int64(0), func(e checkout.LogEntry) int64 { return e.Position }, snap.Batches))
	last, err := snap.Last(bounded(t))
	require.NoError(t, err)
	require.Equal(t, store.LastKeys{
		Cart: save.NewCarts[8].ID, Order: orders[11].ID, Task: save.Tasks[8].ID, Webhook: save.NewWebhooks[8].ID, Session: "s8",
	}, last)
}

// snapshotHeld sums what sessions hold: the same as others, several things, what
// needs quotes, and nothing.
func snapshotHeld(t *testing.T, s store.Store) {
	key := func(sku, warehouse string) checkout.StockKey {
		return checkout.StockKey{SKU: sku, Warehouse: warehouse}
	}
	var save store.Save
	want := map[checkout.StockKey]int64{}
	hold := func(keys ...checkout.StockKey) {
		h := newHold(fmt.Sprintf("s%d", len(save.NewHolds)))
		h.Allocations = nil
		for i, k := range keys {
			h.Allocations = append(h.Allocations, checkout.Allocation{SKU: k.SKU, Warehouse: k.Warehouse, Qty: int64(i + 2)})
			want[k] += int64(i + 2)
		}
		save.NewHolds = append(save.NewHolds, h)
	}
	for range 3 {
		hold(key("A", "main"))
		hold(key("a", "main"), key("A", "main"), key("A", "east"))
	}
	hold(key("‘ü’\"\\", "w\"1"), key("B", "main"))
	hold()
	commit(t, s, save)

	snap := openSnapshot(t, s)
	held, err := snap.Held(bounded(t))
	require.NoError(t, err)
	require.Equal(t, want, held)
}

// snapshotFind looks everything up by every key that there is, beside a key of
// nothing.
func snapshotFind(t *testing.T, s store.Store) {
	orders := someOrders(t, s)
	cart, event := newCart(), newWebhook("evt")
	commit(t, s, store.Save{NewCarts: []*checkout.Cart{cart, newCart()}, NewWebhooks: []*checkout.WebhookRecord{event, newWebhook("other")}})
	task, asked, another := newTask(epoch), newTask(epoch), newTask(epoch)
	asked.Attention, another.Attention = true, true
	quiet := newTask(epoch)
	quiet.OrderID = asked.OrderID
	paid := newPayment(orders[1])
	paid.Status, paid.Captured, paid.ChargeID = checkout.PaymentSucceeded, paid.Amount, "ch_1"
	batch := newID(epoch)
	commit(t, s, store.Save{
		BatchID: batch, Tasks: []checkout.Task{task, asked, another, quiet}, NewPayments: []checkout.Payment{paid},
		Events: []checkout.Event{{OrderID: orders[1].ID, Seq: 1, Type: "payment.succeeded", At: epoch}},
	})

	nobody := newID(epoch)
	found, err := openSnapshot(t, s).Find(bounded(t), store.FindKeys{
		Orders: []checkout.ID{orders[0].ID, nobody, orders[1].ID}, Carts: []checkout.ID{cart.ID, nobody}, Tasks: []checkout.ID{task.ID, nobody},
		Attended: []checkout.ID{asked.OrderID, nobody}, Webhooks: []checkout.ID{event.ID, nobody}, Batches: []checkout.ID{batch, nobody},
		Charges: []store.ChargeKey{{Gateway: "stripe", ChargeID: "ch_1"}, {Gateway: "stripe", ChargeID: "ch_2"}, {Gateway: "manual", ChargeID: "ch_1"}},
		Events:  []checkout.WebhookKey{{Gateway: "stripe", Key: "evt"}, {Gateway: "stripe", Key: "ch_1"}},
	})
	require.NoError(t, err)
	first, second := orders[0].Clone(), orders[1].Clone()
	first.Details, second.Details = nil, nil
	second.Payments = []checkout.Payment{paid}
	require.Len(t, found.Batches, 1)
	require.Len(t, found.Batches[0].Events, 1)
	require.Positive(t, found.Batches[0].Position)
	require.Equal(t, batch, found.Batches[0].BatchID)
	found.Batches = nil
	slices.SortFunc(found.Orders, func(a, b *checkout.Order) int { return a.ID.Compare(b.ID) })
	slices.SortFunc(found.Tasks, func(a, b checkout.Task) int { return a.ID.Compare(b.ID) })
	require.Equal(t, store.Found{
		Orders: []*checkout.Order{first, second}, Carts: []*checkout.Cart{cart}, Tasks: []checkout.Task{task, asked},
		Webhooks: []*checkout.WebhookRecord{event},
		Charges:  []store.Charged{{ChargeKey: store.ChargeKey{Gateway: "stripe", ChargeID: "ch_1"}, Payment: paid.ID}},
		Events:   []store.Stored{{WebhookKey: checkout.WebhookKey{Gateway: "stripe", Key: "evt"}, ID: event.ID}},
	}, found)
}

// snapshotFindNothing asks for nothing, and asks an empty store.
func snapshotFindNothing(t *testing.T, s store.Store) {
	snap, nobody := openSnapshot(t, s), []checkout.ID{newID(epoch)}
	for _, keys := range []store.FindKeys{{}, {
		Orders: nobody, Carts: nobody, Tasks: nobody, Attended: nobody, Webhooks: nobody, Batches: nobody,
		Charges: []store.ChargeKey{{Gateway: "stripe", ChargeID: "ch_1"}}, Events: []checkout.WebhookKey{{Gateway: "stripe", Key: "evt"}},
	}} {
		found, err := snap.Find(bounded(t), keys)
		require.NoError(t, err)
		require.Equal(t, store.Found{}, found)
	}
	last, err := snap.Last(bounded(t))
	require.NoError(t, err)
	require.Equal(t, store.LastKeys{}, last)
}

// oneMoment checks that a snapshot sees nothing of what comes after it.
func oneMoment(t *testing.T, s store.Store) {
	o := newOrder()
	commit(t, s, store.Save{NewOrders: []*checkout.Order{o}, NewLevels: []checkout.Level{level("A", 5)}})
	snap := openSnapshot(t, s)
	ctx := bounded(t)

	changed := o.Clone()
	changed.Status = checkout.OrderCancelled
	commit(t, s, store.Save{
		Orders: []*checkout.Order{changed}, NewOrders: []*checkout.Order{newOrder()}, NewPayments: []checkout.Payment{newPayment(o)},
		Levels: []checkout.Level{level("A", 4)}, NewHolds: []*checkout.Hold{newHold("s")}, NewCarts: []*checkout.Cart{newCart()},
		Tasks: []checkout.Task{newTask(epoch)}, NewWebhooks: []*checkout.WebhookRecord{newWebhook("evt")},
		Adjustments: []checkout.Adjustment{filled[checkout.Adjustment](t)},
	})
	orders, err := snap.Orders(ctx, checkout.ID{}, 10)
	require.NoError(t, err)
	require.Equal(t, []*checkout.Order{o}, orders)
	levels, err := snap.Levels(ctx, checkout.StockKey{}, 10)
	require.NoError(t, err)
	require.Equal(t, []checkout.Level{level("A", 5)}, levels)
	counters, err := snap.Counters(ctx)
	require.NoError(t, err)
	require.Equal(t, map[string]int64{"events": 1}, counters)
	entries, err := snap.Log(ctx, 0, 10)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	found, err := snap.Find(ctx, store.FindKeys{Orders: []checkout.ID{o.ID}})
	require.NoError(t, err)
	require.Equal(t, checkout.OrderPending, found.Orders[0].Status)
	require.Empty(t, found.Orders[0].Payments)
	last, err := snap.Last(ctx)
	require.NoError(t, err)
	require.Equal(t, store.LastKeys{Order: o.ID}, last)
	for name, count := range map[string]func() (int, error){
		"holds":    func() (int, error) { rows, err := snap.Holds(ctx, "", 10); return len(rows), err },
		"carts":    func() (int, error) { rows, err := snap.Carts(ctx, checkout.ID{}, 10); return len(rows), err },
		"tasks":    func() (int, error) { rows, err := snap.Tasks(ctx, checkout.ID{}, 10); return len(rows), err },
		"webhooks": func() (int, error) { rows, err := snap.Webhooks(ctx, checkout.ID{}, 10); return len(rows), err },
		"held":     func() (int, error) { held, err := snap.Held(ctx); return len(held), err },
		"adjusted": func() (int, error) { rows, err := snap.Adjusted(ctx, checkout.StockKey{}, 10); return len(rows), err },
	} {
		n, err := count()
		require.NoError(t, err, name)
		require.Zero(t, n, name)
	}
}

// whileOthersWrite moves units between levels, never making or losing one, and
// checks that every snapshot counts them all.
func whileOthersWrite(t *testing.T, handles []store.Store) {
	const units = 100
	var skus []string
	for i := range 6 {
		skus = append(skus, fmt.Sprintf("SKU-%d", i))
	}
	stock(t, handles[0], units, skus...)
	group, ctx := errgroup.WithContext(bounded(t))
	stop := make(chan struct{})
	for worker := range 3 {
		group.Go(func() error {
			random := rand.New(rand.NewPCG(1, uint64(worker))) //nolint:gosec // not a secret
			for {
				select {
				case <-stop:
					return nil
				default:
				}
				if err := move(ctx, handles[worker%len(handles)], skus, random); err != nil {
					return err
				}
			}
		})
	}
	for range rounds() {
		checkSnapshot(t, handles[0], units*int64(len(skus)))
	}
	close(stop)
	require.NoError(t, group.Wait())
}

func move(ctx context.Context, s store.Store, skus []string, random *rand.Rand) error {
	pair := random.Perm(len(skus))[:2]
	slices.Sort(pair)
	from, to := skus[pair[0]], skus[pair[1]]
	return transact(ctx, s, saga.Keys{Stock: []string{from, to}}, func(state *saga.State) *store.Save {
		a, b := state.Stock[from][0], state.Stock[to][0]
		if a.Available == 0 {
			return nil
		}
		a.Available--
		b.Available++
		return &store.Save{Levels: []checkout.Level{a, b}}
	})
}

func checkSnapshot(t *testing.T, s store.Store, want int64) {
	t.Helper()
	snap, err := s.Snapshot(bounded(t))
	require.NoError(t, err)
	var sum int64
	for _, l := range walk(t, 1, checkout.StockKey{}, checkout.Level.Key, snap.Levels) {
		sum += l.Available
	}
	require.Equal(t, want, sum)
	counters, err := snap.Counters(bounded(t))
	require.NoError(t, err)
	entries := walk(t, 100, int64(0), func(e checkout.LogEntry) int64 { return e.Position }, snap.Log)
	require.Equal(t, counters["events"], int64(len(entries)))
	require.NoError(t, snap.Close())
}
