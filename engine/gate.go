package engine

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"kassa/batch"
	"kassa/checkout"
	"kassa/hold"
	"kassa/inventory"
	"kassa/saga"
	"kassa/store"
)

// gate asks the admission gate before a command that holds stock is queued, and tells
// it what each batch left. It decides nothing: who is let through is decided by the
// batch, and who is refused would be refused by it. Where the gate is away, all are let
// through. A nil gate is none.
type gate struct {
	hold    hold.Gate
	store   store.Store
	log     *slog.Logger
	onAsk   func(outcome string)
	onDrift func(units int64)

	asks    *collector[*wish]
	reads   *collector[*look]
	ends    *collector[*ending]
	rest    atomic.Int64  // until when nobody asks, by this process's clock, in ns
	filling chan struct{} // has one place: the gate is to be filled
	stop    context.CancelFunc
	life    context.Context //nolint:containedctx // the life of the goroutines, not of a call
}

const (
	asksAtOnce = 128
	maxWaiting = 8192 // for each collector; whoever finds it full goes on without the gate
	// shortWait is the first pause of a command that must wait for others; each is twice
	// as long as the one before, up to longWait.
	shortWait = 2 * time.Millisecond
	longWait  = 50 * time.Millisecond
	// patience is how long a command waits for others who were admitted. Then the
	// database decides.
	patience = time.Second
	// restFor is how long nobody asks a gate that failed.
	restFor = time.Second
	// settleWait bounds how long those whose batch put units back on sale wait until
	// the gate knows: nobody should be refused after that.
	settleWait = 50 * time.Millisecond
	// goodbye bounds the last settlement of a process that stops.
	goodbye = 500 * time.Millisecond
	// driftEvery is how often a process compares the gate with the database.
	driftEvery = 5 * time.Minute
)

// The outcomes of an ask, for whoever counts them.
const (
	AskAdmitted = "admitted" // let through
	AskSoldOut  = "sold_out" // refused without the batch
	AskRepeated = "repeated" // sold out, but the caller has had an answer or holds units
	AskWaited   = "waited"   // others kept the units too long; let through
	AskAway     = "away"     // no gate; let through
)

// newGate starts a gate; nil where there is none.
func newGate(cfg Config) *gate {
	if cfg.Gate == nil {
		return nil
	}
	g := &gate{hold: cfg.Gate, store: cfg.Store, log: cfg.Log, onAsk: cfg.OnAsk, onDrift: cfg.OnDrift, filling: make(chan struct{}, 1)}
	if g.onAsk == nil {
		g.onAsk = func(string) {}
	}
	if g.onDrift == nil {
		g.onDrift = func(int64) {}
	}
	g.life, g.stop = context.WithCancel(context.Background())
	g.asks = newCollector(g.life, asksAtOnce, g.askAll)
	g.reads = newCollector(g.life, asksAtOnce, g.readAll)
	g.ends = newCollector(g.life, asksAtOnce, g.endAll)
	g.refill()
	go g.keep(driftEvery)
	return g
}

// close tells what is still to be told, and ends the goroutines.
func (g *gate) close() {
	if g == nil {
		return
	}
	defer g.stop()
	ctx, cancel := context.WithTimeout(g.life, goodbye)
	defer cancel()
	last := &ending{done: make(chan struct{})}
	if g.ends.put(last) {
		_ = g.wait(ctx, last.done) // what is not told is found when the gate is filled next
	}
}

// wish is a command's admission on its way.
type wish struct {
	hold.Admission
	answer   hold.Answer
	err      error
	answered chan struct{}
	left     atomic.Bool // who asked has gone
}

// admit lets a command through, or refuses it as the batch would.
func (g *gate) admit(ctx context.Context, c *call) error {
	if g == nil {
		return nil
	}
	wants, held := saga.Wanted(c.Command)
	if !held {
		return nil
	}
	outcome, short := g.pass(ctx, c, wants)
	g.onAsk(outcome)
	if outcome == AskSoldOut {
		return checkout.OutOfStock(short)
	}
	return nil
}

// pass says how an ask ends.
func (g *gate) pass(ctx context.Context, c *call, wants saga.Wish) (outcome string, short []checkout.Shortage) {
	if g.resting() {
		return AskAway, nil
	}
	items, ok := g.items(ctx, wants)
	if !ok || len(items) == 0 {
		return AskRepeated, nil
	}
	admission := hold.Admission{ID: newAdmissionID(), Items: items}
	answer, err := g.await(ctx, admission)
	switch {
	case err != nil:
		return AskAway, nil
	case answer.Verdict == hold.Admitted:
		c.admission = &admission
		return AskAdmitted, nil
	case answer.Verdict == hold.Wait:
		return AskWaited, nil
	case g.knows(ctx, c, wants):
		return AskRepeated, nil
	}
	return AskSoldOut, answer.Short
}

// newAdmissionID makes an admission's id.
func newAdmissionID() checkout.ID {
	var random [10]byte
	_, _ = rand.Read(random[:]) // crypto/rand.Read never fails (Go 1.24)
	return checkout.NewID(time.Now(), random)
}

// await asks until it is certain, or for as long as its patience lasts.
func (g *gate) await(ctx context.Context, a hold.Admission) (hold.Answer, error) {
	deadline := time.Now().Add(patience)
	for pause := shortWait; ; pause = min(2*pause, longWait) {
		w := &wish{Admission: a, answered: make(chan struct{})}
		if !g.asks.put(w) {
			return hold.Answer{}, hold.ErrUnavailable
		}
		if err := g.wait(ctx, w.answered); err != nil {
			g.leave(w)
			return hold.Answer{}, err
		}
		if w.err != nil || w.answer.Verdict != hold.Wait || time.Now().Add(pause).After(deadline) {
			return w.answer, w.err
		}
		if err := sleep(ctx, pause); err != nil {
			return hold.Answer{}, err
		}
	}
}

func (g *gate) wait(ctx context.Context, done <-chan struct{}) error {
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-g.life.Done():
		return hold.ErrUnavailable
	}
}

// leave ends the admission of a wish whose caller goes, now or when it is answered.
func (g *gate) leave(w *wish) {
	w.left.Store(true)
	select {
	case <-w.answered:
		g.settle([]hold.Admission{w.Admission}, nil)
	default:
	}
}

func sleep(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// askAll asks for all who wait in one call.
func (g *gate) askAll(wishes []*wish) {
	admissions := make([]hold.Admission, len(wishes))
	for i, w := range wishes {
		admissions[i] = w.Admission
	}
	answers, err := g.hold.Admit(g.life, admissions)
	if err != nil {
		g.failed(err)
	}
	for i, w := range wishes {
		if w.err = err; err == nil {
			w.answer = answers[i]
		}
		if close(w.answered); w.left.Load() {
			g.settle([]hold.Admission{w.Admission}, nil)
		}
	}
}

// look is a read on its way.
type look struct {
	keys  saga.Keys
	state *saga.State // shared by all who were read for at once
	err   error
	done  chan struct{}
}

// read reads rows as they are, together with others who want to.
func (g *gate) read(ctx context.Context, keys saga.Keys) (*saga.State, error) {
	l := &look{keys: keys, done: make(chan struct{})}
	if !g.reads.put(l) {
		return nil, store.ErrUnavailable
	}
	if err := g.wait(ctx, l.done); err != nil {
		return nil, err
	}
	return l.state, l.err
}

func (g *gate) readAll(looks []*look) {
	var keys saga.Keys
	for _, l := range looks {
		keys.Add(l.keys)
	}
	state := saga.NewState()
	err := g.store.Read(g.life, state.Missing(keys), state)
	for _, l := range looks {
		l.state, l.err = state, err
		close(l.done)
	}
}

// items are those of the command or its cart. A cart with an order is answered by that:
// ok is false, as where the cart cannot be read.
func (g *gate) items(ctx context.Context, wants saga.Wish) (items []checkout.Item, ok bool) {
	if wants.CartID.IsZero() {
		return wants.Items, true
	}
	state, err := g.read(ctx, saga.Keys{Carts: []checkout.ID{wants.CartID}})
	if err != nil {
		return nil, false
	}
	cart := state.Carts[wants.CartID]
	if cart == nil || !cart.LastOrder.IsZero() {
		return nil, false
	}
	return checkout.SumItems(cart.Items), true
}

// knows tells whether the caller has had an answer, or holds units that are not on sale
// to others; also where that cannot be learned. The gate cannot know it, so it is read,
// for those who would be refused.
func (g *gate) knows(ctx context.Context, c *call, wants saga.Wish) bool {
	var keys saga.Keys
	if c.Key != nil {
		keys.Answers = []checkout.KeyID{c.Key.KeyID}
	}
	if wants.SessionID != "" {
		keys.Sessions = []string{wants.SessionID}
	}
	if !wants.CartID.IsZero() {
		keys.Carts = []checkout.ID{wants.CartID}
	}
	if keys.Empty() {
		return false
	}
	state, err := g.read(ctx, keys)
	if err != nil {
		return true
	}
	cart := state.Carts[wants.CartID]
	return c.Key != nil && state.Answers[c.Key.KeyID] != nil || state.Holds[wants.SessionID] != nil ||
		cart != nil && !cart.LastOrder.IsZero()
}

func (g *gate) resting() bool { return time.Now().UnixNano() < g.rest.Load() }

// failed lets the gate rest. What it is not told meanwhile it learns by being filled.
func (g *gate) failed(err error) {
	if g.life.Err() != nil {
		return
	}
	g.rest.Store(time.Now().Add(restFor).UnixNano())
	if g.refill() {
		g.log.Warn("going on without the admission gate, until it answers and has been filled", "error", err)
	}
}

// refill has the gate filled soon; false where it was to be anyway.
func (g *gate) refill() bool {
	select {
	case g.filling <- struct{}{}:
		return true
	default:
		return false
	}
}

// keep fills the gate when that is needed, and measures its drift now and then.
func (g *gate) keep(every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-g.filling:
			g.fill()
		case <-ticker.C:
			g.measure()
		case <-g.life.Done():
			return
		}
	}
}

// fill fills the gate, as soon as that can be done. Of several processes one does it
// at a time.
func (g *gate) fill() {
	for {
		if sleep(g.life, time.Until(time.Unix(0, g.rest.Load()))) != nil {
			return
		}
		skus, err := FillGate(g.life, g.hold, g.store)
		if err == nil {
			g.log.Info("the admission gate was filled", "skus", skus)
			return
		}
		if !errors.Is(err, hold.ErrBuilding) {
			g.log.Debug("the admission gate could not be filled; trying again", "error", err)
		}
		if sleep(g.life, restFor) != nil {
			return
		}
	}
}

func (g *gate) measure() {
	drifts, _, err := GateDrift(g.life, g.hold, g.store)
	if err != nil {
		g.log.Debug("the drift of the admission gate could not be measured", "error", err)
		return
	}
	var units int64
	for _, d := range drifts {
		units += max(d.Gate-d.DB, d.DB-d.Gate)
	}
	g.onDrift(units)
}

// ending is a batch's settlement on its way.
type ending struct {
	hold.Settlement
	done chan struct{}
}

// left is what a batch left for sale.
type left struct {
	levels   []hold.Level
	position int64 // at which it was so; 0: not known
	rose     bool  // units were put back on sale
}

// at says at which position it was so.
func (l *left) at(position int64) {
	if l != nil {
		l.position = position
	}
}

// tell notes in a batch's outcomes what it leaves for sale.
func (g *gate) tell(set *workset, outcomes []batch.Outcome[Reply]) *left {
	if g == nil {
		return nil
	}
	l := &left{rose: set.rose, levels: make([]hold.Level, 0, len(set.state.Stock))}
	for sku, levels := range set.state.Stock {
		if len(levels) > 0 {
			l.levels = append(l.levels, hold.Level{SKU: sku, Available: inventory.Available(levels)})
		}
	}
	for i := range outcomes {
		outcomes[i].Result.left = l
	}
	return l
}

// committed settles a batch.
func (g *gate) committed(outcomes []batch.Outcome[Reply]) {
	if g == nil || len(outcomes) == 0 {
		return
	}
	var ended []hold.Admission
	var l *left
	for i := range outcomes {
		r := &outcomes[i].Result
		if r.ended != nil && !outcomes[i].Deferred {
			ended = append(ended, *r.ended)
		}
		l = cmp.Or(l, r.left)
	}
	if l != nil && l.position == 0 { // the commit's answer was lost
		g.refill()
	}
	g.settle(ended, l)
}

// settle tells what a batch left, and that admissions have ended. Where units were put
// back it waits a moment until the gate knows.
func (g *gate) settle(ended []hold.Admission, l *left) {
	if g.resting() {
		return
	}
	e := &ending{done: make(chan struct{}), Settlement: hold.Settlement{Ended: ended}}
	if l != nil && l.position > 0 {
		e.Levels = l.levels
		for i := range e.Levels {
			e.Levels[i].Position = l.position
		}
	}
	if len(e.Ended)+len(e.Levels) == 0 {
		return
	}
	if !g.ends.put(e) {
		g.refill()
		return
	}
	if l == nil || !l.rose {
		return
	}
	ctx, cancel := context.WithTimeout(g.life, settleWait)
	defer cancel()
	_ = g.wait(ctx, e.done) // what the gate learns later it learns in time for the next probe
}

// endAll tells of all batches that wait in one call.
func (g *gate) endAll(all []*ending) {
	var s hold.Settlement
	newest := map[string]int{}
	for _, e := range all {
		s.Ended = append(s.Ended, e.Ended...)
		for _, l := range e.Levels {
			i, seen := newest[l.SKU]
			switch {
			case !seen:
				newest[l.SKU] = len(s.Levels)
				s.Levels = append(s.Levels, l)
			case l.Position >= s.Levels[i].Position:
				s.Levels[i] = l
			}
		}
	}
	if err := g.hold.Settle(g.life, s); err != nil {
		g.failed(err)
	}
	for _, e := range all {
		close(e.done)
	}
}

// abandon ends the admission of a command that no batch will tell of.
func (g *gate) abandon(c *call) {
	if g != nil && c.admission != nil {
		g.settle([]hold.Admission{*c.admission}, nil)
	}
}

// collector hands what waits to run, many at a time. While one lot is under way, the
// next one gathers.
type collector[T any] struct {
	waiting chan T
	most    int
	run     func([]T)
}

func newCollector[T any](ctx context.Context, most int, run func([]T)) *collector[T] {
	c := &collector[T]{waiting: make(chan T, maxWaiting), most: most, run: run}
	go c.work(ctx)
	return c
}

// put queues one; false where too many wait.
func (c *collector[T]) put(one T) bool {
	select {
	case c.waiting <- one:
		return true
	default:
		return false
	}
}

func (c *collector[T]) work(ctx context.Context) {
	for {
		select {
		case one := <-c.waiting:
			c.run(c.more([]T{one}))
		case <-ctx.Done():
			return
		}
	}
}

func (c *collector[T]) more(lot []T) []T {
	for len(lot) < c.most {
		select {
		case one := <-c.waiting:
			lot = append(lot, one)
		default:
			return lot
		}
	}
	return lot
}
