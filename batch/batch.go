// Package batch turns many small writes into few transactions: group commit.
// While one batch commits, the commands that arrive gather and form the next;
// nothing is ever held back by a timer. The package is generic: it must not know
// what a command is, nor any database; a Committer decides and persists.
package batch

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"
)

// The errors that Submit answers with beside those of the Committer.
var (
	// ErrFull: the queue is at its limit. Load is shed, not stored.
	ErrFull = errors.New("the queue is full")
	// ErrClosed: the lane takes no more commands.
	ErrClosed = errors.New("the queue is closed")
	// ErrUnresolved: the commit's outcome could not be learned in time. The
	// command may have had its effect.
	ErrUnresolved = errors.New("the outcome of the commit is not known")
)

// Class says what an error of a commit makes certain.
type Class int

// The classes of error.
const (
	// Definite: nothing was written, and one command is at fault.
	Definite Class = iota
	// Retry: nothing was written, for a reason that a repeat may not meet.
	Retry
	// Unavailable: nothing was written; the database cannot be reached.
	Unavailable
	// Unknown: the commit was sent and not answered.
	Unknown
)

// Outcome is what became of one command of a batch.
type Outcome[R any] struct {
	Result R
	Err    error // the command was refused; its neighbours were not harmed
	// Deferred: what the command needs was not loaded when its turn came. It
	// heads the next batch.
	Deferred bool
}

// Committer decides and persists one batch in one transaction.
type Committer[ID any, C any, R any] interface {
	// NewID makes the id of a batch's transaction.
	NewID() ID
	// Commit applies the commands in order and commits. The outcomes are one for
	// each command; they are also returned with an error of class Unknown.
	Commit(ctx context.Context, id ID, commands []C) ([]Outcome[R], error)
	// Committed is called once for every batch that is known to be committed,
	// before its callers are answered.
	Committed(outcomes []Outcome[R])
	// Fence learns whether the transaction of an id was committed, and where it
	// was not, makes sure that it never will be.
	Fence(ctx context.Context, id ID) (committed bool, err error)
	// Classify tells what an error of Commit makes certain.
	Classify(err error) Class
}

// Config bounds a lane.
type Config struct {
	MaxBatch  int           // commands of one transaction; 1,000 by default
	MaxQueue  int           // commands that wait; 8,192 by default
	Retries   int           // repeats of a batch that met a deadlock or found the database away; 8 by default
	Patience  time.Duration // how long an unknown commit is asked about; 30 s by default
	OnCommit  func(size int, took time.Duration)
	OnTrouble func(class Class, err error)
}

func (c Config) withDefaults() Config {
	if c.MaxBatch == 0 {
		c.MaxBatch = 1000
	}
	if c.MaxQueue == 0 {
		c.MaxQueue = 8192
	}
	if c.Retries == 0 {
		c.Retries = 8
	}
	if c.Patience == 0 {
		c.Patience = 30 * time.Second
	}
	if c.OnCommit == nil {
		c.OnCommit = func(int, time.Duration) {}
	}
	if c.OnTrouble == nil {
		c.OnTrouble = func(Class, error) {}
	}
	return c
}

// Lane is one queue with one batch in flight.
type Lane[ID any, C any, R any] struct {
	cfg       Config
	committer Committer[ID, C, R]
	queue     chan *item[C, R]
	stopped   chan struct{} // closed when the lane has drained

	mu     sync.RWMutex // guards closed against sends on queue
	closed bool
}

type item[C any, R any] struct {
	command C
	done    chan Outcome[R]
	tries   int // times it was deferred
}

// New starts a lane. Close ends it.
func New[ID any, C any, R any](cfg Config, committer Committer[ID, C, R]) *Lane[ID, C, R] {
	cfg = cfg.withDefaults()
	l := &Lane[ID, C, R]{
		cfg: cfg, committer: committer,
		queue:   make(chan *item[C, R], cfg.MaxQueue),
		stopped: make(chan struct{}),
	}
	go l.run()
	return l
}

// Submit queues a command and waits for its outcome. A caller who leaves does not
// cancel the command: it is decided and committed all the same.
func (l *Lane[ID, C, R]) Submit(ctx context.Context, command C) (R, error) {
	it := &item[C, R]{command: command, done: make(chan Outcome[R], 1)}
	var zero R
	if err := ctx.Err(); err != nil {
		return zero, err
	}
	if err := l.enqueue(it); err != nil {
		return zero, err
	}
	select {
	case out := <-it.done:
		return out.Result, out.Err
	case <-ctx.Done():
		return zero, ctx.Err()
	}
}

func (l *Lane[ID, C, R]) enqueue(it *item[C, R]) error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.closed {
		return ErrClosed
	}
	select {
	case l.queue <- it:
		return nil
	default:
		return ErrFull
	}
}

// Waiting is the number of commands in the queue.
func (l *Lane[ID, C, R]) Waiting() int { return len(l.queue) }

// Close takes no more commands, waits until the queued ones have their answers,
// and ends the lane. It returns early with ctx's error.
func (l *Lane[ID, C, R]) Close(ctx context.Context) error {
	l.mu.Lock()
	if !l.closed {
		l.closed = true
		close(l.queue)
	}
	l.mu.Unlock()
	select {
	case <-l.stopped:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("batch: %d commands were still queued: %w", len(l.queue), ctx.Err())
	}
}

func (l *Lane[ID, C, R]) run() {
	defer close(l.stopped)
	var head []*item[C, R] // deferred by the batch before
	for {
		batch, ok := l.draw(head)
		if !ok {
			return
		}
		head = l.process(batch)
		l.gather()
	}
}

// gather lets those who were just answered send their next command, so that the
// next batch is not drawn half empty. It yields as long as the queue grows by it
// and waits for nobody: with nothing else to run it takes less than a microsecond.
func (l *Lane[ID, C, R]) gather() {
	for quiet := 0; quiet < 3 && len(l.queue) < l.cfg.MaxBatch; quiet++ {
		before := len(l.queue)
		runtime.Gosched()
		if len(l.queue) > before {
			quiet = -1
		}
	}
}

// draw waits for a first command and takes all that are there.
func (l *Lane[ID, C, R]) draw(head []*item[C, R]) ([]*item[C, R], bool) {
	batch := head
	if len(batch) == 0 {
		it, ok := <-l.queue
		if !ok {
			return nil, false
		}
		batch = append(batch, it)
	}
	for len(batch) < l.cfg.MaxBatch {
		select {
		case it, ok := <-l.queue:
			if !ok {
				return batch, true
			}
			batch = append(batch, it)
		default:
			return batch, true
		}
	}
	return batch, true
}

// process commits a batch and answers its commands. Where one command poisons
// it, the batch is halved in order until that one is found. It returns what was
// deferred.
func (l *Lane[ID, C, R]) process(batch []*item[C, R]) []*item[C, R] {
	outcomes, err := l.commit(batch)
	if err == nil {
		return l.answer(batch, outcomes)
	}
	if len(batch) == 1 || l.committer.Classify(err) != Definite || errors.Is(err, ErrUnresolved) {
		for _, it := range batch {
			it.done <- Outcome[R]{Err: err}
		}
		return nil
	}
	half := len(batch) / 2
	deferred := l.process(batch[:half:half])
	return append(deferred, l.process(batch[half:])...)
}

// maxDeferrals bounds how often one command may head the next batch: its needs
// grow only where its rows change under it.
const maxDeferrals = 20

func (l *Lane[ID, C, R]) answer(batch []*item[C, R], outcomes []Outcome[R]) []*item[C, R] {
	var deferred []*item[C, R]
	for i, it := range batch {
		if !outcomes[i].Deferred {
			it.done <- outcomes[i]
			continue
		}
		if it.tries++; it.tries > maxDeferrals {
			it.done <- Outcome[R]{Err: fmt.Errorf("batch: what the command needs changed %d times before its turn: %w", it.tries, ErrFull)}
			continue
		}
		deferred = append(deferred, it)
	}
	return deferred
}

// commit runs one transaction, and again where nothing was written for a reason
// that may pass.
func (l *Lane[ID, C, R]) commit(batch []*item[C, R]) ([]Outcome[R], error) {
	commands := make([]C, len(batch))
	for i, it := range batch {
		commands[i] = it.command
	}
	var err error
	for try := 0; try <= l.cfg.Retries; try++ {
		if try > 0 {
			pause(try)
		}
		var outcomes []Outcome[R]
		outcomes, err = l.attempt(commands)
		if err == nil {
			return outcomes, nil
		}
		class := l.committer.Classify(err)
		l.cfg.OnTrouble(class, err)
		if errors.Is(err, ErrUnresolved) || class == Definite {
			return nil, err
		}
	}
	return nil, err
}

// attempt runs one transaction. An unknown commit is resolved, never guessed:
// where it was committed its outcomes stand; else it is fenced out, and the
// caller does the work again under a new id.
func (l *Lane[ID, C, R]) attempt(commands []C) ([]Outcome[R], error) {
	// A batch outlives the callers it serves, so it has no caller's context.
	ctx := context.Background()
	id := l.committer.NewID()
	start := time.Now()
	outcomes, err := l.committer.Commit(ctx, id, commands)
	if err == nil {
		return l.committed(outcomes, start), nil
	}
	if l.committer.Classify(err) != Unknown {
		return nil, err
	}
	committed, fenceErr := l.resolve(ctx, id)
	switch {
	case fenceErr != nil:
		return nil, errors.Join(ErrUnresolved, err, fenceErr)
	case committed:
		return l.committed(outcomes, start), nil
	}
	return nil, err
}

func (l *Lane[ID, C, R]) committed(outcomes []Outcome[R], start time.Time) []Outcome[R] {
	l.cfg.OnCommit(len(outcomes), time.Since(start))
	l.committer.Committed(outcomes)
	return outcomes
}

func (l *Lane[ID, C, R]) resolve(ctx context.Context, id ID) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Patience)
	defer cancel()
	for try := 1; ; try++ {
		committed, err := l.committer.Fence(ctx, id)
		if err == nil {
			return committed, nil
		}
		if ctx.Err() != nil {
			return false, err
		}
		pause(try)
	}
}

// pause waits before a repeat: exponential with full jitter, 5 ms to 1 s.
func pause(try int) {
	longest := min(time.Second, 5*time.Millisecond<<min(try, 10))
	time.Sleep(time.Duration(rand.Int64N(int64(longest)))) //nolint:gosec // jitter is no secret
}

// String names the class, for logs.
func (c Class) String() string {
	return [...]string{"definite", "retry", "unavailable", "unknown"}[c]
}
