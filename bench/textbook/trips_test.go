package textbook

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/money"
)

// counter counts round trips: each statement, and the begin and the end of each
// transaction.
type counter struct {
	database
	trips *int
}

func (c counter) exec(ctx context.Context, name string, args ...any) (int64, error) {
	*c.trips++
	return c.database.exec(ctx, name, args...)
}

func (c counter) query(ctx context.Context, name string, scan func(row) error, args ...any) error {
	*c.trips++
	return c.database.query(ctx, name, scan, args...)
}

func (c counter) inTx(ctx context.Context, work func(querier) error) error {
	*c.trips += 2
	return c.database.inTx(ctx, func(tx querier) error { return work(counter{within{c.database, tx}, c.trips}) })
}

// within is a database whose statements run in a transaction.
type within struct {
	database
	tx querier
}

func (w within) exec(ctx context.Context, name string, args ...any) (int64, error) {
	return w.tx.exec(ctx, name, args...)
}

func (w within) query(ctx context.Context, name string, scan func(row) error, args ...any) error {
	return w.tx.query(ctx, name, scan, args...)
}

// The README's table of round trips is true.
func TestRoundTrips(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bundle) {
		readme, err := os.ReadFile("README.md")
		require.NoError(t, err)
		trips := 0
		b.db = counter{b.db, &trips}
		ctx := t.Context()
		step := func(name string, work func() error) {
			trips = 0
			require.NoError(t, work())
			require.Regexp(t, fmt.Sprintf(`\| %s \|.*\| %d \|`, name, trips), string(readme))
		}

		step("lock", func() error { return b.Hold(ctx, "session-0000000000000001", "MUG", 1, time.Minute) })
		step("lock, sold out", func() error {
			require.ErrorIs(t, b.Hold(ctx, "session-0000000000000002", "MUG", 99, time.Minute), ErrSoldOut)
			return nil
		})
		var o Order
		step("checkout", func() (err error) {
			o, err = b.Checkout(ctx, CheckoutRequest{IdempotencyKey: "k", Items: []Item{{"MUG", 1}, {"PEN", 1}}})
			return err
		})
		var p Payment
		step("initiate, before the call", func() (err error) {
			p, _, err = b.InitiatePayment(ctx, InitiateRequest{
				OrderID: o.ID, Amount: money.Literal(minor(o.Amount, o.Currency)), Method: "card", IdempotencyKey: "k",
			})
			return err
		})
		step("initiate, after it", func() error {
			_, err := b.FinishInitiate(ctx, p, Session{"cs_1", "https://pay.example"})
			return err
		})
		paid := Event{ID: "evt_1", Payload: []byte("{}"), PaymentID: p.ID, Status: PaymentSucceeded, Amount: o.Amount, Currency: o.Currency}
		step("webhook", func() error { return b.ApplyWebhook(ctx, paid) })
		step("webhook again", func() error { return b.ApplyWebhook(ctx, paid) })
		step("read", func() error { _, err := b.Order(ctx, o.ID); return err })
	})
}
