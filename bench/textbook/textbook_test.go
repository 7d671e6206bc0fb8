package textbook

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"github.com/stripe/stripe-go/v85/webhook"
)

func TestLifecycle(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bundle) {
		id, payment := b.pay(t, "k1", Item{"PEN", 2}, Item{"MUG", 1})
		status, o := b.call(t, "GET", "/orders/"+id, nil)
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, "AWAITING_PAYMENT", o["status"])
		require.Equal(t, "520.00", o["amount"])
		require.Equal(t, "https://pay.example/"+payment, o["payments"].([]any)[0].(object)["action"].(object)["url"])
		require.Equal(t, int64(9), b.clean(t, "MUG"))

		require.Equal(t, http.StatusOK, b.send(t, b.stripe.paid(t, "evt_1", payment)))
		_, o = b.call(t, "GET", "/orders/"+id, nil)
		require.Equal(t, "CONFIRMED", o["status"])
		require.Equal(t, "CLAIMED", o["hold_status"])
		require.InDelta(t, 1, o["invoice"].(object)["number"], 0)
		p := o["payments"].([]any)[0].(object)
		require.Equal(t, "SUCCEEDED", p["status"])
		require.Equal(t, "pi_"+payment, p["gateway_txn_id"])
		require.Nil(t, p["action"])
		require.Equal(t, object{"email": "asha@example.com", "name": "Asha Rao"}, o["customer"])
		require.Equal(t, int64(998), b.clean(t, "PEN"))
	})
}

func TestEveryCallTwice(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bundle) {
		lock := object{"session_id": "session-0000000000000001", "items": []Item{{"MUG", 2}}}
		first, l1 := b.call(t, "POST", "/inventory/lock", lock)
		again, l2 := b.call(t, "POST", "/inventory/lock", lock)
		require.Equal(t, []int{201, 200}, []int{first, again})
		require.Equal(t, l1, l2)
		require.Equal(t, int64(8), b.clean(t, "MUG"))

		body := order(Item{"MUG", 10})
		body["session_id"] = lock["session_id"] // its two are adopted
		for range 2 {
			status, o := b.call(t, "POST", "/checkout", body, "Idempotency-Key", "k")
			require.Equal(t, http.StatusCreated, status, o)
			require.Equal(t, "PENDING", o["status"])
			require.Equal(t, int64(0), b.clean(t, "MUG"))
		}
		_, o1 := b.call(t, "POST", "/checkout", body, "Idempotency-Key", "k")
		status, refused := b.call(t, "POST", "/checkout", order(Item{"PEN", 1}), "Idempotency-Key", "k")
		require.Equal(t, http.StatusUnprocessableEntity, status)
		require.Equal(t, "idempotency_key_reused", refused["code"])

		pay := initiate(o1["order_id"].(string), o1["amount"], "p")
		first, p1 := b.call(t, "POST", "/payment/initiate", pay)
		again, p2 := b.call(t, "POST", "/payment/initiate", pay)
		require.Equal(t, []int{201, 200}, []int{first, again})
		require.Equal(t, p1, p2)
		require.Len(t, b.stripe.sessions, 1)

		for range 2 {
			require.Equal(t, http.StatusOK, b.send(t, b.stripe.paid(t, "evt_1", p1["payment_id"].(string))))
		}
		unlock := object{"session_id": lock["session_id"]}
		for range 2 {
			status, _ := b.call(t, "POST", "/inventory/unlock", unlock)
			require.Equal(t, http.StatusOK, status)
		}
		require.Equal(t, int64(0), b.clean(t, "MUG"))

		_, c1 := b.call(t, "POST", "/carts", object{"items": []Item{{"PEN", 1}}}, "Idempotency-Key", "c")
		_, c2 := b.call(t, "POST", "/carts", object{"items": []Item{{"PEN", 1}}}, "Idempotency-Key", "c")
		require.Equal(t, c1, c2)
	})
}

// A checkout whose answer was lost is repeated when the stock has gone.
func TestRepeatAfterSoldOut(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bundle) {
		_, o1 := b.call(t, "POST", "/checkout", order(Item{"MUG", 10}), "Idempotency-Key", "k")
		_, o2 := b.call(t, "POST", "/checkout", order(Item{"MUG", 10}), "Idempotency-Key", "k")
		require.Equal(t, o1, o2)
		status, refused := b.call(t, "POST", "/checkout", order(Item{"MUG", 1}), "Idempotency-Key", "other")
		require.Equal(t, http.StatusConflict, status)
		require.Equal(t, []any{object{"sku": "MUG", "requested": 1.0, "available": 0.0}}, refused["items"])
	})
}

// crowd runs work n times at once.
func crowd(n int, work func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { work(i) })
	}
	wg.Wait()
}

func TestNeverOversells(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bundle) {
		var sold, refused atomic.Int64
		crowd(50, func(i int) {
			var err error
			if i%2 == 0 {
				err = b.Hold(t.Context(), fmt.Sprintf("session-%016d", i), "MUG", 1, time.Minute)
			} else {
				_, err = b.Checkout(t.Context(), CheckoutRequest{
					IdempotencyKey: fmt.Sprint(i), Items: []Item{{"PEN", 1}, {"MUG", 1}}, Details: Details{Customer: Customer{Email: "a@b.c"}},
				})
			}
			switch {
			case err == nil:
				sold.Add(1)
			case errors.Is(err, ErrSoldOut):
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
		require.Equal(t, int64(10), sold.Load())
		require.Equal(t, int64(40), refused.Load())
		require.Equal(t, int64(0), b.clean(t, "MUG"))
	})
}

// The same key 20 times at once makes one order and one payment.
func TestOneKeyAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bundle) {
		var orders, payments sync.Map
		crowd(20, func(int) {
			id, payment := b.payRacing(t, "k", Item{"MUG", 1})
			orders.Store(id, true)
			payments.Store(payment, true)
		})
		require.Equal(t, 1, size(&orders))
		require.Equal(t, 1, size(&payments))
		require.Len(t, b.stripe.sessions, 1)
		require.Equal(t, int64(9), b.clean(t, "MUG"))
	})
}

// payRacing is pay where another may have been faster.
func (b *bundle) payRacing(t *testing.T, key string, items ...Item) (orderID, paymentID string) {
	_, o := b.call(t, "POST", "/checkout", order(items...), "Idempotency-Key", key)
	orderID, _ = o["order_id"].(string)
	_, p := b.call(t, "POST", "/payment/initiate", initiate(orderID, o["amount"], key))
	paymentID, _ = p["payment_id"].(string)
	return orderID, paymentID
}

func size(m *sync.Map) (n int) {
	m.Range(func(any, any) bool { n++; return true })
	return n
}

func TestWebhookManyTimesAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bundle) {
		for round := range 5 {
			id, payment := b.pay(t, fmt.Sprint("k", round), Item{"MUG", 1})
			messages := make([]*webhook.SignedPayload, 20)
			for i := range messages { // four events about the same money, five times each
				messages[i] = b.stripe.paid(t, fmt.Sprintf("evt_%d_%d", round, i%4), payment)
			}
			crowd(len(messages), func(i int) {
				if status := b.send(t, messages[i]); status != http.StatusOK {
					t.Error(status)
				}
			})
			_, o := b.call(t, "GET", "/orders/"+id, nil)
			require.Equal(t, "CONFIRMED", o["status"])
			require.Nil(t, o["payments"].([]any)[0].(object)["extra"])
			require.Equal(t, int64(9-round), b.clean(t, "MUG"))
		}
	})
}

func TestForgedWebhook(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bundle) {
		id, payment := b.pay(t, "k", Item{"MUG", 1})
		m := b.stripe.paid(t, "evt_1", payment)
		m.Header = m.Header[:len(m.Header)-1] + "x"
		require.Equal(t, http.StatusBadRequest, b.send(t, m))
		_, o := b.call(t, "GET", "/orders/"+id, nil)
		require.Equal(t, "AWAITING_PAYMENT", o["status"])
	})
}

// A payment that failed leaves the order payable; wrong money confirms nothing.
func TestFailureThenExtraThenSuccess(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bundle) {
		id, payment := b.pay(t, "k", Item{"MUG", 1})
		status, refused := b.call(t, "POST", "/payment/initiate", initiate(id, "499.00", "k2"))
		require.Equal(t, http.StatusConflict, status)
		require.Equal(t, "payment_in_progress", refused["code"])
		require.Equal(t, 200, b.send(t, b.stripe.message(t, "evt_1", "checkout.session.expired", payment, object{"status": "expired"})))

		_, p2 := b.call(t, "POST", "/payment/initiate", initiate(id, 499, "k2"))
		require.Equal(t, "PENDING", p2["status"], p2)
		less := b.stripe.message(t, "evt_2", "checkout.session.completed", p2["payment_id"].(string), object{
			"status": "complete", "payment_status": "paid", "amount_total": 1,
		})
		require.Equal(t, 200, b.send(t, less))
		b.stripe.decline = true
		_, p3 := b.call(t, "POST", "/payment/initiate", initiate(id, "499.00", "k3"))
		require.Equal(t, "FAILED", p3["status"])
		b.stripe.decline = false
		_, p4 := b.call(t, "POST", "/payment/initiate", initiate(id, "499.00", "k4"))
		require.Equal(t, 200, b.send(t, b.stripe.paid(t, "evt_3", p4["payment_id"].(string))))

		_, o := b.call(t, "GET", "/orders/"+id, nil)
		require.Equal(t, "CONFIRMED", o["status"])
		var states []any
		for _, p := range o["payments"].([]any) {
			states = append(states, p.(object)["status"], p.(object)["extra"])
		}
		require.Equal(t, []any{"FAILED", nil, "SUCCEEDED", true, "FAILED", nil, "SUCCEEDED", nil}, states)
		require.Equal(t, int64(9), b.clean(t, "MUG"))
	})
}

// What is held past its time goes back on sale. Money that comes later takes the
// stock again, or is extra where it has gone.
func TestSweepAndLateMoney(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bundle) {
		require.NoError(t, b.Hold(t.Context(), "session-0000000000000001", "MUG", 4, time.Minute))
		early, p1 := b.pay(t, "k1", Item{"MUG", 3})
		late, p2 := b.pay(t, "k2", Item{"MUG", 3}, Item{"PEN", 1})
		require.Equal(t, int64(0), b.clean(t, "MUG"))
		n, err := b.Sweep(t.Context())
		require.NoError(t, err)
		require.Zero(t, n)

		b.now = func() time.Time { return microseconds().Add(time.Hour) }
		n, err = b.Sweep(t.Context())
		require.NoError(t, err)
		require.Equal(t, 2, n)
		require.Equal(t, int64(10), b.clean(t, "MUG"))

		require.Equal(t, 200, b.send(t, b.stripe.paid(t, "evt_1", p1)))
		require.NoError(t, b.Hold(t.Context(), "session-0000000000000002", "PEN", 1000, time.Hour))
		require.Equal(t, 200, b.send(t, b.stripe.paid(t, "evt_2", p2)))
		require.Equal(t, int64(7), b.clean(t, "MUG"))
		require.Equal(t, int64(0), b.clean(t, "PEN"))
		for id, want := range map[string]string{early: StatusConfirmed, late: StatusExpired} {
			o, err := b.Order(t.Context(), uuid.MustParse(id))
			require.NoError(t, err)
			require.Equal(t, want, o.Status)
			require.Equal(t, want == StatusExpired, o.Payments[0].Extra)
		}
	})
}

// A lock is replaced in one step; where that is refused the old one stays.
func TestLockIsReplaced(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bundle) {
		const session = "session-0000000000000001"
		require.NoError(t, b.Hold(t.Context(), session, "MUG", 8, time.Minute))
		require.NoError(t, b.Hold(t.Context(), session, "MUG", 10, time.Minute))
		require.Equal(t, int64(0), b.clean(t, "MUG"))
		require.ErrorIs(t, b.Hold(t.Context(), session, "MUG", 11, time.Minute), ErrSoldOut)
		require.Equal(t, int64(0), b.clean(t, "MUG"))
		require.NoError(t, b.Hold(t.Context(), session, "PEN", 1, time.Minute))
		require.Equal(t, int64(10), b.clean(t, "MUG"))
		require.Equal(t, int64(999), b.clean(t, "PEN"))
	})
}

func TestCarts(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bundle) {
		status, c := b.call(t, "POST", "/carts", object{"items": []Item{{"MUG", 2}}})
		require.Equal(t, http.StatusCreated, status)
		require.Equal(t, "998.00", c["quote"].(object)["amount"])
		path := "/carts/" + c["cart_id"].(string)
		status, _ = b.call(t, "PUT", path, object{"items": []Item{{"PEN", 3}}})
		require.Equal(t, http.StatusOK, status)
		_, c = b.call(t, "GET", path, nil)
		require.Equal(t, "31.50", c["quote"].(object)["amount"])
	})
}

func TestRefusals(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bundle) {
		unknown := order(Item{"MUG", 1})
		unknown["colour"] = "red"
		for name, c := range map[string]struct {
			method, path string
			body         any
			status       int
		}{
			"unknown field":    {"POST", "/checkout", unknown, 400},
			"unknown sku":      {"POST", "/checkout", order(Item{"CUP", 1}), 422},
			"no items":         {"POST", "/checkout", order(), 422},
			"negative":         {"POST", "/inventory/lock", object{"items": []Item{{"MUG", -1}}}, 422},
			"sold out lock":    {"POST", "/inventory/lock", object{"items": []Item{{"MUG", 11}}}, 409},
			"wrong amount":     {"POST", "/payment/initiate", initiate(uuid.NewString(), "1.00", "k"), 404},
			"no order":         {"GET", "/orders/" + uuid.NewString(), nil, 404},
			"no order's id":    {"GET", "/orders/x", nil, 404},
			"no cart":          {"GET", "/carts/" + uuid.NewString(), nil, 404},
			"unknown gateway":  {"POST", "/webhooks/paytm", object{}, 404},
			"unsigned webhook": {"POST", "/webhooks/stripe", object{}, 400},
		} {
			status, p := b.call(t, c.method, c.path, c.body)
			require.Equal(t, c.status, status, name)
			require.NotEmpty(t, p["code"], name)
		}
		status, _ := b.call(t, "GET", "/orders/x", nil, "Authorization", "Bearer sk_textbooK")
		require.Equal(t, http.StatusUnauthorized, status)
	})
}

// The audit finds what is broken behind the shop's back.
func TestAuditFinds(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bundle) {
		_, payment := b.pay(t, "k", Item{"MUG", 1})
		require.Equal(t, 200, b.send(t, b.stripe.paid(t, "evt_1", payment)))
		require.NoError(t, b.Hold(t.Context(), "session-0000000000000001", "PEN", 1, time.Minute))
		b.clean(t, "MUG")
		for statement, finding := range map[string]string{
			"update inventory set available = available + 1":                                          "does not add up",
			"update inventory set locked = locked + 1, available = available - 1":                     "held",
			"update inventory set deducted = deducted + 1, available = available - 1":                 "sold",
			"update orders set status = 'EXPIRED'":                                                    "is paid and not confirmed",
			"update payments set amount = 1":                                                          "was not paid exactly once",
			"update outbox set type = 'x'":                                                            "was not told of",
			"insert into outbox select 99, order_id, 'order.confirmed', '{}', created_at from orders": "was not told of",
		} {
			require.Contains(t, strings.Join(b.auditAfter(t, statement), "\n"), finding, statement)
		}
	})
}

// auditAfter audits what a statement would leave, and undoes it.
func (b *bundle) auditAfter(t *testing.T, statement string) (wrong []string) {
	errUndo := errors.New("undo")
	err := b.db.inTx(t.Context(), func(tx querier) (err error) {
		switch q := tx.(type) {
		case pgxQuerier:
			_, err = q.on.Exec(t.Context(), strings.Replace(statement, "outbox select", "outbox overriding system value select", 1))
		case sqlQuerier:
			_, err = q.tx.ExecContext(t.Context(), statement)
		}
		require.NoError(t, err)
		wrong, err = audit(t.Context(), tx)
		require.NoError(t, err)
		return errUndo
	})
	require.ErrorIs(t, err, errUndo)
	return wrong
}
