package sandbox

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// killed copies what a killed process leaves on disk, and returns where the copy's snapshot is.
func killed(t *testing.T, path string) string {
	t.Helper()
	left := filepath.Join(t.TempDir(), "sandbox.json")
	for from, to := range map[string]string{path: left, journalPath(path): journalPath(left)} {
		raw, err := os.ReadFile(from)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(to, raw, 0o600))
	}
	return left
}

// checkRecorded holds the files on disk against the state in memory: a change that no record has would be lost. It runs
// on servers' goroutines too, so it does not end the test.
func checkRecorded(t *testing.T, s *Sandbox) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	onDisk, err := readState(s.config.SnapshotPath, s.log)
	if !assert.NoError(t, err) {
		return
	}
	assert.Equal(t, s.offset, onDisk.Offset)
	assert.JSONEq(t, lines(s.stripe.intents.items), lines(onDisk.Intents))
	assert.JSONEq(t, lines(s.stripe.ordered.items), lines(onDisk.Sessions))
	assert.JSONEq(t, lines(s.stripe.events.items), lines(onDisk.Events))
}

func lines[T any](items []T) string { return string(mustJSON(append([]T{}, items...))) }

// allIDs are those of everything a sandbox has made.
func allIDs(s *Sandbox) map[string]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := map[string]bool{}
	for _, pi := range s.stripe.intents.items {
		ids[pi.Core.ID] = true
		for _, a := range pi.Core.Attempts {
			ids[a.ID] = true
		}
	}
	for _, e := range s.stripe.events.items {
		ids[e.ID], ids[e.Request.ID] = true, true
	}
	return ids
}

func TestKillLosesNothingThatWasAnswered(t *testing.T) {
	t.Parallel()
	for name, seed := range map[string]uint64{"seeded": 7, "random": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "sandbox.json")
			b := newBenchWith(t, Config{Seed: seed, SnapshotPath: path})
			b.inbox.answer(http.StatusInternalServerError)
			b.pay("pm_card_visa")
			first := b.raw("POST", "/v1/payment_intents", "k1", intentForm("confirm", "true", "payment_method", "pm_card_visa", "payment_method_types[]", "card"))
			require.Equal(t, http.StatusOK, first.status, "%s", first.body)

			next := newBenchWith(t, Config{Seed: seed, SnapshotPath: killed(t, path)})
			require.Equal(t, mustJSON(b.sandbox.Ledger()), mustJSON(next.sandbox.Ledger()))
			again := next.raw("POST", "/v1/payment_intents", "k1", intentForm("confirm", "true", "payment_method", "pm_card_visa", "payment_method_types[]", "card"))
			require.Equal(t, "true", again.header.Get("Idempotent-Replayed"))
			require.Equal(t, first.body, again.body)
			next.drain()
			require.Contains(t, next.inbox.kinds(), "payment_intent.succeeded", "what the first process could not deliver")
			requireFreshIDs(t, b.sandbox, next)
		})
	}
}

// requireFreshIDs makes payments after a kill, and after a second one, and looks for ids that were there before.
func requireFreshIDs(t *testing.T, before *Sandbox, next *bench) {
	t.Helper()
	seen := allIDs(before)
	next.pay("pm_card_visa")
	next.pay("pm_card_visa")
	third := newBenchWith(t, Config{Seed: next.sandbox.config.Seed, SnapshotPath: killed(t, next.sandbox.config.SnapshotPath)})
	require.Len(t, third.sandbox.Ledger().Payments, 4)
	for _, id := range []string{third.pay("pm_card_visa").ID, third.pay("pm_card_visa").ID} {
		require.NotContains(t, allIDs(next.sandbox), id)
	}
	events := next.sandbox.stripe.events.items
	require.Len(t, allIDs(third.sandbox), len(seen)+4*perPayment(t, events), "every payment has drawn ids of its own")
}

// perPayment is how many ids one payment adds: the intent, the charge, the request, and the events.
func perPayment(t *testing.T, events []*event) int {
	t.Helper()
	last, count := events[len(events)-1].Request.ID, 0
	for _, e := range events {
		if e.Request.ID == last {
			count++
		}
	}
	require.NotZero(t, count)
	return count + 3
}

// TestKillForgetsWhatWasDelivered: only what is still on its way is sent by the next process.
func TestKillForgetsWhatWasDelivered(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "sandbox.json")
	b := newBenchWith(t, Config{Seed: 7, SnapshotPath: path})
	b.pay("pm_card_visa")
	b.drain()
	require.NotEmpty(t, b.inbox.kinds())
	next := newBenchWith(t, Config{Seed: 7, SnapshotPath: killed(t, path)})
	next.drain()
	require.Empty(t, next.inbox.kinds())
}

// TestKillBetweenSnapshotAndEmptyJournal: the journal's lines are in the snapshot already, and are replayed once more.
func TestKillBetweenSnapshotAndEmptyJournal(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "sandbox.json")
	b := newBenchWith(t, Config{Seed: 7, SnapshotPath: path})
	held(b)
	b.pay("pm_card_visa")
	b.drain()
	journal, err := os.ReadFile(journalPath(path))
	require.NoError(t, err)
	require.NoError(t, b.sandbox.save())
	left := killed(t, path)
	require.NoError(t, os.WriteFile(journalPath(left), journal, 0o600))
	next := newBenchWith(t, Config{Seed: 7, SnapshotPath: left})
	require.Equal(t, mustJSON(b.sandbox.Ledger()), mustJSON(next.sandbox.Ledger()))
	next.drain()
	require.Empty(t, next.inbox.kinds())
}

func TestJournalsLastLineCutOff(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "sandbox.json")
	b := newBenchWith(t, Config{Seed: 7, SnapshotPath: path})
	paid := b.pay("pm_card_visa")
	b.drain()
	left := killed(t, path)
	whole, err := os.ReadFile(journalPath(left))
	require.NoError(t, err)
	cut := append(bytes.Clone(whole), `{"Intents":[{"Core":{"ID":"pi_3cut`...)
	require.NoError(t, os.WriteFile(journalPath(left), cut, 0o600))

	var logged bytes.Buffer
	s, err := New(Config{Seed: 7, SnapshotPath: left, Logger: slog.New(slog.NewTextHandler(&logged, nil))})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	require.Contains(t, logged.String(), "last line is broken and ignored")
	next := newBenchWith(t, Config{Seed: 7, SnapshotPath: left})
	require.Equal(t, paid.ID, next.truth().ID)

	left = killed(t, path)
	require.NoError(t, os.WriteFile(journalPath(left), append([]byte("{\"Intents\":[{\n"), whole...), 0o600))
	_, err = New(Config{SnapshotPath: left})
	require.ErrorContains(t, err, "line 1 of its journal")
}

// TestSnapshotMovedAway: its journal alone must not bring the state back.
func TestSnapshotMovedAway(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "sandbox.json")
	b := newBenchWith(t, Config{Seed: 7, SnapshotPath: path})
	b.pay("pm_card_visa")
	left := killed(t, path)
	require.NoError(t, os.Remove(left))
	require.Empty(t, newBenchWith(t, Config{SnapshotPath: left}).sandbox.Ledger().Payments)
}

// TestAnswerUnderWayIsInTheSnapshot: a snapshot between the effect and the end of the request keeps the key.
func TestAnswerUnderWayIsInTheSnapshot(t *testing.T) {
	t.Parallel()
	k := newKeyStore()
	_, refused := k.begin("k1", "/v1/refunds", [32]byte{}, time.Unix(0, 0))
	require.Nil(t, refused)
	require.Empty(t, k.finished())
	require.False(t, k.know("k1", reply{Status: 200}).Running)
	require.Equal(t, 200, k.finished()["k1"].Reply.Status)
	_, refused = k.begin("k1", "/v1/refunds", [32]byte{}, time.Unix(0, 0))
	require.Equal(t, "idempotency_key_in_use", refused.Code, "in this process it still runs")
}

func TestJournalIsCompacted(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "sandbox.json")
	b := newBenchWith(t, Config{Seed: 7, SnapshotPath: path})
	big := strings.Repeat("x", 400)
	for i := 0; !b.sandbox.journal.outgrown(); i++ {
		answer := b.raw("POST", "/v1/payment_intents", "k"+strconv.Itoa(i), intentForm("metadata[big]", big))
		require.Equal(t, http.StatusOK, answer.status)
	}
	b.drain()
	b.sandbox.compact()
	require.Less(t, fileSize(t, journalPath(path)), int64(compactFrom))
	checkRecorded(t, b.sandbox)
	require.Len(t, b.sandbox.keys.finished(), len(b.sandbox.Ledger().Payments))
}

func fileSize(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	return info.Size()
}

// TestJournalThatCannotBeWritten: the answer is sent, and the snapshot makes up for the line.
func TestJournalThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "sandbox.json")
	b := newBenchWith(t, Config{Seed: 7, SnapshotPath: path})
	b.sandbox.journal.mu.Lock()
	working := b.sandbox.journal.file
	broken, err := os.Open(path) // for reading only
	require.NoError(t, err)
	b.sandbox.journal.file = broken
	b.sandbox.journal.mu.Unlock()
	payWithoutNetwork(t, b.sandbox, "currency", "inr", "payment_method_types[]", "card", "payment_method", "pm_card_visa")
	b.drain()
	b.sandbox.journal.mu.Lock()
	b.sandbox.journal.file = working
	b.sandbox.journal.mu.Unlock()
	require.NoError(t, broken.Close())
	b.sandbox.compact()
	checkRecorded(t, b.sandbox)
	require.NotEmpty(t, b.sandbox.Ledger().Payments)
}

// TestSnapshotOfBefore: a file without a count of starts is read, and its seed is not drawn from the beginning again.
func TestSnapshotOfBefore(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "old.json")
	require.NoError(t, os.WriteFile(path, []byte(`{"Format":2,"IDs":"AAAA","Undelivered":null}`), 0o600))
	old := newBenchWith(t, Config{Seed: 7, SnapshotPath: path})
	fresh := newBenchWith(t, Config{Seed: 7})
	require.NotEqual(t, fresh.pay("pm_card_visa").ID, old.pay("pm_card_visa").ID)
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	var snap snapshot
	require.NoError(t, json.Unmarshal(raw, &snap))
	require.Equal(t, uint64(2), snap.Starts)
	_, err = os.Stat(path + ".new")
	require.ErrorIs(t, err, fs.ErrNotExist)
}
