package bench

import (
	"math/rand/v2"
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
	port "kassa/gateway"
	"kassa/gateway/stripe"
	"kassa/money"
)

func TestField(t *testing.T) {
	t.Parallel()
	const order = `{"lines":[{"amount":"1.00","status":"x"},{"amount":"2.00"}],"status":"PENDING","nested":{"order_id":"no"},` +
		`"count":3,"text":"a \"status\": quoted","order_id":"0198","amount":"3.00","null":null,"flag":true}`
	for name, want := range map[string]string{
		"status": "PENDING", "order_id": "0198", "amount": "3.00", "text": `a \"status\": quoted`,
		"count": "", "null": "", "flag": "", "missing": "", "lines": "",
	} {
		require.Equal(t, want, string(field([]byte(order), name)), name)
	}
	for _, broken := range []string{"", "{", `{"a`, `{"a":"`, `{"a":"b\`, "[]", `"a"`} {
		require.Empty(t, field([]byte(broken), "a"), broken)
	}
}

func TestKeysAreUUIDs(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	seen := map[string]bool{}
	for range 1000 {
		key := string(appendUUID(nil, random))
		require.Regexp(t, regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`), key)
		require.False(t, seen[key])
		seen[key] = true
	}
}

func TestBasketsHaveDifferentProducts(t *testing.T) {
	t.Parallel()
	f := newFront("127.0.0.1:1", "", nil, goods{skus: 3})
	b := f.buyer(0)
	for range 1000 {
		picked := b.basket(2, popularProduct)
		require.Len(t, picked, 2)
		require.NotEqual(t, picked[0], picked[1])
		require.Less(t, max(picked[0], picked[1]), 3)
	}
	require.Equal(t, []int{0}, b.basket(1, oneProduct))
}

// TestGatewaySpeaksStripe drives the gateway that is played by the adapter of
// production.
func TestGatewaySpeaksStripe(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	g, err := startGateway(ctx, "127.0.0.1:0", webhookSecret)
	require.NoError(t, err)
	defer func() { require.NoError(t, g.close()) }()
	adapter, err := stripe.New(stripe.Config{Name: account, SecretKey: stripeKey, WebhookSecrets: []string{webhookSecret}, BaseURL: g.URL})
	require.NoError(t, err)
	id := func(n int) checkout.ID { return checkout.NewID(time.Now(), [10]byte{9: byte(n)}) }
	order := id(1)
	request := func(n int) port.CreateRequest {
		payment := id(n)
		return port.CreateRequest{
			PaymentID: payment, OrderID: order, OrderNumber: order.Number(), Key: port.CreateKey(payment, 1), Method: checkout.MethodCard,
			Amount: money.New(30_000, "INR"), ReturnURL: "http://shop.test/pay", CustomerEmail: "asha@example.com", ExpiresAt: time.Now().Add(time.Hour),
			Lines: []port.Line{{Name: "Mug", Qty: 2, Total: money.New(20_000, "INR")}, {Name: "Jar", Qty: 1, Total: money.New(10_000, "INR")}},
		}
	}

	paid := request(2)
	report, err := adapter.Create(ctx, paid)
	require.NoError(t, err)
	require.Equal(t, checkout.PaymentPending, report.Status)
	require.Equal(t, paid.Amount, report.Amount)
	require.Equal(t, pageURL+report.GatewayRef, report.Action.URL)
	look := port.LookUpRequest{PaymentID: paid.PaymentID, OrderID: order, GatewayRef: report.GatewayRef}
	found, err := adapter.LookUp(ctx, look)
	require.NoError(t, err)
	require.Equal(t, checkout.PaymentPending, found.Status)

	s, ok := g.pay(paid.PaymentID.String())
	require.True(t, ok)
	body := s.appendEvent(nil, time.Now().Unix())
	event, err := adapter.ParseWebhook(http.Header{"Stripe-Signature": {g.sign(body, time.Now().Unix())}}, body, time.Now())
	require.NoError(t, err)
	require.Equal(t, checkout.PaymentSucceeded, event.Payment.Status)
	require.Equal(t, paid.Amount, event.Payment.Amount)
	require.Equal(t, paid.PaymentID, event.Payment.PaymentID)
	require.Equal(t, report.GatewayRef, event.Payment.GatewayRef)
	require.NotEmpty(t, event.Payment.ChargeID)
	found, err = adapter.LookUp(ctx, look)
	require.NoError(t, err)
	require.Equal(t, checkout.PaymentSucceeded, found.Status)
	g.forget(paid.PaymentID.String())
	_, err = adapter.LookUp(ctx, look)
	require.Equal(t, port.Refused, port.KindOf(err))

	left := request(3)
	report, err = adapter.Create(ctx, left)
	require.NoError(t, err)
	look = port.LookUpRequest{PaymentID: left.PaymentID, OrderID: order, GatewayRef: report.GatewayRef}
	closed, err := adapter.Close(ctx, port.ActRequest{LookUpRequest: look, Key: port.ActKey(left.PaymentID, "close", 1), Amount: left.Amount})
	require.NoError(t, err)
	require.Equal(t, checkout.PaymentFailed, closed.Status)

	no := request(4)
	no.Token = declinedToken
	report, err = adapter.Create(ctx, no)
	require.NoError(t, err)
	require.Equal(t, checkout.PaymentFailed, report.Status)
	require.Equal(t, "card_declined", report.Failure.Code)
}
