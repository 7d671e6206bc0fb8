package sandbox

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
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
	IDs         []byte // the generator's state, so that a seed does not draw the same ids again
	Offset      time.Duration
	Intents     []*paymentIntent // each with its attempts, and they with their refunds
	Sessions    []*session
	Events      []*event
	Undelivered []string // ids of events
	Keys        map[string]*keyEntry
}

// saveIfChanged saves where something happened since the last time.
func (s *Sandbox) saveIfChanged() error {
	s.mu.Lock()
	unsaved := s.unsaved
	s.mu.Unlock()
	if !unsaved {
		return nil
	}
	return s.save()
}

// save writes the snapshot beside the file and renames it, so that a crash leaves the old or the new one.
func (s *Sandbox) save() error {
	if s.config.SnapshotPath == "" {
		return nil
	}
	raw, err := s.encodeSnapshot()
	if err != nil {
		return fmt.Errorf("sandbox: encode snapshot: %w", err)
	}
	temporary := s.config.SnapshotPath + ".new"
	if err := os.MkdirAll(filepath.Dir(temporary), 0o700); err != nil {
		return fmt.Errorf("sandbox: snapshot folder: %w", err)
	}
	if err := writeSynced(temporary, raw); err != nil {
		return fmt.Errorf("sandbox: write snapshot: %w", err)
	}
	if err := os.Rename(temporary, s.config.SnapshotPath); err != nil {
		return fmt.Errorf("sandbox: replace snapshot: %w", err)
	}
	return nil
}

func writeSynced(path string, raw []byte) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600) // #nosec G304 -- the operator's own path
	if err != nil {
		return err
	}
	_, err = file.Write(raw)
	return errors.Join(err, file.Sync(), file.Close())
}

// encodeSnapshot encodes under the lock: a demo's state is small, and load tests keep none.
func (s *Sandbox) encodeSnapshot() ([]byte, error) {
	var undelivered []string
	for _, e := range s.courier.undelivered() {
		undelivered = append(undelivered, e.ID)
	}
	keys := s.keys.finished()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unsaved = false
	for _, e := range s.stripe.events.items {
		e.encode()
	}
	ids, err := s.ids.chacha.MarshalBinary()
	if err != nil {
		return nil, err
	}
	return json.Marshal(snapshot{Format: snapshotFormat, IDs: ids, Offset: s.offset, Intents: s.stripe.intents.items, Sessions: s.stripe.ordered.items,
		Events: s.stripe.events.items, Undelivered: undelivered, Keys: keys})
}

// finished copies the keys whose answer is known.
func (k *keyStore) finished() map[string]*keyEntry {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := make(map[string]*keyEntry, len(k.entries))
	for key, entry := range k.entries {
		if !entry.Running {
			out[key] = entry
		}
	}
	return out
}

// load reads the snapshot, if there is one.
func (s *Sandbox) load() error {
	if s.config.SnapshotPath == "" {
		return nil
	}
	raw, err := os.ReadFile(s.config.SnapshotPath)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var snap snapshot
	if err := json.Unmarshal(raw, &snap); err != nil {
		return fmt.Errorf("it is not a snapshot; move it away to start afresh: %w", err)
	}
	if snap.Format != snapshotFormat {
		return fmt.Errorf("it has format %d, but this version reads %d; move it away to start afresh", snap.Format, snapshotFormat)
	}
	return s.restore(&snap)
}

// restore fills the empty state. It runs before anything else can see the sandbox.
func (s *Sandbox) restore(snap *snapshot) error {
	if err := s.ids.chacha.UnmarshalBinary(snap.IDs); err != nil {
		return fmt.Errorf("its id generator: %w", err)
	}
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
	}
	for _, id := range snap.Undelivered {
		if e, ok := s.stripe.events.find(id); ok {
			s.courier.leftOver = append(s.courier.leftOver, e)
		}
	}
	s.keys.restore(snap.Keys)
	return nil
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
