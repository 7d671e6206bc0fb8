// Package sqlite keeps Kassa in one SQLite file: nothing to install, durable at
// each commit, one serving process.
//
// Writes go through one connection, reads through a small pool beside it: in
// WAL mode neither waits for the other. A row is written by a prepared statement
// of its own, since a call into the same process is no round trip. The process
// has the file alone, so that what helps the writer may be kept in its memory:
// where rows stand, and which leases it has given. README.md says what shapes it.
//
// It must not know the rules of checkout, gateways or HTTP.
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	native "modernc.org/sqlite/lib"

	"kassa/checkout"
	"kassa/store"
)

const readers = 4 // connections that answer queries

// writePragmas make every commit durable and every reference checked. The cache is
// in KiB: it holds the pages that every batch comes back to.
var writePragmas = []string{
	"journal_mode = WAL", "synchronous = FULL", "foreign_keys = 1", "temp_store = MEMORY", "cache_size = -16384",
}

// noCheckpoints leaves checkpoints to the checkpointer.
const noCheckpoints = "wal_autocheckpoint = 0"

// Config says which file is the database and how it is opened.
type Config struct {
	Path string           // the file; it is made where it is not there
	Now  func() time.Time // the database's clock; nil means time.Now
	// ReadOnly opens the file beside a process that serves it, for the audit.
	ReadOnly bool
	// Beside opens the file for a short administrative write, such as an API
	// key, also while a process serves it.
	Beside bool
}

// Store is one open SQLite file.
type Store struct {
	path     string
	readOnly bool
	beside   bool
	opening  sync.Mutex // held by the first use
	clock    func() time.Time
	lock     *os.File // held while this process serves the file; nil if read-only
	ready    atomic.Bool

	writer      *pool // one connection; nil if read-only
	reads       *pool
	checkpoints *checkpointer               // nil unless this process serves the file
	owner       atomic.Pointer[checkout.ID] // whose commits succeed; nil or zero: everybody's. Set by who has the writer
}

var _ store.Store = (*Store)(nil)

// Open opens the file. It fails with store.ErrLocked where another process
// serves it, unless it is opened read-only. It does not migrate.
func Open(_ context.Context, config Config) (*Store, error) {
	path, err := realPath(config.Path)
	if err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	s := &Store{path: path, readOnly: config.ReadOnly, beside: config.Beside, clock: config.Now}
	if s.clock == nil {
		s.clock = time.Now
	}
	if err := s.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("sqlite: open %s: %w", path, err), s.Close())
	}
	return s, nil
}

// realPath follows links, so that one file has one lock by whatever name it is
// opened.
func realPath(name string) (string, error) {
	path, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	target, err := filepath.EvalSymlinks(path)
	if errors.Is(err, os.ErrNotExist) {
		return path, nil // it is about to be made
	}
	return target, err
}

func (s *Store) open() error {
	if !s.readOnly {
		if err := s.openWriter(); err != nil {
			return err
		}
	}
	var err error
	s.reads, err = openPool(s.path, native.SQLITE_OPEN_READONLY, readers, "query_only = 1")
	return err
}

func (s *Store) openWriter() (err error) {
	pragmas := writePragmas
	if !s.beside {
		if s.lock, err = lockFile(s.path + ".lock"); err != nil {
			return err
		}
		pragmas = append(slices.Clone(pragmas), noCheckpoints)
	}
	if err := makePrivate(s.path); err != nil {
		return err
	}
	if s.writer, err = openPool(s.path, native.SQLITE_OPEN_READWRITE|native.SQLITE_OPEN_CREATE, 1, pragmas...); err != nil || s.beside {
		return err
	}
	s.checkpoints, err = newCheckpointer(s.path, s.writer)
	return err
}

// makePrivate makes the file, if it is not there, for its owner alone: it holds
// buyers' names. SQLite gives the files beside it the same rights.
func makePrivate(path string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the path is the operator's
	if err != nil {
		return err
	}
	return file.Close()
}

// Ping tells whether the file can be read.
func (s *Store) Ping(ctx context.Context) error {
	c, err := s.reads.acquire(ctx)
	if err != nil {
		return err
	}
	defer s.reads.release(c)
	return wrap(c.run("SELECT 1"))
}

// Close ends all connections and gives the file free.
func (s *Store) Close() error {
	if s.checkpoints != nil {
		s.checkpoints.close()
	}
	if s.reads != nil {
		s.reads.close()
	}
	if s.writer != nil {
		s.writer.close()
	}
	if s.lock == nil {
		return nil
	}
	lock := s.lock
	s.lock = nil
	return lock.Close()
}

// Clock is the one that the store was opened with.
func (s *Store) Clock() func() time.Time { return s.now }

// now is the clock in the precision that is kept: microseconds, UTC.
func (s *Store) now() time.Time { return s.clock().UTC().Truncate(time.Microsecond) }

// check refuses a file whose schema this binary was not built for.
func (s *Store) check(ctx context.Context) error {
	if s.ready.Load() {
		return nil
	}
	s.opening.Lock()
	defer s.opening.Unlock()
	if s.ready.Load() {
		return nil
	}
	have, want, err := s.Schema(ctx)
	if err != nil {
		return err
	}
	if have != want {
		return fmt.Errorf("sqlite: %s has schema %d, this version of Kassa needs %d: migrate it, or use the version that wrote it: %w",
			s.path, have, want, store.ErrSchema)
	}
	if err := s.freeTasks(); err != nil {
		return err
	}
	s.ready.Store(true)
	return nil
}

// freeTasks ends all leases before the first use: a file has one serving process,
// so that whoever held them is dead, and its work need not wait for their end.
func (s *Store) freeTasks() error {
	if s.lock == nil {
		return nil
	}
	c, err := s.writer.begin(context.Background(), "begin immediate")
	if err != nil {
		return err
	}
	if _, err := c.exec("tasks.free"); err != nil {
		return errors.Join(err, s.writer.rollback(c))
	}
	return s.writer.commit(c)
}
