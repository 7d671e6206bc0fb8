package batch

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// process takes a batch the certain way and answers its commands. Where one
// command poisons it, the batch is halved in order until that one is found. It
// returns what was deferred.
func (l *Lane[ID, C, R]) process(batch []*item[C, R]) []*item[C, R] {
	outcomes, err := l.commit(batch)
	if err == nil {
		return l.answer(batch, outcomes)
	}
	if len(batch) == 1 || l.committer.Classify(err) != Definite || errors.Is(err, ErrUnresolved) {
		fail(batch, err)
		return nil
	}
	half := len(batch) / 2
	deferred := l.process(batch[:half:half])
	return append(deferred, l.process(batch[half:])...)
}

func (l *Lane[ID, C, R]) answer(batch []*item[C, R], outcomes []Outcome[R]) []*item[C, R] {
	decided, outcomes, deferred := l.split(batch, outcomes)
	for i, it := range decided {
		it.done <- outcomes[i]
	}
	return deferred
}

// maxDeferrals bounds how often one command may head the next batch: its needs
// grow only where its rows change under it.
const maxDeferrals = 20

// split tells the commands that were decided from those that head the next batch.
func (l *Lane[ID, C, R]) split(batch []*item[C, R], outcomes []Outcome[R]) (decided []*item[C, R], theirs []Outcome[R], deferred []*item[C, R]) {
	decided, theirs = make([]*item[C, R], 0, len(batch)), make([]Outcome[R], 0, len(batch))
	for i, it := range batch {
		out := outcomes[i]
		if out.Deferred {
			if it.tries++; it.tries <= maxDeferrals {
				deferred = append(deferred, it)
				continue
			}
			out = Outcome[R]{Err: fmt.Errorf("batch: what the command needs changed %d times before its turn: %w", it.tries, ErrFull)}
		}
		decided, theirs = append(decided, it), append(theirs, out)
	}
	return decided, theirs, deferred
}

// commit runs one transaction, and again where nothing was written for a reason
// that may pass.
func (l *Lane[ID, C, R]) commit(batch []*item[C, R]) ([]Outcome[R], error) {
	todo := commands(batch)
	var err error
	for try := 0; try <= l.cfg.Retries; try++ {
		if try > 0 {
			pause(try)
		}
		var outcomes []Outcome[R]
		outcomes, err = l.attempt(todo)
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

// attempt runs one transaction.
func (l *Lane[ID, C, R]) attempt(commands []C) ([]Outcome[R], error) {
	ctx := context.Background() // a batch outlives the callers it serves
	id := l.committer.NewID()
	start := time.Now()
	outcomes, err := l.committer.Commit(ctx, id, commands)
	if err = l.settle(ctx, id, err); err != nil {
		return nil, err
	}
	took := time.Since(start)
	l.last.wait()
	l.committed(outcomes, took)
	return outcomes, nil
}

func (l *Lane[ID, C, R]) committed(outcomes []Outcome[R], took time.Duration) {
	l.cfg.OnCommit(len(outcomes), took)
	l.committer.Committed(outcomes)
}

// settle makes sure of a commit's outcome. An unknown one is resolved, never
// guessed: where it was committed there is no error; else it is fenced out, and
// its commands may go again under a new id.
func (l *Lane[ID, C, R]) settle(ctx context.Context, id ID, err error) error {
	if err == nil || l.committer.Classify(err) != Unknown {
		return err
	}
	committed, fenceErr := l.resolve(ctx, id)
	switch {
	case fenceErr != nil:
		return errors.Join(ErrUnresolved, err, fenceErr)
	case committed:
		return nil
	}
	return err
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
