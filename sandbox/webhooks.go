package sandbox

import (
	"container/heap"
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"
)

const (
	deliveryWorkers  = 16
	deliveryTimeout  = 5 * time.Second
	deliveryTries    = 8
	firstRetry       = 500 * time.Millisecond
	longestRetry     = 30 * time.Second
	maxQueued        = 100_000
	maxDeliveryLog   = 10_000
	clockSkew        = 10 * time.Minute // of webhook_skewed_clock; receivers tolerate five
	maxReceiverBytes = 64 << 10
)

// Delivery is one webhook on its way to the receiver, or there.
type Delivery struct {
	ID       string     `json:"id"`
	Event    string     `json:"event"`
	Type     string     `json:"type"`
	Object   string     `json:"object"` // id of the object that the event is about
	State    string     `json:"state"`  // queued, delivered, failed (given up), dropped
	Tries    int        `json:"tries"`
	Status   int        `json:"status,omitempty"` // of the last try
	Error    string     `json:"error,omitempty"`
	Faults   []string   `json:"faults,omitempty"`
	Created  time.Time  `json:"created"`
	Finished *time.Time `json:"finished,omitempty"`
}

// delivery is a Delivery and what it takes to make it.
type delivery struct {
	Delivery
	event  *event
	faults []Fault
	due    time.Time
}

// courier delivers events to the webhook's receiver.
type courier struct {
	sandbox *Sandbox
	client  *http.Client
	log     *slog.Logger
	ctx     context.Context
	wake    chan struct{}
	slots   chan struct{}
	wait    sync.WaitGroup

	mu        sync.Mutex
	url       string
	secret    string
	oldSecret string
	queue     deliveryQueue
	busy      int
	idle      chan struct{} // closed when nothing is queued or on its way; nil while nobody waits
	log10k    []*delivery   // oldest first
	byID      map[string]*delivery
	serial    int
	held      []*delivery // waiting to be shuffled
	heldTimer *time.Timer
	leftOver  []*event // undelivered ones of an earlier process
}

// deliveryQueue is a heap, earliest first.
type deliveryQueue []*delivery

func (q deliveryQueue) Len() int           { return len(q) }
func (q deliveryQueue) Less(i, j int) bool { return q[i].due.Before(q[j].due) }
func (q deliveryQueue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }

// Push implements heap.Interface.
func (q *deliveryQueue) Push(x any) { *q = append(*q, x.(*delivery)) }

// Pop implements heap.Interface.
func (q *deliveryQueue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

func newCourier(ctx context.Context, s *Sandbox, config Config) *courier {
	client := config.HTTPClient
	if client == nil {
		client = &http.Client{Timeout: deliveryTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Transport: &http.Transport{MaxIdleConnsPerHost: deliveryWorkers, IdleConnTimeout: 30 * time.Second}}
	}
	return &courier{sandbox: s, client: client, log: config.Logger, ctx: ctx, wake: make(chan struct{}, 1), slots: make(chan struct{}, deliveryWorkers),
		url: config.WebhookURL, secret: config.WebhookSecret, byID: map[string]*delivery{}}
}

func (c *courier) setTarget(url, secret string) {
	c.mu.Lock()
	if secret != c.secret {
		c.oldSecret = c.secret
	}
	c.url, c.secret = url, secret
	left := c.leftOver
	if url != "" {
		c.leftOver = nil
	}
	c.mu.Unlock()
	if url != "" {
		c.publish(left)
	}
}

// publish sends events on their way. Those that a fault sends before the answer are there when it returns.
func (c *courier) publish(events []*event) {
	if len(events) == 0 {
		return
	}
	c.mu.Lock()
	var first []*delivery
	for _, e := range events {
		first = append(first, c.accept(e)...)
	}
	c.mu.Unlock()
	c.signal()
	for _, d := range first {
		c.try(d)
	}
}

// accept files the deliveries of one event, and returns those to be made at once.
func (c *courier) accept(e *event) (now []*delivery) {
	if c.url == "" {
		c.sandbox.journal.delivered(e)
		return nil
	}
	faults := c.sandbox.faults.drawWebhook(e.Kind, e.Faults)
	copies := 1
	if f := findFault(faults, faultDuplicate); f != nil {
		copies = orDefault(f.Count, 2)
	}
	for range copies {
		d := c.file(e, faults)
		switch {
		case findFault(faults, faultDrop) != nil || len(c.queue) >= maxQueued:
			c.end(d, "dropped")
		case findFault(faults, faultBeforeResponse) != nil:
			c.busy++
			now = append(now, d)
		case findFault(faults, faultShuffle) != nil:
			c.hold(d, findFault(faults, faultShuffle))
		default:
			c.enqueue(d, delayOf(faults))
		}
	}
	return now
}

func delayOf(faults []Fault) time.Duration {
	if f := findFault(faults, faultDelay); f != nil {
		return time.Duration(orDefault(f.LatencyMS, 1000)) * time.Millisecond
	}
	return 0
}

// file makes a delivery and puts it into the log, which keeps the latest.
func (c *courier) file(e *event, faults []Fault) *delivery {
	c.serial++
	d := &delivery{event: e, faults: faults, Delivery: Delivery{ID: "del_" + strconv.Itoa(c.serial), Event: e.ID, Type: e.Kind,
		Object: e.About, State: "queued", Created: time.Now().UTC()}}
	for _, f := range faults {
		d.Faults = append(d.Faults, f.Name)
	}
	c.byID[d.ID] = d
	if c.log10k = append(c.log10k, d); len(c.log10k) > maxDeliveryLog {
		delete(c.byID, c.log10k[0].ID)
		c.log10k[0] = nil
		c.log10k = c.log10k[1:]
	}
	return d
}

// end finishes a delivery, so that no later process makes it again.
func (c *courier) end(d *delivery, state string) {
	now := time.Now().UTC()
	d.State, d.Finished = state, &now
	c.sandbox.journal.delivered(d.event)
}

func (c *courier) enqueue(d *delivery, in time.Duration) {
	d.due = time.Now().Add(in)
	heap.Push(&c.queue, d)
}

// hold keeps a delivery until enough have come to mix, or until the window ends.
func (c *courier) hold(d *delivery, f *Fault) {
	c.held = append(c.held, d)
	if len(c.held) >= orDefault(f.Count, 4) {
		c.unhold()
	} else if len(c.held) == 1 {
		window := time.Duration(orDefault(f.WindowMS, 500)) * time.Millisecond
		c.heldTimer = time.AfterFunc(window, func() {
			c.mu.Lock()
			c.unhold()
			c.mu.Unlock()
			c.signal()
		})
	}
}

// unhold queues what was held, in another order and a little apart, so that the order survives several workers.
func (c *courier) unhold() {
	if c.heldTimer != nil {
		c.heldTimer.Stop()
	}
	for i, position := range c.sandbox.faults.shuffle(len(c.held)) {
		c.enqueue(c.held[position], time.Duration(i)*20*time.Millisecond)
	}
	c.held = nil
}

func (c *courier) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// run hands due deliveries to workers until the sandbox closes.
func (c *courier) run() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		d, next := c.next()
		if d != nil {
			select {
			case c.slots <- struct{}{}:
			case <-c.ctx.Done():
				return
			}
			c.wait.Go(func() {
				defer func() { <-c.slots }()
				c.try(d)
			})
			continue
		}
		timer.Reset(next)
		select {
		case <-c.wake:
		case <-timer.C:
		case <-c.ctx.Done():
			return
		}
	}
}

// next takes the first due delivery, or says how long to wait for one.
func (c *courier) next() (*delivery, time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) == 0 {
		return nil, time.Hour
	}
	if wait := time.Until(c.queue[0].due); wait > 0 {
		return nil, wait
	}
	c.busy++
	return heap.Pop(&c.queue).(*delivery), 0
}

// try makes one attempt, and queues the next where it failed.
func (c *courier) try(d *delivery) {
	c.mu.Lock()
	url, secret, old := c.url, c.secret, c.oldSecret
	c.mu.Unlock()
	status, err := c.post(d, url, secret, old)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy--
	d.Tries++
	d.Status, d.Error = status, ""
	if err != nil {
		d.Error = err.Error()
	}
	switch {
	case err == nil && status >= 200 && status < 300:
		c.end(d, "delivered")
	case c.ctx.Err() != nil:
		c.enqueue(d, 0) // it is not idle; the journal has the event, and the next process sends it
	case d.Tries >= deliveryTries:
		c.end(d, "failed")
		c.log.Warn("webhook given up", "component", "SIMULATOR", "delivery", d.ID, "type", d.Type, "status", status, "error", d.Error)
	default:
		d.State = "queued"
		c.enqueue(d, min(firstRetry<<(d.Tries-1), longestRetry))
		c.signal()
	}
	c.tellIdle()
}

// redeliver sends an event again, whatever became of the delivery. It says whether there is such a delivery.
func (c *courier) redeliver(id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.byID[id]
	if d == nil || c.url == "" {
		return false
	}
	c.sandbox.journal.append(&record{Again: d.event.ID})
	c.enqueue(c.file(d.event, nil), 0)
	c.signal()
	return true
}

// deliveries returns the log, oldest first.
func (c *courier) deliveries() []Delivery {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make([]Delivery, 0, len(c.log10k))
	for _, d := range c.log10k {
		all = append(all, d.Delivery)
	}
	return all
}

func (c *courier) tellIdle() {
	if c.idle != nil && len(c.queue) == 0 && len(c.held) == 0 && c.busy == 0 {
		close(c.idle)
		c.idle = nil
	}
}

// drain waits until nothing is on its way.
func (c *courier) drain(ctx context.Context) error {
	c.mu.Lock()
	if c.idle == nil {
		c.idle = make(chan struct{})
	}
	idle := c.idle
	c.tellIdle()
	c.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
