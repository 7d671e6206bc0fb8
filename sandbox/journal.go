package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"
)

// compactFrom is the least size in bytes at which a journal is folded into the snapshot.
const compactFrom = 1 << 20

// journal is the file beside the snapshot that takes every change before its answer is sent. A line that was written
// outlives the process, so it is not synced: only a crash of the whole machine can lose it. A nil journal takes nothing.
type journal struct {
	log *slog.Logger

	mu       sync.Mutex // guards all below; taken after Sandbox.mu and courier.mu
	file     *os.File
	size     int64
	compact  int64 // the size from which the snapshot is due again
	awaiting map[string]bool
}

// record is one line: the objects that one turn changed, each as a whole, so that it may be replayed twice.
type record struct {
	Offset    time.Duration        `json:",omitempty"` // never shrinks
	Intents   []*paymentIntent     `json:",omitempty"`
	Sessions  []*session           `json:",omitempty"`
	Events    []*event             `json:",omitempty"` // new ones, which wait for their delivery
	Keys      map[string]*keyEntry `json:",omitempty"`
	Again     string               `json:",omitempty"` // an event that is to be delivered once more
	Delivered string               `json:",omitempty"` // an event that needs no delivery any more
}

func journalPath(snapshotPath string) string { return snapshotPath + ".journal" }

// openJournal opens the file to append to it. awaiting are the events that wait for their delivery.
func openJournal(path string, awaiting map[string]bool, log *slog.Logger) (*journal, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600) // #nosec G304 -- the operator's own path
	if err != nil {
		return nil, err
	}
	return &journal{file: file, log: log, awaiting: awaiting}, nil
}

// append writes one line. A failure is logged and not answered: the effect is there, and the next snapshot has it.
func (j *journal) append(r *record) {
	if j == nil {
		return
	}
	line := append(mustJSON(r), '\n')
	j.mu.Lock()
	defer j.mu.Unlock()
	r.await(j.awaiting)
	if _, err := j.file.Write(line); err != nil {
		// Half a line would spoil the next one; and the snapshot has to take over what is missing here.
		j.log.Error("journal not written", "error", errors.Join(err, j.file.Truncate(j.size)))
		j.compact = 0
		return
	}
	j.size += int64(len(line))
}

// await brings the ids of events that wait for their delivery up to date.
func (r *record) await(ids map[string]bool) {
	for _, e := range r.Events {
		ids[e.ID] = true
	}
	if r.Again != "" {
		ids[r.Again] = true
	}
	delete(ids, r.Delivered)
}

// delivered says that an event needs no delivery any more.
func (j *journal) delivered(e *event) {
	if j != nil {
		j.append(&record{Delivered: e.ID})
	}
}

// outgrown says whether it is time for a snapshot. The journal may grow as large as the last one, so that the work of
// all snapshots stays in proportion to what was written.
func (j *journal) outgrown() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.size > j.compact || j.compact == 0
}

// undelivered are the events that wait for their delivery, oldest first. The caller holds mu.
func (j *journal) undelivered(all []*event) []string {
	var ids []string
	for _, e := range all {
		if j.awaiting[e.ID] {
			ids = append(ids, e.ID)
		}
	}
	return ids
}

// empty forgets the lines, which a snapshot of the given size now has. The caller holds mu.
func (j *journal) empty(snapshotSize int) error {
	if err := j.file.Truncate(0); err != nil {
		return fmt.Errorf("sandbox: empty journal: %w", err)
	}
	j.size, j.compact = 0, max(compactFrom, int64(snapshotSize))
	return nil
}

// touch notes that the turn changes an intent.
func (tx *tx) touch(pi *paymentIntent) {
	if !slices.Contains(tx.intents, pi) {
		tx.intents = append(tx.intents, pi)
	}
}

// touchSession notes that the turn changes a session.
func (tx *tx) touchSession(s *session) {
	if !slices.Contains(tx.sessions, s) {
		tx.sessions = append(tx.sessions, s)
	}
}

// record writes what the turn has changed, with the answer of its idempotency key in the same line: the one without
// the other would let a retry charge twice.
func (tx *tx) record() {
	changed := len(tx.intents)+len(tx.sessions)+len(tx.events) > 0
	if tx.journal == nil || !changed && tx.answer == nil {
		return
	}
	r := &record{Intents: tx.intents, Sessions: tx.sessions, Events: tx.events}
	for _, e := range r.Events {
		e.encode()
	}
	if tx.answer != nil {
		if entry := tx.keys.know(tx.request.Key, tx.answer()); entry != nil {
			r.Keys = map[string]*keyEntry{tx.request.Key: entry}
		}
	}
	tx.journal.append(r)
}

// replay brings a snapshot up to date with the journal beside it.
func (snap *snapshot) replay(path string, log *slog.Logger) error {
	raw, err := os.ReadFile(path) // #nosec G304 -- the operator's own path
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	at := map[string]int{}
	snap.Intents = upsert(nil, at, snap.Intents)
	snap.Sessions = upsert(nil, at, snap.Sessions)
	snap.Events = upsert(nil, at, snap.Events)
	for number := 1; len(raw) > 0; number++ {
		line, rest, _ := bytes.Cut(raw, []byte("\n"))
		raw = rest
		var r record
		if err := json.Unmarshal(line, &r); err != nil && len(rest) == 0 {
			log.Warn("the journal's last line is broken and ignored; its request was never answered", "path", path, "line", number, "error", err)
			return nil
		} else if err != nil {
			return fmt.Errorf("line %d of its journal %s is broken; move both files away to start afresh: %w", number, path, err)
		}
		snap.apply(&r, at)
	}
	return nil
}

// apply does to the snapshot what one record says. at has the positions of all objects by id.
func (snap *snapshot) apply(r *record, at map[string]int) {
	snap.Offset = max(snap.Offset, r.Offset)
	snap.Intents = upsert(snap.Intents, at, r.Intents)
	snap.Sessions = upsert(snap.Sessions, at, r.Sessions)
	snap.Events = upsert(snap.Events, at, r.Events)
	r.await(snap.awaiting)
	if snap.Keys == nil {
		snap.Keys = map[string]*keyEntry{}
	}
	for key, entry := range r.Keys {
		snap.Keys[key] = entry
	}
}

// upsert replaces the items that are there and appends the others.
func upsert[T identified](items []T, at map[string]int, fresh []T) []T {
	for _, item := range fresh {
		if i, ok := at[item.key()]; ok {
			items[i] = item
			continue
		}
		at[item.key()] = len(items)
		items = append(items, item)
	}
	return items
}
