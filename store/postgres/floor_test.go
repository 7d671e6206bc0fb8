package postgres

import (
	_ "embed"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

//go:embed testdata/floor.sql
var floorSQL string

// BenchmarkFloor is how near to PostgreSQL's own limit a sale and a hold can come:
// see testdata/floor.sql. Each b.N is a batch of 400.
func BenchmarkFloor(b *testing.B) {
	for _, what := range []string{"sell", "hold"} {
		b.Run(what, func(b *testing.B) {
			s := newBenchStore(b)
			run := func(sql string) {
				conn, err := s.pool.Acquire(b.Context())
				require.NoError(b, err)
				defer conn.Release()
				_, err = conn.Conn().PgConn().Exec(b.Context(), sql).ReadAll()
				require.NoError(b, err)
			}
			run(floorSQL)
			run(fmt.Sprintf("call make_keys(%d)", b.N))
			// Tables that nobody has analyzed are small to the planner, which would read
			// all of them.
			run("set enable_seqscan = off; set enable_hashjoin = off; set enable_mergejoin = off")
			start := usageNow(b, s)
			b.ResetTimer()
			run(fmt.Sprintf("call %s(%d)", what, b.N))
			b.StopTimer()
			report(b, s, start, b.N*400)
		})
	}
}
