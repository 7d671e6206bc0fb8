package saga

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"kassa/checkout"
)

func TestPauseStaysWithinItsBounds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n, random := rapid.IntRange(0, 200).Draw(t, "n"), rapid.Uint64().Draw(t, "random")
		pause := Backoff.Pause(n, random)
		longest := Backoff.Cap
		if n < 9 {
			longest = Backoff.Base << n
		}
		require.GreaterOrEqual(t, pause, 50*time.Millisecond)
		require.LessOrEqual(t, pause, longest)
	})
}

func TestPauseUsesItsWholeRange(t *testing.T) {
	t.Parallel()
	require.Equal(t, time.Second, Backoff.Pause(0, 1<<32-1))
	require.Equal(t, 8*time.Second, Backoff.Pause(3, 1<<32-1))
	require.Equal(t, 5*time.Minute, Backoff.Pause(9, 1<<32-1))
	require.Equal(t, 50*time.Millisecond, Backoff.Pause(9, 0))
	require.InDelta(t, 4*time.Second, Backoff.Pause(3, 1<<31), float64(time.Millisecond))
}

// TestBackoffLastsHalfAnHour: that is how long a gateway may be down before an
// operator is asked.
func TestBackoffLastsHalfAnHour(t *testing.T) {
	t.Parallel()
	var sum time.Duration
	for n := range Backoff.Limit - 1 {
		sum += Backoff.Pause(n, 1<<32-1)
	}
	require.InDelta(t, 30*time.Minute, sum, float64(5*time.Minute))
}

// lookUps lists when something is asked about that stays open, counted from its
// beginning.
func lookUps() []time.Duration {
	var times []time.Duration
	for age := time.Duration(0); ; {
		pause, ok := lookUpPause(age)
		if !ok {
			return times
		}
		age += pause
		times = append(times, age)
	}
}

// TestLookUpSchedule: 30 s, 2 min, 10 min, 30 min, then hourly for a day, then daily
// to the seventh.
func TestLookUpSchedule(t *testing.T) {
	t.Parallel()
	want := []time.Duration{30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute}
	for hour := 1; hour <= 24; hour++ {
		want = append(want, time.Duration(hour)*time.Hour)
	}
	for days := 2; days <= 7; days++ {
		want = append(want, time.Duration(days)*24*time.Hour)
	}
	require.Equal(t, want, lookUps())
}

// TestLookUpsAreNotTooClose: whatever happens in between, the next look-up keeps
// its distance, and comes when the schedule says.
func TestLookUpsAreNotTooClose(t *testing.T) {
	t.Parallel()
	times := lookUps()
	rapid.Check(t, func(t *rapid.T) {
		age := time.Duration(rapid.Int64Range(0, int64(8*24*time.Hour)).Draw(t, "age"))
		pause, ok := lookUpPause(age)
		require.Equal(t, age+checkout.LookUpInterval <= 7*24*time.Hour, ok)
		if ok {
			require.GreaterOrEqual(t, pause, checkout.LookUpInterval)
			require.Contains(t, times, age+pause)
		}
	})
}

func TestInvoiceSeriesIsTheFinancialYear(t *testing.T) {
	t.Parallel()
	for at, want := range map[string]string{"2026-03-31": "2025-26", "2026-04-01": "2026-27", "2099-12-31": "2099-00"} {
		day, err := time.Parse(time.DateOnly, at)
		require.NoError(t, err)
		require.Equal(t, want, invoiceSeries(day))
	}
}
