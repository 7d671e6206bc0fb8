package textbook

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/money"
)

// The benchmarks show that the shop is no straw man: what it does a second, without
// HTTP and without the gateway's network, on each database.
//
//	go test ./bench/textbook -run ^$ -bench . -benchtime 5s

const benchSKUs = 10_000

func BenchmarkHoldsOfOneSKU(b *testing.B) {
	var session atomic.Int64
	onEach(b, func(s *Shop) error {
		return s.Hold(b.Context(), fmt.Sprintf("session-%016d", session.Add(1)), "SKU-0", 1, 15*time.Minute)
	})
}

func BenchmarkCheckoutsOfOneSKU(b *testing.B) {
	onEach(b, func(s *Shop) error {
		_, err := s.Checkout(b.Context(), benchOrder("SKU-0"))
		return err
	})
}

func BenchmarkLifecycles(b *testing.B) {
	onEach(b, func(s *Shop) error {
		o, err := s.Checkout(b.Context(), benchOrder(fmt.Sprint("SKU-", rand.IntN(benchSKUs))))
		if err != nil {
			return err
		}
		p, _, err := s.InitiatePayment(b.Context(), InitiateRequest{
			OrderID: o.ID, Amount: money.Literal(minor(o.Amount, o.Currency)), Method: "card", IdempotencyKey: o.ID.String(),
		})
		if err != nil {
			return err
		}
		if _, err := s.FinishInitiate(b.Context(), p, Session{"cs_" + p.ID.String(), "https://pay.example/" + p.ID.String()}); err != nil {
			return err
		}
		paid := Event{
			ID: "evt_" + p.ID.String(), Type: "checkout.session.completed", Payload: []byte(`{"id": "evt"}`),
			PaymentID: p.ID, Status: PaymentSucceeded, TxnID: "pi_" + p.ID.String(), Amount: o.Amount, Currency: o.Currency,
		}
		if err := s.ApplyWebhook(b.Context(), paid); err != nil {
			return err
		}
		_, err = s.Order(b.Context(), o.ID)
		return err
	})
}

func benchOrder(sku string) CheckoutRequest {
	return CheckoutRequest{
		IdempotencyKey: newID().String(), Items: []Item{{sku, 1}},
		Details: Details{
			Customer:        Customer{Email: "asha@example.com", Name: "Asha Rao"},
			ShippingAddress: &Address{Name: "Asha Rao", Line1: "12 MG Road", City: "Bengaluru", State: "KA", PostalCode: "560001", Country: "IN"},
		},
	}
}

// onEach repeats work on each database with few and with many clients.
func onEach(b *testing.B, work func(*Shop) error) {
	for _, on := range []struct {
		name   string
		config func(testing.TB) Config
	}{{"postgres", onPostgres}, {"sqlite", onSQLite}} {
		for _, clients := range []int{16, 64} {
			b.Run(fmt.Sprintf("%s/%d", on.name, clients), func(b *testing.B) {
				s := newBenchShop(b, on.config(b))
				b.ResetTimer()
				var done atomic.Int64
				var wg sync.WaitGroup
				for range clients {
					wg.Go(func() {
						for done.Add(1) <= int64(b.N) {
							if err := work(s); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				wg.Wait()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "/s")
				b.StopTimer()
				wrong, err := s.Audit(b.Context())
				require.NoError(b, err)
				require.Empty(b, wrong)
			})
		}
	}
}

func newBenchShop(b *testing.B, config Config) *Shop {
	s, err := Open(b.Context(), config)
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, s.Close()) })
	products := make([]Product, benchSKUs)
	for i := range products {
		products[i] = Product{SKU: fmt.Sprint("SKU-", i), Name: fmt.Sprint("Product ", i), Price: 49900, Currency: "INR", Stock: 1 << 30}
	}
	require.NoError(b, s.AddProducts(b.Context(), products))
	return s
}
