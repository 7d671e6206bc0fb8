package storetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/money"
	"kassa/saga"
	"kassa/store"
)

// world is a store with one order, its payment and a level.
type world struct {
	store.Store
	order   *checkout.Order
	payment checkout.Payment
	refund  checkout.Refund
}

func newWorld(t *testing.T, s store.Store) world {
	t.Helper()
	o := newOrder()
	p := newPayment(o)
	p.Status, p.Captured, p.ChargeID, p.GatewayRef = checkout.PaymentSucceeded, o.Total, "ch_1", "cs_1"
	r := newRefund(p)
	commit(t, s, store.Save{
		NewOrders: []*checkout.Order{o}, NewPayments: []checkout.Payment{p}, NewRefunds: []checkout.Refund{r},
		NewLevels: []checkout.Level{level("A", 5)},
	})
	return world{s, o, p, r}
}

// wrong makes a batch that a constraint must refuse.
type wrong func(*testing.T, world) store.Save

// testRefusals checks each constraint: the last guard against a wrong decision.
func testRefusals(t *testing.T, h Harness) {
	groups := []map[string]wrong{wrongAmounts(), wrongOwners(), wrongDoubles(), wrongReferences()}
	if !h.ByCounter {
		groups = append(groups, wrongNumbers())
	}
	for _, group := range groups {
		for name, batch := range group {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, h.Open(t))
				refuse(t, w, batch(t, w))
				stock(t, w, 1, "C") // the store goes on
			})
		}
	}
	t.Run("what is allowed", func(t *testing.T) { t.Parallel(); allowed(t, h.Open(t)) })
}

func wrongAmounts() map[string]wrong {
	return map[string]wrong{
		"available below zero": func(_ *testing.T, _ world) store.Save {
			return store.Save{Levels: []checkout.Level{level("A", -1)}}
		},
		"locked below zero": func(_ *testing.T, _ world) store.Save {
			l := level("A", 6)
			l.Locked = -1
			return store.Save{Levels: []checkout.Level{l}}
		},
		"new level below zero": func(_ *testing.T, _ world) store.Save {
			return store.Save{NewLevels: []checkout.Level{level("B", -1)}}
		},
		"refunds past the capture": func(_ *testing.T, w world) store.Save {
			w.payment.RefundCommitted = w.payment.Captured.Minor + 1
			return store.Save{Payments: []checkout.Payment{w.payment}}
		},
		"refunds below zero": func(_ *testing.T, w world) store.Save {
			w.payment.RefundCommitted = -1
			return store.Save{Payments: []checkout.Payment{w.payment}}
		},
		"refund of less than nothing": func(_ *testing.T, w world) store.Save {
			r := newRefund(w.payment)
			r.Amount = money.New(-1, "INR")
			return store.Save{NewRefunds: []checkout.Refund{r}}
		},
		"order of less than nothing": func(_ *testing.T, _ world) store.Save {
			o := newOrder()
			o.Total = money.New(-1, "INR")
			return store.Save{NewOrders: []*checkout.Order{o}}
		},
	}
}

func wrongOwners() map[string]wrong {
	return map[string]wrong{
		"charge of another payment": func(_ *testing.T, w world) store.Save {
			p := newPayment(w.order)
			p.ChargeID = w.payment.ChargeID
			return store.Save{NewPayments: []checkout.Payment{p}}
		},
		"charge of another payment, learnt later": func(t *testing.T, w world) store.Save {
			p := newPayment(w.order)
			commit(t, w, store.Save{NewPayments: []checkout.Payment{p}})
			p.ChargeID = w.payment.ChargeID
			return store.Save{Payments: []checkout.Payment{p}}
		},
		"attempt's key twice": func(_ *testing.T, w world) store.Save {
			p := newPayment(w.order)
			p.IdempotencyKey = w.payment.IdempotencyKey
			return store.Save{NewPayments: []checkout.Payment{p}}
		},
	}
}

func wrongNumbers() map[string]wrong {
	return map[string]wrong{
		"invoice number twice": func(t *testing.T, w world) store.Save {
			w.order.InvoiceSeries, w.order.InvoiceSeq = "2026", 4
			commit(t, w, store.Save{Orders: []*checkout.Order{w.order}})
			other := newOrder()
			other.InvoiceSeries, other.InvoiceSeq = "2026", 4
			return store.Save{NewOrders: []*checkout.Order{other}}
		},
	}
}

func wrongDoubles() map[string]wrong {
	return map[string]wrong{
		"order twice":   func(_ *testing.T, w world) store.Save { return store.Save{NewOrders: []*checkout.Order{w.order}} },
		"payment twice": func(_ *testing.T, w world) store.Save { return store.Save{NewPayments: []checkout.Payment{w.payment}} },
		"refund twice":  func(_ *testing.T, w world) store.Save { return store.Save{NewRefunds: []checkout.Refund{w.refund}} },
		"adjustment twice": func(t *testing.T, _ world) store.Save {
			a := filled[checkout.Adjustment](t)
			return store.Save{Adjustments: []checkout.Adjustment{a, a}}
		},
		"cart twice": func(_ *testing.T, _ world) store.Save {
			c := newCart()
			return store.Save{NewCarts: []*checkout.Cart{c, c}}
		},
	}
}

func wrongReferences() map[string]wrong {
	return map[string]wrong{
		"order of an unknown customer": func(_ *testing.T, _ world) store.Save {
			o := newOrder()
			o.UserID = "nobody"
			return store.Save{NewOrders: []*checkout.Order{o}}
		},
		"payment of an unknown order": func(_ *testing.T, _ world) store.Save {
			return store.Save{NewPayments: []checkout.Payment{newPayment(newOrder())}}
		},
		"refund of an unknown payment": func(_ *testing.T, w world) store.Save {
			return store.Save{NewRefunds: []checkout.Refund{newRefund(newPayment(w.order))}}
		},
		"new order without details": func(_ *testing.T, _ world) store.Save {
			o := newOrder()
			o.Details = nil
			return store.Save{NewOrders: []*checkout.Order{o}}
		},
		"change of an order that is not there": func(_ *testing.T, _ world) store.Save {
			return store.Save{Orders: []*checkout.Order{newOrder()}}
		},
		"change of a payment that is not there": func(_ *testing.T, w world) store.Save {
			return store.Save{Payments: []checkout.Payment{newPayment(w.order)}}
		},
		"change of a level that is not there": func(_ *testing.T, _ world) store.Save {
			return store.Save{Levels: []checkout.Level{level("B", 1)}}
		},
		"change of a hold that is not there": func(_ *testing.T, _ world) store.Save {
			return store.Save{Holds: []*checkout.Hold{newHold("nobody")}}
		},
	}
}

// allowed checks that the constraints refuse no more than they should.
func allowed(t *testing.T, s store.Store) {
	w := newWorld(t, s)
	w.payment.RefundCommitted = w.payment.Captured.Minor
	elsewhere := newPayment(w.order)
	elsewhere.Gateway, elsewhere.ChargeID = "razorpay", w.payment.ChargeID
	sameRef := newPayment(w.order)
	sameRef.GatewayRef = w.payment.GatewayRef
	keyless, keylessToo := newPayment(w.order), newPayment(w.order)
	keyless.IdempotencyKey, keylessToo.IdempotencyKey = "", ""
	otherOrder := newOrder()
	sameKey := newPayment(otherOrder)
	sameKey.IdempotencyKey = w.payment.IdempotencyKey
	numbered, other := newOrder(), newOrder()
	numbered.InvoiceSeries, numbered.InvoiceSeq = "2026", 1
	other.InvoiceSeries, other.InvoiceSeq = "2027", 1
	empty := level("A", 0)
	commit(t, s, store.Save{
		NewOrders:   []*checkout.Order{otherOrder, numbered, other},
		Payments:    []checkout.Payment{w.payment},
		NewPayments: []checkout.Payment{elsewhere, sameRef, keyless, keylessToo, sameKey},
		Levels:      []checkout.Level{empty},
		DropHolds:   []string{"a hold that has gone already"},
		DropTasks:   []saga.TaskDrop{{ID: newID(epoch)}},
	})
}

// testNaturalKeys checks that who comes second to a natural key is told to
// repeat, and then sees the first one's row.
func testNaturalKeys(t *testing.T, h Harness) {
	cart := newCart()
	for name, claim := range map[string]func() store.Save{
		"hold":            func() store.Save { return store.Save{NewHolds: []*checkout.Hold{newHold("s")}} },
		"webhook":         func() store.Save { return store.Save{NewWebhooks: []*checkout.WebhookRecord{newWebhook("evt_1")}} },
		"idempotency key": func() store.Save { return store.Save{Answers: []checkout.IdempotencyRecord{newAnswer("k")}} },
		"customer":        func() store.Save { return store.Save{NewCustomers: []*checkout.Customer{{UserID: "u"}}} },
		"level":           func() store.Save { return store.Save{NewLevels: []checkout.Level{level("A", 1)}} },
		"product": func() store.Save {
			return store.Save{NewProducts: []*checkout.Product{{SKU: "A", CreatedAt: epoch, UpdatedAt: epoch}}}
		},
		"live order of a cart": func() store.Save {
			o := newOrder()
			o.CartID = cart.ID
			return store.Save{NewOrders: []*checkout.Order{o}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			handles := h.handles(t)
			commit(t, handles[0], claim())
			second := claim()
			err := tryCommit(bounded(t), handles[1], &second)
			require.ErrorIs(t, err, store.ErrRetry)
			entries, err := handles[0].LogEntries(bounded(t), []checkout.ID{second.BatchID})
			require.NoError(t, err)
			require.Empty(t, entries)
		})
	}
	t.Run("race", func(t *testing.T) { t.Parallel(); naturalKeyRace(t, h) })
	t.Run("answer of an order", func(t *testing.T) { t.Parallel(); answersOfOrders(t, h.handles(t)) })
}

// answersOfOrders: an answer may be committed with the order that it names or after
// it. Whichever a store does with the two, the second of one key is told to repeat.
func answersOfOrders(t *testing.T, handles []store.Store) {
	with := func(key string) store.Save {
		o, answer := newOrder(), newAnswer(key)
		answer.Answer = checkout.Answer{Status: 201, Order: o.ID}
		return store.Save{NewOrders: []*checkout.Order{o}, Answers: []checkout.IdempotencyRecord{answer}}
	}
	after := func(key string) store.Save {
		save := with(key)
		commit(t, handles[0], store.Save{NewOrders: save.NewOrders})
		save.NewOrders = nil
		return save
	}
	for name, pair := range map[string][2]func(string) store.Save{
		"with, with": {with, with}, "with, after": {with, after}, "after, with": {after, with}, "after, after": {after, after},
	} {
		first := pair[0](name)
		commit(t, handles[0], first)
		second := pair[1](name)
		require.ErrorIs(t, tryCommit(bounded(t), handles[1], &second), store.ErrRetry, name)
		kept := load(t, handles[1], saga.Keys{Answers: []checkout.KeyID{first.Answers[0].KeyID}}).Answers
		require.Equal(t, &first.Answers[0], kept[first.Answers[0].KeyID], name)
	}
	both := with("both")
	twice := both.Answers[0]
	twice.Key, twice.Answer.Status = "both again", 200
	both.Answers = append(both.Answers, twice)
	commit(t, handles[0], both)
	for _, answer := range both.Answers {
		kept := load(t, handles[1], saga.Keys{Answers: []checkout.KeyID{answer.KeyID}}).Answers
		require.Equal(t, &answer, kept[answer.KeyID])
	}
}
