// Package memory keeps everything in maps: the store of the simulator and of
// tests. It enforces the constraints of the databases and never loses what was
// committed while the Store lives.
//
// It must not know files, the rules of checkout, gateways or HTTP.
package memory

import (
	"context"
	"sync"
	"time"

	"kassa/checkout"
	"kassa/store"
)

// Config says how a Store works.
type Config struct {
	Now func() time.Time // the database's clock; nil means time.Now
}

// Store is one database in memory. Transactions take turns: one is at work from
// its first Load to its end. Readers never wait for it, because a transaction
// changes rows only in Commit.
type Store struct {
	clock func() time.Time
	turn  chan struct{} // holds one token while a transaction is at work

	mu     sync.RWMutex // guards what follows
	rows   *tables
	closed bool
}

var _ store.Store = (*Store)(nil)

// New makes an empty store. It needs no migration.
func New(config Config) *Store {
	clock := config.Now
	if clock == nil {
		clock = time.Now
	}
	return &Store{clock: clock, turn: make(chan struct{}, 1), rows: newTables()}
}

// Schema tells that there is one version only.
func (s *Store) Schema(context.Context) (have, want int64, err error) { return 1, 1, nil }

// Migrate has nothing to do.
func (s *Store) Migrate(context.Context) error { return nil }

// Ping fails with store.ErrUnavailable after Close.
func (s *Store) Ping(context.Context) error { return s.read(func(*tables) error { return nil }) }

// Close makes every later call fail with store.ErrUnavailable.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

// Clock is the one that the store was made with.
func (s *Store) Clock() func() time.Time { return s.now }

// now is the clock in the precision that the databases keep.
func (s *Store) now() time.Time { return instant(s.clock()) }

// read runs f while no row changes.
func (s *Store) read(f func(*tables) error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return store.ErrUnavailable
	}
	return f(s.rows)
}

// write runs f alone and takes back what it changed where it fails.
func (s *Store) write(f func(*tables) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return store.ErrUnavailable
	}
	s.rows.undo = nil
	err := f(s.rows)
	if err != nil {
		s.rows.takeBack()
	}
	s.rows.undo = nil
	return err
}

// takeTurn waits until no other transaction is at work.
func (s *Store) takeTurn(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Store) endTurn() { <-s.turn }

// alone runs f as a transaction of its own.
func (s *Store) alone(ctx context.Context, f func(*tables) error) error {
	if err := s.takeTurn(ctx); err != nil {
		return err
	}
	defer s.endTurn()
	return s.write(f)
}

// Own gives the rows to one owner, or back to everybody.
func (s *Store) Own(ctx context.Context, owner checkout.ID) (position int64, err error) {
	err = s.alone(ctx, func(t *tables) error {
		t.owner, position = owner, t.counters["events"]
		return nil
	})
	return position, err
}

// Owns compares what a commit would.
func (s *Store) Owns(_ context.Context, owner checkout.ID, after int64) error {
	return s.read(func(t *tables) error {
		if owner != t.owner || !owner.IsZero() && t.counters["events"] < after {
			return store.ErrOwned
		}
		return nil
	})
}

// Fence resolves an unknown commit.
func (s *Store) Fence(ctx context.Context, batch checkout.ID) (committed bool, err error) {
	err = s.alone(ctx, func(t *tables) error {
		row, found := t.log[batch]
		committed = found && !row.fenced
		if !found {
			put(t, t.log, batch, logRow{fenced: true})
		}
		return nil
	})
	return committed, err
}
