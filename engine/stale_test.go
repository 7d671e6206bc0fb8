package engine_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/saga"
	"kassa/store"
	"kassa/store/memory"
)

// What an engine remembers is another's to change as soon as that one has written.
// An answer that changes nothing must be as true as one that is written.
func TestAnswersWithoutAWriteAreTrue(t *testing.T) {
	t.Parallel()
	lock := func(session string, qty int64) saga.HoldStock {
		return saga.HoldStock{SessionID: session, Items: []checkout.Item{{SKU: "MUG", Qty: qty}}, TTL: time.Minute}
	}
	t.Run("a refusal", func(t *testing.T) {
		t.Parallel()
		s := newShop(t, memory.New(memory.Config{}), 2, 1)
		_, err := s.engines[0].Do(t.Context(), lock("a", 1))
		require.NoError(t, err)
		_, err = s.engines[0].Do(t.Context(), lock("b", 1))
		require.Equal(t, checkout.CodeOutOfStock, checkout.CodeOf(err))
		_, err = s.engines[1].Do(t.Context(), saga.AdjustStock{SKU: "MUG", Warehouse: checkout.MainWarehouse, Delta: 100, Reason: "delivery"})
		require.NoError(t, err)
		_, err = s.engines[0].Do(t.Context(), lock("b", 1))
		require.NoError(t, err, "the other engine has put a hundred there")
	})
	t.Run("a repeat", func(t *testing.T) {
		t.Parallel()
		s := newShop(t, memory.New(memory.Config{}), 2, 1)
		_, err := s.engines[0].Do(t.Context(), lock("a", 1))
		require.NoError(t, err)
		_, err = s.engines[1].Do(t.Context(), saga.ReleaseHold{SessionID: "a"})
		require.NoError(t, err)
		again, err := s.engines[0].Do(t.Context(), lock("a", 1))
		require.NoError(t, err)
		require.False(t, again.Existing, "the other engine has let go of it")
		levels, err := s.store.Levels(t.Context(), "MUG")
		require.NoError(t, err)
		require.Equal(t, int64(1), levels[0].Locked)
	})
}

// unanswered is a store whose next commit is written, and not answered.
type unanswered struct {
	store.Store
	next bool
	gate chan struct{} // where it is set, that commit's end waits for it
}

func (u *unanswered) Begin(ctx context.Context) (store.Tx, error) {
	tx, err := u.Store.Begin(ctx)
	return &unansweredTx{tx, u}, err
}

type unansweredTx struct {
	store.Tx
	store *unanswered
}

// Commit writes as if the connection broke before its answer came: nobody was told
// the invoice numbers.
func (t *unansweredTx) Commit(ctx context.Context, save *store.Save) error {
	err := t.Tx.Commit(ctx, save)
	if err != nil || !t.store.next {
		return err
	}
	t.store.next = false
	if t.store.gate != nil {
		<-t.store.gate
	}
	for _, order := range save.Invoices {
		order.InvoiceSeq = 0
	}
	return store.ErrUnknownCommit
}

// Fence waits as long as a network that is away.
func (u *unanswered) Fence(ctx context.Context, id checkout.ID) (bool, error) {
	if u.gate != nil {
		<-u.gate
	}
	return u.Store.Fence(ctx, id)
}

// What is in the store may have been seen there, by another process or by a list: no
// read may be behind it, though its commit is not answered yet.
func TestNoReadIsBehindACommitUnderWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		u := &unanswered{Store: memory.New(memory.Config{})}
		s := newShop(t, u, 1, 100)
		placed, err := s.engines[0].Do(t.Context(), order(1))
		require.NoError(t, err)
		u.next, u.gate = true, make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := s.engines[0].Do(t.Context(), saga.CancelOrder{OrderID: placed.Order.ID})
			require.NoError(t, err)
		})
		synctest.Wait()
		o, err := s.engines[0].Reader().Order(t.Context(), placed.Order.ID)
		require.NoError(t, err)
		require.Equal(t, checkout.OrderCancelled, o.Status)
		close(u.gate)
		wg.Wait()
		require.NoError(t, s.engines[0].Close(t.Context()))
	})
}

// An order whose commit has given it an invoice number, and was not answered, must not
// be decided on before the number is learnt: it would be given a second one.
func TestAnUnansweredNumberIsWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		u := &unanswered{Store: memory.New(memory.Config{})}
		s := newShop(t, u, 1, 1000)
		p := s.attempted(t)
		u.next, u.gate = true, make(chan struct{}, 2)
		// The commit ends without its answer, and the fence waits.
		s.crowd(t, p, func() { u.gate <- struct{}{} }, func() { close(u.gate) })
	})
}

func TestACommitWhoseAnswerWasLostIsKnownInFull(t *testing.T) {
	t.Parallel()
	u := &unanswered{Store: memory.New(memory.Config{})}
	s := newShop(t, u, 1, 100)
	p := s.attempted(t)
	u.next = true
	res, err := s.engines[0].Do(t.Context(), saga.ReceiveWebhook{Event: paid(p, 1), OrderID: p.OrderID, PaymentID: p.ID})
	require.NoError(t, err)
	require.False(t, u.next)
	require.Equal(t, checkout.OrderConfirmed, res.Order.Status)
	require.Equal(t, int64(1), res.Order.InvoiceSeq)
	_, err = s.engines[0].Do(t.Context(), order(1))
	require.NoError(t, err)
	s.audit(t)
}

// counted is a store that counts the orders that are read from it.
type counted struct {
	store.Store
	reads atomic.Int64
}

func (c *counted) Order(ctx context.Context, id checkout.ID) (*checkout.Order, error) {
	c.reads.Add(1)
	return c.Store.Order(ctx, id)
}

// An order is read from memory only as long as nobody else can have written it.
func TestOrdersAreReadAsTheyAre(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &counted{Store: memory.New(memory.Config{})}
		s := newShop(t, c, 2, 100)
		placed, err := s.engines[0].Do(t.Context(), order(1))
		require.NoError(t, err)
		read := func() *checkout.Order {
			t.Helper()
			o, err := s.engines[0].Reader().Order(t.Context(), placed.Order.ID)
			require.NoError(t, err)
			stored, err := c.Store.Order(t.Context(), placed.Order.ID)
			require.NoError(t, err)
			require.Equal(t, stored, o)
			return o
		}
		read()
		require.Zero(t, c.reads.Load(), "it was written by the one who owns the rows")

		_, err = s.engines[1].Do(t.Context(), saga.CancelOrder{OrderID: placed.Order.ID})
		require.NoError(t, err)
		require.Equal(t, checkout.OrderCancelled, read().Status)
		require.Positive(t, c.reads.Load())

		for range 3 { // the rows go back and forth
			_, err = s.engines[0].Do(t.Context(), order(1))
			require.NoError(t, err)
			time.Sleep(2 * time.Minute)
			read()
		}
		before := c.reads.Load()
		_, err = s.engines[0].Do(t.Context(), saga.PlaceOrder{Items: order(1).Items, Currency: "INR", HoldTTL: time.Hour, Details: order(1).Details})
		require.NoError(t, err)
		read()
		require.Greater(t, c.reads.Load(), before, "what was written in an earlier reign is not trusted")
		for _, e := range s.engines {
			require.NoError(t, e.Close(t.Context()))
		}
	})
}

// Who was told of a change sees it, whatever is read and written beside him.
func TestReadersBesideWriters(t *testing.T) {
	t.Parallel()
	s := newShop(t, memory.New(memory.Config{}), 1, 10_000)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			for range 20 {
				placed, err := s.engines[0].Do(t.Context(), order(1))
				require.NoError(t, err)
				_, err = s.engines[0].Do(t.Context(), saga.CancelOrder{OrderID: placed.Order.ID})
				require.NoError(t, err)
				o, err := s.engines[0].Reader().Order(t.Context(), placed.Order.ID)
				require.NoError(t, err)
				require.Equal(t, checkout.OrderCancelled, o.Status)
			}
		})
	}
	wg.Wait()
}
