package batch_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/batch"
)

// bank is a committer over a number: a command adds to it. Its faults are those
// of a database.
type bank struct {
	mu        sync.Mutex
	sum       int
	commits   [][]int // commands of each transaction that was committed
	attempts  int
	nextID    int
	poison    int          // a command that no transaction can hold
	refuse    int          // a command that is refused by itself
	deferred  map[int]int  // commands that are deferred so many times
	fail      []error      // errors of the next attempts, nil for none
	lost      map[int]bool // ids whose commit is not answered: true where it happened
	fenceErr  error
	gate      chan struct{} // where it is set, each commit waits for one
	turn      chan struct{} // where it is set, each turn waits for one
	afterward []int         // commands told to Committed

	ahead bool // whether it prepares
	spec  *int // the sum with what was prepared; nil: nothing was
	busy  bool // whether the next Prepare answers ErrBusy
}

var (
	errPoison  = errors.New("poisoned")
	errRefused = errors.New("refused")
	errRetry   = errors.New("deadlock")
	errAway    = errors.New("away")
	errUnknown = errors.New("no answer")
)

func (b *bank) NewID() int { b.nextID++; return b.nextID }

func (b *bank) Classify(err error) batch.Class {
	switch {
	case errors.Is(err, errRetry):
		return batch.Retry
	case errors.Is(err, errAway):
		return batch.Unavailable
	case errors.Is(err, errUnknown):
		return batch.Unknown
	}
	return batch.Definite
}

// prepared is a batch of the bank that was decided ahead.
type prepared struct {
	bank     *bank
	id, sum  int
	commands []int
	outcomes []batch.Outcome[int]
}

func (p *prepared) Outcomes() []batch.Outcome[int] { return p.outcomes }

func (p *prepared) Commit(context.Context) error {
	if p.bank.gate != nil {
		<-p.bank.gate
	}
	return p.bank.write(p)
}

func (b *bank) Prepare(_ context.Context, id int, commands []int) (batch.Prepared[int], error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.ahead {
		return nil, nil
	}
	if b.busy {
		b.busy = false
		return nil, batch.ErrBusy
	}
	from := b.sum
	if b.spec != nil {
		from = *b.spec
	}
	p := &prepared{bank: b, id: id, sum: from, commands: commands, outcomes: make([]batch.Outcome[int], len(commands))}
	for i, c := range commands {
		p.outcomes[i] = b.outcome(c, &p.sum)
	}
	b.spec = &p.sum
	return p, nil
}

func (b *bank) Turn(context.Context) {
	if b.turn != nil {
		<-b.turn
	}
}

func (b *bank) Forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.spec = nil
}

// write commits a prepared batch, or meets the next fault.
func (b *bank) write(p *prepared) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.attempts++
	var err error
	if len(b.fail) > 0 {
		err, b.fail = b.fail[0], b.fail[1:]
	}
	if b.poison != 0 && slices.Contains(p.commands, b.poison) {
		err = errPoison
	}
	if err == nil || errors.Is(err, errUnknown) && b.lost[p.id] {
		b.sum = p.sum
		b.commits = append(b.commits, p.commands)
	}
	return err
}

func (b *bank) Commit(_ context.Context, id int, commands []int) ([]batch.Outcome[int], error) {
	if b.gate != nil {
		<-b.gate
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.attempts++
	if len(b.fail) > 0 {
		err := b.fail[0]
		b.fail = b.fail[1:]
		if err != nil && !errors.Is(err, errUnknown) {
			return nil, err
		}
		if err != nil {
			return b.unanswered(id, commands)
		}
	}
	sum, outcomes, err := b.decide(commands)
	if err != nil {
		return nil, err
	}
	b.sum = sum
	b.commits = append(b.commits, slices.Clone(commands))
	return outcomes, nil
}

func (b *bank) decide(commands []int) (int, []batch.Outcome[int], error) {
	sum := b.sum
	outcomes := make([]batch.Outcome[int], len(commands))
	for i, c := range commands {
		if c == b.poison && c != 0 {
			return 0, nil, errPoison
		}
		outcomes[i] = b.outcome(c, &sum)
	}
	return sum, outcomes, nil
}

func (b *bank) outcome(c int, sum *int) (out batch.Outcome[int]) {
	switch {
	case c == b.refuse && c != 0:
		out.Err = errRefused
	case b.deferred[c] > 0:
		b.deferred[c]--
		out.Deferred = true
	default:
		*sum += c
		out.Result = *sum
	}
	return out
}

func (b *bank) unanswered(id int, commands []int) ([]batch.Outcome[int], error) {
	sum, outcomes, err := b.decide(commands)
	if err != nil {
		return nil, err
	}
	if b.lost[id] {
		b.sum = sum
		b.commits = append(b.commits, slices.Clone(commands))
	}
	return outcomes, errUnknown
}

func (b *bank) Fence(_ context.Context, id int) (bool, error) {
	if b.fenceErr != nil {
		return false, b.fenceErr
	}
	return b.lost[id], nil
}

func (b *bank) Committed(outcomes []batch.Outcome[int]) {
	for _, o := range outcomes {
		if o.Err == nil && !o.Deferred {
			b.afterward = append(b.afterward, o.Result)
		}
	}
}

// submitAll submits commands so that they form one batch: a first command holds
// the lane until they are all queued.
func submitAll(t *testing.T, b *bank, lane *batch.Lane[int, int, int], commands ...int) map[int]error {
	t.Helper()
	var mu sync.Mutex
	errs := map[int]error{}
	var wg sync.WaitGroup
	submit := func(c int) {
		wg.Go(func() {
			_, err := lane.Submit(t.Context(), c)
			mu.Lock()
			defer mu.Unlock()
			errs[c] = err
		})
	}
	submit(0)
	synctest.Wait()
	for _, c := range commands {
		submit(c)
		synctest.Wait() // keeps the order of arrival
	}
	close(b.gate)
	wg.Wait()
	return errs
}

// bothWays runs a test with a bank that decides ahead and with one that does not.
func bothWays(t *testing.T, test func(*testing.T, *bank)) {
	t.Helper()
	for _, ahead := range []bool{false, true} {
		t.Run(fmt.Sprintf("ahead=%t", ahead), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				test(t, &bank{ahead: ahead, gate: make(chan struct{}), lost: map[int]bool{}, deferred: map[int]int{}})
			})
		})
	}
}

func TestCommandsThatWaitShareATransaction(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, b *bank) {
		lane := batch.New(batch.Config{}, batch.Committer[int, int, int](b))
		errs := submitAll(t, b, lane, 1, 2, 3, 4)
		for c, err := range errs {
			require.NoError(t, err, "command %d", c)
		}
		require.Equal(t, [][]int{{0}, {1, 2, 3, 4}}, b.commits)
		require.Equal(t, 10, b.sum)
		require.NoError(t, lane.Close(t.Context()))
	})
}

// Who comes while a batch waits for its turn goes with it.
func TestABatchIsFullWhenItsTurnComes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &bank{turn: make(chan struct{}), lost: map[int]bool{}, deferred: map[int]int{}}
		lane := batch.New(batch.Config{MaxBatch: 3}, batch.Committer[int, int, int](b))
		var wg sync.WaitGroup
		for c := range 4 {
			wg.Go(func() {
				_, err := lane.Submit(t.Context(), c)
				require.NoError(t, err)
			})
			synctest.Wait()
		}
		close(b.turn)
		wg.Wait()
		require.Equal(t, [][]int{{0, 1, 2}, {3}}, b.commits)
		require.NoError(t, lane.Close(t.Context()))
	})
}

func TestALoneCommandDoesNotWait(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, b *bank) {
		close(b.gate)
		lane := batch.New(batch.Config{}, batch.Committer[int, int, int](b))
		start := time.Now()
		_, err := lane.Submit(t.Context(), 1)
		require.NoError(t, err)
		require.Zero(t, time.Since(start), "time in a synctest bubble moves only where something waits for it")
		require.NoError(t, lane.Close(t.Context()))
	})
}

func TestARefusedCommandHarmsNoNeighbour(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, b *bank) {
		b.refuse = 2
		lane := batch.New(batch.Config{}, batch.Committer[int, int, int](b))
		errs := submitAll(t, b, lane, 1, 2, 3)
		require.ErrorIs(t, errs[2], errRefused)
		require.NoError(t, errs[1])
		require.NoError(t, errs[3])
		require.Equal(t, 4, b.sum)
		require.NoError(t, lane.Close(t.Context()))
	})
}

func TestAPoisonedBatchIsHalvedUntilTheCommandAtFaultIsFound(t *testing.T) {
	t.Parallel()
	for _, at := range []int{1, 4, 7} {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			t.Parallel()
			bothWays(t, func(t *testing.T, b *bank) {
				b.poison = at
				lane := batch.New(batch.Config{}, batch.Committer[int, int, int](b))
				errs := submitAll(t, b, lane, 1, 2, 3, 4, 5, 6, 7)
				for c := 1; c <= 7; c++ {
					if c == at {
						require.ErrorIs(t, errs[c], errPoison)
						continue
					}
					require.NoError(t, errs[c], "command %d", c)
				}
				require.Equal(t, 28-at, b.sum)
				require.Equal(t, slices.Sorted(slices.Values(flat(b.commits))), flat(b.commits), "the order of arrival is kept")
				require.NoError(t, lane.Close(t.Context()))
			})
		})
	}
}

func flat(lists [][]int) []int { return slices.Concat(lists...) }

func TestWhatMayPassIsRepeated(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, b *bank) {
		close(b.gate)
		b.fail = []error{errRetry, errAway, errRetry}
		lane := batch.New(batch.Config{Retries: 3}, batch.Committer[int, int, int](b))
		_, err := lane.Submit(t.Context(), 5)
		require.NoError(t, err)
		require.Equal(t, 5, b.sum)
		require.Equal(t, 4, b.attempts)

		b.fail = []error{errAway, errAway, errAway, errAway, errAway}
		_, err = lane.Submit(t.Context(), 5)
		require.ErrorIs(t, err, errAway, "repeats are bounded")
		want := 8
		if b.ahead {
			want++ // what was decided ahead is tried once, before the repeats
		}
		require.Equal(t, want, b.attempts)
		require.NoError(t, lane.Close(t.Context()))
	})
}

func TestAnUnknownCommitIsResolvedAndNeverGuessed(t *testing.T) {
	t.Parallel()
	for _, happened := range []bool{true, false} {
		t.Run(fmt.Sprint(happened), func(t *testing.T) {
			t.Parallel()
			bothWays(t, func(t *testing.T, b *bank) {
				close(b.gate)
				b.fail = []error{errUnknown}
				b.lost[1] = happened
				lane := batch.New(batch.Config{}, batch.Committer[int, int, int](b))
				sum, err := lane.Submit(t.Context(), 5)
				require.NoError(t, err)
				require.Equal(t, 5, sum)
				require.Equal(t, 5, b.sum, "the effect is there once")
				require.Equal(t, []int{5}, b.afterward, "the commit is told once")
				require.NoError(t, lane.Close(t.Context()))
			})
		})
	}
}

func TestAnUnknownCommitThatCannotBeResolvedIsSaidToBeUnknown(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, b *bank) {
		close(b.gate)
		b.fail = []error{errUnknown}
		b.fenceErr = errAway
		lane := batch.New(batch.Config{Patience: time.Second}, batch.Committer[int, int, int](b))
		_, err := lane.Submit(t.Context(), 5)
		require.ErrorIs(t, err, batch.ErrUnresolved)
		require.Equal(t, 1, b.attempts, "it is not done again")
		require.NoError(t, lane.Close(t.Context()))
	})
}

func TestADeferredCommandHeadsTheNextBatch(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, b *bank) {
		b.deferred[2] = 1
		b.deferred[9] = 1000
		lane := batch.New(batch.Config{}, batch.Committer[int, int, int](b))
		errs := submitAll(t, b, lane, 1, 2, 3)
		require.NoError(t, errs[2])
		require.Equal(t, 6, b.sum)
		_, err := lane.Submit(t.Context(), 9)
		require.Error(t, err, "deferrals are bounded")
		require.NoError(t, lane.Close(t.Context()))
	})
}

func TestAFullQueueShedsLoad(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, b *bank) {
		lane := batch.New(batch.Config{MaxQueue: 2}, batch.Committer[int, int, int](b))
		var wg sync.WaitGroup
		for c := range 3 {
			wg.Go(func() {
				_, err := lane.Submit(t.Context(), c)
				require.NoError(t, err)
			})
			synctest.Wait()
		}
		_, err := lane.Submit(t.Context(), 9)
		require.ErrorIs(t, err, batch.ErrFull)
		close(b.gate)
		wg.Wait()
		require.NoError(t, lane.Close(t.Context()))
	})
}

func TestACallerWhoLeavesDoesNotCancel(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, b *bank) {
		lane := batch.New(batch.Config{}, batch.Committer[int, int, int](b))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			_, err := lane.Submit(ctx, 5)
			done <- err
		}()
		synctest.Wait()
		cancel()
		require.ErrorIs(t, <-done, context.Canceled)
		close(b.gate)
		require.NoError(t, lane.Close(t.Context()))
		require.Equal(t, 5, b.sum)
	})
}

func TestCloseDrains(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, b *bank) {
		lane := batch.New(batch.Config{}, batch.Committer[int, int, int](b))
		var wg sync.WaitGroup
		for c := range 5 {
			wg.Go(func() {
				_, err := lane.Submit(t.Context(), c)
				require.NoError(t, err)
			})
		}
		synctest.Wait()
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, lane.Close(short), context.DeadlineExceeded, "a drain ends with its context")
		_, err := lane.Submit(t.Context(), 9)
		require.ErrorIs(t, err, batch.ErrClosed)
		close(b.gate)
		require.NoError(t, lane.Close(t.Context()))
		wg.Wait()
		require.Equal(t, 10, b.sum)
	})
}

// many is a batch's worth of commands that are worth deciding ahead.
const many = 512

// TestTheNextBatchIsDecidedWhileOneCommits lets many callers wait: while one batch
// is held at its commit, the next is decided on top of it, and no caller of either
// has an answer.
func TestTheNextBatchIsDecidedWhileOneCommits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &bank{ahead: true, gate: make(chan struct{})}
		lane := batch.New(batch.Config{}, batch.Committer[int, int, int](b))
		var answered atomic.Int64
		var wg sync.WaitGroup
		for range many {
			wg.Go(func() {
				_, err := lane.Submit(t.Context(), 1)
				require.NoError(t, err)
				answered.Add(1)
			})
		}
		synctest.Wait()
		b.gate <- struct{}{} // the first batch; what is left is drawn and shared out
		synctest.Wait()
		require.NotNil(t, b.spec)
		require.Greater(t, *b.spec, b.sum+many/8, "the next batch is decided on what is not committed")
		require.EqualValues(t, b.sum, answered.Load(), "nobody has an answer before the commit")
		close(b.gate)
		wg.Wait()
		require.Equal(t, many, b.sum)
		require.NoError(t, lane.Close(t.Context()))
	})
}

// TestWhatWasDecidedOnAFailedCommitIsDecidedAgain lets each kind of fault meet a
// batch that another was decided on.
func TestWhatWasDecidedOnAFailedCommitIsDecidedAgain(t *testing.T) {
	t.Parallel()
	for _, fault := range []error{errRetry, errAway, errUnknown, errPoison} {
		t.Run(fault.Error(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := &bank{ahead: true, gate: make(chan struct{}), lost: map[int]bool{}, fail: []error{nil, fault}}
				lane := batch.New(batch.Config{}, batch.Committer[int, int, int](b))
				var mu sync.Mutex
				seen := map[int]bool{} // every sum is somebody's answer once
				var wg sync.WaitGroup
				for range many {
					wg.Go(func() {
						sum, err := lane.Submit(t.Context(), 1)
						require.NoError(t, err)
						mu.Lock()
						defer mu.Unlock()
						require.False(t, seen[sum], "two callers were answered %d", sum)
						seen[sum] = true
					})
				}
				synctest.Wait()
				close(b.gate)
				wg.Wait()
				require.Equal(t, many, b.sum, "every effect is there once")
				require.Len(t, seen, many)
				require.NoError(t, lane.Close(t.Context()))
			})
		})
	}
}

func TestABatchThatCannotBeDecidedYetWaitsForTheOneBefore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &bank{ahead: true, busy: true, gate: make(chan struct{})}
		close(b.gate)
		lane := batch.New(batch.Config{}, batch.Committer[int, int, int](b))
		sum, err := lane.Submit(t.Context(), 3)
		require.NoError(t, err)
		require.Equal(t, 3, sum)
		require.NotNil(t, b.spec, "it was decided ahead after all")
		require.NoError(t, lane.Close(t.Context()))
	})
}
