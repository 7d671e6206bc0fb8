package checkout

import (
	"errors"
	"fmt"
	"testing"
	"time"

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

// TestAsPlaced: an order is as its checkout made it, whatever has become of it.
func TestAsPlaced(t *testing.T) {
	t.Parallel()
	created := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	whole := []Allocation{{"mug", MainWarehouse, 2}, {"shirt", MainWarehouse, 1}}
	for name, c := range map[string]struct {
		ttl         time.Duration
		allocations []Allocation
		kept        OrderDetails // of the hold
	}{
		"the usual hold":      {DefaultHoldTTL, whole, OrderDetails{}},
		"a short one":         {time.Minute, whole, OrderDetails{HoldTTL: time.Minute}},
		"from two warehouses": {DefaultHoldTTL, []Allocation{{"mug", MainWarehouse, 1}, {"mug", "north", 1}, {"shirt", MainWarehouse, 1}}, OrderDetails{Allocations: []Allocation{{"mug", MainWarehouse, 1}, {"mug", "north", 1}, {"shirt", MainWarehouse, 1}}}},
		"from another":        {DefaultHoldTTL, []Allocation{{"mug", "north", 2}, {"shirt", MainWarehouse, 1}}, OrderDetails{Allocations: []Allocation{{"mug", "north", 2}, {"shirt", MainWarehouse, 1}}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			details := OrderDetails{Quote: Quote{Lines: []QuoteLine{{SKU: "mug", Qty: 2}, {SKU: "shirt", Qty: 1}}}}
			details.SetFirstHold(c.ttl, c.allocations)
			require.Equal(t, c.kept, OrderDetails{HoldTTL: details.HoldTTL, Allocations: details.Allocations})
			placed := &Order{
				ID: ID{1}, CartID: ID{2}, Status: OrderPending, HoldStatus: HoldOpen, HoldExpiresAt: created.Add(c.ttl), Allocations: c.allocations,
				CreatedAt: created, UpdatedAt: created, Details: &details,
			}
			require.Equal(t, placed, placed.AsPlaced())
			late := placed.Clone()
			late.Status, late.HoldStatus, late.HoldExpiresAt, late.HoldExtended = OrderRefunded, HoldClaimed, created.Add(time.Hour), true
			late.Allocations = []Allocation{{"mug", "south", 2}, {"shirt", "south", 1}}
			late.Superseded, late.CancelReason, late.InvoiceSeq, late.ConfirmedAt = true, "changed my mind", 7, created.Add(time.Hour)
			late.Payments, late.Refunds = []Payment{{ID: ID{3}}}, []Refund{{ID: ID{4}}}
			require.Equal(t, placed, late.AsPlaced())
		})
	}
}
