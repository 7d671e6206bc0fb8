package postgres

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/money"
	"kassa/saga"
	"kassa/store"
)

// The benchmarks need a quiet machine and print the WAL bytes of each hold or
// order beside the time: go test -bench . -run '^$' ./store/postgres

func walPosition(b *testing.B, s *Store) int64 {
	b.Helper()
	at, err := query(context.Background(), s.pool, (*row).int, `select (pg_current_wal_insert_lsn() - '0/0')::bigint`)
	require.NoError(b, err)
	return at[0]
}

// reportWAL adds what was logged since start, for each of n things.
func reportWAL(b *testing.B, s *Store, start int64, n int) {
	b.Helper()
	b.ReportMetric(float64(walPosition(b, s)-start)/float64(n), "WAL-B/each")
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "each/s")
}

// BenchmarkBareTransaction is the yardstick of a lone hold: the bare writes, with
// a statement a round trip and in a single one.
func BenchmarkBareTransaction(b *testing.B) {
	for _, pipelined := range []bool{false, true} {
		b.Run(fmt.Sprintf("pipelined=%t", pipelined), func(b *testing.B) {
			s := newStore(b)
			save := newSave()
			save.NewLevels = []checkout.Level{level("SKU-1", 1<<40)}
			commit(b, s, save)
			conn, err := s.pool.Acquire(b.Context())
			require.NoError(b, err)
			defer conn.Release()
			b.ResetTimer()
			for range b.N {
				require.NoError(b, bareHold(b.Context(), conn.Conn(), pipelined))
			}
		})
	}
}

func bareHold(ctx context.Context, conn *pgx.Conn, pipelined bool) error {
	id := newID()
	batch := &pgx.Batch{}
	batch.Queue("begin")
	batch.Queue("update inventory set available_qty = available_qty - 1, locked_qty = locked_qty + 1 where sku = $1", "SKU-1")
	batch.Queue("insert into holds (session_id, hold_id, created_at, expires_at) values ($1, $2, now(), now())",
		"sess_"+id.String(), [16]byte(id))
	batch.Queue("commit")
	if pipelined {
		return conn.SendBatch(ctx, batch).Close()
	}
	for _, q := range batch.QueuedQueries {
		if _, err := conn.Exec(ctx, q.SQL, q.Arguments...); err != nil {
			return err
		}
	}
	return nil
}

// BenchmarkHolds holds one unit of one SKU for each of n sessions in one batch.
func BenchmarkHolds(b *testing.B) {
	for _, n := range []int{1, 10, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := newStore(b)
			save := newSave()
			save.NewLevels = []checkout.Level{level("SKU-1", 1<<40)}
			commit(b, s, save)
			holdUnits(b, s, n) // prepares the statements
			start := walPosition(b, s)
			b.ResetTimer()
			for range b.N {
				holdUnits(b, s, n)
			}
			b.StopTimer()
			reportWAL(b, s, start, b.N*n)
		})
	}
}

func holdUnits(b *testing.B, s *Store, n int) {
	save := newSave()
	keys := saga.Keys{Stock: []string{"SKU-1"}}
	for range n {
		id := newID()
		save.NewHolds = append(save.NewHolds, &checkout.Hold{
			ID: id, SessionID: "sess_" + id.String(), CreatedAt: testTime, ExpiresAt: testTime,
			Allocations: []checkout.Allocation{{SKU: "SKU-1", Warehouse: checkout.MainWarehouse, Qty: 1}},
		})
		keys.Sessions = append(keys.Sessions, "sess_"+id.String())
	}
	tx, err := s.Begin(b.Context())
	require.NoError(b, err)
	state := saga.NewState()
	require.NoError(b, tx.Load(b.Context(), keys, state))
	stock := state.Stock["SKU-1"][0]
	stock.Available -= int64(n)
	stock.Locked += int64(n)
	save.Levels = []checkout.Level{stock}
	require.NoError(b, tx.Commit(b.Context(), save))
}

// BenchmarkLifecycle takes n orders of two lines, over 100 SKUs, through the four
// steps of a paid order: checkout, initiate, the gateway's answer, its webhook.
func BenchmarkLifecycle(b *testing.B) {
	for _, n := range []int{1, 100, 400} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := newStore(b)
			l := newLifecycles(b, s)
			l.run(n)
			start := walPosition(b, s)
			b.ResetTimer()
			for range b.N {
				l.run(n)
			}
			b.StopTimer()
			reportWAL(b, s, start, b.N*n)
		})
	}
}

// lifecycles writes what the engine writes for a batch of orders at each step.
type lifecycles struct {
	tb   testing.TB
	s    *Store
	next int
}

func newLifecycles(tb testing.TB, s *Store) *lifecycles {
	save := newSave()
	for i := range 100 {
		save.NewLevels = append(save.NewLevels, level(sku(i), 1<<40))
	}
	commit(tb, s, save)
	return &lifecycles{tb: tb, s: s}
}

func sku(i int) string { return fmt.Sprintf("SKU-%04d", i%100) }

func (l *lifecycles) run(n int) []checkout.ID {
	ids := l.checkout(n)
	l.initiate(ids)
	l.answered(ids)
	l.paid(ids)
	return ids
}

// step loads keys, lets change fill the save, and commits.
func (l *lifecycles) step(keys saga.Keys, change func(*saga.State, *store.Save)) {
	tx, state := load(l.tb, l.s, keys)
	save := newSave()
	change(state, save)
	slices.SortFunc(save.Levels, func(a, b checkout.Level) int { return a.Key().Compare(b.Key()) })
	require.NoError(l.tb, tx.Commit(l.tb.Context(), save))
}

func (l *lifecycles) checkout(n int) []checkout.ID {
	orders := make([]*checkout.Order, n)
	skus := map[string]int64{}
	var keys saga.Keys
	for i := range orders {
		orders[i] = newOrder()
		orders[i].Allocations = nil
		for j := range orders[i].Details.Quote.Lines {
			line := &orders[i].Details.Quote.Lines[j]
			line.SKU = sku(l.next)
			l.next++
			skus[line.SKU] += line.Qty
			orders[i].Allocations = append(orders[i].Allocations, checkout.Allocation{SKU: line.SKU, Warehouse: "main", Qty: line.Qty})
		}
		keys.Answers = append(keys.Answers, checkout.KeyID{Scope: "POST /checkout pk_0198c0de", Key: orders[i].ID.String()})
	}
	for name := range skus {
		keys.Stock = append(keys.Stock, name)
	}
	l.step(keys, func(state *saga.State, save *store.Save) {
		for name, qty := range skus {
			stock := state.Stock[name][0]
			stock.Available, stock.Locked = stock.Available-qty, stock.Locked+qty
			save.Levels = append(save.Levels, stock)
		}
		for i, o := range orders {
			o.Log = []checkout.ID{save.BatchID}
			save.NewOrders = append(save.NewOrders, o)
			save.Answers = append(save.Answers, checkout.IdempotencyRecord{
				KeyID: keys.Answers[i], RequestHash: newPayment(o).RequestHash,
				Answer: checkout.Answer{Status: 201, Body: make([]byte, 500)}, CreatedAt: testTime,
			})
			save.Events = append(save.Events, event(o, "order.created"))
		}
	})
	return idsOf(orders)
}

func idsOf(orders []*checkout.Order) []checkout.ID {
	ids := make([]checkout.ID, len(orders))
	for i, o := range orders {
		ids[i] = o.ID
	}
	return ids
}

func event(o *checkout.Order, name string) checkout.Event {
	return checkout.Event{
		OrderID: o.ID, Seq: o.EventSeq, Type: name, At: testTime,
		Data: map[string]any{"status": string(o.Status), "amount": o.Total.String(), "currency": "INR"},
	}
}

func (l *lifecycles) initiate(ids []checkout.ID) {
	l.step(saga.Keys{Orders: ids}, func(state *saga.State, save *store.Save) {
		for _, id := range ids {
			o := state.Orders[id].Clone()
			o.Status = checkout.OrderAwaitingPayment
			o.EventSeq++
			o.Log = append(o.Log, save.BatchID)
			p := newPayment(o)
			save.Orders = append(save.Orders, o)
			save.NewPayments = append(save.NewPayments, p)
			save.Tasks = append(save.Tasks, checkout.Task{
				ID: p.ID, Kind: checkout.TaskInitiate, OrderID: id, DueAt: testTime,
				LeaseID: save.BatchID, LeasedUntil: testTime, CreatedAt: testTime,
			})
			save.Events = append(save.Events, event(o, "payment.initiated"))
		}
	})
}

func (l *lifecycles) answered(ids []checkout.ID) {
	l.step(saga.Keys{Orders: ids}, func(state *saga.State, save *store.Save) {
		for _, id := range ids {
			p := state.Orders[id].Payments[0]
			p.Status, p.GatewayRef = checkout.PaymentPending, "cs_test_a1"+p.ID.String()
			p.Action = &checkout.Action{Type: "redirect", URL: "https://checkout.stripe.com/c/pay/cs_test_a1" + p.ID.String()}
			save.Payments = append(save.Payments, p)
			save.DropTasks = append(save.DropTasks, saga.TaskDrop{ID: p.ID})
		}
	})
}

func (l *lifecycles) paid(ids []checkout.ID) {
	var keys saga.Keys
	keys.Orders = ids
	for _, id := range ids {
		keys.Webhooks = append(keys.Webhooks, checkout.WebhookKey{Gateway: "stripe", Key: "evt_" + id.String()})
	}
	for i := range min(len(ids)*2, 100) {
		keys.Stock = append(keys.Stock, sku(l.next-1-i))
	}
	l.step(keys, func(state *saga.State, save *store.Save) {
		stock := map[string]checkout.Level{}
		for i, id := range ids {
			l.confirm(state.Orders[id].Clone(), state, save, stock)
			save.NewWebhooks = append(save.NewWebhooks, &checkout.WebhookRecord{
				ID: newID(), Status: checkout.WebhookApplied, OrderID: id, ReceivedAt: testTime, AppliedAt: testTime,
				Event: checkout.WebhookEvent{
					Gateway: "stripe", Key: keys.Webhooks[i].Key, Type: "payment_intent.succeeded", OccurredAt: testTime,
					Payment: &checkout.PaymentReport{
						PaymentID: save.Payments[i].ID, Gateway: "stripe", ChargeID: save.Payments[i].ChargeID,
						Status: checkout.PaymentSucceeded, Amount: money.New(99900, "INR"),
					},
				},
			})
		}
		for _, s := range stock {
			save.Levels = append(save.Levels, s)
		}
	})
}

func (l *lifecycles) confirm(o *checkout.Order, state *saga.State, save *store.Save, stock map[string]checkout.Level) {
	for _, a := range o.Allocations {
		if _, ok := stock[a.SKU]; !ok {
			stock[a.SKU] = state.Stock[a.SKU][0]
		}
		s := stock[a.SKU]
		s.Locked, s.Deducted = s.Locked-a.Qty, s.Deducted+a.Qty
		stock[a.SKU] = s
	}
	p := o.Payments[0]
	p.Status, p.Captured, p.ChargeID, p.Action = checkout.PaymentSucceeded, p.Amount, "ch_"+p.ID.String(), nil
	o.Status, o.HoldStatus, o.SecuredBy = checkout.OrderConfirmed, checkout.HoldClaimed, p.ID
	o.ConfirmedAt, o.InvoiceSeries = testTime, "KA/2026-27"
	o.EventSeq += 2
	o.Log = append(o.Log, save.BatchID)
	save.Orders = append(save.Orders, o)
	save.Payments = append(save.Payments, p)
	save.Invoices = append(save.Invoices, o)
	save.Events = append(save.Events, event(o, "payment.succeeded"), event(o, "order.confirmed"))
}
