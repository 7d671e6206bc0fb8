// Package sandbox is a stateful stand-in for payment gateways' servers. It speaks Stripe's protocol over a neutral
// ledger of the money that moved, serves the hosted pages on which a buyer pays with test cards, sends signed webhooks,
// and can be told to misbehave (see faults.go). Demos and tests of Kassa run against it.
//
// It must not know anything of Kassa: no order, no saga, no store. It imports the standard library only, so that a wrong
// idea of ours about a gateway cannot leak into both sides at once.
package sandbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"
)

// APIVersion is the version of Stripe's API that answers and events carry. webhook.ConstructEvent of stripe-go v85
// refuses events of another release train.
const APIVersion = "2026-03-25.dahlia"

const defaultSecretKey = "sk_test_sandbox" // #nosec G101 -- a public test value, refused by every real gateway

// Config says how a Sandbox behaves. The zero value works: no webhooks, random ids, the real clock, nothing on disk.
type Config struct {
	// Now is the clock; nil means time.Now. POST /_sim/advance is added on top of it.
	Now func() time.Time
	// Seed makes ids and random faults repeatable; 0 means random ones.
	Seed uint64
	// SecretKey is the API key that requests must carry; "" means sk_test_sandbox.
	SecretKey string
	// WebhookSecret (whsec_…) signs events.
	WebhookSecret string
	// WebhookURL is where events are POSTed; "" means that nobody listens yet.
	WebhookURL string
	// PublicURL is the base of the hosted pages, such as http://127.0.0.1:4242; "" means that of the first request.
	PublicURL string
	// SnapshotPath is a file that keeps the state over restarts, and with its journal (SnapshotPath.journal) over a kill of
	// the process; "" means memory only.
	SnapshotPath string
	// Logger gets what happens, never a card number or a secret; nil means nothing.
	Logger *slog.Logger
	// HTTPClient delivers webhooks; nil means one with a timeout of 5 s that follows no redirects.
	HTTPClient *http.Client
}

// Sandbox is one simulated gateway account. Make it with New, mount Handler, and Close it in the end.
type Sandbox struct {
	config  Config
	log     *slog.Logger
	handler http.Handler
	faults  *faultPlan
	courier *courier
	keys    *keyStore
	journal *journal // nil: nothing on disk
	stop    context.CancelFunc
	done    <-chan struct{}
	wait    sync.WaitGroup
	closed  func() error

	mu        sync.Mutex // guards all below
	ids       *idSource
	offset    time.Duration
	publicURL string
	book      *book
	stripe    *stripeFace
	due       dueQueue
	starts    uint64 // of processes on this state, this one included
}

// New makes a Sandbox and, where SnapshotPath names a file, loads the state that an earlier one saved.
// It returns an error for a live secret key, so that a sandbox is never mistaken for a real gateway, and for a
// snapshot that cannot be read.
func New(config Config) (*Sandbox, error) {
	if config.SecretKey == "" {
		config.SecretKey = defaultSecretKey
	}
	if strings.HasPrefix(config.SecretKey, "sk_live_") || strings.HasPrefix(config.SecretKey, "rk_live_") {
		return nil, errors.New("sandbox: the secret key is a live key; use one that starts with sk_test_")
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &Sandbox{
		config: config, log: config.Logger.With("component", "SIMULATOR"), stop: stop, done: ctx.Done(),
		ids: newIDSource(config.Seed, 0), publicURL: strings.TrimRight(config.PublicURL, "/"),
		book: newBook(), stripe: newStripeFace(), keys: newKeyStore(), faults: newFaultPlan(config.Seed),
	}
	s.closed = sync.OnceValue(s.close)
	s.courier = newCourier(ctx, s, config)
	if err := s.load(); err != nil {
		stop()
		return nil, fmt.Errorf("sandbox: load snapshot %s: %w", config.SnapshotPath, err)
	}
	s.courier.setTarget(config.WebhookURL, config.WebhookSecret) // sends what an earlier process left
	s.handler = s.routes()
	s.wait.Go(s.courier.run)
	if config.Now == nil || config.SnapshotPath != "" {
		s.wait.Go(s.tick)
	}
	return s, nil
}

// Handler serves Stripe's API under /v1, the hosted pages under /c/pay and /3ds, and the control API under /_sim.
// Mount it on a loopback listener of its own: neither the pages nor the control API ask who is calling.
func (s *Sandbox) Handler() http.Handler { return s.handler }

// Ledger returns the truth: what was authorised, captured and refunded for every payment, whatever faults hid it.
func (s *Sandbox) Ledger() Ledger {
	var l Ledger
	s.courier.publish(s.update(requestInfo{}, func(tx *tx) { l = tx.ledger() }))
	return l
}

// SetWebhook names the endpoint that events go to and the secret that signs them. The secret before it is kept for the
// faults that sign with an old one. Events that an earlier process could not deliver are sent now.
func (s *Sandbox) SetWebhook(url, secret string) { s.courier.setTarget(url, secret) }

// SetPublicURL sets the base of the hosted pages, for listeners whose port is known late.
func (s *Sandbox) SetPublicURL(url string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.publicURL = strings.TrimRight(url, "/")
}

// SetFaults replaces all fault rules; with none given the sandbox behaves. It returns an error that names the rule
// which makes no sense, and then changes nothing.
func (s *Sandbox) SetFaults(rules ...Fault) error { return s.faults.set(rules) }

// Advance moves the sandbox's clock forward and runs everything that falls due until then.
func (s *Sandbox) Advance(d time.Duration) {
	s.mu.Lock()
	s.offset += max(d, 0)
	s.journal.append(&record{Offset: s.offset})
	s.mu.Unlock()
	s.runDue()
}

// Drain waits until no webhook is queued, waiting for a retry, or on its way. It returns the context's error when that
// ends first.
func (s *Sandbox) Drain(ctx context.Context) error { return s.courier.drain(ctx) }

// Close stops the webhook workers, waits for them, and saves the snapshot where one is configured. Stop the server
// first. A second call does nothing and returns what the first did.
func (s *Sandbox) Close() error { return s.closed() }

func (s *Sandbox) close() error {
	s.stop()
	s.wait.Wait()
	s.courier.wait.Wait()
	if s.journal == nil {
		return nil
	}
	return errors.Join(s.save(), s.journal.file.Close())
}

// tick runs what falls due without a request, and saves the snapshot where the journal has grown long.
func (s *Sandbox) tick() {
	ticker := time.NewTicker(500 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-s.done:
			return
		case <-ticker.C:
			if s.config.Now == nil {
				s.runDue()
			}
			s.compact()
		}
	}
}

// compact saves the snapshot where the journal has grown long.
func (s *Sandbox) compact() {
	if s.journal == nil || !s.journal.outgrown() {
		return
	}
	if err := s.save(); err != nil {
		s.log.Error("snapshot not saved", "path", s.config.SnapshotPath, "error", err)
	}
}

// wallClock is the configured clock without what /_sim/advance added. Webhook signatures use it, because the receiver's
// clock is not advanced.
func (s *Sandbox) wallClock() time.Time {
	if s.config.Now != nil {
		return s.config.Now()
	}
	return time.Now()
}

// simTime is the sandbox's time, advances included, in whole seconds as Stripe counts them.
func (s *Sandbox) simTime() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lockedTime()
}

func (s *Sandbox) lockedTime() time.Time {
	return s.wallClock().Add(s.offset).Truncate(time.Second).UTC()
}

// requestInfo is what an event says about the request that caused it.
type requestInfo struct {
	ID  string `json:"id"`
	Key string `json:"idempotency_key"`
}

// tx is one turn under the lock: the time it happens at, the events that it causes, and what it changes.
type tx struct {
	*Sandbox
	now      time.Time
	request  requestInfo
	events   []*event
	intents  []*paymentIntent // changed
	sessions []*session       // changed
	answer   func() reply     // what the request's idempotency key gets; nil: nothing
}

// update runs what is due and then fn, under the lock, records what both changed, and returns their events, which the
// caller publishes.
func (s *Sandbox) update(request requestInfo, fn func(*tx)) []*event {
	s.mu.Lock()
	defer s.mu.Unlock()
	tx := &tx{Sandbox: s, now: s.lockedTime()}
	for s.due.ready(tx.now) {
		tx.fire(s.due.pop())
	}
	tx.request = request
	fn(tx)
	tx.record()
	return tx.events
}

// runDue applies everything whose time has come and publishes its events.
func (s *Sandbox) runDue() {
	s.courier.publish(s.update(requestInfo{}, func(*tx) {}))
}
