package postgres

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"kassa/checkout"
	"kassa/saga"
)

// The benchmarks need a quiet machine and print the WAL bytes of each hold or
// order beside the time: go test -bench . -run '^$' ./store/postgres

func walPosition(b *testing.B, s *Store) int64 {
	b.Helper()
	at, err := query(context.Background(), s.pool, (*row).int, `select (pg_current_wal_insert_lsn() - '0/0')::bigint`)
	require.NoError(b, err)
	return at[0]
}

// usage is what has been spent: on a shared machine the processors' time tells
// more than the clock's.
type usage struct {
	wal        int64
	server, us time.Duration // of processors: the backend's, and this process's
}

// usageNow needs a store with one connection.
func usageNow(b *testing.B, s *Store) usage {
	b.Helper()
	pid, err := query(context.Background(), s.pool, (*row).int, `select pg_backend_pid()::bigint`)
	require.NoError(b, err)
	var self syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &self))
	return usage{walPosition(b, s), serverTime(pid[0]), time.Duration(self.Utime.Nano() + self.Stime.Nano())}
}

// serverTime reads a process's time from Linux, 0 where there is none. It counts in
// hundredths of a second.
func serverTime(pid int64) time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+2:]))
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond
}

// report adds what was spent since start on each of n things.
func report(b *testing.B, s *Store, start usage, n int) {
	b.Helper()
	end := usageNow(b, s)
	b.ReportMetric(float64(end.wal-start.wal)/float64(n), "WAL-B/each")
	b.ReportMetric(float64((end.server-start.server).Microseconds())/float64(n), "PG-us/each")
	b.ReportMetric(float64((end.us-start.us).Microseconds())/float64(n), "Go-us/each")
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "each/s")
}

// newBenchStore has one connection, so that it is known who does the work.
func newBenchStore(b *testing.B) *Store {
	b.Helper()
	config := newSchema(b)
	config.MaxConns = 1
	s := open(b, config)
	require.NoError(b, s.Migrate(b.Context()))
	return s
}

// BenchmarkBareTransaction is the yardstick of a lone hold: the bare writes, with
// a statement a round trip and in a single one.
func BenchmarkBareTransaction(b *testing.B) {
	for _, pipelined := range []bool{false, true} {
		b.Run(fmt.Sprintf("pipelined=%t", pipelined), func(b *testing.B) {
			s := newStore(b)
			save := newSave()
			save.NewLevels = []checkout.Level{level("SKU-1", 1<<40)}
			commit(b, s, save)
			conn, err := s.pool.Acquire(b.Context())
			require.NoError(b, err)
			defer conn.Release()
			b.ResetTimer()
			for range b.N {
				require.NoError(b, bareHold(b.Context(), conn.Conn(), pipelined))
			}
		})
	}
}

func bareHold(ctx context.Context, conn *pgx.Conn, pipelined bool) error {
	id := newID()
	batch := &pgx.Batch{}
	batch.Queue("begin")
	batch.Queue("update inventory set available_qty = available_qty - 1, locked_qty = locked_qty + 1 where sku = $1", "SKU-1")
	batch.Queue("insert into holds (session_id, hold_id, created_at, expires_at) values ($1, $2, now(), now())",
		"sess_"+id.String(), [16]byte(id))
	batch.Queue("commit")
	if pipelined {
		return conn.SendBatch(ctx, batch).Close()
	}
	for _, q := range batch.QueuedQueries {
		if _, err := conn.Exec(ctx, q.SQL, q.Arguments...); err != nil {
			return err
		}
	}
	return nil
}

// BenchmarkHolds holds one unit of one SKU for each of n sessions in one batch.
func BenchmarkHolds(b *testing.B) {
	for _, n := range []int{1, 10, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := newBenchStore(b)
			save := newSave()
			save.NewLevels = []checkout.Level{level("SKU-1", 1<<40)}
			commit(b, s, save)
			holdUnits(b, s, n) // prepares the statements
			start := usageNow(b, s)
			b.ResetTimer()
			for range b.N {
				holdUnits(b, s, n)
			}
			b.StopTimer()
			report(b, s, start, b.N*n)
		})
	}
}

func holdUnits(b *testing.B, s *Store, n int) {
	save := newSave()
	keys := saga.Keys{Stock: []string{"SKU-1"}}
	for range n {
		id := newID()
		save.NewHolds = append(save.NewHolds, &checkout.Hold{
			ID: id, SessionID: "sess_" + id.String(), CreatedAt: testTime, ExpiresAt: testTime,
			Allocations: []checkout.Allocation{{SKU: "SKU-1", Warehouse: checkout.MainWarehouse, Qty: 1}},
		})
		keys.Sessions = append(keys.Sessions, "sess_"+id.String())
	}
	tx, err := s.Begin(b.Context())
	require.NoError(b, err)
	state := saga.NewState()
	require.NoError(b, tx.Load(b.Context(), keys, state))
	stock := state.Stock["SKU-1"][0]
	stock.Available -= int64(n)
	stock.Locked += int64(n)
	save.Levels = []checkout.Level{stock}
	require.NoError(b, tx.Commit(b.Context(), save))
}

// BenchmarkLifecycle takes n orders of two lines each, over 10,000 SKUs, through
// the four steps of a paid order.
func BenchmarkLifecycle(b *testing.B) {
	for _, loaded := range []bool{false, true} {
		for _, n := range []int{1, 100, 400} {
			b.Run(fmt.Sprintf("loaded=%t/%d", loaded, n), func(b *testing.B) {
				s := newBenchStore(b)
				l := newLifecycles(b, s, 10_000)
				l.loaded = loaded
				l.run(n)
				start := usageNow(b, s)
				b.ResetTimer()
				for range b.N {
					l.run(n)
				}
				b.StopTimer()
				report(b, s, start, b.N*n)
			})
		}
	}
}

// BenchmarkOrder reads whole orders that were paid, by so many callers at once.
func BenchmarkOrder(b *testing.B) {
	for _, callers := range []int{1, 64} {
		b.Run(fmt.Sprint(callers), func(b *testing.B) {
			s := newBenchStore(b)
			ids := newLifecycles(b, s, 100).run(400)
			start := usageNow(b, s)
			b.ResetTimer()
			var group errgroup.Group
			for c := range callers {
				group.Go(func() error {
					for i := c; i < b.N; i += callers {
						if _, err := s.Order(b.Context(), ids[i%len(ids)]); err != nil {
							return err
						}
					}
					return nil
				})
			}
			require.NoError(b, group.Wait())
			b.StopTimer()
			report(b, s, start, b.N)
		})
	}
}
