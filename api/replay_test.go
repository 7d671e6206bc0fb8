package api

import (
	"context"
	"crypto/sha256"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/saga"
)

// orderLife is what can become of an order after its checkout.
type orderLife struct {
	name   string
	live   func(r *rig, p placed)
	status string // at its end
}

var orderLives = []orderLife{
	{"nothing yet", func(*rig, placed) {}, "PENDING"},
	{"a payment begun, which extends the hold", func(r *rig, p placed) { r.begin(p) }, "AWAITING_PAYMENT"},
	{"paid", func(r *rig, p placed) { r.pay(p) }, "CONFIRMED"},
	{"refunded in part", func(r *rig, p placed) {
		r.pay(p)
		r.call("POST", "/orders/"+p.id+"/refunds", fields{"amount": "1.50", "reason": "a scratch"}, header("Idempotency-Key", "refund "+p.id)).ok(201)
		eventually(r.t, "the refund succeeds", func() bool { return r.order(p.id).Status == checkout.OrderPartiallyRefunded })
	}, "PARTIALLY_REFUNDED"},
	{"cancelled", func(r *rig, p placed) {
		r.call("POST", "/orders/"+p.id+"/cancel", fields{"reason": "changed my mind"}).ok(200)
	}, "CANCELLED"},
	{"expired", func(r *rig, p placed) { r.expire(p) }, "EXPIRED"},
	{"paid late, from another warehouse", func(r *rig, p placed) {
		payment := r.begin(p)
		r.expire(p)
		r.adjust("main", -90)
		id := r.order(p.id).ID
		_, err := r.engine.Do(context.Background(), saga.ApplyPayment{OrderID: id, PaymentID: payment.ID, Report: checkout.PaymentReport{
			PaymentID: payment.ID, Gateway: payment.Gateway, GatewayRef: payment.GatewayRef, ChargeID: "pi_late", Status: checkout.PaymentSucceeded, Amount: payment.Amount,
		}})
		require.NoError(r.t, err)
		require.Equal(r.t, "north", r.order(p.id).Allocations[0].Warehouse, "it is a good test")
	}, "CONFIRMED"},
}

// begin starts a payment that waits for its buyer.
func (r *rig) begin(p placed) checkout.Payment {
	r.t.Helper()
	r.call("POST", "/payment/initiate", p.card("begin "+p.id, "").without("payment_token"), buyer(p.token)).ok(201)
	return r.order(p.id).Payments[0]
}

func (r *rig) pay(p placed) {
	r.t.Helper()
	r.call("POST", "/payment/initiate", p.card("pay "+p.id, "pm_card_visa"), buyer(p.token)).ok(201)
	eventually(r.t, "the order is confirmed", func() bool { return r.order(p.id).Status == checkout.OrderConfirmed })
}

func (r *rig) expire(p placed) {
	r.t.Helper()
	r.ahead.Store(int64(24 * time.Hour))
	eventually(r.t, "the order expires", func() bool {
		_, err := r.engine.Do(context.Background(), saga.ExpireOrder{OrderID: r.order(p.id).ID})
		require.NoError(r.t, err)
		r.ahead.Add(int64(time.Minute))
		return r.order(p.id).Status == checkout.OrderExpired
	})
}

func (r *rig) adjust(warehouse string, delta int) {
	r.t.Helper()
	r.call("POST", "/inventory/SKU123/adjust", fields{"warehouse": warehouse, "delta": delta, "reason": "a move"},
		header("Idempotency-Key", warehouse+time.Now().String())).ok(200)
}

// TestCheckoutIsReplayedToTheByte: only the order's id is kept for the key, and
// what is written anew from it is the first answer, whatever the order has become.
func TestCheckoutIsReplayedToTheByte(t *testing.T) {
	t.Parallel()
	for _, life := range orderLives {
		t.Run(life.name+", from one warehouse", func(t *testing.T) { replayAfter(t, life, 20, 0) })
		t.Run(life.name+", from two warehouses", func(t *testing.T) { replayAfter(t, life, 120, 7*time.Minute) })
	}
}

func replayAfter(t *testing.T, life orderLife, qty int, ttl time.Duration) {
	t.Helper()
	t.Parallel()
	r := newRig(t, func(c *Config) { c.HoldTTL, c.Warehouses = ttl, []string{"main", "north"} })
	r.adjust("north", 200)
	key := header("Idempotency-Key", "of the checkout")
	body := someOrder.with("items", someItems(qty))
	first := r.call("POST", "/checkout", body, as(storefrontKey), key).ok(201)
	require.Equal(t, "PENDING", first.text("status"))
	p := placed{id: first.text("order_id"), token: first.text("order_token"), amount: first.text("amount")}
	order := r.call("GET", "/orders/"+p.id, nil).ok(200).raw
	require.Equal(t, strings.TrimSuffix(order, "}\n"), first.raw[:len(order)-2], "it is the order as it stands")
	life.live(r, p)
	require.Equal(t, life.status, r.call("GET", "/orders/"+p.id, nil).ok(200).text("status"), "it is a good test")

	again := r.call("POST", "/checkout", body, as(storefrontKey), key).ok(201)
	require.Equal(t, first.raw, again.raw)
	require.Equal(t, "true", again.header.Get("Idempotent-Replayed"))
	require.Empty(t, first.header.Get("Idempotent-Replayed"))
}

// TestCheckoutIsReplayedWithinABatch sends the same checkout many times at once.
func TestCheckoutIsReplayedWithinABatch(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const callers = 40
	replies := make([]reply, callers)
	var all sync.WaitGroup
	for i := range replies {
		all.Go(func() {
			replies[i] = r.call("POST", "/checkout", someOrder, as(storefrontKey), header("Idempotency-Key", "many"))
		})
	}
	all.Wait()
	first := 0
	for _, a := range replies {
		require.Equal(t, http.StatusCreated, a.status, a.raw)
		require.Equal(t, replies[0].raw, a.raw)
		if a.header.Get("Idempotent-Replayed") == "" {
			first++
		}
	}
	require.Equal(t, 1, first, "one made the order")
}

// TestKeptCheckoutHasNoBody looks at the record: an id in the place of a body.
func TestKeptCheckoutHasNoBody(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ctx := context.Background()
	made := r.call("POST", "/checkout", someOrder, as(storefrontKey), header("Idempotency-Key", "kept")).ok(201)
	owner, err := r.store.APIKeyByHash(ctx, sha256.Sum256([]byte(storefrontKey)))
	require.NoError(t, err)
	key := checkout.KeyID{Scope: "POST /checkout|" + owner.ID.String() + "|", Key: "kept"}
	state := saga.NewState()
	require.NoError(t, r.store.Read(ctx, saga.Keys{Answers: []checkout.KeyID{key}}, state))
	kept := state.Answers[key]
	require.NotNil(t, kept)
	require.Equal(t, checkout.Answer{Status: 201, Order: r.order(made.text("order_id")).ID}, kept.Answer)
}
