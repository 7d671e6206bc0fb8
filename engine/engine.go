// Package engine loads, decides and persists: a command goes in, its rows are
// loaded with those of its neighbours in the batch, saga.Decide says what
// changes, and one transaction writes it. The engine must not know gateways,
// HTTP or any particular database, and it never calls the network while a
// transaction is open.
package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"time"

	"kassa/batch"
	"kassa/checkout"
	"kassa/hold"
	"kassa/saga"
	"kassa/store"
)

// Config configures an engine.
type Config struct {
	Store   store.Store
	Kinds   []checkout.TaskKind // of the tasks that this process runs; nil: all
	Batch   batch.Config
	Log     *slog.Logger
	Gate    hold.Gate            // asked before stock is held; nil: none
	OnAsk   func(outcome string) // told how each of its asks ended
	OnDrift func(units int64)    // told now and then how far it is from the database
}

// Engine decides commands in batches on one store.
type Engine struct {
	store    store.Store
	kinds    []checkout.TaskKind // nil: all
	log      *slog.Logger
	lane     *batch.Lane[checkout.ID, *call, Reply]
	onTasks  func([]checkout.Task)
	watchers watchers
	late     *late
	owned    shared // whether the rows are this engine's
	doubt    *doubt // of who commits alone
	gate     *gate

	// What follows belongs to the lane's goroutine.
	ids    idSource // of what commands make, by the database's clock
	names  idSource // of batches, by this process's
	owner  ownership
	clock  clock
	recent *recent
	last   *prepared // the last batch that was decided ahead
	turn   store.Tx  // begun for the next batch that goes through Commit; nil: none
	wary   int       // for how many batches nothing is taken for new

	set      *workset // of the batches that are decided ahead
	setCalls int      // the largest of those
}

// Submission is a command with what its caller needs of the answer.
type Submission struct {
	Command saga.Command
	// Key, where it is set, keeps the answer: a repeat gets the same.
	Key *Key
	// Render makes the answer that is kept. It must be set with Key, be pure and
	// depend on the result alone. An answer that names an Order is kept without
	// its Body: whoever repeats the call gets the Order alone.
	Render func(saga.Result) (checkout.Answer, error)
}

// Key is an idempotency key with the hash of the request that uses it.
type Key struct {
	checkout.KeyID
	RequestHash string
}

// Reply is a decided and committed command's result.
type Reply struct {
	saga.Result
	Answer   *checkout.Answer // where the submission had a Key
	Replayed bool             // the answer of an earlier call

	run     []checkout.Task // leased to this process by the commit
	touched []*checkout.Order
	reign   int64 // in which it was decided
	left    *left // of its batch; nil without a gate
	ended   *hold.Admission
}

// call is a submission on its way through the lane.
type call struct {
	Submission
	supposed  bool            // a key that it claims is taken for new, which nobody has looked up
	admission *hold.Admission // the gate keeps units for it; nil: it does not
}

// New makes an engine and starts its lane. Tasks that a commit leases to this
// process are handed to onTasks, which must not block.
func New(cfg Config, onTasks func([]checkout.Task)) *Engine {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	e := &Engine{store: cfg.Store, kinds: cfg.Kinds, log: cfg.Log, onTasks: onTasks, clock: clock{store: cfg.Store}, recent: newRecent(), late: newLate()}
	e.owner.store, e.owner.id = cfg.Store, e.names.next(time.Now())
	e.owned.ask = e.owner.still
	e.gate = newGate(cfg)
	e.lane = batch.New(e.watched(cfg.Batch), batch.Committer[checkout.ID, *call, Reply](e))
	return e
}

// watched logs what goes wrong in the lane beside whatever else is told of it.
func (e *Engine) watched(cfg batch.Config) batch.Config {
	next := cfg.OnTrouble
	cfg.OnTrouble = func(class batch.Class, err error) {
		e.log.Warn("a batch could not be committed", "class", class.String(), "error", err)
		if next != nil {
			next(class, err)
		}
	}
	return cfg
}

// Submit decides a command and returns when its effect is durable. A refusal is a
// *checkout.Error. A caller who leaves does not cancel the command.
func (e *Engine) Submit(ctx context.Context, s Submission) (Reply, error) {
	c := &call{Submission: s}
	if err := e.gate.admit(ctx, c); err != nil {
		return Reply{}, err
	}
	reply, err := e.lane.Submit(ctx, c)
	if err != nil {
		if ctx.Err() == nil { // else it may still be decided
			e.gate.abandon(c)
		}
		return Reply{}, asRefusal(err)
	}
	return reply, nil
}

// Do submits a command that keeps no answer.
func (e *Engine) Do(ctx context.Context, c saga.Command) (saga.Result, error) {
	reply, err := e.Submit(ctx, Submission{Command: c})
	return reply.Result, err
}

// Waiting is the number of commands in the queue.
func (e *Engine) Waiting() int { return e.lane.Waiting() }

// Close takes no more commands and answers those that wait.
func (e *Engine) Close(ctx context.Context) error {
	defer e.gate.close()
	return e.lane.Close(ctx)
}

// asRefusal turns what passes by itself into "overloaded": the caller tries
// again, and an idempotency key makes that safe.
func asRefusal(err error) error {
	switch {
	case errors.Is(err, batch.ErrFull), errors.Is(err, batch.ErrClosed):
		return checkout.Refuse(checkout.CodeOverloaded, "too much is going on; nothing was done; try again in a second")
	case errors.Is(err, batch.ErrUnresolved):
		return checkout.Refuse(checkout.CodeOverloaded, "the database did not say whether this was done; repeat the request with the same key to learn it")
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, store.ErrRetry), errors.Is(err, store.ErrOwned), errors.Is(err, store.ErrUnknownCommit):
		return checkout.Refuse(checkout.CodeOverloaded, "the database cannot be reached or is busy; nothing was done; try again")
	}
	return err
}

// NewID makes the id of a batch.
func (e *Engine) NewID() checkout.ID { return e.names.next(time.Now()) }

// Classify tells what a store's error makes certain.
func (e *Engine) Classify(err error) batch.Class {
	switch {
	case errors.Is(err, store.ErrUnknownCommit):
		return batch.Unknown
	case errors.Is(err, store.ErrRetry), errors.Is(err, store.ErrOwned):
		return batch.Retry
	case errors.Is(err, store.ErrUnavailable):
		return batch.Unavailable
	}
	return batch.Definite
}

// doubt is a commit that was not answered.
type doubt struct {
	save     *store.Save
	outcomes []batch.Outcome[Reply]
}

// Fence resolves the commit that was not answered. Of one that was written it learns
// what its answer would have told.
func (e *Engine) Fence(ctx context.Context, id checkout.ID) (bool, error) {
	committed, err := e.store.Fence(ctx, id)
	switch {
	case err != nil:
		e.owner.lost.Store(true) // it may still be written, and then memory is behind
		return false, err
	case e.doubt == nil || e.doubt.save.BatchID != id: // it ended before it came to write
		return committed, nil
	case committed:
		return true, e.owner.learn(ctx, e.doubt.save)
	}
	e.late.failed(e.doubt.outcomes)
	return false, nil
}

// write commits what was decided.
func (e *Engine) write(ctx context.Context, tx store.Tx, save *store.Save, outcomes []batch.Outcome[Reply]) error {
	e.late.begun(outcomes)
	err := e.owner.commit(ctx, tx, save)
	switch {
	case errors.Is(err, store.ErrUnknownCommit):
		e.doubt = &doubt{save, outcomes}
	case err != nil:
		e.late.failed(outcomes)
	}
	return err
}

// Committed hands the tasks of a committed batch to their runner and wakes those
// who wait for its orders.
func (e *Engine) Committed(outcomes []batch.Outcome[Reply]) {
	e.late.committed(outcomes)
	e.gate.committed(outcomes)
	for i := range outcomes {
		if run := outcomes[i].Result.run; len(run) > 0 {
			e.onTasks(run)
		}
		for _, o := range outcomes[i].Result.touched {
			e.watchers.notify(o)
		}
	}
}

// Turn waits for the other engines that commit with everything locked, so that a
// batch is not drawn half full only to wait for their locks.
func (e *Engine) Turn(ctx context.Context) {
	tx, err := e.store.Begin(ctx)
	if err != nil {
		return // Commit meets it again
	}
	if err := tx.Turn(ctx); err != nil {
		e.rollback(tx)
		return
	}
	e.turn = tx
}

// begin goes on with the transaction whose turn it is, where there is one.
func (e *Engine) begin(ctx context.Context) (tx store.Tx, err error) {
	if tx, e.turn = e.turn, nil; tx != nil {
		return tx, nil
	}
	return e.store.Begin(ctx)
}

// Commit loads, decides and persists one batch, with everything locked that it
// reads: nothing is taken from memory, and what memory knew is out of date after.
func (e *Engine) Commit(ctx context.Context, id checkout.ID, calls []*call) ([]batch.Outcome[Reply], error) {
	e.recent, e.last = newRecent(), nil
	tx, err := e.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer e.rollback(tx)
	if err := e.owner.share(ctx); err != nil {
		return nil, err
	}
	set := newWorkset()
	if err := load(ctx, tx, set.state, calls); err != nil {
		return nil, err
	}
	outcomes := make([]batch.Outcome[Reply], len(calls))
	for i, c := range calls {
		c.supposed = false
		outcomes[i] = e.decide(set, c)
	}
	save := set.save(id)
	left := e.gate.tell(set, outcomes)
	if save == nil {
		left.at(set.state.Position)
		return outcomes, nil
	}
	left.at(set.state.Position + 1) // or later: nobody else has changed these rows meanwhile
	save.Owner = e.owner.name()
	for i := range outcomes {
		set.final(&outcomes[i].Result)
	}
	return outcomes, e.write(ctx, tx, save, outcomes)
}

func (e *Engine) rollback(tx store.Tx) {
	if err := tx.Rollback(context.WithoutCancel(context.Background())); err != nil {
		e.log.Warn("a transaction could not be rolled back", "error", err)
	}
}

// load reads what the commands need: once, and once more for what only the first
// rows tell. Those may name stock, so all stock is left for the second time: it must
// be locked in one order, or two processes wait for each other.
func load(ctx context.Context, tx store.Tx, state *saga.State, calls []*call) error {
	keys := state.Missing(needsOf(state, calls))
	if len(keys.Orders)+len(keys.Carts)+len(keys.Sessions) > 0 {
		keys.Stock = nil
	}
	if err := tx.Load(ctx, keys, state); err != nil {
		return err
	}
	keys = state.Missing(needsOf(state, calls))
	if keys.Empty() {
		return nil
	}
	return tx.Load(ctx, keys, state)
}

func needsOf(state *saga.State, calls []*call) (keys saga.Keys) {
	for _, c := range calls {
		keys.Add(needs(state, c))
	}
	return keys
}

// telling says whether a row was found that may name others: an order its stock, a
// cart its newest order, a hold what it holds.
func telling(state *saga.State) bool {
	return found(state.Orders) || found(state.Carts) || found(state.Holds)
}

func found[K comparable, V any](rows map[K]*V) bool {
	for _, row := range rows {
		if row != nil {
			return true
		}
	}
	return false
}

func needs(state *saga.State, c *call) saga.Keys {
	keys := saga.Needs(state, c.Command)
	if c.Key != nil {
		keys.Answers = append(keys.Answers, c.Key.KeyID)
	}
	return keys
}

// decide applies one command to the working set. A refusal leaves no trace.
func (e *Engine) decide(set *workset, c *call) (out batch.Outcome[Reply]) {
	defer func() { out.Result.ended = c.admission }()
	keys := needs(set.state, c)
	if !set.state.Has(&keys) {
		return batch.Outcome[Reply]{Deferred: true}
	}
	if reply, done, err := replay(set.state, c.Key); done {
		return batch.Outcome[Reply]{Result: reply, Err: err}
	}
	changes, reply, err := e.try(set, c)
	if c.supposed && (err != nil || !c.claimed(&changes, &reply)) {
		return batch.Outcome[Reply]{Err: errSupposed}
	}
	if err != nil {
		return batch.Outcome[Reply]{Err: err}
	}
	if reply.Answer != nil {
		set.keep(c.Key, *reply.Answer)
	}
	e.leave(changes.Tasks)
	set.apply(changes)
	reply.run = changes.Tasks
	reply.touched = changes.Orders
	reply.reign = e.owner.reign.Load()
	return batch.Outcome[Reply]{Result: reply}
}

// leave takes the lease off tasks that this process does not run. The saga leases what
// is due at once to whoever commits it, and there it would wait for the lease's end.
func (e *Engine) leave(tasks []checkout.Task) {
	if e.kinds == nil {
		return
	}
	for i := range tasks {
		if !slices.Contains(e.kinds, tasks[i].Kind) {
			tasks[i].LeaseID, tasks[i].LeasedUntil = checkout.ID{}, time.Time{}
		}
	}
}

// try decides a command and renders its answer. A command that panics gets an
// error and harms nobody else: the working set has not been touched.
func (e *Engine) try(set *workset, c *call) (changes saga.Changes, reply Reply, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			e.log.Error("a command panicked", "command", fmt.Sprintf("%T", c.Command), "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
			err = fmt.Errorf("engine: %T panicked: %v", c.Command, cause)
		}
	}()
	changes, reply.Result, err = saga.Decide(set.state, e.ids.next(set.state.Now), c.Command)
	if err != nil || c.Key == nil {
		return changes, reply, err
	}
	answer, err := c.Render(reply.Result)
	if err != nil {
		return changes, reply, fmt.Errorf("engine: render an answer: %w", err)
	}
	reply.Answer = &answer
	return changes, reply, nil
}

// idSource makes version 7 UUIDs that count up within a millisecond, so that the
// rows of one process sort by their making and numbers read off them differ.
type idSource struct {
	lastMS int64
	seq    uint16
}

func (s *idSource) next(at time.Time) checkout.ID {
	var random [10]byte
	_, _ = rand.Read(random[:]) // crypto/rand.Read never fails (Go 1.24)
	ms := at.UnixMilli()
	if ms <= s.lastMS {
		s.seq++
		if s.seq > 0xfff {
			s.lastMS, s.seq = s.lastMS+1, 0
		}
	} else {
		s.lastMS, s.seq = ms, 0
	}
	random[0], random[1] = byte(s.seq>>8), byte(s.seq)
	return checkout.NewID(time.UnixMilli(s.lastMS), random)
}
