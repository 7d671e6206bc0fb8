// Package tasks runs what committed decisions owe: it leases tasks, runs the
// handler that is registered for each kind, and sweeps up holds and orders whose
// time is over. It must not know gateways or the rules of the saga: a handler
// does the work and submits its result as a command.
package tasks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"kassa/checkout"
	"kassa/engine"
	"kassa/saga"
	"kassa/store"
)

// Handler does one task and submits its result. Its context ends well before the
// task's lease. An error means that the result could not be committed: the task
// stays, and is run again when its lease has ended.
type Handler func(ctx context.Context, t checkout.Task) error

// Source is what the runner needs of a store.
type Source interface {
	ClaimTasks(ctx context.Context, kinds []checkout.TaskKind, lease checkout.ID, limit int, duration time.Duration) ([]checkout.Task, error)
	ReleaseTask(ctx context.Context, id, lease checkout.ID) error
	DueHolds(ctx context.Context, limit int) ([]string, error)
	DueOrders(ctx context.Context, since time.Time, limit int) (store.Due, error)
	PurgeAnswers(ctx context.Context, before time.Time, limit int) (int, error)
}

// Config configures a runner.
type Config struct {
	Source   Source
	Engine   *engine.Engine
	Handlers map[checkout.TaskKind]Handler
	Kinds    []checkout.TaskKind // that are claimed; nil: all. Empty: other processes run them
	NoSweep  bool                // other processes sweep
	Shared   bool                // other processes may run on the store
	Workers  int                 // tasks that run at once; 64 by default
	Queue    int                 // leased tasks that wait for a worker; 4,096 by default
	Poll     time.Duration       // pause between claims of due tasks; 500 ms by default
	Sweep    time.Duration       // pause between sweeps; 1 s by default
	Retain   time.Duration       // how long answers are kept for their keys; 48 h by default
	OnRun    func(kind checkout.TaskKind, took time.Duration, err error)
	Log      *slog.Logger
}

func (c Config) withDefaults() Config {
	if c.Workers == 0 {
		c.Workers = 64
	}
	if c.Queue == 0 {
		c.Queue = 4096
	}
	if c.Poll == 0 {
		c.Poll = 500 * time.Millisecond
	}
	if c.Sweep == 0 {
		c.Sweep = time.Second
	}
	if c.Retain == 0 {
		c.Retain = 48 * time.Hour
	}
	if c.OnRun == nil {
		c.OnRun = func(checkout.TaskKind, time.Duration, error) {}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Runner runs tasks until it is closed.
type Runner struct {
	cfg   Config
	queue chan checkout.Task
	stop  context.CancelFunc
	ctx   context.Context // ends the loops; running handlers end by themselves
	loops sync.WaitGroup
	work  sync.WaitGroup
	free  chan struct{} // one token for each idle worker
}

// New makes a runner; Enqueue may be called at once, Start begins the work.
func New(cfg Config) *Runner {
	cfg = cfg.withDefaults()
	ctx, stop := context.WithCancel(context.Background())
	return &Runner{cfg: cfg, queue: make(chan checkout.Task, cfg.Queue), ctx: ctx, stop: stop, free: make(chan struct{}, cfg.Workers)}
}

// Bind sets the engine and the handlers, which are made after the runner because
// the engine hands its tasks to Enqueue.
func (r *Runner) Bind(e *engine.Engine, handlers map[checkout.TaskKind]Handler) {
	r.cfg.Engine, r.cfg.Handlers = e, handlers
}

// Enqueue takes tasks that a commit leased to this process. It never blocks: what
// finds the queue full is run when its lease has ended.
func (r *Runner) Enqueue(tasks []checkout.Task) {
	for _, t := range tasks {
		if t.LeaseID.IsZero() {
			continue
		}
		select {
		case r.queue <- t:
		default:
			r.cfg.Log.Warn("the task queue is full; the task waits for its lease to end", "task", t.ID, "kind", t.Kind)
		}
	}
}

// Start begins to run tasks and to sweep.
func (r *Runner) Start() {
	r.loops.Go(r.dispatch)
	if r.cfg.Kinds == nil || len(r.cfg.Kinds) > 0 { // to name none to a store is to ask for all
		r.loops.Go(func() { r.every(r.cfg.Poll, r.claim) })
	}
	if !r.cfg.NoSweep {
		r.loops.Go(func() { r.every(r.cfg.Sweep, r.sweeper()) })
	}
}

// Close stops taking tasks, gives back those that have not begun, and waits for
// the running ones as long as ctx lasts.
func (r *Runner) Close(ctx context.Context) error {
	r.stop()
	r.loops.Wait()
	for {
		select {
		case t := <-r.queue:
			if err := r.cfg.Source.ReleaseTask(ctx, t.ID, t.LeaseID); err != nil {
				r.cfg.Log.Warn("a task could not be given back", "task", t.ID, "error", err)
			}
			continue
		default:
		}
		break
	}
	done := make(chan struct{})
	go func() { r.work.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("tasks: some were still running: %w", ctx.Err())
	}
}

// dispatch hands queued tasks to workers, of which there are at most Workers.
func (r *Runner) dispatch() {
	for {
		select {
		case r.free <- struct{}{}:
		case <-r.ctx.Done():
			return
		}
		select {
		case t := <-r.queue:
			r.work.Add(1)
			go r.run(t)
		case <-r.ctx.Done():
			return
		}
	}
}

// margin is what a handler leaves of the lease for its result to be committed.
const margin = checkout.TaskLease / 2

func (r *Runner) run(t checkout.Task) {
	defer func() { <-r.free; r.work.Done() }()
	ctx, cancel := context.WithTimeout(context.Background(), margin)
	defer cancel()
	start := time.Now()
	err := r.handle(ctx, t)
	r.cfg.OnRun(t.Kind, time.Since(start), err)
	if err != nil {
		r.cfg.Log.Error("a task's result could not be committed; it runs again",
			"task", t.ID, "kind", t.Kind, "order_id", t.OrderID, "error", err)
		r.stall(t, err)
	}
}

// stall counts a run whose result cannot be committed, so that it does not run
// for ever. Where the database is away the lease's end is the next run.
func (r *Runner) stall(t checkout.Task, cause error) {
	if checkout.CodeOf(cause) == checkout.CodeOverloaded {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), margin/3)
	defer cancel()
	message := "the result could not be committed: " + cause.Error()
	if _, err := r.cfg.Engine.Do(ctx, saga.StallTask{Run: saga.TaskRun{Task: t}, Message: message}); err != nil {
		r.cfg.Log.Error("a task could not be put off; it runs again when its lease has ended", "task", t.ID, "error", err)
	}
}

func (r *Runner) handle(ctx context.Context, t checkout.Task) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("tasks: handler of %s panicked: %v", t.Kind, p)
		}
	}()
	handler, ok := r.cfg.Handlers[t.Kind]
	if !ok {
		return fmt.Errorf("tasks: no handler is registered for %s", t.Kind)
	}
	return handler(ctx, t)
}

// every runs a job with a pause between two runs. The pause varies by a quarter,
// so that processes do not march in step.
func (r *Runner) every(pause time.Duration, job func(context.Context)) {
	for {
		varied := pause*7/8 + time.Duration(rand.Int64N(int64(pause)/4)) //nolint:gosec // jitter is no secret
		select {
		case <-time.After(varied):
			job(r.ctx)
		case <-r.ctx.Done():
			return
		}
	}
}

// claim leases due tasks as long as there is room for them.
func (r *Runner) claim(ctx context.Context) {
	for ctx.Err() == nil {
		room := min(cap(r.queue)-len(r.queue), 2*r.cfg.Workers)
		if room <= 0 {
			return
		}
		var random [10]byte
		for i := range random {
			random[i] = byte(rand.Uint32()) //nolint:gosec // a lease is no secret
		}
		tasks, err := r.cfg.Source.ClaimTasks(ctx, r.cfg.Kinds, checkout.NewID(time.Now(), random), room, r.lease())
		if err != nil {
			r.complain(ctx, "due tasks could not be claimed", err)
			return
		}
		r.Enqueue(tasks)
		if len(tasks) < room {
			return
		}
	}
}

// firstClaim is how soon after its making a task is claimed that another process's
// commit left to this one, or the saga takes it for one that may have run before.
const firstClaim = 5 * time.Second

// lease is how long a claimed task is this process's. The lease that a commit gives
// ends TaskLease after the task's making, and so the saga knows a first run: it is
// sure of more then. A first run that another process's commit left to this one is to
// end no later. The lease before would have to end within the same seconds: that can
// be on a SQLite file, which a new process opens, and nowhere else.
func (r *Runner) lease() time.Duration {
	if r.cfg.Shared {
		return checkout.TaskLease - firstClaim
	}
	return checkout.TaskLease
}

func (r *Runner) complain(ctx context.Context, what string, err error) {
	if ctx.Err() == nil {
		r.cfg.Log.Error(what, "error", err)
	}
}

// A sweep takes this much at once, this many times; what is left comes with the
// next.
const (
	sweepLimit  = 1000
	sweepRounds = 20
)

// sweep is what the sweeps of orders remember.
type sweep struct {
	since time.Time                // all orders whose hold ended until then have been seen
	owed  map[checkout.ID]struct{} // of those, the ones that could not be ended
}

// sweeper returns the job that ends what has outlived its time. It remembers up
// to where all orders have been seen, so that it reads only what is new, and looks a
// little further back once a minute.
func (r *Runner) sweeper() func(context.Context) {
	s := &sweep{owed: map[checkout.ID]struct{}{}}
	var rare time.Time
	return func(ctx context.Context) {
		r.expireHolds(ctx)
		if time.Since(rare) <= time.Minute {
			r.expireOrders(ctx, s, lookBack)
			return
		}
		r.expireOrders(ctx, s, lookFarBack)
		r.purge(ctx, s.since)
		rare = time.Now()
	}
}

func (r *Runner) expireHolds(ctx context.Context) {
	for range sweepRounds {
		sessions, err := r.cfg.Source.DueHolds(ctx, sweepLimit)
		if err != nil {
			r.complain(ctx, "holds that are over could not be read", err)
			return
		}
		commands := make([]saga.Command, len(sessions))
		for i, s := range sessions {
			commands[i] = saga.ExpireHold{SessionID: s}
		}
		r.submit(ctx, commands)
		if len(sessions) < sweepLimit || ctx.Err() != nil {
			return
		}
	}
}

// How far behind the clock the next sweep begins. A hold's end is seen as soon as
// its commit is visible, which is long before that end: a hold lasts longer than a
// commit can. So little is enough; more is read once a minute, in case a database
// has stood still. A busy shop has some thousand ends in a second, nearly all of them
// of orders that are paid, and each sweep reads them all.
const (
	lookBack    = 2 * time.Second
	lookFarBack = 90 * time.Second
)

// expireOrders ends what is due. An order that is being closed has a later end, and one
// that cannot be ended is tried again by each sweep, so that those behind them get their
// turn. Where a whole page of them cannot, nothing can.
func (r *Runner) expireOrders(ctx context.Context, s *sweep, overlap time.Duration) {
	r.expire(ctx, s, slices.Collect(maps.Keys(s.owed)))
	for range sweepRounds {
		if len(s.owed) >= sweepLimit || ctx.Err() != nil {
			return
		}
		due, err := r.cfg.Source.DueOrders(ctx, s.since, sweepLimit)
		if err != nil {
			r.complain(ctx, "orders that are over could not be read", err)
			return
		}
		ids := make([]checkout.ID, len(due.Orders))
		for i, o := range due.Orders {
			ids[i] = o.ID
		}
		r.expire(ctx, s, ids)
		s.since = seen(due, overlap)
		if len(ids) < sweepLimit && !due.More {
			return
		}
	}
}

// seen is up to when there is no other order than those that a look found.
func seen(due store.Due, overlap time.Duration) time.Time {
	switch {
	case len(due.Orders) == sweepLimit: // others may have ended at the same time as the last
		return due.Orders[sweepLimit-1].ExpiresAt.Add(-time.Microsecond)
	case due.More:
		return due.Until
	}
	return due.Until.Add(-overlap)
}

// expire tries to end orders, and notes which it could not.
func (r *Runner) expire(ctx context.Context, s *sweep, orders []checkout.ID) {
	commands := make([]saga.Command, len(orders))
	for i, id := range orders {
		commands[i] = saga.ExpireOrder{OrderID: id}
	}
	for i, err := range r.submit(ctx, commands) {
		var refused *checkout.Error
		if err == nil || errors.As(err, &refused) && refused.Code == checkout.CodeNotFound {
			delete(s.owed, orders[i])
		} else {
			s.owed[orders[i]] = struct{}{}
		}
	}
}

// submit sends commands all at once, so that they share a batch.
func (r *Runner) submit(ctx context.Context, commands []saga.Command) []error {
	errs := make([]error, len(commands))
	var wg sync.WaitGroup
	for i, c := range commands {
		wg.Go(func() {
			if _, errs[i] = r.cfg.Engine.Do(ctx, c); errs[i] != nil && ctx.Err() == nil {
				r.cfg.Log.Warn("a sweep's command was not done; the next sweep tries again", "error", errs[i])
			}
		})
	}
	wg.Wait()
	return errs
}

// purge removes answers that have been kept for long enough. now is the database's time,
// as the sweep has it: a process whose clock is wrong must not forget them too soon.
func (r *Runner) purge(ctx context.Context, now time.Time) {
	const chunk, chunks = 5000, 20
	if now.IsZero() { // no sweep has learned it yet
		return
	}
	for range chunks {
		n, err := r.cfg.Source.PurgeAnswers(ctx, now.Add(-r.cfg.Retain), chunk)
		if err != nil {
			r.complain(ctx, "old answers could not be purged", err)
			return
		}
		if n < chunk {
			return
		}
	}
}
