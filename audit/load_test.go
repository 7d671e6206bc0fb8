package audit

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"kassa/store"
	"kassa/store/postgres"
	"kassa/store/sqlite"
)

func TestALoadOnSQLiteIsClean(t *testing.T) {
	t.Parallel()
	s, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), "kassa.db")})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	auditUnderLoad(t, s)
}

func TestALoadOnPostgresIsClean(t *testing.T) {
	t.Parallel()
	auditUnderLoad(t, openPostgres(t))
}

var schemas atomic.Int64

// openPostgres opens a store on a schema of the test's own.
func openPostgres(t *testing.T) store.Store {
	t.Helper()
	url := os.Getenv("KASSA_TEST_POSTGRES")
	if url == "" {
		require.NotEqual(t, "true", os.Getenv("CI"), "KASSA_TEST_POSTGRES is not set: run the tests by make test")
		t.Skip("KASSA_TEST_POSTGRES is not set: run the tests by make test")
	}
	ctx := context.WithoutCancel(t.Context())
	admin, err := pgx.Connect(ctx, url)
	require.NoError(t, err)
	schema := fmt.Sprintf("audit_%d_%d", os.Getpid(), schemas.Add(1))
	_, err = admin.Exec(ctx, "create schema "+schema)
	require.NoError(t, err)
	s, err := postgres.Open(ctx, postgres.Config{URL: url, Schema: schema})
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, s.Close())
		_, err := admin.Exec(ctx, "drop schema "+schema+" cascade")
		require.NoError(t, err)
		require.NoError(t, admin.Close(ctx))
	})
	return s
}

// auditUnderLoad audits beside a crowd that acts all the time, until enough has
// happened; and once more when it has gone.
func auditUnderLoad(t *testing.T, s store.Store) {
	t.Helper()
	const workers, enough = 8, 2000
	require.NoError(t, s.Migrate(t.Context()))
	c := newCrowd(t, s, nil, 1)
	group, ctx := errgroup.WithContext(t.Context())
	stop, done := make(chan struct{}), atomic.Int64{}
	for range workers {
		group.Go(func() error {
			for {
				select {
				case <-stop:
					return nil
				default:
				}
				if err := c.step(ctx); err != nil {
					return err
				}
				done.Add(1)
			}
		})
	}
	for audits := 0; audits < 5 || done.Load() < enough; audits++ {
		report, err := Run(ctx, s, small(timeless, 20, 4))
		require.NoError(t, err)
		require.True(t, report.Clean(), written(report))
	}
	close(stop)
	require.NoError(t, group.Wait())
	report, err := Run(t.Context(), s, timeless)
	require.NoError(t, err)
	require.True(t, report.Clean(), written(report))
}
