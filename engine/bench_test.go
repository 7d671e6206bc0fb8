package engine_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/engine"
	"kassa/money"
	"kassa/saga"
	"kassa/store"
	"kassa/store/postgres"
)

// The benchmark compares a lone hold through an idle engine with one bare
// transaction: an update that checks the stock and an insert of the hold. Both run
// against the same PostgreSQL, in turn, in one run; what counts is the ratio. Load
// is measured by kassa bench.
//
//	KASSA_TEST_POSTGRES=… go test ./engine -run ^$ -bench Postgres -benchtime 1x

const plenty = 1 << 40 // units, so that stock never ends

// postgresSchema makes a schema on the tests' PostgreSQL and drops it at the end.
func postgresSchema(t testing.TB) postgres.Config {
	t.Helper()
	url := os.Getenv("KASSA_TEST_POSTGRES")
	if url == "" && os.Getenv("CI") != "true" {
		t.Skip("KASSA_TEST_POSTGRES names no PostgreSQL: run scripts/services")
	}
	require.NotEmpty(t, url, "KASSA_TEST_POSTGRES must name a PostgreSQL server")
	ctx := context.Background()
	schema := fmt.Sprintf("kassa_test_engine_%d", time.Now().UnixNano())
	admin, err := pgx.Connect(ctx, url)
	require.NoError(t, err)
	_, err = admin.Exec(ctx, "create schema "+schema)
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := admin.Exec(ctx, "drop schema "+schema+" cascade")
		require.NoError(t, err)
		require.NoError(t, admin.Close(ctx))
	})
	return postgres.Config{URL: url, Schema: schema}
}

func openPostgres(b *testing.B) (store.Store, *pgxpool.Pool) {
	b.Helper()
	ctx, config := context.Background(), postgresSchema(b)
	s, err := postgres.Open(ctx, config)
	require.NoError(b, err)
	require.NoError(b, s.Migrate(ctx))
	cfg, err := pgxpool.ParseConfig(config.URL)
	require.NoError(b, err)
	cfg.MaxConns = 64
	cfg.ConnConfig.RuntimeParams["search_path"] = config.Schema
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	require.NoError(b, err)
	_, err = pool.Exec(ctx, `
		create table textbook_inventory (sku text primary key, available bigint not null check (available >= 0), locked bigint not null) with (fillfactor = 20);
		create table textbook_holds (hold_id uuid primary key, session_id text not null unique, sku text not null, qty bigint not null, expires_at timestamptz not null);`)
	require.NoError(b, err)
	_, err = pool.Exec(ctx, "insert into textbook_inventory values ('MUG', $1, 0)", int64(plenty))
	require.NoError(b, err)
	b.Cleanup(func() {
		pool.Close()
		require.NoError(b, s.Close())
	})
	return s, pool
}

func newPostgresEngine(b *testing.B, s store.Store) *engine.Engine {
	b.Helper()
	e := engine.New(engine.Config{Store: s}, func([]checkout.Task) {})
	b.Cleanup(func() { require.NoError(b, e.Close(context.Background())) })
	ctx := context.Background()
	_, err := e.Do(ctx, saga.SaveProduct{Product: checkout.Product{SKU: "MUG", Name: "Mug", Active: true, Prices: map[money.Currency]int64{"INR": 100}}})
	require.NoError(b, err)
	_, err = e.Do(ctx, saga.AdjustStock{SKU: "MUG", Warehouse: checkout.MainWarehouse, Delta: plenty, Reason: "bench"})
	require.NoError(b, err)
	return e
}

var session atomic.Int64

func holdOne(e *engine.Engine) error {
	_, err := e.Do(context.Background(), saga.HoldStock{
		SessionID: fmt.Sprintf("session-%016d", session.Add(1)),
		Items:     []checkout.Item{{SKU: "MUG", Qty: 1}}, TTL: 15 * time.Minute,
	})
	return err
}

var errSoldOut = errors.New("sold out")

// textbookHold is the bare transaction.
func textbookHold(pool *pgxpool.Pool) error {
	ctx := context.Background()
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		n := session.Add(1)
		tag, err := tx.Exec(ctx, `update textbook_inventory set available = available - $2, locked = locked + $2 where sku = $1 and available >= $2`, "MUG", int64(1))
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return errSoldOut
		}
		_, err = tx.Exec(ctx, `insert into textbook_holds values (gen_random_uuid(), $1, $2, $3, $4)`,
			fmt.Sprintf("session-%016d", n), "MUG", int64(1), time.Now().Add(15*time.Minute))
		return err
	})
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// BenchmarkPostgresIdleHold is one hold on an idle engine beside one bare
// transaction: the median of 200 alternated pairs.
func BenchmarkPostgresIdleHold(b *testing.B) {
	s, pool := openPostgres(b)
	e := newPostgresEngine(b, s)
	timed := func(work func() error) float64 {
		start := time.Now()
		if err := work(); err != nil {
			b.Fatal(err)
		}
		return float64(time.Since(start).Microseconds())
	}
	for range 50 {
		timed(func() error { return holdOne(e) })
		timed(func() error { return textbookHold(pool) })
	}
	for b.Loop() {
		var ours, theirs, ratios []float64
		for range 200 {
			o, t := timed(func() error { return holdOne(e) }), timed(func() error { return textbookHold(pool) })
			ours, theirs, ratios = append(ours, o), append(theirs, t), append(ratios, o/t)
		}
		b.ReportMetric(median(ours), "hold_µs")
		b.ReportMetric(median(theirs), "bare_transaction_µs")
		b.ReportMetric(median(ratios), "ratio")
	}
}
