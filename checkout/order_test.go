package checkout

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCloneSharesNothing that a decision changes.
func TestCloneSharesNothing(t *testing.T) {
	t.Parallel()
	o := &Order{
		Allocations: []Allocation{{"shirt", "main", 1}}, Log: []ID{{1}},
		Payments: []Payment{{ID: ID{1}, Status: PaymentPending}}, Refunds: []Refund{{ID: ID{2}}},
	}
	c := o.Clone()
	require.Equal(t, o, c)
	c.Status = OrderConfirmed
	c.Allocations[0].Qty = 2
	c.Log[0] = ID{9}
	c.Payment(ID{1}).Status = PaymentSucceeded
	c.Refund(ID{2}).Status = RefundSucceeded
	require.Equal(t, &Order{
		Allocations: []Allocation{{"shirt", "main", 1}}, Log: []ID{{1}},
		Payments: []Payment{{ID: ID{1}, Status: PaymentPending}}, Refunds: []Refund{{ID: ID{2}}},
	}, o)
}

func TestCartClone(t *testing.T) {
	t.Parallel()
	c := &Cart{Items: []Item{{"shirt", 1}}, Coupons: []string{"A"}}
	d := c.Clone()
	d.Items[0].Qty, d.Coupons[0] = 2, "B"
	require.Equal(t, &Cart{Items: []Item{{"shirt", 1}}, Coupons: []string{"A"}}, c)
}

// TestOrderStates: what waits for money, what was paid and what holds its cart.
func TestOrderStates(t *testing.T) {
	t.Parallel()
	for status, want := range map[OrderStatus][3]bool{ // payable, paid, live
		OrderPending:           {true, false, true},
		OrderAwaitingPayment:   {true, false, true},
		OrderConfirmed:         {false, true, true},
		OrderPartiallyRefunded: {false, true, true},
		OrderRefunded:          {false, true, true},
		OrderExpired:           {false, false, false},
		OrderCancelled:         {false, false, false},
	} {
		o := Order{Status: status}
		require.Equal(t, want, [3]bool{o.Payable(), o.Paid(), o.Live()}, status)
	}
}

// TestOpenPayment: the attempt that may still move money, unless another one has
// taken its place.
func TestOpenPayment(t *testing.T) {
	t.Parallel()
	o := Order{Payments: []Payment{
		{ID: ID{1}, Status: PaymentPending, Superseded: true},
		{ID: ID{2}, Status: PaymentFailed},
		{ID: ID{3}, Status: PaymentAuthorized},
	}}
	require.Equal(t, ID{3}, o.OpenPayment().ID)
	o.Payments[2].Status = PaymentSucceeded
	require.Nil(t, o.OpenPayment())
	for status, open := range map[PaymentStatus]bool{
		PaymentInitiated: true, PaymentPending: true, PaymentAuthorized: true,
		PaymentSucceeded: false, PaymentFailed: false, PaymentVoided: false,
	} {
		require.Equal(t, open, (&Payment{Status: status}).Open(), status)
	}
}

func TestCodeOf(t *testing.T) {
	t.Parallel()
	refusal := Refuse(CodeOutOfStock, "%d left", 2)
	require.Equal(t, "out_of_stock: 2 left", refusal.Error())
	require.Equal(t, CodeOutOfStock, CodeOf(fmt.Errorf("engine: %w", refusal)))
	require.Equal(t, CodeInternal, CodeOf(errors.New("broken")))
	require.Equal(t, []FieldError{{"amount", "must be more than 0"}}, Invalid("amount", "must be more than %d", 0).Fields)
}
