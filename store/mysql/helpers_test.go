package mysql

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	neturl "net/url"
	"os"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/money"
	"kassa/saga"
	"kassa/store"
)

// testURL is the server under test. Without one the test is skipped, and fails
// where CI=true.
func testURL(t testing.TB) string {
	t.Helper()
	url := os.Getenv("KASSA_TEST_MYSQL")
	if url == "" && os.Getenv("CI") != "true" {
		t.Skip("KASSA_TEST_MYSQL names no MySQL or MariaDB: run scripts/services")
	}
	require.NotEmpty(t, url, "KASSA_TEST_MYSQL must name a MySQL or MariaDB server")
	return url
}

// newDatabase makes a database of the test's own, and drops it at its end.
func newDatabase(t testing.TB) Config {
	t.Helper()
	url, err := neturl.Parse(testURL(t))
	require.NoError(t, err)
	id := newID()
	name := "kassa_test_" + hex.EncodeToString(id[:])
	administer(t, "create database "+name+" character set utf8mb4 collate utf8mb4_bin")
	t.Cleanup(func() { administer(t, "drop database "+name) })
	url.Path = "/" + name
	return Config{URL: url.String(), MaxConns: 8}
}

// administer runs a statement outside any database.
func administer(t testing.TB, statement string) {
	t.Helper()
	config, err := parseURL(testURL(t))
	require.NoError(t, err)
	config.DBName = ""
	connector, err := driver.NewConnector(config)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	db := sql.OpenDB(connector)
	_, err = db.ExecContext(ctx, statement)
	require.NoError(t, err)
	require.NoError(t, db.Close())
}

func open(t testing.TB, config Config) *Store {
	t.Helper()
	s, err := Open(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// newStore opens a store on an empty database of its own.
func newStore(t testing.TB) *Store {
	t.Helper()
	s := open(t, newDatabase(t))
	require.NoError(t, s.Migrate(t.Context()))
	return s
}

// ask reads the first column of a query that is not one of the package's.
func ask[T any](t testing.TB, s *Store, sql string, args ...any) []T {
	t.Helper()
	rows, err := s.db.QueryContext(t.Context(), sql, args...)
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	var all []T
	for rows.Next() {
		var value T
		require.NoError(t, rows.Scan(&value))
		all = append(all, value)
	}
	require.NoError(t, rows.Err())
	return all
}

// commit writes a save in a transaction of its own.
func commit(t testing.TB, s *Store, save *store.Save) {
	t.Helper()
	require.NoError(t, tryCommit(t.Context(), s, save))
}

func tryCommit(ctx context.Context, s *Store, save *store.Save) error {
	tx, err := s.Begin(ctx)
	if err != nil {
		return err
	}
	return tx.Commit(ctx, save)
}

// load reads keys in a transaction that stays open.
func load(t testing.TB, s *Store, keys saga.Keys) (store.Tx, *saga.State) {
	t.Helper()
	tx, err := s.Begin(t.Context())
	require.NoError(t, err)
	state := saga.NewState()
	require.NoError(t, tx.Load(t.Context(), keys, state))
	return tx, state
}

// readOnly reads keys and ends the transaction.
func readOnly(t testing.TB, s *Store, keys saga.Keys) *saga.State {
	t.Helper()
	tx, state := load(t, s, keys)
	require.NoError(t, tx.Rollback(t.Context()))
	return state
}

func requireIdle(t testing.TB, s *Store) {
	t.Helper()
	require.Zero(t, s.db.Stats().InUse, "the connection went back")
}

func newSave() *store.Save { return &store.Save{BatchID: newID(), Now: testTime} }

var testTime = time.Date(2026, 11, 22, 10, 0, 0, 123456000, time.UTC)

func level(sku string, available int64) checkout.Level {
	return checkout.Level{SKU: sku, Warehouse: checkout.MainWarehouse, Available: available, Received: available}
}

func newOrder() *checkout.Order {
	id := newID()
	return &checkout.Order{
		ID: id, Status: checkout.OrderPending, Total: money.New(99900, "INR"),
		HoldStatus: checkout.HoldOpen, HoldExpiresAt: testTime.Add(15 * time.Minute),
		Allocations: []checkout.Allocation{{SKU: "SKU-1", Warehouse: checkout.MainWarehouse, Qty: 2}},
		EventSeq:    1, Log: []checkout.ID{newID()}, CreatedAt: testTime, UpdatedAt: testTime,
		Details: &checkout.OrderDetails{
			Quote: checkout.Quote{
				Currency: "INR", Subtotal: 99900, Total: 99900,
				Lines: []checkout.QuoteLine{
					{SKU: "SKU-1", Name: "Blue kettle", TaxCode: "8516", Qty: 1, UnitPrice: 49900, Tax: 0, Total: 49900},
					{SKU: "SKU-2", Name: "Red kettle", Qty: 1, UnitPrice: 50000, Total: 50000},
				},
				Taxes: []checkout.Charge{{Name: "IGST 18%", Amount: 15239}},
			},
			Customer: checkout.Customer{Email: "asha@example.com", Name: "Asha Rao", Phone: "+919812345678"},
			ShippingAddress: &checkout.Address{
				Name: "Asha Rao", Line1: "14 Residency Road", City: "Bengaluru", State: "KA", PostalCode: "560025", Country: "IN",
			},
		},
	}
}

func newPayment(order *checkout.Order) checkout.Payment {
	id := newID()
	return checkout.Payment{
		ID: id, OrderID: order.ID, Attempt: 1, Gateway: "stripe", Method: checkout.MethodCard,
		Status: checkout.PaymentInitiated, Amount: order.Total, IdempotencyKey: id.String(),
		RequestHash: "d4f0bc5a29de06b510f9aa428f1eedba926012b591fef7a518e776a7c9bd1824",
		ReturnURL:   "https://shop.example/thanks", Closable: true, CallNo: 1, CreatedAt: testTime, UpdatedAt: testTime,
	}
}

func newHold(session string) *checkout.Hold {
	return &checkout.Hold{ID: newID(), SessionID: session, CreatedAt: testTime, ExpiresAt: testTime}
}

func holdSave(session string) *store.Save {
	save := newSave()
	save.NewHolds = []*checkout.Hold{newHold(session)}
	return save
}

func held(t *testing.T, s *Store, session string) bool {
	t.Helper()
	return readOnly(t, s, saga.Keys{Sessions: []string{session}}).Holds[session] != nil
}

func newID() checkout.ID {
	var random [10]byte
	_, _ = rand.Read(random[:]) // never fails
	return checkout.NewID(time.Now(), random)
}
