package bench

import (
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestIsLocal(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]bool{
		"postgres://postgres@127.0.0.1:5432/test": true, "postgres://localhost/test": true, "postgres://[::1]/test": true,
		"postgres:///test?host=/var/run/postgresql": true, "postgres://db.example.com/test": false, "postgres://10.0.0.7/test": false,
	} {
		require.Equal(t, want, isLocal(url), url)
	}
}

func TestOwnUseIsRead(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("there is no /proc")
	}
	before := cpuOf(os.Getpid())
	require.NotNil(t, before)
	for begin := time.Now(); *cpuOf(os.Getpid()) < *before+2*clockTick; {
		require.Less(t, time.Since(begin), time.Minute, "work uses no CPU")
	}
	m := meter{}
	m.resetPeak()
	require.Greater(t, m.peakMiB(), 1.0)
	require.Nil(t, cpuOf(1<<30))
}

func TestPartOf(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		want  string
		stack []string
	}{
		{partHTTP, []string{"runtime.memmove", "bufio.(*Writer).Flush", "net/http.(*conn).serve"}},
		{partAPI, []string{"strings.Index", "kassa/api.checkBody", "github.com/danielgtaylor/huma/v2.Register", "net/http.(*conn).serve"}},
		{jsonOf + partAPI, []string{"reflect.Value.Field", "encoding/json.(*encodeState).marshal", "kassa/api.encode", "net/http.(*conn).serve"}},
		{jsonOf + partGateway, []string{"encoding/json.Unmarshal", "github.com/stripe/stripe-go/v85.(*Client).Do"}},
		{partGateway, []string{"internal/runtime/syscall.Syscall6", "net.(*conn).Write", "net/http.(*persistConn).writeLoop"}},
		{partPostgres, []string{"internal/runtime/syscall.Syscall6", "net.(*conn).Read", "github.com/jackc/pgx/v5/pgconn.(*PgConn).peekMessage", "kassa/engine.(*Engine).Commit"}},
		{partGC, []string{"runtime.scanobject", "runtime.gcBgMarkWorker"}},
		{partScheduler, []string{"runtime.futex", "runtime.schedule", "runtime.mcall"}},
		{partOther, []string{"os/signal.loop"}},
		{partOther, nil},
	} {
		require.Equal(t, test.want, partOf(test.stack), "%v", test.stack)
	}
}

func TestGrouped(t *testing.T) {
	t.Parallel()
	for f, want := range map[float64]string{0: "0", 7.25: "7.2", 99: "99", 999.6: "1,000", 1234567: "1,234,567"} {
		require.Equal(t, want, grouped(f))
	}
}
