package postgres

import (
	"context"
	"crypto/rand"
	neturl "net/url"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/money"
	"kassa/saga"
	"kassa/store"
)

const defaultURL = "postgres://postgres@127.0.0.1:5432/test?sslmode=disable"

// testURL is the server under test. Without one the test is skipped, and fails
// where CI=true.
func testURL(t testing.TB) string {
	t.Helper()
	url := os.Getenv("KASSA_TEST_POSTGRES")
	if url == "" {
		url = defaultURL
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil && os.Getenv("CI") != "true" {
		t.Skipf("no PostgreSQL at KASSA_TEST_POSTGRES: %v", err)
	}
	require.NoError(t, err, "KASSA_TEST_POSTGRES must name a PostgreSQL server")
	require.NoError(t, conn.Close(ctx))
	return url
}

// newSchema makes a schema of the test's own, and drops it at its end.
func newSchema(t testing.TB) Config {
	t.Helper()
	url, schema := testURL(t), "kassa_test_"+newID().String()
	name := pgx.Identifier{schema}.Sanitize()
	administer(t, url, "create schema "+name)
	t.Cleanup(func() { administer(t, url, "drop schema "+name+" cascade") })
	return Config{URL: url, Schema: schema, MaxConns: 8}
}

// newDatabase makes a database for this test alone: what the transactions of other
// tests can still see does not keep rows there from being pruned.
func newDatabase(t testing.TB) Config {
	t.Helper()
	url, database := testURL(t), "kassa_test_"+newID().String()
	name := pgx.Identifier{database}.Sanitize()
	administer(t, url, "create database "+name)
	t.Cleanup(func() { administer(t, url, "drop database "+name+" with (force)") })
	own, err := neturl.Parse(url)
	require.NoError(t, err)
	own.Path = "/" + database
	return Config{URL: own.String(), MaxConns: 8}
}

func administer(t testing.TB, url, sql string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	require.NoError(t, err)
	_, err = conn.Exec(ctx, sql)
	require.NoError(t, err)
	require.NoError(t, conn.Close(ctx))
}

func open(t testing.TB, config Config) *Store {
	t.Helper()
	s, err := Open(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// newStore opens a store on an empty schema of its own.
func newStore(t testing.TB) *Store {
	t.Helper()
	s := open(t, newSchema(t))
	require.NoError(t, s.Migrate(t.Context()))
	return s
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

func newID() checkout.ID {
	var random [10]byte
	_, _ = rand.Read(random[:]) // never fails
	return checkout.NewID(time.Now(), random)
}
