// Package holdtest is what every admission gate must do: each adapter runs it. It must
// not know any of them.
package holdtest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/hold"
)

// Times are those that the gates of the suite have: it waits for each of them.
var Times = hold.Times{Fresh: 2 * time.Second, Probe: time.Second, Outdated: 3 * time.Second, TTL: 4 * time.Second}

// Patience is how long the suite waits for what must come.
const Patience = 30 * time.Second

// Harness makes gates.
type Harness struct {
	// Open makes a gate with Times on the memory of that name: two gates of one name
	// are two processes of one shop.
	Open func(t *testing.T, name string) hold.Gate
	// OpenFlushed makes a gate on a memory of its own, and says how to empty that
	// whole, scripts too.
	OpenFlushed func(t *testing.T) (gate hold.Gate, flush func())
}

// Run runs the suite.
func Run(t *testing.T, h Harness) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, Harness)
	}{
		{"all items or none", allOrNone},
		{"refuses what the last commit did not leave", refuses},
		{"each on top of those before it", inOrder},
		{"an admission counts once", once},
		{"what ended gives its units back once", endedOnce},
		{"nobody is admitted twice by many at a time", crowd},
		{"an admission that nobody ends lapses", lapses},
		{"the higher position wins", positions},
		{"a level that is not fresh lets probes through", probes},
		{"an outdated level gives way", outdated},
		{"an unknown SKU is let through", unknown},
		{"an empty gate admits nobody", unbuilt},
		{"one process fills it", building},
		{"a gate is its database's alone", names},
		{"a script that was forgotten is sent again", flushed},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(t, h)
		})
	}
}

func newName() string { return uuid.NewString() }

func newID() checkout.ID { return checkout.ID(uuid.Must(uuid.NewV7())) }

func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// built is a gate that knows levels, of position 1.
func built(t *testing.T, h Harness, levels ...hold.Level) (gate hold.Gate, name string) {
	t.Helper()
	name = newName()
	gate = h.Open(t, name)
	fill(t, gate, levels...)
	return gate, name
}

func fill(t *testing.T, gate hold.Gate, levels ...hold.Level) {
	t.Helper()
	require.NoError(t, gate.Rebuild(bounded(t), func(put func([]hold.Level) error) error { return put(levels) }))
}

func level(sku string, available, position int64) hold.Level {
	return hold.Level{SKU: sku, Available: available, Position: position}
}

func item(sku string, qty int64) checkout.Item { return checkout.Item{SKU: sku, Qty: qty} }

func wish(items ...checkout.Item) hold.Admission { return hold.Admission{ID: newID(), Items: items} }

func ask(t *testing.T, gate hold.Gate, a ...hold.Admission) []hold.Answer {
	t.Helper()
	answers, err := gate.Admit(bounded(t), a)
	require.NoError(t, err)
	require.Len(t, answers, len(a))
	return answers
}

func verdict(t *testing.T, gate hold.Gate, a hold.Admission) hold.Verdict {
	t.Helper()
	return ask(t, gate, a)[0].Verdict
}

func settle(t *testing.T, gate hold.Gate, ended []hold.Admission, levels ...hold.Level) {
	t.Helper()
	require.NoError(t, gate.Settle(bounded(t), hold.Settlement{Ended: ended, Levels: levels}))
}

func allOrNone(t *testing.T, h Harness) {
	gate, _ := built(t, h, level("A", 5, 1), level("B", 1, 1))
	require.Equal(t, hold.SoldOut, verdict(t, gate, wish(item("A", 3), item("B", 2))))
	require.Equal(t, hold.Admitted, verdict(t, gate, wish(item("A", 5), item("B", 1))), "the refused one took nothing")
	require.Equal(t, hold.Wait, verdict(t, gate, wish(item("A", 1))))
}

func refuses(t *testing.T, h Harness) {
	gate, _ := built(t, h, level("A", 2, 1), level("B", 9, 1), level("C", 0, 1))
	answer := ask(t, gate, wish(item("A", 3), item("B", 9), item("C", 1)))[0]
	require.Equal(t, hold.Answer{Verdict: hold.SoldOut, Short: []checkout.Shortage{
		{SKU: "A", Requested: 3, Available: 2}, {SKU: "C", Requested: 1, Available: 0},
	}}, answer)
}

func inOrder(t *testing.T, h Harness) {
	gate, _ := built(t, h, level("A", 5, 1))
	answers := ask(t, gate, wish(item("A", 3)), wish(item("A", 3)), wish(item("A", 2)), wish(item("A", 6)))
	require.Equal(t, []hold.Verdict{hold.Admitted, hold.Wait, hold.Admitted, hold.SoldOut}, verdicts(answers))
}

func verdicts(answers []hold.Answer) (out []hold.Verdict) {
	for _, a := range answers {
		out = append(out, a.Verdict)
	}
	return out
}

func once(t *testing.T, h Harness) {
	gate, _ := built(t, h, level("A", 2, 1))
	mine := wish(item("A", 1))
	for range 3 {
		require.Equal(t, hold.Admitted, verdict(t, gate, mine))
	}
	require.Equal(t, hold.Admitted, verdict(t, gate, wish(item("A", 1))))
	require.Equal(t, hold.Admitted, verdict(t, gate, mine), "it has its units already")
	require.Equal(t, hold.Wait, verdict(t, gate, wish(item("A", 1))))
}

func endedOnce(t *testing.T, h Harness) {
	gate, _ := built(t, h, level("A", 2, 1))
	one, two := wish(item("A", 1)), wish(item("A", 1))
	require.Equal(t, []hold.Verdict{hold.Admitted, hold.Admitted}, verdicts(ask(t, gate, one, two)))
	for range 3 {
		settle(t, gate, []hold.Admission{one, one})
	}
	require.Equal(t, hold.Admitted, verdict(t, gate, wish(item("A", 1))))
	require.Equal(t, hold.Wait, verdict(t, gate, wish(item("A", 1))), "the second one is still on its way")
	settle(t, gate, []hold.Admission{wish(item("A", 1))})
	require.Equal(t, hold.Wait, verdict(t, gate, wish(item("A", 1))), "one that never came gives nothing back")
}

// crowd has two processes ask for more than there is.
func crowd(t *testing.T, h Harness) {
	const units, buyers = 50, 400
	gate, name := built(t, h, level("A", units, 1), level("B", units+7, 1))
	gates := []hold.Gate{gate, h.Open(t, name)}
	var admitted atomic.Int64
	var wg sync.WaitGroup
	failed := make(chan error, buyers)
	for i := range buyers {
		wg.Go(func() {
			a := hold.Admission{ID: newID(), Items: []checkout.Item{item("A", 1), item("B", 1)}}
			answers, err := gates[i%2].Admit(t.Context(), []hold.Admission{a})
			if err != nil {
				failed <- err
				return
			}
			if answers[0].Verdict == hold.Admitted {
				admitted.Add(1)
			}
		})
	}
	wg.Wait()
	close(failed)
	for err := range failed {
		require.NoError(t, err)
	}
	require.EqualValues(t, units, admitted.Load())
	require.Equal(t, hold.Admitted, verdict(t, gate, wish(item("B", 7))), "exactly these are left")
	require.Equal(t, hold.Wait, verdict(t, gate, wish(item("B", 1))))
}

func lapses(t *testing.T, h Harness) {
	gate, _ := built(t, h, level("A", 1, 1))
	forgotten := wish(item("A", 1))
	require.Equal(t, hold.Admitted, verdict(t, gate, forgotten))
	require.Equal(t, hold.Wait, verdict(t, gate, wish(item("A", 1))))
	require.Eventually(t, func() bool { return verdict(t, gate, wish(item("A", 1))) == hold.Admitted }, Patience, Times.TTL/5)
	settle(t, gate, []hold.Admission{forgotten})
	require.Equal(t, hold.Wait, verdict(t, gate, wish(item("A", 1))), "its units were given back once")
}

func positions(t *testing.T, h Harness) {
	gate, _ := built(t, h, level("A", 1, 5))
	settle(t, gate, nil, level("A", 0, 7))
	settle(t, gate, nil, level("A", 3, 6)) // told late
	require.Equal(t, hold.SoldOut, verdict(t, gate, wish(item("A", 1))))
	settle(t, gate, nil, level("A", 2, 8))
	require.Equal(t, hold.Admitted, verdict(t, gate, wish(item("A", 2))))
	known, err := gate.Levels(bounded(t), []string{"A", "B"})
	require.NoError(t, err)
	require.Equal(t, map[string]hold.Level{"A": level("A", 2, 8)}, known)
}

// probes: of those who ask of a level that nobody has published for long, one in each
// pause goes to see; and what it brings counts again.
func probes(t *testing.T, h Harness) {
	gate, _ := built(t, h, level("A", 0, 1))
	buyer := func() hold.Verdict { return verdict(t, gate, wish(item("A", 1))) }
	require.Equal(t, hold.SoldOut, buyer())
	require.Eventually(t, func() bool { return buyer() == hold.Admitted }, Patience, Times.Fresh/10)
	require.Equal(t, hold.SoldOut, buyer(), "the next one does not have to go, too")
	require.Eventually(t, func() bool { return buyer() == hold.Admitted }, Patience, Times.Probe/10)
	settle(t, gate, nil, level("A", 0, 1))
	require.Equal(t, hold.SoldOut, buyer())
	settle(t, gate, nil, level("A", 1, 2))
	require.Equal(t, hold.Admitted, buyer(), "a probe kept no unit")
}

func outdated(t *testing.T, h Harness) {
	gate, _ := built(t, h, level("A", 0, 1000))
	settle(t, gate, nil, level("A", 4, 10))
	require.Equal(t, hold.SoldOut, verdict(t, gate, wish(item("A", 1))))
	require.Eventually(t, func() bool {
		settle(t, gate, nil, level("A", 4, 10)) // what was put back says so again
		known, err := gate.Levels(bounded(t), []string{"A"})
		require.NoError(t, err)
		return known["A"] == level("A", 4, 10)
	}, Patience, Times.Outdated/5)
	require.Equal(t, hold.Admitted, verdict(t, gate, wish(item("A", 4))))
}

func unknown(t *testing.T, h Harness) {
	gate, _ := built(t, h, level("A", 1, 1))
	require.Equal(t, hold.Admitted, verdict(t, gate, wish(item("NEW", 1000))))
	require.Equal(t, hold.Admitted, verdict(t, gate, wish(item("A", 1), item("NEW", 1000))))
	require.Equal(t, hold.Wait, verdict(t, gate, wish(item("A", 1))), "what is known was kept")
}

func unbuilt(t *testing.T, h Harness) {
	gate := h.Open(t, newName())
	settle(t, gate, nil, level("A", 5, 1))
	_, err := gate.Admit(bounded(t), []hold.Admission{wish(item("A", 1))})
	require.ErrorIs(t, err, hold.ErrUnbuilt)
	fill(t, gate, level("B", 0, 1))
	require.Equal(t, hold.Admitted, verdict(t, gate, wish(item("A", 5))), "what was published meanwhile is known")
	require.Equal(t, hold.SoldOut, verdict(t, gate, wish(item("B", 1))))
}

func building(t *testing.T, h Harness) {
	gate, name := built(t, h)
	other := h.Open(t, name)
	nothing := func(func([]hold.Level) error) error { return nil }
	err := gate.Rebuild(bounded(t), func(put func([]hold.Level) error) error {
		require.ErrorIs(t, other.Rebuild(bounded(t), nothing), hold.ErrBuilding)
		return put(nil)
	})
	require.NoError(t, err)
	failure := errors.New("the database is away")
	require.ErrorIs(t, gate.Rebuild(bounded(t), func(func([]hold.Level) error) error { return failure }), failure)
	require.NoError(t, other.Rebuild(bounded(t), nothing), "the lease of one that failed is given back")

	fresh := h.Open(t, newName())
	require.ErrorIs(t, fresh.Rebuild(bounded(t), func(func([]hold.Level) error) error { return failure }), failure)
	_, err = fresh.Admit(bounded(t), []hold.Admission{wish(item("A", 1))})
	require.ErrorIs(t, err, hold.ErrUnbuilt, "half a gate is none")
}

func names(t *testing.T, h Harness) {
	one, _ := built(t, h, level("A", 1, 1))
	two, _ := built(t, h, level("A", 0, 9))
	require.Equal(t, hold.Admitted, verdict(t, one, wish(item("A", 1))))
	require.Equal(t, hold.SoldOut, verdict(t, two, wish(item("A", 1))))
}

func flushed(t *testing.T, h Harness) {
	gate, flush := h.OpenFlushed(t)
	fill(t, gate, level("A", 1, 1))
	mine := wish(item("A", 1))
	require.Equal(t, hold.Admitted, verdict(t, gate, mine))
	flush()
	_, err := gate.Admit(bounded(t), []hold.Admission{wish(item("A", 1))})
	require.ErrorIs(t, err, hold.ErrUnbuilt)
	settle(t, gate, []hold.Admission{mine}, level("A", 0, 2))
	fill(t, gate, slices.Repeat([]hold.Level{level("A", 1, 1)}, 3)...) // read before the commit
	require.Equal(t, hold.SoldOut, verdict(t, gate, wish(item("A", 1))))
}
