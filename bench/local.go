package bench

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"

	"kassa/checkout"
	"kassa/engine"
	"kassa/hold"
	"kassa/money"
	"kassa/saga"
	"kassa/store"
	"kassa/tasks"
)

// local is the engine alone, in this process: no HTTP, no JSON of requests, no
// gateway adapter. Commands are built as package api and package payments do.
type local struct {
	store  store.Store
	engine *engine.Engine
	reader store.Reader  // as the API reads
	runner *tasks.Runner // for the sweeps: holds end as in a serving process
	goods  goods
	run    leases
}

func newLocal(s store.Store, gate hold.Gate, on goods) *local {
	l := &local{store: s, goods: on}
	l.run.init()
	l.runner = tasks.New(tasks.Config{Source: s, Log: silent})
	l.engine = engine.New(engine.Config{Store: s, Gate: gate, Log: silent}, l.run.put)
	l.reader = l.engine.Reader()
	l.runner.Bind(l.engine, nil)
	l.runner.Start()
	return l
}

func (l *local) close(ctx context.Context) error {
	return errors.Join(l.runner.Close(ctx), l.engine.Close(ctx))
}

// leases are the tasks that commits have leased to this process, until their
// caller, who plays the gateway, takes them.
type leases struct {
	parts [16]struct {
		mu    sync.Mutex
		tasks map[checkout.ID]checkout.Task
	}
}

func (l *leases) init() {
	for i := range l.parts {
		l.parts[i].tasks = map[checkout.ID]checkout.Task{}
	}
}

func (l *leases) put(list []checkout.Task) {
	for _, t := range list {
		part := &l.parts[t.ID[15]%16]
		part.mu.Lock()
		part.tasks[t.ID] = t
		part.mu.Unlock()
	}
}

func (l *leases) take(id checkout.ID) (checkout.Task, bool) {
	part := &l.parts[id[15]%16]
	part.mu.Lock()
	defer part.mu.Unlock()
	t, ok := part.tasks[id]
	delete(part.tasks, id)
	return t, ok
}

// caller is one who waits for the engine.
type caller struct {
	*local
	random *rand.Rand
	number int
	count  int
}

func (l *local) caller(number int) *caller {
	return &caller{local: l, number: number, random: rand.New(rand.NewPCG(rand.Uint64(), uint64(number)))} //nolint:gosec // keys of a benchmark are no secrets
}

func (c *caller) key() string { return string(appendUUID(nil, c.random)) }

const (
	holdTTL     = checkout.DefaultHoldTTL
	sessionTime = 40 * time.Minute // of a page of the gateway's
)

// lock holds a unit of the popular product for a session of its own.
func (c *caller) lock() error {
	_, err := c.engine.Do(context.Background(), saga.HoldStock{
		SessionID: c.key(), Items: []checkout.Item{{SKU: sku(0), Qty: 1}}, TTL: holdTTL, Fresh: true,
	})
	return err
}

func localHot(l *local) func(int) op {
	return func(worker int) op {
		c := l.caller(worker)
		return func(p *probe) (bool, error) {
			if err := c.lock(); err != nil {
				return false, err
			}
			p.step(0, p.begun)
			return true, nil
		}
	}
}

// localSoldout counts refusals, as over HTTP.
func localSoldout(l *local) func(int) op {
	return func(worker int) op {
		c := l.caller(worker)
		return func(p *probe) (bool, error) {
			if err := c.lock(); err == nil || checkout.CodeOf(err) != checkout.CodeOutOfStock {
				return false, err
			}
			p.step(0, p.begun)
			return true, nil
		}
	}
}

func localHotCheckout(l *local) func(int) op {
	return func(worker int) op {
		c := l.caller(worker)
		return func(p *probe) (bool, error) {
			if _, err := c.place(0); err != nil {
				return false, err
			}
			p.step(0, p.begun)
			return true, nil
		}
	}
}

func localLifecycle(l *local) func(int) op {
	return func(worker int) op {
		c := l.caller(worker)
		return func(p *probe) (bool, error) { return true, c.lifecycle(p) }
	}
}

func (c *caller) lifecycle(p *probe) error {
	first := c.random.IntN(c.goods.skus)
	second := (first + 1 + c.random.IntN(max(c.goods.skus-1, 1))) % c.goods.skus
	o, err := c.place(first, second)
	if err != nil {
		return err
	}
	at := p.step(0, p.begun)
	payment, err := c.initiate(o)
	if err != nil {
		return err
	}
	at = p.step(1, at)
	if err := c.webhook(o, payment); err != nil {
		return err
	}
	at = p.step(2, at)
	if o, err = c.reader.Order(context.Background(), o.ID); err != nil {
		return err
	}
	if o.Status != checkout.OrderConfirmed {
		return fmt.Errorf("order %s is %s and not CONFIRMED after its payment", o.ID, o.Status)
	}
	p.step(3, at)
	p.step(4, p.begun)
	return nil
}

// place checks out one unit of each product, with an idempotency key whose answer
// is kept.
func (c *caller) place(products ...int) (*checkout.Order, error) {
	c.count++
	items := make([]checkout.Item, len(products))
	for i, n := range products {
		items[i] = checkout.Item{SKU: sku(n), Qty: 1}
	}
	reply, err := c.engine.Submit(context.Background(), engine.Submission{
		Command: saga.PlaceOrder{
			Items: checkout.SumItems(items), Currency: currency, HoldTTL: holdTTL,
			Details: checkout.OrderDetails{
				Customer: checkout.Customer{
					Email: "asha." + strconv.Itoa(c.number) + "." + strconv.Itoa(c.count) + "@example.com", Name: "Asha Rao", Phone: "+919845012345",
				},
				ShippingAddress: &home,
			},
		},
		Key:    &engine.Key{KeyID: checkout.KeyID{Scope: keyScope, Key: c.key()}, RequestHash: c.hash()},
		Render: render,
	})
	return reply.Order, err
}

// keyScope is as long as those of package api.
const keyScope = "POST /checkout|0198c0de-0000-7000-8000-000000000001|"

// hash stands for the hash of a request, which costs the API and not the engine.
func (c *caller) hash() string {
	var raw [16]byte
	for i := range raw {
		raw[i] = byte(c.random.Uint32())
	}
	return hex.EncodeToString(raw[:])
}

var home = checkout.Address{
	Name: "Asha Rao", Line1: "12 MG Road", Line2: "Ashok Nagar", City: "Bengaluru", State: "KA", PostalCode: "560001", Country: "IN",
}

// initiate starts the payment and is the gateway that answers with a page.
func (c *caller) initiate(o *checkout.Order) (*checkout.Payment, error) {
	ctx := context.Background()
	result, err := c.engine.Do(ctx, saga.InitiatePayment{
		OrderID: o.ID, Amount: money.Literal(o.Total.String()), Method: checkout.MethodCard,
		IdempotencyKey: c.key(), RequestHash: c.hash(), Routes: routes,
	})
	if err != nil {
		return nil, err
	}
	p := result.Payment
	task, ok := c.run.take(p.ID)
	if !ok {
		return nil, fmt.Errorf("the commit of payment %s has leased no task to this process", p.ID)
	}
	page := session{payment: p.ID.String()}
	result, err = c.engine.Do(ctx, saga.ApplyPayment{
		OrderID: o.ID, PaymentID: p.ID, Run: &saga.TaskRun{Task: task},
		Report: checkout.PaymentReport{
			PaymentID: p.ID, Gateway: account, GatewayRef: page.id(), Status: checkout.PaymentPending, Amount: p.Amount,
			Action: &checkout.Action{Type: "redirect", URL: pageURL + page.id()}, ActionExpires: time.Now().Add(sessionTime).UTC().Truncate(time.Second),
		},
	})
	return result.Payment, err
}

var routes = []saga.Route{{Gateway: account, Methods: []checkout.Method{checkout.MethodCard}, Tokens: true, Closable: true}}

// webhook is the gateway's message that the buyer has paid.
func (c *caller) webhook(o *checkout.Order, p *checkout.Payment) error {
	page := session{payment: p.ID.String()}
	result, err := c.engine.Do(context.Background(), saga.ReceiveWebhook{
		OrderID: o.ID, PaymentID: p.ID,
		Event: checkout.WebhookEvent{
			Gateway: account, Key: page.event(), Type: "checkout.session.completed", OccurredAt: time.Now().UTC().Truncate(time.Second),
			Payment: &checkout.PaymentReport{
				PaymentID: p.ID, Gateway: account, GatewayRef: page.id(), ChargeID: page.intent(), Status: checkout.PaymentSucceeded, Amount: p.Amount,
			},
		},
	})
	if err == nil && result.Order.Status != checkout.OrderConfirmed {
		return fmt.Errorf("order %s is %s and not CONFIRMED after its webhook", o.ID, result.Order.Status)
	}
	return err
}

// render makes the answer as the API does: it is written anew from the order.
func render(r saga.Result) (checkout.Answer, error) {
	return checkout.Answer{Status: http.StatusCreated, Order: r.Order.ID}, nil
}
