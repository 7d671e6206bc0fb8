package manual

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/gateway"
	"kassa/gateway/gatewaytest"
	"kassa/money"
)

func open(t *testing.T) gateway.Gateway {
	t.Helper()
	opened, err := New(Config{Name: "bank", Currencies: []money.Currency{"INR"}})
	require.NoError(t, err)
	return opened
}

// Nobody's books stand behind it, so the suite is what the port alone promises.
func TestGateway(t *testing.T) {
	t.Parallel()
	gatewaytest.Run(t, func(t *testing.T) gatewaytest.Harness {
		return gatewaytest.Harness{Gateway: open(t), Method: checkout.MethodManual, Amount: money.New(99900, "INR")}
	})
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	_, err := New(Config{})
	require.ErrorContains(t, err, "name")
	_, err = New(Config{Name: "bank", Currencies: []money.Currency{"rupees"}})
	require.ErrorIs(t, err, money.ErrCurrency)
}

func TestCreateRefuses(t *testing.T) {
	t.Parallel()
	good := gateway.CreateRequest{
		PaymentID: checkout.NewID(time.Unix(1795346000, 0), [10]byte{1}), Amount: money.New(100, "INR"), Method: checkout.MethodManual,
	}
	_, err := open(t).Create(t.Context(), good)
	require.NoError(t, err)
	for name, change := range map[string]func(*gateway.CreateRequest){
		"a card":         func(r *gateway.CreateRequest) { r.Method = checkout.MethodCard },
		"a token":        func(r *gateway.CreateRequest) { r.Token = "pm_card_visa" },
		"other currency": func(r *gateway.CreateRequest) { r.Amount.Currency = "USD" },
		"nothing":        func(r *gateway.CreateRequest) { r.Amount.Minor = 0 },
	} {
		req := good
		change(&req)
		_, err := open(t).Create(t.Context(), req)
		requireKind(t, gateway.Refused, err, name)
	}
}

// A refund waits for an operator, under one reference however often it is asked
// for.
func TestRefundWaits(t *testing.T) {
	t.Parallel()
	g := open(t)
	payment := checkout.NewID(time.Unix(1795346000, 0), [10]byte{1})
	req := gateway.RefundRequest{RefundID: payment.Child(1), PaymentID: payment, Amount: money.New(50, "INR")}
	first, err := g.Refund(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, checkout.RefundPending, first.Status)
	require.Equal(t, req.Amount, first.Amount)
	again, err := g.Refund(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, first, again)
	found, err := g.LookUpRefund(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, first, found)

	req.Amount.Minor = 0
	_, err = g.Refund(t.Context(), req)
	requireKind(t, gateway.Refused, err)
}

func requireKind(t *testing.T, kind gateway.Kind, err error, about ...any) {
	t.Helper()
	var typed *gateway.Error
	require.ErrorAs(t, err, &typed, about...)
	require.Equal(t, kind, typed.Kind, about...)
}
