package checkout

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var drawID = rapid.Custom(func(t *rapid.T) ID {
	var random [10]byte
	copy(random[:], rapid.SliceOfN(rapid.Byte(), 10, 10).Draw(t, "random"))
	at := time.UnixMilli(rapid.Int64Range(0, 1<<47).Draw(t, "ms"))
	return NewID(at, random)
})

// TestNewIDIsAUUID of version 7, in the eyes of another implementation.
func TestNewIDIsAUUID(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		id := drawID.Draw(t, "id")
		parsed, err := uuid.Parse(id.String())
		require.NoError(t, err)
		require.Equal(t, uuid.Version(7), parsed.Version())
		require.Equal(t, uuid.RFC4122, parsed.Variant())
		require.Equal(t, uuid.UUID(id), parsed)
		require.Equal(t, parsed.String(), id.String())
	})
}

func TestIDRoundTrips(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		id := drawID.Draw(t, "id")
		parsed, err := ParseID(id.String())
		require.NoError(t, err)
		require.Equal(t, id, parsed)
		text, err := json.Marshal(map[string]ID{"id": id})
		require.NoError(t, err)
		var back map[string]ID
		require.NoError(t, json.Unmarshal(text, &back))
		require.Equal(t, id, back["id"])
	})
}

func TestZeroIDIsEmptyText(t *testing.T) {
	t.Parallel()
	var zero ID
	require.True(t, zero.IsZero())
	text, err := json.Marshal(zero)
	require.NoError(t, err)
	require.JSONEq(t, `""`, string(text))
	id := NewID(time.Unix(1, 0), [10]byte{})
	require.False(t, id.IsZero())
	require.NoError(t, json.Unmarshal([]byte(`""`), &id))
	require.True(t, id.IsZero())
}

func TestTimeOfAnID(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 28, 10, 0, 0, 123_000_000, time.UTC)
	require.Equal(t, at, NewID(at.Add(456*time.Microsecond), [10]byte{9}).Time())
}

func TestParseIDRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"1", "0198c0de00007000800000000000000100000", "0198c0de-0000-7000-8000-00000000000g",
		"0198c0de_0000_7000_8000_000000000001", "{198c0de-0000-7000-8000-00000000001}", " 198c0de-0000-7000-8000-000000000001",
	} {
		id, err := ParseID(text)
		require.Error(t, err, text)
		require.True(t, id.IsZero(), text)
	}
}

// TestIDsSortByTime: a later time gives a greater id, whatever the random part.
func TestIDsSortByTime(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ms := rapid.Int64Range(0, 1<<46).Draw(t, "ms")
		var low, high [10]byte
		for i := range low {
			low[i] = 0xff
		}
		earlier := NewID(time.UnixMilli(ms), low)
		later := NewID(time.UnixMilli(ms+rapid.Int64Range(1, 1<<40).Draw(t, "more")), high)
		require.Negative(t, earlier.Compare(later))
		require.Negative(t, strings.Compare(earlier.String(), later.String()))
	})
}

// TestChildren differ from their parent and from each other, remain UUIDs, and have
// the parent's time; but for the rare tail that is about to wrap, they sort in order.
func TestChildren(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		id := drawID.Draw(t, "id")
		seen := map[ID]bool{id: true}
		last := id
		for n := range 50 {
			child := id.Child(n + 1)
			require.False(t, seen[child])
			seen[child] = true
			require.Equal(t, id[:8], child[:8])
			require.Equal(t, byte(2), child[8]>>6)
			require.Equal(t, (id.Random()+uint64(n)+1)&(1<<62-1), child.Random())
			if child.Random() > last.Random() {
				require.Negative(t, last.Compare(child))
			}
			last = child
		}
		require.Equal(t, id, id.Child(0))
	})
}

// TestChildOfTheLastTailWraps within its 62 bits: the variant stays.
func TestChildOfTheLastTailWraps(t *testing.T) {
	t.Parallel()
	full := [10]byte{0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	child := NewID(time.UnixMilli(5), full).Child(1)
	require.Equal(t, "00000000-0005-7000-8000-000000000000", child.String())
}

func TestNumber(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		number := drawID.Draw(t, "id").Number()
		require.Regexp(t, `^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$`, number)
	})
}

// TestNumbersOfOneProcessDiffer: what a process makes differs in its time or in the
// twelve bits that count within a millisecond; both are in the number.
func TestNumbersOfOneProcessDiffer(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	for ms := range 50 {
		for count := range 200 {
			number := NewID(at.Add(time.Duration(ms)*time.Millisecond), [10]byte{byte(count >> 8), byte(count)}).Number()
			require.False(t, seen[number], number)
			seen[number] = true
		}
	}
}

func FuzzParseID(f *testing.F) {
	f.Add("0198c0de-0000-7000-8000-000000000001")
	f.Add("")
	f.Add("0198C0DE-0000-7000-8000-00000000000A")
	f.Add("------------------------------------")
	f.Fuzz(func(t *testing.T, text string) {
		id, err := ParseID(text)
		if err != nil {
			require.True(t, id.IsZero())
			return
		}
		if text == "" {
			require.True(t, id.IsZero())
			return
		}
		require.Equal(t, strings.ToLower(text), id.String())
	})
}
