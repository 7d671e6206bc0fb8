package sandbox

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const snapshotFormat = 2

// snapshot is the state on disk.
type snapshot struct {
	Format      int
	Starts      uint64 // how many processes have drawn ids, so that the next one draws others from the same seed
	Offset      time.Duration
	Intents     []*paymentIntent // each with its attempts, and they with their refunds
	Sessions    []*session
	Events      []*event
	Undelivered []string // ids of events
	Keys        map[string]*keyEntry

	awaiting map[string]bool // Undelivered and what the journal says of it
}

// save writes the snapshot beside the file and renames it, so that a crash leaves the old or the new one, and empties the
// journal. Both locks are held throughout, so that no change falls between the two. A crash before the journal is empty
// does no harm: it holds all changes up to the snapshot, and its last word on an object is the snapshot's too.
func (s *Sandbox) save() error {
	if s.journal == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.journal.mu.Lock()
	defer s.journal.mu.Unlock()
	raw, err := s.encodeSnapshot()
	if err != nil {
		return fmt.Errorf("sandbox: encode snapshot: %w", err)
	}
	temporary := s.config.SnapshotPath + ".new"
	if err := writeSynced(temporary, raw); err != nil {
		return fmt.Errorf("sandbox: write snapshot: %w", err)
	}
	if err := os.Rename(temporary, s.config.SnapshotPath); err != nil {
		return fmt.Errorf("sandbox: replace snapshot: %w", err)
	}
	return s.journal.empty(len(raw))
}

func writeSynced(path string, raw []byte) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600) // #nosec G304 -- the operator's own path
	if err != nil {
		return err
	}
	_, err = file.Write(raw)
	return errors.Join(err, file.Sync(), file.Close())
}

// encodeSnapshot encodes under the locks: it is rare, because the journal takes the changes between two of them.
func (s *Sandbox) encodeSnapshot() ([]byte, error) {
	for _, e := range s.stripe.events.items {
		e.encode()
	}
	return json.Marshal(snapshot{Format: snapshotFormat, Starts: s.starts, Offset: s.offset, Intents: s.stripe.intents.items,
		Sessions: s.stripe.ordered.items, Events: s.stripe.events.items, Undelivered: s.journal.undelivered(s.stripe.events.items),
		Keys: s.keys.finished()})
}

// finished copies the keys whose answer is known.
func (k *keyStore) finished() map[string]*keyEntry {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := make(map[string]*keyEntry, len(k.entries))
	for key, entry := range k.entries {
		if entry.Reply.Status != 0 {
			out[key] = entry.done()
		}
	}
	return out
}

// load restores what an earlier process left, if there is any, and starts a journal. It saves at once: that counts the
// start before any id is drawn, and drops a broken last line.
func (s *Sandbox) load() error {
	path := s.config.SnapshotPath
	if path == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	snap, err := readState(path, s.log)
	if err != nil {
		return err
	}
	s.restore(snap)
	if s.journal, err = openJournal(journalPath(path), snap.awaiting, s.log); err != nil {
		return err
	}
	if err := s.save(); err != nil {
		return errors.Join(err, s.journal.file.Close())
	}
	return nil
}

// readState reads the snapshot and its journal. Without a snapshot there is no state: who moved it away wants none.
func readState(path string, log *slog.Logger) (*snapshot, error) {
	raw, err := os.ReadFile(path) // #nosec G304 -- the operator's own path
	if errors.Is(err, fs.ErrNotExist) {
		return &snapshot{awaiting: map[string]bool{}}, nil
	}
	if err != nil {
		return nil, err
	}
	var snap snapshot
	if err := json.Unmarshal(raw, &snap); err != nil {
		return nil, fmt.Errorf("it is not a snapshot; move it away to start afresh: %w", err)
	}
	if snap.Format != snapshotFormat {
		return nil, fmt.Errorf("it has format %d, but this version reads %d; move it away to start afresh", snap.Format, snapshotFormat)
	}
	snap.Starts = max(snap.Starts, 1) // files of before the count have none
	snap.awaiting = make(map[string]bool, len(snap.Undelivered))
	for _, id := range snap.Undelivered {
		snap.awaiting[id] = true
	}
	return &snap, snap.replay(journalPath(path), log)
}

// restore fills the empty state. It runs before anything else can see the sandbox.
func (s *Sandbox) restore(snap *snapshot) {
	s.ids = newIDSource(s.config.Seed, snap.Starts)
	s.starts = snap.Starts + 1
	s.offset = snap.Offset
	for _, pi := range snap.Intents {
		s.book.restore(pi.Core)
		s.stripe.add(pi)
	}
	s.restoreLists()
	for _, session := range snap.Sessions {
		s.stripe.sessions[session.ID] = session
		s.stripe.ordered.add(session)
		if session.Status == sessionOpen {
			s.due.add(session.Expires, dueSession, session.ID)
		}
	}
	for _, e := range snap.Events {
		s.stripe.events.add(e)
		if snap.awaiting[e.ID] {
			s.courier.leftOver = append(s.courier.leftOver, e)
		}
	}
	s.keys.restore(snap.Keys)
}

// restore files an intent with all that belongs to it.
func (b *book) restore(i *intent) {
	b.open(i)
	for _, a := range i.Attempts {
		a.intent = i
		b.attempts[a.ID] = a
		for _, r := range a.Refunds {
			r.attempt = a
			b.refunds[r.ID] = r
		}
	}
}

// restoreLists files what Stripe lists, in the order it was made, and what is still to happen to it.
func (s *Sandbox) restoreLists() {
	for _, a := range slices.SortedFunc(maps.Values(s.book.attempts), older[*attempt]) {
		if a.Submitted {
			s.stripe.charges.add(a)
		}
		switch {
		case a.Settles.IsZero():
		case a.State == attemptAuthorized:
			s.due.add(a.Settles, dueAuthorization, a.ID)
		case a.State == attemptProcessing:
			s.due.add(a.Settles, dueProcessing, a.ID)
		}
	}
	for _, r := range slices.SortedFunc(maps.Values(s.book.refunds), older[*refund]) {
		s.stripe.refunds.add(r)
		if !r.Settles.IsZero() {
			s.due.add(r.Settles, dueRefund, r.ID)
		}
	}
}

// older orders by time of creation, and by id within a second.
func older[T identified](a, b T) int {
	return cmp.Or(a.createdAt().Compare(b.createdAt()), cmp.Compare(a.key(), b.key()))
}

func (k *keyStore) restore(entries map[string]*keyEntry) {
	k.entries = entries
	if entries == nil {
		k.entries = map[string]*keyEntry{}
	}
	for key := range k.entries {
		k.order = append(k.order, key)
	}
	slices.SortFunc(k.order, func(a, b string) int { return k.entries[a].Born.Compare(k.entries[b].Born) })
}
