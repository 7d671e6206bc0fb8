package engine_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/stretchr/testify/require"

	"kassa/batch"
	"kassa/checkout"
	"kassa/engine"
	"kassa/hold"
	"kassa/hold/redis"
	"kassa/saga"
	"kassa/store"
	"kassa/store/memory"
)

// gated is a bench behind an admission gate.
type gated struct {
	*bench
	gate    hold.Gate
	batches atomic.Int64
	asks    sync.Map // outcome: *atomic.Int64
}

// behindGate starts another engine on a store and a gate.
func behindGate(t *testing.T, s store.Store, url string) *gated {
	t.Helper()
	g := &gated{bench: &bench{store: s}}
	var err error
	g.gate, err = redis.Open(redis.Config{URL: url, Name: "test", Timeout: 10 * time.Second})
	require.NoError(t, err)
	g.engine = engine.New(engine.Config{
		Store: s, Gate: g.gate,
		OnAsk: func(outcome string) {
			n, _ := g.asks.LoadOrStore(outcome, new(atomic.Int64))
			n.(*atomic.Int64).Add(1) //nolint:forcetypeassert // put above
		},
		Batch: batch.Config{Retries: 30, OnCommit: func(int, time.Duration) { g.batches.Add(1) }},
	}, func([]checkout.Task) {})
	t.Cleanup(func() {
		require.NoError(t, g.engine.Close(context.Background()))
		g.gate.Close()
	})
	return g
}

func newGated(t *testing.T, stock int64) (*gated, *miniredis.Miniredis) {
	t.Helper()
	server := miniredis.RunT(t)
	s := memory.New(memory.Config{})
	newBench(t, s, stock) // fills the store
	g := behindGate(t, s, "redis://"+server.Addr())
	g.awaitFilled(t)
	return g, server
}

func (g *gated) awaitFilled(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		_, err := g.gate.Admit(t.Context(), []hold.Admission{{}})
		known, levelErr := g.gate.Levels(t.Context(), []string{"MUG"})
		return err == nil && levelErr == nil && len(known) == 1
	}, 10*time.Second, 5*time.Millisecond)
}

func (g *gated) asked(outcome string) int64 {
	n, ok := g.asks.Load(outcome)
	if !ok {
		return 0
	}
	return n.(*atomic.Int64).Load() //nolint:forcetypeassert // see OnAsk
}

// known is what the gate says is for sale, once it says so.
func (g *gated) known(t *testing.T, available int64) {
	t.Helper()
	require.Eventually(t, func() bool {
		known, err := g.gate.Levels(t.Context(), []string{"MUG"})
		return err == nil && known["MUG"].Available == available
	}, 10*time.Second, time.Millisecond)
}

func lock(session string, qty int64) saga.HoldStock {
	return saga.HoldStock{SessionID: session, Items: []checkout.Item{{SKU: "MUG", Qty: qty}}, TTL: time.Minute}
}

// Two engines, one store, one gate: of many who try once each exactly as many are
// served as there are units, and nobody is refused while one is left.
func TestEveryUnitIsSoldBehindAGate(t *testing.T) {
	t.Parallel()
	for _, stock := range []int64{1, 7, 50} {
		g, server := newGated(t, stock)
		other := behindGate(t, g.store, "redis://"+server.Addr())
		var sold, refused atomic.Int64
		var wg sync.WaitGroup
		for i := range 400 {
			e := g.engine
			if i%2 == 1 {
				e = other.engine
			}
			wg.Go(func() {
				_, err := e.Do(t.Context(), order(1))
				switch {
				case err == nil:
					sold.Add(1)
				case checkout.CodeOf(err) == checkout.CodeOutOfStock:
					refused.Add(1)
				default:
					t.Errorf("unexpected: %v", err)
				}
			})
		}
		wg.Wait()
		require.Equal(t, stock, sold.Load())
		require.Equal(t, 400-stock, refused.Load())
		require.Equal(t, stock, g.level(t).Locked)
	}
}

// The gate refuses in the words of the batch, and without it.
func TestSoldOutIsAnsweredByTheGate(t *testing.T) {
	t.Parallel()
	g, _ := newGated(t, 2)
	_, err := g.engine.Do(t.Context(), order(2))
	require.NoError(t, err)
	g.known(t, 0)
	before := g.batches.Load()
	for range 20 {
		_, err = g.engine.Do(t.Context(), order(3))
		require.Equal(t, checkout.OutOfStock([]checkout.Shortage{{SKU: "MUG", Requested: 3, Available: 0}}), err)
	}
	require.EqualValues(t, 20, g.asked(engine.AskSoldOut))
	require.Equal(t, before, g.batches.Load())
}

// Whoever has had an answer, or holds the units himself, is not told that others have
// them.
func TestTheGateRefusesNobodyWhoWasServed(t *testing.T) {
	t.Parallel()
	g, _ := newGated(t, 3)
	keyed := engine.Submission{
		Command: order(1), Key: &engine.Key{KeyID: checkout.KeyID{Scope: "checkout", Key: "a"}, RequestHash: "1"},
		Render: func(r saga.Result) (checkout.Answer, error) {
			return checkout.Answer{Status: 201, Order: r.Order.ID}, nil
		},
	}
	first, err := g.engine.Submit(t.Context(), keyed)
	require.NoError(t, err)
	cart, err := g.engine.Do(t.Context(), saga.SaveCart{Currency: "INR", Items: []checkout.Item{{SKU: "MUG", Qty: 1}}})
	require.NoError(t, err)
	byCart := order(1)
	byCart.Items, byCart.CartID = nil, cart.Cart.ID
	ordered, err := g.engine.Do(t.Context(), byCart)
	require.NoError(t, err)
	held, err := g.engine.Do(t.Context(), lock("session-0123456789", 1))
	require.NoError(t, err)
	g.known(t, 0)

	again, err := g.engine.Submit(t.Context(), keyed)
	require.NoError(t, err)
	require.True(t, again.Replayed)
	require.Equal(t, first.Answer, again.Answer)
	same, err := g.engine.Do(t.Context(), byCart)
	require.NoError(t, err)
	require.Equal(t, ordered.Order.ID, same.Order.ID)
	kept, err := g.engine.Do(t.Context(), lock("session-0123456789", 1))
	require.NoError(t, err)
	require.Equal(t, held.Hold.ID, kept.Hold.ID)
	adopting := order(1)
	adopting.SessionID = "session-0123456789"
	_, err = g.engine.Do(t.Context(), adopting)
	require.NoError(t, err)

	other := keyed
	other.Key = &engine.Key{KeyID: checkout.KeyID{Scope: "checkout", Key: "b"}, RequestHash: "1"}
	_, err = g.engine.Submit(t.Context(), other)
	require.Equal(t, checkout.CodeOutOfStock, checkout.CodeOf(err))
	require.EqualValues(t, 3, g.level(t).Locked)
}

// What was put back can be had by whoever asks after the answer.
func TestReleasedUnitsAreOnSaleAtOnce(t *testing.T) {
	t.Parallel()
	g, _ := newGated(t, 1)
	for range 100 {
		_, err := g.engine.Do(t.Context(), lock("session-0123456789", 1))
		require.NoError(t, err)
		_, err = g.engine.Do(t.Context(), saga.ReleaseHold{SessionID: "session-0123456789"})
		require.NoError(t, err)
	}
	require.Zero(t, g.asked(engine.AskSoldOut))
}

// A command that is refused for another reason gives its units back.
func TestARefusedCommandKeepsNoUnits(t *testing.T) {
	t.Parallel()
	g, _ := newGated(t, 1)
	wrong := order(1)
	wrong.Currency = "USD" // in which it has no price
	for range 3 {
		_, err := g.engine.Do(t.Context(), wrong)
		require.Error(t, err)
		require.NotEqual(t, checkout.CodeOutOfStock, checkout.CodeOf(err))
	}
	_, err := g.engine.Do(t.Context(), order(1))
	require.NoError(t, err)
	require.Zero(t, g.asked(engine.AskWaited))
}

// What was sold is no longer kept for its buyer: the level says it.
func TestASettledCommandKeepsNoUnits(t *testing.T) {
	t.Parallel()
	g, _ := newGated(t, 2)
	_, err := g.engine.Do(t.Context(), order(1))
	require.NoError(t, err)
	g.known(t, 1)
	next := hold.Admission{ID: checkout.NewID(time.Now(), [10]byte{1}), Items: []checkout.Item{{SKU: "MUG", Qty: 1}}}
	answers, err := g.gate.Admit(t.Context(), []hold.Admission{next})
	require.NoError(t, err)
	require.Equal(t, hold.Admitted, answers[0].Verdict)
}

// A gate that is away, empty or wrong costs no sale and sells nothing twice.
func TestTheGateMayFail(t *testing.T) {
	t.Parallel()
	g, server := newGated(t, 100)
	buy := func() {
		t.Helper()
		_, err := g.engine.Do(t.Context(), order(1))
		require.NoError(t, err)
	}
	buy()
	server.FlushAll()
	buy()
	g.awaitFilled(t)
	server.SetError("LOADING")
	buy()
	require.Positive(t, g.asked(engine.AskAway))
	server.SetError("")
	require.Eventually(t, func() bool {
		buy()
		return g.asked(engine.AskAdmitted) > 5
	}, 30*time.Second, 50*time.Millisecond)
	g.requireNoDrift(t)

	// It says that all is gone: somebody goes to see, within a moment.
	require.NoError(t, g.gate.Settle(t.Context(), hold.Settlement{Levels: []hold.Level{{SKU: "MUG", Available: 0, Position: 1 << 40}}}))
	drifts, _, err := engine.GateDrift(t.Context(), g.gate, g.store)
	require.NoError(t, err)
	require.Len(t, drifts, 1)
	require.Zero(t, drifts[0].Gate)
	require.Equal(t, g.level(t).Available, drifts[0].DB)
	require.Eventually(t, func() bool {
		_, err := g.engine.Do(t.Context(), order(1))
		return err == nil
	}, 10*time.Second, 20*time.Millisecond)

	// It says that there is plenty: the batch refuses.
	require.NoError(t, g.gate.Settle(t.Context(), hold.Settlement{Levels: []hold.Level{{SKU: "MUG", Available: 1000, Position: 1 << 41}}}))
	_, err = g.engine.Do(t.Context(), order(1000))
	require.Equal(t, checkout.CodeOutOfStock, checkout.CodeOf(err))
}

func (g *gated) requireNoDrift(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		drifts, skus, err := engine.GateDrift(t.Context(), g.gate, g.store)
		return err == nil && skus == 1 && len(drifts) == 0
	}, 30*time.Second, 50*time.Millisecond)
}
