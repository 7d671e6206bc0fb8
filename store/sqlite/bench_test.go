//go:build unix

package sqlite_test

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/saga"
	"kassa/store"
	"kassa/store/sqlite"
)

// The benchmarks report the CPU time that the process spends inside the store
// beside the rate: the rate is the disk's as well, the CPU time is the code's.
//
//	go test ./store/sqlite -run '^$' -bench .

// bench is a store with stock for everybody, and a source of ids.
type bench struct {
	*testing.B
	store *sqlite.Store
	size  int // commands of a batch
	ids   uint64
	next  int           // the next SKU
	cpu   time.Duration // inside the store, in this round
	spent []time.Duration
	mem   runtime.MemStats
}

func newBench(b *testing.B, size, skus int) *bench {
	b.Helper()
	s, err := sqlite.Open(b.Context(), sqlite.Config{Path: filepath.Join(b.TempDir(), "kassa.db")})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, s.Close()) })
	require.NoError(b, s.Migrate(b.Context()))
	be := &bench{B: b, store: s, size: size}
	save := &store.Save{}
	for i := range skus {
		save.NewLevels = append(save.NewLevels, plenty(sku(i)))
	}
	be.commit(save)
	return be
}

func sku(i int) string { return fmt.Sprintf("KETTLE-%05d", i) }

func plenty(sku string) checkout.Level {
	return checkout.Level{SKU: sku, Warehouse: checkout.MainWarehouse, Available: 1e9, Received: 1e9}
}

// id makes ids as the engine does: sorted by their making, and random at the end.
func (b *bench) id() checkout.ID {
	var random [10]byte
	b.ids++
	binary.BigEndian.PutUint16(random[:], uint16(b.ids&0xfff))
	binary.BigEndian.PutUint64(random[2:], b.ids*0x9e3779b97f4a7c15)
	return checkout.NewID(time.UnixMilli(1_800_000_000_000+int64(b.ids>>12)), random)
}

// commit writes without loading, as an engine that owns the rows does.
func (b *bench) commit(save *store.Save) {
	save.BatchID = b.id()
	defer b.meter(cpuTime())
	tx, err := b.store.Begin(b.Context())
	require.NoError(b, err)
	require.NoError(b, tx.Commit(b.Context(), save))
}

func (b *bench) meter(start time.Duration) { b.cpu += cpuTime() - start }

func (b *bench) load(keys saga.Keys) *saga.State {
	defer b.meter(cpuTime())
	state := saga.NewState()
	tx, err := b.store.Begin(b.Context())
	require.NoError(b, err)
	require.NoError(b, tx.Load(b.Context(), keys, state))
	require.NoError(b, tx.Rollback(b.Context()))
	return state
}

func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func (b *bench) start() {
	runtime.ReadMemStats(&b.mem)
	b.ResetTimer()
}

// round counts what one round took.
func (b *bench) round(work func()) {
	b.cpu = 0
	work()
	b.spent = append(b.spent, b.cpu)
}

func (b *bench) report() {
	b.StopTimer()
	slices.Sort(b.spent)
	each := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 / float64(b.size) }
	b.ReportMetric(each(b.spent[len(b.spent)/10]), "cpu-µs-at-best/each")
	b.ReportMetric(each(b.spent[len(b.spent)/2]), "cpu-µs/each")
	n := float64(b.N * b.size)
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	b.ReportMetric(n/b.Elapsed().Seconds(), "each/s")
	b.ReportMetric(float64(mem.Mallocs-b.mem.Mallocs)/n, "allocs/each")
	b.ReportMetric(float64(mem.TotalAlloc-b.mem.TotalAlloc)/n, "alloc-B/each")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkHolds holds one SKU for so many new sessions at once.
func BenchmarkHolds(b *testing.B) {
	for _, size := range []int{1, 100, 1000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			be := newBench(b, size, 1)
			be.holds()
			be.start()
			for range b.N {
				be.round(be.holds)
			}
			be.report()
		})
	}
}

func (b *bench) holds() {
	level := b.load(saga.Keys{Stock: []string{sku(0)}}).Stock[sku(0)][0]
	level.Available -= int64(b.size)
	level.Locked += int64(b.size)
	save := &store.Save{Levels: []checkout.Level{level}}
	for range b.size {
		id := b.id()
		save.NewHolds = append(save.NewHolds, &checkout.Hold{
			ID: id, SessionID: randomText(id), ExpiresAt: time.Unix(1_800_000_900, 0), CreatedAt: time.Unix(1_800_000_000, 0),
			Allocations: []checkout.Allocation{{SKU: sku(0), Warehouse: checkout.MainWarehouse, Qty: 1}},
		})
	}
	b.commit(save)
}

// randomText is a key as clients make them: a UUID that sorts nowhere.
func randomText(id checkout.ID) string {
	random := checkout.ID(append(append([]byte{}, id[8:]...), id[:8]...))
	return random.String()
}
