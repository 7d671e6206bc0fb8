package engine_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/audit"
	"kassa/batch"
	"kassa/checkout"
	"kassa/engine"
	"kassa/money"
	"kassa/saga"
	"kassa/store"
	"kassa/store/memory"
)

// flaky is a store some of whose commits fail, in every way in which they can.
type flaky struct {
	store.Store
	mu     sync.Mutex
	random *rand.Rand
	one    int // of so many commits fails; 0: none
	failed int
	gate   chan struct{} // where it is set, each commit waits for one
}

func (f *flaky) Begin(ctx context.Context) (store.Tx, error) {
	tx, err := f.Store.Begin(ctx)
	return &flakyTx{tx, f}, err
}

func (f *flaky) fault() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.one == 0 || f.random.IntN(f.one) > 0 {
		return -1
	}
	f.failed++
	return f.random.IntN(4)
}

type flakyTx struct {
	store.Tx
	store *flaky
}

func (t *flakyTx) Commit(ctx context.Context, save *store.Save) error {
	if t.store.gate != nil {
		<-t.store.gate
	}
	switch t.store.fault() {
	case 0:
		return store.ErrRetry
	case 1:
		return store.ErrUnavailable
	case 2: // neither written nor said
		return store.ErrUnknownCommit
	case 3: // written and not said
		if err := t.Tx.Commit(ctx, save); err != nil {
			return err
		}
		return store.ErrUnknownCommit
	}
	return t.Tx.Commit(ctx, save)
}

// shop is engines on one store.
type shop struct {
	store   store.Store
	engines []*engine.Engine
}

func newShop(t *testing.T, s store.Store, engines int, stock int64) *shop {
	t.Helper()
	sh := &shop{store: s}
	for range engines {
		e := engine.New(engine.Config{Store: s, Batch: batch.Config{Retries: 30}}, func([]checkout.Task) {})
		t.Cleanup(func() { require.NoError(t, e.Close(context.Background())) })
		sh.engines = append(sh.engines, e)
	}
	for _, sku := range []string{"MUG", "TEE", "HAT"} {
		_, err := sh.engines[0].Do(t.Context(), saga.SaveProduct{Product: checkout.Product{
			SKU: sku, Name: sku, Active: true, Prices: map[money.Currency]int64{"INR": 49950},
		}})
		require.NoError(t, err)
		_, err = sh.engines[0].Do(t.Context(), saga.AdjustStock{SKU: sku, Warehouse: checkout.MainWarehouse, Delta: stock, Reason: "delivery"})
		require.NoError(t, err)
	}
	return sh
}

// engine is any of the engines.
func (s *shop) engine() *engine.Engine { return s.engines[rand.IntN(len(s.engines))] }

func place(sku, key string) engine.Submission {
	c := order(1)
	c.Items[0].SKU = sku
	return engine.Submission{
		Command: c, Key: &engine.Key{KeyID: checkout.KeyID{Scope: "checkout", Key: key}, RequestHash: "same"},
		Render: func(r saga.Result) (checkout.Answer, error) {
			return checkout.Answer{Status: 201, Body: r.Order.ID[:]}, nil
		},
	}
}

// life is one buyer's: an order with a repeated key, a payment, a webhook that
// comes twice, and now and then a change of mind at any point. Every step goes to
// any engine. A refusal for want of stock ends it.
func (s *shop) life(ctx context.Context, n int) error {
	sku := []string{"MUG", "TEE", "HAT"}[n%3]
	reply, err := s.engine().Submit(ctx, place(sku, fmt.Sprint("key ", n)))
	if checkout.CodeOf(err) == checkout.CodeOutOfStock {
		return nil
	}
	if err != nil {
		return fmt.Errorf("place: %w", err)
	}
	again, err := s.engine().Submit(ctx, place(sku, fmt.Sprint("key ", n)))
	if err != nil || string(again.Answer.Body) != string(reply.Answer.Body) || !again.Replayed {
		return fmt.Errorf("a repeated key made another order: %w", err)
	}
	id := checkout.ID(reply.Answer.Body)
	if n%7 == 0 {
		_, err := s.engine().Do(ctx, saga.CancelOrder{OrderID: id})
		return err
	}
	p, err := s.pay(ctx, id, n)
	if err != nil || n%11 > 0 {
		return err
	}
	_, err = s.engine().Do(ctx, saga.CreateRefund{OrderID: p.OrderID, Reason: "test", Restock: true})
	return err
}

func (s *shop) pay(ctx context.Context, id checkout.ID, n int) (*checkout.Payment, error) {
	res, err := s.engine().Do(ctx, initiate(id, fmt.Sprint("pay ", n)))
	if err != nil {
		return nil, fmt.Errorf("initiate: %w", err)
	}
	p := res.Payment
	report := checkout.PaymentReport{
		PaymentID: p.ID, Gateway: "stripe", GatewayRef: fmt.Sprint("cs_", n), Status: checkout.PaymentPending, Amount: p.Amount,
		Action: &checkout.Action{Type: "redirect", URL: "https://example.com/"},
	}
	task, err := s.store.Task(ctx, p.ID)
	if err != nil {
		return nil, fmt.Errorf("the task of the payment: %w", err)
	}
	if _, err := s.engine().Do(ctx, saga.ApplyPayment{OrderID: id, PaymentID: p.ID, Run: &saga.TaskRun{Task: task}, Report: report}); err != nil {
		return nil, fmt.Errorf("answer: %w", err)
	}
	event := paid(p, n)
	var wg sync.WaitGroup
	errs := make([]error, 2)
	for i := range errs {
		wg.Go(func() {
			_, errs[i] = s.engine().Do(ctx, saga.ReceiveWebhook{Event: event, OrderID: id, PaymentID: p.ID})
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("webhook: %w", err)
		}
	}
	o, err := s.store.Order(ctx, id)
	if err != nil || o.Status != checkout.OrderConfirmed {
		return nil, fmt.Errorf("order %s is not confirmed after its webhook: %w", id, err)
	}
	return p, nil
}

func initiate(order checkout.ID, key string) saga.InitiatePayment {
	return saga.InitiatePayment{
		OrderID: order, Amount: "499.50", Method: checkout.MethodCard, IdempotencyKey: key, RequestHash: "h",
		Routes: []saga.Route{{Gateway: "stripe", Methods: []checkout.Method{checkout.MethodCard}, Closable: true}},
	}
}

// attempted is the payment of a new order whose buyer is at the gateway.
func (s *shop) attempted(t *testing.T) *checkout.Payment {
	t.Helper()
	reply, err := s.engines[0].Submit(t.Context(), place("MUG", "a"))
	require.NoError(t, err)
	res, err := s.engines[0].Do(t.Context(), initiate(checkout.ID(reply.Answer.Body), "p"))
	require.NoError(t, err)
	return res.Payment
}

// crowd has an order confirmed by a commit that does not end before it is let go, and
// sends what comes for the order meanwhile, with many neighbours. held is called when
// the commit is under way. It must be called in a synctest bubble.
func (s *shop) crowd(t *testing.T, p *checkout.Payment, held, let func()) {
	t.Helper()
	var wg sync.WaitGroup
	do := func(c saga.Command) {
		wg.Go(func() {
			_, err := s.engines[0].Do(t.Context(), c)
			require.NoError(t, err)
		})
		synctest.Wait()
	}
	do(saga.ReceiveWebhook{Event: paid(p, 1), OrderID: p.OrderID, PaymentID: p.ID})
	held()
	synctest.Wait()
	do(saga.CreateRefund{OrderID: p.OrderID, Amount: "1.00", Reason: "test"})
	for range 200 {
		do(order(1))
	}
	let()
	wg.Wait()
	o, err := s.store.Order(t.Context(), p.OrderID)
	require.NoError(t, err)
	require.Equal(t, int64(1), o.InvoiceSeq)
	require.Len(t, o.Refunds, 1)
	s.audit(t)
	require.NoError(t, s.engines[0].Close(t.Context()))
}

// paid is the gateway's message that a payment succeeded.
func paid(p *checkout.Payment, n int) checkout.WebhookEvent {
	return checkout.WebhookEvent{
		Gateway: "stripe", Key: fmt.Sprint("evt_", n), Type: "paid", OccurredAt: time.Now().UTC(),
		Payment: &checkout.PaymentReport{
			PaymentID: p.ID, Gateway: "stripe", GatewayRef: fmt.Sprint("cs_", n), ChargeID: fmt.Sprint("pi_", n),
			Status: checkout.PaymentSucceeded, Amount: p.Amount,
		},
	}
}

func (s *shop) live(t *testing.T, buyers, lives int) {
	t.Helper()
	var wg sync.WaitGroup
	for b := range buyers {
		wg.Go(func() {
			for i := range lives {
				if err := s.life(t.Context(), b*lives+i); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	s.audit(t)
}

func (s *shop) audit(t *testing.T) {
	t.Helper()
	report, err := audit.Run(t.Context(), s.store, audit.Options{HoldGrace: -1, TaskGrace: -1})
	require.NoError(t, err)
	for _, f := range report.Findings {
		require.Zero(t, f.Broken, "%s: %v %v", f.Law, f.IDs, f.Notes)
	}
}

// TestLivesBesideFailingCommits runs many buyers, so that batches are decided
// ahead, on a store where commits fail in every way: whatever was decided on a
// commit that failed is decided again, and the laws hold.
func TestLivesBesideFailingCommits(t *testing.T) {
	t.Parallel()
	for _, one := range []int{0, 20, 5} {
		t.Run(fmt.Sprintf("one of %d fails", one), func(t *testing.T) {
			t.Parallel()
			f := &flaky{Store: memory.New(memory.Config{}), random: rand.New(rand.NewPCG(1, uint64(one)))}
			s := newShop(t, f, 1, 1500)
			f.one = one
			s.live(t, 600, 10)
			if one > 0 {
				require.Positive(t, f.failed)
			}
		})
	}
}

// TestTwoEnginesOnOneStore has both take the rows from each other: neither may
// decide on what it remembers from before the other wrote.
func TestTwoEnginesOnOneStore(t *testing.T) {
	t.Parallel()
	s := newShop(t, memory.New(memory.Config{}), 2, 500)
	s.live(t, 100, 20)
}

// TestAKeyFromBeforeARestart repeats, at a new engine that remembers nothing, what
// an old one did.
func TestAKeyFromBeforeARestart(t *testing.T) {
	t.Parallel()
	rows := memory.New(memory.Config{})
	s := newShop(t, rows, 1, 2)
	first, err := s.engines[0].Submit(t.Context(), place("MUG", "a"))
	require.NoError(t, err)
	hold := saga.HoldStock{SessionID: "s", Items: []checkout.Item{{SKU: "MUG", Qty: 1}}, TTL: time.Minute}
	held, err := s.engines[0].Do(t.Context(), hold)
	require.NoError(t, err)
	webhook := saga.ReceiveWebhook{Event: checkout.WebhookEvent{Gateway: "stripe", Key: "evt", Type: "other"}}
	_, err = s.engines[0].Do(t.Context(), webhook)
	require.NoError(t, err)

	after := func(t *testing.T) *engine.Engine {
		t.Helper()
		e := engine.New(engine.Config{Store: rows}, func([]checkout.Task) {})
		t.Cleanup(func() { require.NoError(t, e.Close(context.Background())) })
		return e
	}
	t.Run("an order whose stock has gone", func(t *testing.T) {
		again, err := after(t).Submit(t.Context(), place("MUG", "a"))
		require.NoError(t, err, "the stock has gone, but this key has its order")
		require.True(t, again.Replayed)
		require.Equal(t, first.Answer.Body, again.Answer.Body)
	})
	t.Run("an order whose stock is there", func(t *testing.T) {
		_, err := s.engines[0].Do(t.Context(), saga.AdjustStock{SKU: "MUG", Warehouse: checkout.MainWarehouse, Delta: 5, Reason: "delivery"})
		require.NoError(t, err)
		again, err := after(t).Submit(t.Context(), place("MUG", "a"))
		require.NoError(t, err)
		require.Equal(t, first.Answer.Body, again.Answer.Body)
	})
	t.Run("a key of another request", func(t *testing.T) {
		other := place("MUG", "a")
		other.Key.RequestHash = "other"
		_, err := after(t).Submit(t.Context(), other)
		require.Equal(t, checkout.CodeKeyReused, checkout.CodeOf(err))
	})
	t.Run("a hold", func(t *testing.T) {
		again, err := after(t).Do(t.Context(), hold)
		require.NoError(t, err)
		require.True(t, again.Existing)
		require.Equal(t, held.Hold.ID, again.Hold.ID)
	})
	t.Run("a webhook", func(t *testing.T) {
		again, err := after(t).Do(t.Context(), webhook)
		require.NoError(t, err)
		require.True(t, again.Existing)
	})
	t.Run("a hold that is given back beside one that takes it", func(t *testing.T) {
		e := after(t)
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				_, err := e.Do(t.Context(), hold)
				require.NoError(t, err)
			})
			wg.Go(func() {
				_, err := e.Do(t.Context(), saga.ReleaseHold{SessionID: "s"})
				require.NoError(t, err)
			})
		}
		wg.Wait()
		_, err := e.Do(t.Context(), saga.ReleaseHold{SessionID: "s"})
		require.NoError(t, err)
		levels, err := rows.Levels(t.Context(), "MUG")
		require.NoError(t, err)
		require.Equal(t, int64(1), levels[0].Locked, "the order's unit alone")
	})
}

// TestAnOrderThatGetsItsInvoiceNumberIsWaitedFor holds the commit that gives an
// order its number. What comes for the order meanwhile, with many neighbours, must
// not be decided on the row without it.
func TestAnOrderThatGetsItsInvoiceNumberIsWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &flaky{Store: memory.New(memory.Config{}), random: rand.New(rand.NewPCG(1, 1))}
		s := newShop(t, f, 1, 1000)
		p := s.attempted(t)
		f.gate = make(chan struct{})
		s.crowd(t, p, func() {}, func() { close(f.gate) })
	})
}
