package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/money"
	"kassa/saga"
	"kassa/store"
)

// hang bounds a test that waits for something that never comes.
const hang = time.Minute

const maxRetries = 1000

func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), hang)
	t.Cleanup(cancel)
	return ctx
}

// commit writes a batch.
func commit(t *testing.T, s store.Store, save store.Save) {
	t.Helper()
	require.NoError(t, tryCommit(bounded(t), s, &save))
}

// refuse expects that a batch is refused for good, and that it leaves nothing
// behind, not even its row in the log.
func refuse(t *testing.T, s store.Store, save store.Save) {
	t.Helper()
	save.BatchID = newID(epoch)
	err := tryCommit(bounded(t), s, &save)
	require.Error(t, err)
	require.NotErrorIs(t, err, store.ErrRetry)
	require.NotErrorIs(t, err, store.ErrUnknownCommit)
	require.NotErrorIs(t, err, store.ErrUnavailable)
	entries, err := s.LogEntries(bounded(t), []checkout.ID{save.BatchID})
	require.NoError(t, err)
	require.Empty(t, entries)
}

// tryCommit writes a batch in a transaction that has loaded nothing.
func tryCommit(ctx context.Context, s store.Store, save *store.Save) error {
	if save.BatchID.IsZero() {
		save.BatchID = newID(epoch)
	}
	tx, err := s.Begin(ctx)
	if err != nil {
		return err
	}
	return errors.Join(tx.Commit(ctx, save), tx.Rollback(ctx))
}

// load reads rows and rolls back.
func load(t *testing.T, s store.Store, keys saga.Keys) *saga.State {
	t.Helper()
	ctx := bounded(t)
	tx, err := s.Begin(ctx)
	require.NoError(t, err)
	state := saga.NewState()
	require.NoError(t, tx.Load(ctx, keys, state))
	require.NoError(t, tx.Rollback(ctx))
	return state
}

// transact loads, decides and commits, and repeats where the store says so.
func transact(ctx context.Context, s store.Store, keys saga.Keys, decide func(*saga.State) *store.Save) error {
	for range maxRetries {
		err := attempt(ctx, s, keys, decide)
		if !errors.Is(err, store.ErrRetry) {
			return err
		}
	}
	return fmt.Errorf("a transaction did not succeed in %d attempts", maxRetries)
}

// attempt is one try of transact. Where decide returns nil it rolls back.
func attempt(ctx context.Context, s store.Store, keys saga.Keys, decide func(*saga.State) *store.Save) error {
	tx, err := s.Begin(ctx)
	if err != nil {
		return err
	}
	state := saga.NewState()
	if err := tx.Load(ctx, keys, state); err != nil {
		return errors.Join(err, tx.Rollback(ctx))
	}
	save := decide(state)
	if save == nil {
		return tx.Rollback(ctx)
	}
	save.BatchID = newID(epoch)
	return errors.Join(tx.Commit(ctx, save), tx.Rollback(ctx))
}

// clock is the database's time.
func clock(t *testing.T, s store.Store) time.Time {
	t.Helper()
	return load(t, s, saga.Keys{}).Now
}

// newOrder is a well-formed order of one line.
func newOrder() *checkout.Order {
	return &checkout.Order{
		ID:            newID(epoch),
		Status:        checkout.OrderPending,
		Total:         money.New(99900, "INR"),
		HoldStatus:    checkout.HoldOpen,
		HoldExpiresAt: epoch.Add(15 * time.Minute),
		CreatedAt:     epoch,
		UpdatedAt:     epoch,
		Details: &checkout.OrderDetails{
			Quote: checkout.Quote{
				Currency: "INR",
				Lines:    []checkout.QuoteLine{{SKU: "SKU123", Name: "Kettle", Qty: 2, UnitPrice: 49950, Total: 99900}},
				Subtotal: 99900,
				Total:    99900,
			},
			Customer: checkout.Customer{Email: "asha@example.com", Name: "Asha"},
		},
	}
}

// newPayment is an attempt that has just been written down.
func newPayment(o *checkout.Order) checkout.Payment {
	id := newID(epoch)
	return checkout.Payment{
		ID: id, OrderID: o.ID, Attempt: 1, Gateway: "stripe", Method: checkout.MethodCard,
		Status: checkout.PaymentInitiated, Amount: o.Total, Captured: money.New(0, o.Total.Currency),
		IdempotencyKey: id.String(), CreatedAt: epoch, UpdatedAt: epoch,
	}
}

func newRefund(p checkout.Payment) checkout.Refund {
	return checkout.Refund{
		ID: newID(epoch), OrderID: p.OrderID, PaymentID: p.ID, Amount: money.New(100, "INR"),
		Status: checkout.RefundPending, Origin: checkout.RefundByMerchant, CreatedAt: epoch, UpdatedAt: epoch,
	}
}

func newTask(dueAt time.Time) checkout.Task {
	return checkout.Task{ID: newID(epoch), Kind: checkout.TaskLookUp, OrderID: newID(epoch), DueAt: dueAt, CreatedAt: epoch}
}

func newHold(session string) *checkout.Hold {
	return &checkout.Hold{
		ID: newID(epoch), SessionID: session, ExpiresAt: epoch, CreatedAt: epoch,
		Allocations: []checkout.Allocation{{SKU: "SKU123", Warehouse: checkout.MainWarehouse, Qty: 1}},
	}
}

func newCart() *checkout.Cart {
	return &checkout.Cart{ID: newID(epoch), Currency: "INR", CreatedAt: epoch, UpdatedAt: epoch}
}

func newWebhook(key string) *checkout.WebhookRecord {
	return &checkout.WebhookRecord{
		ID: newID(epoch), Status: checkout.WebhookReceived, ReceivedAt: epoch,
		Event: checkout.WebhookEvent{Gateway: "stripe", Key: key, Type: "payment", OccurredAt: epoch},
	}
}

func newAnswer(key string) checkout.IdempotencyRecord {
	return checkout.IdempotencyRecord{
		KeyID: checkout.KeyID{Scope: "checkout", Key: key}, RequestHash: "hash",
		Answer: checkout.Answer{Status: 201, Body: []byte(`{}`)}, CreatedAt: epoch,
	}
}

func level(sku string, available int64) checkout.Level {
	return checkout.Level{SKU: sku, Warehouse: checkout.MainWarehouse, Available: available, Received: available}
}

// stock puts levels into the store.
func stock(t *testing.T, s store.Store, available int64, skus ...string) {
	t.Helper()
	var levels []checkout.Level
	for _, sku := range skus {
		levels = append(levels, level(sku, available))
	}
	commit(t, s, store.Save{NewLevels: levels})
}
