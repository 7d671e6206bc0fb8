package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/store"
)

// walk reads a list page by page to its end.
func walk[K, V any](t *testing.T, limit int, after K, key func(V) K, page func(context.Context, K, int) ([]V, error)) []V {
	t.Helper()
	var all []V
	for {
		rows, err := page(bounded(t), after, limit)
		require.NoError(t, err)
		require.LessOrEqual(t, len(rows), limit)
		all = append(all, rows...)
		if len(rows) < limit {
			return all
		}
		after = key(rows[len(rows)-1])
	}
}

func testLists(t *testing.T, h Harness) {
	t.Run("orders", func(t *testing.T) { t.Parallel(); listOrders(t, h.Open(t)) })
	t.Run("products", func(t *testing.T) { t.Parallel(); listProducts(t, h.Open(t)) })
	t.Run("nothing", func(t *testing.T) { t.Parallel(); readNothing(t, h.Open(t)) })
}

// someOrders are twelve orders, an hour apart, of two customers and of guests.
func someOrders(t *testing.T, s store.Store) []*checkout.Order {
	t.Helper()
	customers := []*checkout.Customer{{UserID: "u1", Email: "asha@example.com"}, {UserID: "u2", Email: "ravi@example.com"}}
	commit(t, s, store.Save{NewCustomers: customers})
	var orders []*checkout.Order
	for i := range 12 {
		o := newOrder()
		o.CreatedAt = epoch.Add(time.Duration(i) * time.Hour)
		o.ID = newID(o.CreatedAt)
		if i%3 < 2 {
			o.UserID = customers[i%3].UserID
			o.Details.Customer = *customers[i%3]
		} else {
			o.Details.Customer.Email = fmt.Sprintf("guest-%d@example.com", i)
		}
		if i%4 == 0 {
			o.Status = checkout.OrderConfirmed
		}
		orders = append(orders, o)
	}
	p := newPayment(orders[0])
	orders[0].Payments = []checkout.Payment{p}
	orders[0].Refunds = []checkout.Refund{newRefund(p)}
	commit(t, s, store.Save{NewOrders: orders, NewPayments: orders[0].Payments, NewRefunds: orders[0].Refunds})
	return orders
}

func listOrders(t *testing.T, s store.Store) {
	orders := someOrders(t, s)
	hour := func(n int) time.Time { return epoch.Add(time.Duration(n) * time.Hour) }
	for name, test := range map[string]struct {
		filter store.OrderFilter
		want   []int
	}{
		"all":               {store.OrderFilter{}, []int{11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0}},
		"limit":             {store.OrderFilter{Limit: 2}, []int{11, 10}},
		"status":            {store.OrderFilter{Status: checkout.OrderConfirmed}, []int{8, 4, 0}},
		"user":              {store.OrderFilter{UserID: "u2"}, []int{10, 7, 4, 1}},
		"nobody":            {store.OrderFilter{UserID: "u3"}, nil},
		"e-mail":            {store.OrderFilter{Email: "guest-5@example.com"}, []int{5}},
		"e-mail of a user":  {store.OrderFilter{Email: "asha@example.com"}, []int{9, 6, 3, 0}},
		"from":              {store.OrderFilter{From: hour(10)}, []int{11, 10}},
		"to is not within":  {store.OrderFilter{To: hour(2)}, []int{1, 0}},
		"range":             {store.OrderFilter{From: hour(3), To: hour(6)}, []int{5, 4, 3}},
		"before":            {store.OrderFilter{Before: orders[2].ID}, []int{1, 0}},
		"all of them":       {store.OrderFilter{UserID: "u1", Status: checkout.OrderConfirmed, Email: "asha@example.com", From: epoch, To: hour(3), Before: orders[3].ID}, []int{0}},
		"user and before":   {store.OrderFilter{UserID: "u1", Before: orders[6].ID}, []int{3, 0}},
		"user and range":    {store.OrderFilter{UserID: "u1", From: hour(1), To: hour(7)}, []int{6, 3}},
		"status and e-mail": {store.OrderFilter{Status: checkout.OrderPending, Email: "ravi@example.com"}, []int{10, 7, 1}},
	} {
		if test.filter.Limit == 0 {
			test.filter.Limit = 100
		}
		got, err := s.Orders(bounded(t), test.filter)
		require.NoError(t, err, name)
		require.Len(t, got, len(test.want), name)
		for i, n := range test.want {
			require.Equal(t, orders[n], got[i], name)
		}
	}
	pages := walk(t, 5, checkout.ID{}, func(o *checkout.Order) checkout.ID { return o.ID },
		func(ctx context.Context, before checkout.ID, limit int) ([]*checkout.Order, error) {
			return s.Orders(ctx, store.OrderFilter{Before: before, Limit: limit})
		})
	require.Len(t, pages, len(orders))
}

func listProducts(t *testing.T, s store.Store) {
	var want []*checkout.Product
	for i := range 7 {
		p := filled[checkout.Product](t)
		p.SKU = fmt.Sprintf("SKU-%d", i)
		want = append(want, &p)
	}
	commit(t, s, store.Save{NewProducts: []*checkout.Product{want[3], want[0], want[6], want[1], want[2], want[5], want[4]}})
	require.Equal(t, want, walk(t, 3, "", func(p *checkout.Product) string { return p.SKU }, s.Products))
	some, err := s.ProductsBySKU(bounded(t), []string{"SKU-5", "no such", "SKU-1"})
	require.NoError(t, err)
	require.ElementsMatch(t, []*checkout.Product{want[1], want[5]}, some)
	none, err := s.ProductsBySKU(bounded(t), nil)
	require.NoError(t, err)
	require.Empty(t, none)
}

// readNothing checks what is said of rows that are not there.
func readNothing(t *testing.T, s store.Store) {
	ctx, id := bounded(t), newID(epoch)
	for name, read := range map[string]func() error{
		"order":   func() error { _, err := s.Order(ctx, id); return err },
		"cart":    func() error { _, err := s.Cart(ctx, id); return err },
		"hold":    func() error { _, err := s.Hold(ctx, "s"); return err },
		"product": func() error { _, err := s.Product(ctx, "A"); return err },
		"task":    func() error { _, err := s.Task(ctx, id); return err },
		"webhook": func() error { _, err := s.Webhook(ctx, id); return err },
		"API key": func() error { _, err := s.APIKeyByHash(ctx, [32]byte{1}); return err },
		"revoke":  func() error { return s.RevokeAPIKey(ctx, id) },
		"payment": func() error { _, _, err := s.FindPayment(ctx, store.PaymentRef{ID: id}); return err },
		"refund":  func() error { _, _, err := s.FindRefund(ctx, store.RefundRef{ID: id}); return err },
		"payment without a name": func() error {
			_, _, err := s.FindPayment(ctx, store.PaymentRef{Gateway: "stripe"})
			return err
		},
		"refund without a name": func() error { _, _, err := s.FindRefund(ctx, store.RefundRef{Gateway: "stripe"}); return err },
	} {
		require.ErrorIs(t, read(), store.ErrNotFound, name)
	}
	levels, err := s.Levels(ctx, "A")
	require.NoError(t, err)
	require.Empty(t, levels)
	orders, err := s.Orders(ctx, store.OrderFilter{Limit: 10})
	require.NoError(t, err)
	require.Empty(t, orders)
}

func testFind(t *testing.T, h Harness) {
	t.Run("payment", func(t *testing.T) { t.Parallel(); findPayment(t, h.Open(t)) })
	t.Run("refund", func(t *testing.T) { t.Parallel(); findRefund(t, h.Open(t)) })
}

// findPayment checks each way to name a payment. An unknown charge does not keep
// the reference from matching: a webhook may bring the charge for the first time.
func findPayment(t *testing.T, s store.Store) {
	o := newOrder()
	a, b, nameless := newPayment(o), newPayment(o), newPayment(o)
	a.GatewayRef, a.ChargeID = "cs_a", "ch_a"
	b.GatewayRef = "cs_b"
	a.FindByRef, b.FindByRef = true, true
	commit(t, s, store.Save{NewOrders: []*checkout.Order{o}, NewPayments: []checkout.Payment{a, b, nameless}})
	for name, test := range map[string]struct {
		ref  store.PaymentRef
		want checkout.ID
	}{
		"id":                      {store.PaymentRef{ID: nameless.ID}, nameless.ID},
		"charge":                  {store.PaymentRef{Gateway: "stripe", ChargeID: "ch_a"}, a.ID},
		"reference":               {store.PaymentRef{Gateway: "stripe", GatewayRef: "cs_b"}, b.ID},
		"unknown charge":          {store.PaymentRef{Gateway: "stripe", ChargeID: "ch_b", GatewayRef: "cs_b"}, b.ID},
		"charge before reference": {store.PaymentRef{Gateway: "stripe", ChargeID: "ch_a", GatewayRef: "cs_b"}, a.ID},
		"id before all":           {store.PaymentRef{ID: b.ID, Gateway: "stripe", ChargeID: "ch_a"}, b.ID},
		"unknown id":              {store.PaymentRef{ID: newID(epoch), Gateway: "stripe", ChargeID: "ch_a"}, a.ID},
		"another gateway":         {store.PaymentRef{Gateway: "paytm", ChargeID: "ch_a", GatewayRef: "cs_a"}, checkout.ID{}},
	} {
		order, payment, err := s.FindPayment(bounded(t), test.ref)
		if test.want.IsZero() {
			require.ErrorIs(t, err, store.ErrNotFound, name)
			continue
		}
		require.NoError(t, err, name)
		require.Equal(t, o.ID, order, name)
		require.Equal(t, test.want, payment, name)
	}
}

func findRefund(t *testing.T, s store.Store) {
	o := newOrder()
	stripe, paytm := newPayment(o), newPayment(o)
	paytm.Gateway = "paytm"
	ours, theirs := newRefund(stripe), newRefund(paytm)
	ours.GatewayRef, theirs.GatewayRef = "re_1", "re_1"
	commit(t, s, store.Save{
		NewOrders: []*checkout.Order{o}, NewPayments: []checkout.Payment{stripe, paytm}, NewRefunds: []checkout.Refund{ours, theirs},
	})
	for name, test := range map[string]struct {
		ref  store.RefundRef
		want checkout.ID
	}{
		"id":              {store.RefundRef{ID: ours.ID}, ours.ID},
		"reference":       {store.RefundRef{Gateway: "stripe", GatewayRef: "re_1"}, ours.ID},
		"other gateway's": {store.RefundRef{Gateway: "paytm", GatewayRef: "re_1"}, theirs.ID},
		"unknown id":      {store.RefundRef{ID: newID(epoch), Gateway: "paytm", GatewayRef: "re_1"}, theirs.ID},
	} {
		order, refund, err := s.FindRefund(bounded(t), test.ref)
		require.NoError(t, err, name)
		require.Equal(t, o.ID, order, name)
		require.Equal(t, test.want, refund, name)
	}
	_, _, err := s.FindRefund(bounded(t), store.RefundRef{Gateway: "razorpay", GatewayRef: "re_1"})
	require.ErrorIs(t, err, store.ErrNotFound)
}
