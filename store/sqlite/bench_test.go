package sqlite_test

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/money"
	"kassa/saga"
	"kassa/store"
	"kassa/store/sqlite"
)

var sizes = []int{1, 100, 1000}

// bench is a store with one level of plenty, and a source of ids.
type bench struct {
	*testing.B
	store *sqlite.Store
	size  int
	ids   uint64
}

func newBench(b *testing.B, size int) *bench {
	b.Helper()
	s, err := sqlite.Open(b.Context(), sqlite.Config{Path: filepath.Join(b.TempDir(), "kassa.db")})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, s.Close()) })
	require.NoError(b, s.Migrate(b.Context()))
	be := &bench{B: b, store: s, size: size}
	be.batch(saga.Keys{}, func(*saga.State) *store.Save {
		return &store.Save{NewLevels: []checkout.Level{{SKU: "A", Warehouse: "main", Available: 1 << 40, Received: 1 << 40}}}
	})
	return be
}

func (b *bench) id() checkout.ID {
	var random [10]byte
	b.ids++
	binary.BigEndian.PutUint64(random[2:], b.ids)
	return checkout.NewID(time.Now(), random)
}

func (b *bench) batch(keys saga.Keys, decide func(*saga.State) *store.Save) {
	tx, err := b.store.Begin(b.Context())
	require.NoError(b, err)
	state := saga.NewState()
	require.NoError(b, tx.Load(b.Context(), keys, state))
	save := decide(state)
	save.BatchID = b.id()
	require.NoError(b, tx.Commit(b.Context(), save))
}

func (b *bench) report(rate string) {
	b.ReportMetric(float64(b.N*b.size)/b.Elapsed().Seconds(), rate)
}

// BenchmarkHolds loads, holds one SKU for so many sessions, and commits.
func BenchmarkHolds(b *testing.B) {
	for _, size := range sizes {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			be := newBench(b, size)
			for b.Loop() {
				be.holds()
			}
			be.report("holds/s")
		})
	}
}

func (b *bench) holds() {
	var sessions []string
	for range b.size {
		sessions = append(sessions, b.id().String())
	}
	b.batch(saga.Keys{Sessions: sessions, Stock: []string{"A"}}, func(state *saga.State) *store.Save {
		save := &store.Save{Levels: state.Stock["A"]}
		save.Levels[0].Available -= int64(b.size)
		save.Levels[0].Locked += int64(b.size)
		for _, session := range sessions {
			save.NewHolds = append(save.NewHolds, &checkout.Hold{
				ID: b.id(), SessionID: session, ExpiresAt: state.Now.Add(time.Hour), CreatedAt: state.Now,
				Allocations: []checkout.Allocation{{SKU: "A", Warehouse: "main", Qty: 1}},
			})
		}
		return save
	})
}

// BenchmarkOrders takes orders from the checkout to the confirmation: three
// batches, with the rows that the saga writes.
func BenchmarkOrders(b *testing.B) {
	for _, size := range sizes {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			be := newBench(b, size)
			for b.Loop() {
				ids := be.place()
				be.initiate(ids)
				be.confirm(ids)
			}
			be.report("orders/s")
		})
	}
}

func (b *bench) place() []checkout.ID {
	var ids []checkout.ID
	b.batch(saga.Keys{Stock: []string{"A"}}, func(state *saga.State) *store.Save {
		save := &store.Save{Levels: state.Stock["A"]}
		for range b.size {
			o := b.order(state.Now)
			ids = append(ids, o.ID)
			save.NewOrders = append(save.NewOrders, o)
			save.Events = append(save.Events, checkout.Event{OrderID: o.ID, Seq: 1, Type: "order.created", At: state.Now})
			save.Answers = append(save.Answers, checkout.IdempotencyRecord{
				KeyID: checkout.KeyID{Scope: "checkout", Key: o.ID.String()}, RequestHash: "0123456789abcdef",
				Answer: checkout.Answer{Status: 201, Body: make([]byte, 400)}, CreatedAt: state.Now,
			})
		}
		return save
	})
	return ids
}

func (b *bench) order(now time.Time) *checkout.Order {
	line := checkout.QuoteLine{SKU: "A", Name: "Copper kettle, 1.5 l", Qty: 1, UnitPrice: 99900, Total: 99900}
	address := &checkout.Address{Name: "Asha Rao", Line1: "1 MG Road", City: "Bengaluru", State: "KA", PostalCode: "560001", Country: "IN"}
	return &checkout.Order{
		ID: b.id(), Status: checkout.OrderPending, Total: money.New(199800, "INR"), HoldStatus: checkout.HoldOpen,
		HoldExpiresAt: now.Add(time.Hour), CreatedAt: now, UpdatedAt: now, EventSeq: 1, Log: []checkout.ID{b.id()},
		Allocations: []checkout.Allocation{{SKU: "A", Warehouse: "main", Qty: 2}},
		Details: &checkout.OrderDetails{
			Quote:    checkout.Quote{Currency: "INR", Lines: []checkout.QuoteLine{line, line}, Subtotal: 199800, Total: 199800},
			Customer: checkout.Customer{Email: "asha@example.com", Name: "Asha Rao"}, ShippingAddress: address,
		},
	}
}

func (b *bench) initiate(ids []checkout.ID) {
	b.batch(saga.Keys{Orders: ids}, func(state *saga.State) *store.Save {
		save := &store.Save{}
		for _, id := range ids {
			o := state.Orders[id].Clone()
			o.Status = checkout.OrderAwaitingPayment
			payment := b.id()
			save.Orders = append(save.Orders, o)
			save.NewPayments = append(save.NewPayments, checkout.Payment{
				ID: payment, OrderID: id, Attempt: 1, Gateway: "stripe", Method: checkout.MethodCard, Status: checkout.PaymentInitiated,
				Amount: o.Total, IdempotencyKey: payment.String(), RequestHash: "0123456789abcdef", CreatedAt: state.Now, UpdatedAt: state.Now,
			})
			save.Tasks = append(save.Tasks, checkout.Task{
				ID: payment, Kind: checkout.TaskInitiate, OrderID: id, DueAt: state.Now, LeaseID: b.id(),
				LeasedUntil: state.Now.Add(time.Minute), CreatedAt: state.Now,
			})
		}
		return save
	})
}

func (b *bench) confirm(ids []checkout.ID) {
	b.batch(saga.Keys{Orders: ids, Stock: []string{"A"}}, func(state *saga.State) *store.Save {
		save := &store.Save{Levels: state.Stock["A"]}
		for _, id := range ids {
			o := state.Orders[id].Clone()
			p := o.Payments[0]
			p.Status, p.Captured, p.ChargeID, p.GatewayRef = checkout.PaymentSucceeded, p.Amount, "ch_"+p.IdempotencyKey, "cs_"+p.IdempotencyKey
			o.Status, o.HoldStatus, o.SecuredBy, o.ConfirmedAt = checkout.OrderConfirmed, checkout.HoldClaimed, p.ID, state.Now
			o.EventSeq, o.InvoiceSeries = 2, "2026-27"
			save.Orders = append(save.Orders, o)
			save.Invoices = append(save.Invoices, o)
			save.Payments = append(save.Payments, p)
			save.DropTasks = append(save.DropTasks, saga.TaskDrop{ID: p.ID})
			save.Events = append(save.Events, checkout.Event{OrderID: id, Seq: 2, Type: "order.confirmed", At: state.Now})
			save.NewWebhooks = append(save.NewWebhooks, &checkout.WebhookRecord{
				ID: b.id(), Status: checkout.WebhookApplied, OrderID: id, ReceivedAt: state.Now, AppliedAt: state.Now,
				Event: checkout.WebhookEvent{Gateway: "stripe", Key: "evt_" + p.IdempotencyKey, Type: "payment_intent.succeeded", OccurredAt: state.Now,
					Payment: &checkout.PaymentReport{PaymentID: p.ID, Gateway: "stripe", Status: checkout.PaymentSucceeded, Amount: p.Amount}},
			})
		}
		return save
	})
}
