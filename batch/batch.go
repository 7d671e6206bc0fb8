// Package batch turns many small writes into few transactions: group commit.
// While one batch commits, the commands that arrive gather and form the next;
// nothing is ever held back by a timer. Where many wait, the next batch is decided
// ahead, on top of the one that is still committing, so that the database and the
// deciding work side by side; it is committed after that one, or decided again.
// The package is generic: it must not know what a command is, nor any database; a
// Committer decides and persists.
package batch

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// The errors that Submit answers with beside those of the Committer.
var (
	// ErrFull: the queue is at its limit. Load is shed, not stored.
	ErrFull = errors.New("the queue is full")
	// ErrClosed: the lane takes no more commands.
	ErrClosed = errors.New("the queue is closed")
	// ErrBusy: a batch cannot be decided before the one that is still committing
	// has ended. Only Prepare answers it.
	ErrBusy = errors.New("the batch before must end first")
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

// Committer decides and persists one batch in one transaction. NewID, Prepare,
// Forget and Commit are called one at a time; a Prepared's Commit and Committed
// may run beside Prepare, and Committed beside the next one's Commit.
type Committer[ID any, C any, R any] interface {
	// NewID makes the id of a batch's transaction.
	NewID() ID
	// Prepare decides the commands in order, on top of what was prepared before
	// and may not be committed yet. It returns nil where that cannot be done: the
	// batch then goes through Commit. ErrBusy asks for the batch that is still
	// committing to end first.
	Prepare(ctx context.Context, id ID, commands []C) (Prepared[R], error)
	// Turn is called before a batch goes through Commit, and may wait for others who
	// commit to the same database: who comes meanwhile joins the batch.
	Turn(ctx context.Context)
	// Forget drops all that was prepared: a commit that it stands on has failed.
	Forget()
	// Commit applies the commands in order and commits, with nothing taken for
	// granted. The outcomes are one for each command; they are also returned with
	// an error of class Unknown.
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

// Prepared is a batch that was decided and not yet written.
type Prepared[R any] interface {
	// Outcomes are one for each command.
	Outcomes() []Outcome[R]
	// Commit writes and commits.
	Commit(ctx context.Context) error
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

// Lane is one queue with one batch in flight, and one prepared behind it.
type Lane[ID any, C any, R any] struct {
	cfg       Config
	committer Committer[ID, C, R]
	queue     chan *item[C, R]
	enough    atomic.Int64  // how long the queue must be to wake the lane; 0: never
	woken     chan struct{} // says that it is
	stopped   chan struct{} // closed when the lane has drained

	last *flight[C, R] // that was sent off; the lane's own goroutine's

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
		woken:   make(chan struct{}, 1),
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
		l.wake()
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

// String names the class, for logs.
func (c Class) String() string {
	return [...]string{"definite", "retry", "unavailable", "unknown"}[c]
}
