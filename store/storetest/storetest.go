// Package storetest is the suite that every store passes, the one in memory
// included, which is why the simulator may trust it.
//
// It must not know any one database: what a store cannot do is declared in its
// Harness, and the suite then leaves that part out.
package storetest

import (
	"testing"

	"kassa/store"
)

// Harness opens the store under test.
type Harness struct {
	// Open returns a fresh store: migrated, empty, closed when the test ends.
	Open func(t *testing.T) store.Store
	// Reopen closes a store and opens the same database again. It is nil where
	// nothing outlives the process.
	Reopen func(t *testing.T, old store.Store) store.Store
	// Second opens the database of a store once more, as another process would.
	// It is nil where one process has the database alone.
	Second func(t *testing.T, first store.Store) store.Store
	// Concurrent tells that several transactions are at work at once; else they
	// take turns, from the first Load to the end.
	Concurrent bool
	// ByCounter tells that only the lock of a series' counter keeps an invoice
	// number from being given twice: there is no constraint behind it.
	ByCounter bool
}

// Run runs the suite.
func Run(t *testing.T, h Harness) {
	t.Helper()
	tests := []struct {
		name string
		test func(*testing.T, Harness)
	}{
		{"Schema", testSchema},
		{"EveryField", testEveryField},
		{"Load", testLoad},
		{"Transaction", testTransaction},
		{"Own", testOwn},
		{"Refusals", testRefusals},
		{"NaturalKeys", testNaturalKeys},
		{"Concurrency", testConcurrency},
		{"Fence", testFence},
		{"EventLog", testEventLog},
		{"Invoices", testInvoices},
		{"Tasks", testTasks},
		{"Due", testDue},
		{"Lists", testLists},
		{"Find", testFind},
		{"Snapshot", testSnapshot},
		{"Keys", testKeys},
		{"Restart", testRestart},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.test(t, h)
		})
	}
}

// handles are the ways into one database: one, or two where two are allowed.
func (h Harness) handles(t *testing.T) []store.Store {
	t.Helper()
	first := h.Open(t)
	if h.Second == nil {
		return []store.Store{first, first}
	}
	return []store.Store{first, h.Second(t, first)}
}
