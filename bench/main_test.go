package bench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"kassa/app"
	"kassa/gateway/stripe"
	"kassa/hold"
	"kassa/hold/redis"
	"kassa/store"
	"kassa/store/postgres"
	"kassa/store/sqlite"
)

// TestMain is also the server that a benchmark starts: the tests hand in their own
// binary as Kassa's.
func TestMain(m *testing.M) {
	servers := map[string]func(context.Context) error{"serve": serve, TextbookCommand: ServeTextbook}
	if len(os.Args) > 1 && servers[os.Args[1]] != nil {
		os.Exit(runServer(servers[os.Args[1]]))
	}
	os.Exit(m.Run())
}

func runServer(serve func(context.Context) error) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := serve(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// serve is `kassa serve`.
func serve(ctx context.Context) error {
	cfg, err := app.LoadConfig("")
	if err != nil {
		return err
	}
	a, err := app.Run(ctx, cfg, adapters, slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})), nil)
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case err = <-a.Failed():
	}
	drain, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return errors.Join(err, a.Close(drain))
}

var adapters = app.Adapters{
	Stores: map[string]app.StoreAdapter{
		"sqlite": func(ctx context.Context, c app.StoreConfig) (store.Store, error) {
			return sqlite.Open(ctx, sqlite.Config{Path: c.Path, ReadOnly: c.Access == app.ReadOnly, Beside: c.Access == app.Administer})
		},
		"postgres": func(ctx context.Context, c app.StoreConfig) (store.Store, error) {
			return postgres.Open(ctx, postgres.Config{URL: c.URL, MaxConns: c.MaxConns})
		},
	},
	Gates: map[string]app.GateAdapter{"redis": func(url, name string) (hold.Gate, error) {
		return redis.Open(redis.Config{URL: url, Name: name})
	}},
	Gateways: map[string]app.GatewayAdapter{"stripe": app.Gateway(stripe.New)},
}

// stores are the databases that benchmarks are tried on.
func stores(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{"postgres": postgresURL(t)}
	if !raceEnabled || !testing.Short() {
		all["sqlite"] = "sqlite:" + filepath.Join(t.TempDir(), "beside.db")
	}
	return all
}

func postgresURL(t *testing.T) string {
	t.Helper()
	url := os.Getenv("KASSA_TEST_POSTGRES")
	if url == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("KASSA_TEST_POSTGRES is not set: run the tests by make test")
		}
		t.Skip("KASSA_TEST_POSTGRES is not set: run the tests by make test")
	}
	return url
}

// quick is a benchmark that lasts until a few operations are counted.
func quick(t *testing.T, store, scenario string) Options {
	t.Helper()
	binary, err := os.Executable()
	require.NoError(t, err)
	return Options{
		Store: store, Scenario: scenario, Concurrency: 8, Duration: 50 * time.Millisecond, SKUs: 50, least: 20,
		Adapters: adapters, Binary: binary,
	}
}

// grounds remembers the databases that a run was given, to see that they are gone.
type grounds struct{ urls []string }

func (g *grounds) watch(o *Options) {
	inner := o.Adapters.Stores
	o.Adapters.Stores = map[string]app.StoreAdapter{}
	for name, open := range inner {
		o.Adapters.Stores[name] = func(ctx context.Context, c app.StoreConfig) (store.Store, error) {
			g.urls = append(g.urls, c.URL)
			return open(ctx, c)
		}
	}
}

// requireGone fails where anything is left of the databases.
func (g *grounds) requireGone(t *testing.T) {
	t.Helper()
	require.NotEmpty(t, g.urls)
	for _, url := range g.urls {
		if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
			require.NoDirExists(t, filepath.Dir(path))
			continue
		}
		config, err := pgx.ParseConfig(url)
		require.NoError(t, err)
		require.False(t, schemaExists(t, config.RuntimeParams["search_path"]))
	}
}

func schemaExists(t *testing.T, schema string) bool {
	t.Helper()
	require.True(t, strings.HasPrefix(schema, schemaPrefix), schema)
	conn, err := pgx.Connect(t.Context(), postgresURL(t))
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(context.Background())) }()
	var exists bool
	require.NoError(t, conn.QueryRow(t.Context(), "select exists (select from pg_namespace where nspname = $1)", schema).Scan(&exists))
	return exists
}
