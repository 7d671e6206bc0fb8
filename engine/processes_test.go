package engine_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/batch"
	"kassa/checkout"
	"kassa/engine"
	"kassa/money"
	"kassa/saga"
	"kassa/store"
	"kassa/store/mysql"
	"kassa/store/postgres"
)

// Two processes that work on the same rows lock them in one order, whatever mix of
// steps their batches hold: a deadlock costs everybody a second.
func TestTwoProcessesDoNotDeadlock(t *testing.T) {
	t.Parallel()
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		config := postgresSchema(t)
		twoProcesses(t, "40P01", func(ctx context.Context) (store.Store, error) { return postgres.Open(ctx, config) })
	})
	t.Run("mysql", func(t *testing.T) {
		t.Parallel()
		config := mysqlDatabase(t)
		twoProcesses(t, "Error 1213", func(ctx context.Context) (store.Store, error) { return mysql.Open(ctx, config) })
	})
}

// mysqlDatabase makes a database on the tests' MySQL and drops it at the end.
func mysqlDatabase(t *testing.T) mysql.Config {
	t.Helper()
	server := os.Getenv("KASSA_TEST_MYSQL")
	if server == "" && os.Getenv("CI") != "true" {
		t.Skip("KASSA_TEST_MYSQL names no MySQL or MariaDB: run scripts/services")
	}
	require.NotEmpty(t, server, "KASSA_TEST_MYSQL must name a MySQL or MariaDB server")
	u, err := url.Parse(server)
	require.NoError(t, err)
	admin, err := sql.Open("mysql", fmt.Sprintf("%s@tcp(%s)/", u.User, u.Host))
	require.NoError(t, err)
	ctx := context.Background()
	name := fmt.Sprintf("kassa_test_engine_%d", time.Now().UnixNano())
	_, err = admin.ExecContext(ctx, "create database "+name)
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := admin.ExecContext(ctx, "drop database "+name)
		require.NoError(t, err)
		require.NoError(t, admin.Close())
	})
	u.Path = "/" + name
	return mysql.Config{URL: u.String()}
}

func twoProcesses(t *testing.T, deadlock string, open func(context.Context) (store.Store, error)) {
	t.Helper()
	ctx := context.Background()
	var mu sync.Mutex
	var troubles []string
	var engines []*engine.Engine
	for i := range 2 {
		s, err := open(ctx)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		if i == 0 {
			require.NoError(t, s.Migrate(ctx))
		}
		e := engine.New(engine.Config{Store: s, Batch: batch.Config{Retries: 30, OnTrouble: func(_ batch.Class, err error) {
			mu.Lock()
			defer mu.Unlock()
			troubles = append(troubles, err.Error())
		}}}, func([]checkout.Task) {})
		t.Cleanup(func() { require.NoError(t, e.Close(ctx)) })
		engines = append(engines, e)
	}
	skus := make([]string, 40)
	for i := range skus {
		skus[i] = fmt.Sprintf("SKU-%02d", i)
		_, err := engines[0].Do(ctx, saga.SaveProduct{Product: checkout.Product{SKU: skus[i], Name: "Thing", Active: true, Prices: map[money.Currency]int64{"INR": 100}}})
		require.NoError(t, err)
		_, err = engines[0].Do(ctx, saga.AdjustStock{SKU: skus[i], Warehouse: checkout.MainWarehouse, Delta: plenty, Reason: "delivery"})
		require.NoError(t, err)
	}
	var wg sync.WaitGroup
	for range 12 {
		wg.Go(func() {
			for range 25 {
				if err := buyAndCancel(ctx, engines, skus); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	for _, trouble := range troubles {
		require.NotContains(t, trouble, deadlock)
	}
	require.NotEmpty(t, troubles, "the two were to take the rows from each other")
}

// buyAndCancel has one engine lock stock that the command names, and another lock
// stock that only the order's row names.
func buyAndCancel(ctx context.Context, engines []*engine.Engine, skus []string) error {
	c := order(1)
	c.Items[0].SKU = skus[rand.IntN(len(skus))]
	c.Items = append(c.Items, checkout.Item{SKU: skus[rand.IntN(len(skus))], Qty: 1})
	placed, err := engines[rand.IntN(2)].Do(ctx, c)
	if err != nil {
		return fmt.Errorf("place: %w", err)
	}
	_, err = engines[rand.IntN(2)].Do(ctx, saga.CancelOrder{OrderID: placed.Order.ID})
	return err
}
