package audit

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/engine"
	"kassa/money"
	"kassa/saga"
	"kassa/store"
	"kassa/store/memory"
)

// crowd does what buyers, gateways, operators and workers do, in any order and on
// a few things, so that they meet. Several may act at once.
type crowd struct {
	engine *engine.Engine
	rows   store.Store
	clock  *atomic.Int64 // unix milliseconds; nil where the database has its own

	mu     sync.Mutex
	random *rand.Rand
	number int
	orders []checkout.ID
	carts  []checkout.ID
}

var crowdSKUs = []string{"CUP", "MUG", "POT"}

func newCrowd(t *testing.T, rows store.Store, clock *atomic.Int64, seed uint64) *crowd {
	t.Helper()
	c := &crowd{rows: rows, clock: clock, random: rand.New(rand.NewPCG(seed, 1))}
	c.engine = engine.New(engine.Config{Store: rows}, func([]checkout.Task) {})
	t.Cleanup(func() { require.NoError(t, c.engine.Close(context.WithoutCancel(t.Context()))) })
	for _, sku := range crowdSKUs {
		require.NoError(t, c.do(t.Context(), saga.SaveProduct{Product: checkout.Product{
			SKU: sku, Name: sku, Prices: map[money.Currency]int64{"INR": 49900}, Active: true,
		}}))
		for _, warehouse := range []string{checkout.MainWarehouse, "east"} {
			require.NoError(t, c.do(t.Context(), saga.AdjustStock{SKU: sku, Warehouse: warehouse, Delta: 20, Reason: "delivery"}))
		}
	}
	return c
}

// newMemoryCrowd is a crowd on a store in memory, whose clock it moves.
func newMemoryCrowd(t *testing.T, seed uint64) *crowd {
	t.Helper()
	clock := &atomic.Int64{}
	clock.Store(time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC).UnixMilli())
	return newCrowd(t, memory.New(memory.Config{Now: func() time.Time { return time.UnixMilli(clock.Load()) }}), clock, seed)
}

// do submits a command. A refusal is as good as an answer.
func (c *crowd) do(ctx context.Context, command saga.Command) error {
	result, err := c.engine.Do(ctx, command)
	c.mu.Lock()
	defer c.mu.Unlock()
	if result.Order != nil && !result.Existing {
		if _, placed := command.(saga.PlaceOrder); placed {
			c.orders = append(c.orders, result.Order.ID)
		}
	}
	if result.Cart != nil && len(c.carts) < 4 {
		c.carts = append(c.carts, result.Cart.ID)
	}
	if refusal := new(checkout.Error); errors.As(err, &refusal) {
		return nil
	}
	return err
}

func (c *crowd) roll(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.random.IntN(n)
}

func (c *crowd) next() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.number++
	return fmt.Sprintf("n%d", c.number)
}

func pick[T any](c *crowd, from []T) T { return from[c.roll(len(from))] }

// someOrder is mostly one of the newest: they have most before them.
func (c *crowd) someOrder(ctx context.Context) *checkout.Order {
	c.mu.Lock()
	n := len(c.orders)
	var id checkout.ID
	if n > 0 {
		id = c.orders[n-1-c.random.IntN(min(n, 6))]
	}
	if n > 0 && c.random.IntN(4) == 0 {
		id = c.orders[c.random.IntN(n)]
	}
	c.mu.Unlock()
	o, err := c.rows.Order(ctx, id)
	if err != nil {
		return nil
	}
	return o
}

// step does one thing.
func (c *crowd) step(ctx context.Context) error {
	if c.clock != nil && c.roll(8) == 0 {
		c.clock.Add((time.Duration(c.roll(8)) * time.Minute).Milliseconds())
	}
	switch c.roll(10) {
	case 0:
		return c.do(ctx, saga.HoldStock{SessionID: c.session(), Items: c.items(), TTL: c.ttl()})
	case 1:
		return c.do(ctx, pick(c, []saga.Command{saga.ReleaseHold{SessionID: c.session()}, saga.ExpireHold{SessionID: c.session()}}))
	case 2:
		return c.do(ctx, c.shop())
	case 3:
		return c.do(ctx, c.place())
	}
	o := c.someOrder(ctx)
	if o == nil {
		return nil
	}
	command := c.about(ctx, o)
	if command == nil {
		return nil
	}
	return c.do(ctx, command)
}

func (c *crowd) session() string { return fmt.Sprintf("s%d", c.roll(6)) }

// ttl is a short time for the crowd, whose clock may run.
func (c *crowd) ttl() time.Duration {
	if c.clock == nil {
		return time.Duration(c.roll(100)) * time.Millisecond
	}
	return time.Duration(1+c.roll(15)) * time.Minute
}

func (c *crowd) items() []checkout.Item {
	var items []checkout.Item
	for _, sku := range crowdSKUs[c.roll(len(crowdSKUs)):] {
		items = append(items, checkout.Item{SKU: sku, Qty: int64(1 + c.roll(3))})
	}
	return items
}

// shop is what happens to the shop itself.
func (c *crowd) shop() saga.Command {
	sku, warehouse := pick(c, crowdSKUs), pick(c, []string{checkout.MainWarehouse, "east"})
	switch c.roll(4) {
	case 0:
		return saga.CountStock{SKU: sku, Warehouse: warehouse, Counted: int64(c.roll(30)), Reason: "stocktaking"}
	case 1:
		return saga.SaveCart{Currency: "INR", Items: c.items()}
	case 2:
		return saga.ReceiveWebhook{Event: checkout.WebhookEvent{
			Gateway: "stripe", Key: c.next(), Type: "payment", Payment: &checkout.PaymentReport{GatewayRef: "cs_of_nobody"},
		}}
	}
	return saga.AdjustStock{SKU: sku, Warehouse: warehouse, Delta: int64(c.roll(12)), Reason: "delivery"}
}

func (c *crowd) place() saga.Command {
	command := saga.PlaceOrder{HoldTTL: c.ttl(), Details: details()}
	c.mu.Lock()
	carts := c.carts
	c.mu.Unlock()
	if len(carts) > 0 && c.roll(2) == 0 {
		command.CartID = pick(c, carts)
		return command
	}
	command.Items, command.Currency = c.items(), "INR"
	if c.roll(3) == 0 {
		command.SessionID = c.session()
	}
	return command
}

// about is what may happen next to an order.
func (c *crowd) about(ctx context.Context, o *checkout.Order) saga.Command {
	commands := []saga.Command{c.operator(ctx), c.payment(o), c.refund(o)}
	switch {
	case o.Payable():
		commands = append(commands, c.initiate(o), c.initiate(o), c.payment(o), c.payment(o), saga.ExpireOrder{OrderID: o.ID}, saga.ExpireOrder{OrderID: o.ID})
		if c.roll(2) == 0 {
			commands = append(commands, saga.CancelOrder{OrderID: o.ID, Reason: "changed my mind"})
		}
	case o.Status == checkout.OrderExpired:
		commands = []saga.Command{c.payment(o)} // late money
	case o.Paid():
		commands = append(commands, saga.CancelOrder{OrderID: o.ID, Reason: "returned"}, c.refund(o),
			saga.CreateRefund{OrderID: o.ID, Restock: c.roll(2) == 0, Reason: "returned"},
			saga.CreateRefund{OrderID: o.ID, Amount: "10.00", Reason: "scratched"})
	}
	return pick(c, commands)
}

func (c *crowd) initiate(o *checkout.Order) saga.Command {
	return saga.InitiatePayment{
		OrderID: o.ID, Amount: money.Literal(o.Total.String()), Method: checkout.MethodCard, IdempotencyKey: c.next(),
		Routes: []saga.Route{{Gateway: "stripe", Methods: []checkout.Method{checkout.MethodCard}, ManualCapture: c.roll(4) == 0}},
	}
}

func (c *crowd) payment(o *checkout.Order) saga.Command {
	if len(o.Payments) == 0 {
		return nil
	}
	p := pick(c, o.Payments)
	report := checkout.PaymentReport{Amount: o.Total, GatewayRef: "cs_" + p.ID.String()}
	report.Status = pick(c, []checkout.PaymentStatus{
		checkout.PaymentSucceeded, checkout.PaymentSucceeded, checkout.PaymentSucceeded,
		checkout.PaymentPending, checkout.PaymentFailed, checkout.PaymentAuthorized,
	})
	if report.Status == checkout.PaymentSucceeded {
		report.ChargeID = "ch_" + p.ID.String()
	}
	if c.roll(2) == 0 {
		return saga.ApplyPayment{OrderID: o.ID, PaymentID: p.ID, Report: report}
	}
	return saga.ReceiveWebhook{
		Event:   checkout.WebhookEvent{Gateway: "stripe", Key: c.next(), Type: "payment", Payment: &report},
		OrderID: o.ID, PaymentID: p.ID,
	}
}

func (c *crowd) refund(o *checkout.Order) saga.Command {
	if len(o.Refunds) == 0 {
		return nil
	}
	r := pick(c, o.Refunds)
	return saga.ApplyRefund{OrderID: o.ID, RefundID: r.ID, Report: checkout.RefundReport{
		GatewayRef: "re_" + r.ID.String(), Status: pick(c, []checkout.RefundStatus{checkout.RefundSucceeded, checkout.RefundFailed}),
	}}
}

func (c *crowd) operator(ctx context.Context) saga.Command {
	tasks, err := c.rows.Attention(ctx, checkout.ID{}, 20)
	if err != nil || len(tasks) == 0 {
		return nil
	}
	return saga.ResolveTask{
		Task: pick(c, tasks), How: pick(c, []saga.Resolution{saga.ResolveRetry, saga.ResolveSkip, saga.ResolveCompensate}), Note: "by phone",
	}
}
