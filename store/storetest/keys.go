package storetest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/saga"
	"kassa/store"
)

func testKeys(t *testing.T, h Harness) {
	t.Run("secret", func(t *testing.T) { t.Parallel(); secrets(t, h.handles(t)) })
	t.Run("API keys", func(t *testing.T) { t.Parallel(); apiKeys(t, h.handles(t)) })
}

// secrets checks that everybody gets the secret that was kept first.
func secrets(t *testing.T, handles []store.Store) {
	var mu sync.Mutex
	got := map[string]int{}
	together(t, handles, func(ctx context.Context, s store.Store, worker int) error {
		secret, err := s.Secret(ctx, "order-token", fmt.Appendf(nil, "secret of %d", worker))
		mu.Lock()
		defer mu.Unlock()
		got[string(secret)]++
		return err
	})
	require.Len(t, got, 1)
	other, err := handles[0].Secret(bounded(t), "webhook", []byte{0, 1, 0xff})
	require.NoError(t, err)
	require.Equal(t, []byte{0, 1, 0xff}, other)
}

func apiKeys(t *testing.T, handles []store.Store) {
	first, second := handles[0], handles[1]
	key := filled[checkout.APIKey](t)
	key.RevokedAt = time.Time{}
	require.NoError(t, first.AddAPIKey(bounded(t), key))
	double := filled[checkout.APIKey](t)
	double.Hash = key.Hash
	require.Error(t, first.AddAPIKey(bounded(t), double), "one secret is one key")

	before := clock(t, first)
	require.NoError(t, second.RevokeAPIKey(bounded(t), key.ID))
	revoked, err := first.APIKeyByHash(bounded(t), key.Hash)
	require.NoError(t, err)
	require.WithinRange(t, revoked.RevokedAt, before, clock(t, first))
	require.NoError(t, first.RevokeAPIKey(bounded(t), key.ID))
	again, err := second.APIKeyByHash(bounded(t), key.Hash)
	require.NoError(t, err)
	require.Equal(t, revoked, again, "the time of the first revocation stays")
}

// testRestart closes the store and opens the database again.
func testRestart(t *testing.T, h Harness) {
	if h.Reopen == nil {
		return // nothing outlives the process, as the harness declares
	}
	s := h.Open(t)
	o, customer := filledOrder(t)
	p := newPayment(o)
	p.Captured = o.Total
	o.Payments, o.Refunds = []checkout.Payment{p}, []checkout.Refund{newRefund(p)}
	cart, hold, webhook, answer := newCart(), newHold("s"), newWebhook("evt"), newAnswer("k")
	task, key := newTask(epoch), filled[checkout.APIKey](t)
	o.InvoiceSeq, o.InvoiceSeries = 0, "2026"
	batch, fenced := newID(epoch), newID(epoch)
	commit(t, s, store.Save{
		BatchID: batch, NewCustomers: []*checkout.Customer{customer}, NewOrders: []*checkout.Order{o}, NewPayments: o.Payments,
		NewRefunds: o.Refunds, NewCarts: []*checkout.Cart{cart}, NewHolds: []*checkout.Hold{hold}, NewLevels: []checkout.Level{level("A", 5)},
		NewWebhooks: []*checkout.WebhookRecord{webhook}, Tasks: []checkout.Task{task}, Answers: []checkout.IdempotencyRecord{answer},
		Invoices: []*checkout.Order{o}, Events: []checkout.Event{{OrderID: o.ID, Seq: 1, Type: "order.created", At: epoch}},
	})
	requireFence(t, s, fenced, false)
	require.NoError(t, s.AddAPIKey(bounded(t), key))
	_, err := s.Secret(bounded(t), "name", []byte("kept"))
	require.NoError(t, err)

	s = h.Reopen(t, s)
	requireOrder(t, s, o)
	state := load(t, s, saga.Keys{
		Carts: []checkout.ID{cart.ID}, Sessions: []string{"s"}, Customers: []string{customer.UserID}, Stock: []string{"A"},
		Answers: []checkout.KeyID{answer.KeyID}, Webhooks: []checkout.WebhookKey{{Gateway: "stripe", Key: "evt"}},
	})
	require.Equal(t, cart, state.Carts[cart.ID])
	require.Equal(t, hold, state.Holds["s"])
	require.Equal(t, customer, state.Customers[customer.UserID])
	require.Equal(t, []checkout.Level{level("A", 5)}, state.Stock["A"])
	require.Equal(t, &answer, state.Answers[answer.KeyID])
	require.Equal(t, webhook, state.Webhooks[checkout.WebhookKey{Gateway: "stripe", Key: "evt"}])
	read, err := s.Task(bounded(t), task.ID)
	require.NoError(t, err)
	require.Equal(t, task, read)
	stored, err := s.APIKeyByHash(bounded(t), key.Hash)
	require.NoError(t, err)
	require.Equal(t, key, stored)
	secret, err := s.Secret(bounded(t), "name", []byte("fresh"))
	require.NoError(t, err)
	require.Equal(t, []byte("kept"), secret)
	requireFence(t, s, batch, true)
	requireFence(t, s, fenced, false)

	next := newOrder()
	next.InvoiceSeries = "2026"
	commit(t, s, store.Save{NewOrders: []*checkout.Order{next}, Invoices: []*checkout.Order{next}})
	require.Equal(t, int64(2), next.InvoiceSeq, "counters go on")
	require.Len(t, wholeLog(t, s), 2)
}
