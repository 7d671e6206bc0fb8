package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/saga"
	"kassa/store"
)

// testEveryField writes, changes and empties each field of each row.
func testEveryField(t *testing.T, h Harness) {
	for name, test := range map[string]func(*testing.T, store.Store){
		"order":       orderFields,
		"payment":     paymentFields,
		"refund":      refundFields,
		"cart":        cartFields,
		"hold":        holdFields,
		"customer":    customerFields,
		"product":     productFields,
		"level":       levelFields,
		"webhook":     webhookFields,
		"task":        taskFields,
		"answer":      answerFields,
		"event":       eventFields,
		"API key":     apiKeyFields,
		"copies":      rowsAreCopies,
		"times":       timesAreCut,
		"empty lists": emptyLists,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, h.Open(t))
		})
	}
}

// filledOrder is an order with every field set, and the customer that it names.
func filledOrder(t *testing.T) (*checkout.Order, *checkout.Customer) {
	t.Helper()
	o := filled[checkout.Order](t)
	o.Payments, o.Refunds = nil, nil
	return &o, &checkout.Customer{UserID: o.UserID}
}

// loadOrder reads an order as Decide sees it, and as a reader sees it.
func loadOrder(t *testing.T, s store.Store, id checkout.ID) (bare, whole *checkout.Order) {
	t.Helper()
	state := load(t, s, saga.Keys{Orders: []checkout.ID{id}})
	require.Contains(t, state.Orders, id)
	whole, err := s.Order(bounded(t), id)
	require.NoError(t, err)
	return state.Orders[id], whole
}

func requireOrder(t *testing.T, s store.Store, want *checkout.Order) {
	t.Helper()
	bare, whole := loadOrder(t, s, want.ID)
	require.Equal(t, want, whole)
	details := want.Details
	defer func() { want.Details = details }()
	want.Details = nil
	require.Equal(t, want, bare)
}

func orderFields(t *testing.T, s store.Store) {
	o, customer := filledOrder(t)
	commit(t, s, store.Save{NewCustomers: []*checkout.Customer{customer}, NewOrders: []*checkout.Order{o}})
	requireOrder(t, s, o)

	fixed := []string{"ID", "CartID", "UserID", "Total", "CreatedAt", "Details"}
	changed, _ := filledOrder(t)
	keep(t, changed, o, fixed...)
	changed.HoldExtended, changed.Superseded = false, false
	commit(t, s, store.Save{Orders: []*checkout.Order{changed}})
	requireOrder(t, s, changed)

	emptied := &checkout.Order{Status: checkout.OrderExpired, HoldStatus: checkout.HoldExpired, UpdatedAt: epoch}
	keep(t, emptied, o, fixed...)
	commit(t, s, store.Save{Orders: []*checkout.Order{emptied}})
	requireOrder(t, s, emptied)

	empty := newOrder()
	commit(t, s, store.Save{NewOrders: []*checkout.Order{empty}})
	requireOrder(t, s, empty)
}

func paymentFields(t *testing.T, s store.Store) {
	o := newOrder()
	p := filled[checkout.Payment](t)
	p.OrderID, p.RefundCommitted = o.ID, p.Captured.Minor
	empty := checkout.Payment{
		ID: newID(epoch), OrderID: o.ID, Attempt: p.Attempt + 1, Gateway: "manual", Method: checkout.MethodManual,
		Status: checkout.PaymentInitiated, CreatedAt: epoch, UpdatedAt: epoch,
	}
	commit(t, s, store.Save{NewOrders: []*checkout.Order{o}, NewPayments: []checkout.Payment{p, empty}})
	o.Payments = []checkout.Payment{p, empty}
	requireOrder(t, s, o)

	fixed := []string{"ID", "OrderID", "Attempt", "Gateway", "Method", "Amount", "IdempotencyKey", "RequestHash", "CreatedAt"}
	changed := filled[checkout.Payment](t)
	keep(t, &changed, &p, fixed...)
	changed.RefundCommitted = 1
	changed.ManualCapture, changed.Closable, changed.FindByRef, changed.Unknown = false, false, false, false
	changed.Closing, changed.Superseded, changed.Extra = false, false, false
	commit(t, s, store.Save{Payments: []checkout.Payment{changed}})
	o.Payments[0] = changed
	requireOrder(t, s, o)

	emptied := checkout.Payment{Status: checkout.PaymentFailed, UpdatedAt: epoch}
	keep(t, &emptied, &p, fixed...)
	commit(t, s, store.Save{Payments: []checkout.Payment{emptied}})
	o.Payments[0] = emptied
	requireOrder(t, s, o)
}

func refundFields(t *testing.T, s store.Store) {
	o := newOrder()
	p := newPayment(o)
	r := filled[checkout.Refund](t)
	r.OrderID, r.PaymentID, r.CreatedAt = o.ID, p.ID, epoch.Add(time.Second)
	older := newRefund(p)
	commit(t, s, store.Save{
		NewOrders: []*checkout.Order{o}, NewPayments: []checkout.Payment{p}, NewRefunds: []checkout.Refund{r, older},
	})
	o.Payments = []checkout.Payment{p}
	o.Refunds = []checkout.Refund{older, r}
	requireOrder(t, s, o)

	fixed := []string{"ID", "OrderID", "PaymentID", "Amount", "Origin", "CreatedAt"}
	changed := filled[checkout.Refund](t)
	keep(t, &changed, &r, fixed...)
	changed.Restock = false
	commit(t, s, store.Save{Refunds: []checkout.Refund{changed}})
	o.Refunds[1] = changed
	requireOrder(t, s, o)

	emptied := checkout.Refund{Status: checkout.RefundFailed, UpdatedAt: epoch}
	keep(t, &emptied, &r, fixed...)
	commit(t, s, store.Save{Refunds: []checkout.Refund{emptied}})
	o.Refunds[1] = emptied
	requireOrder(t, s, o)
}

func cartFields(t *testing.T, s store.Store) {
	require := require.New(t)
	check := func(want *checkout.Cart) {
		t.Helper()
		require.Equal(want, load(t, s, saga.Keys{Carts: []checkout.ID{want.ID}}).Carts[want.ID])
		read, err := s.Cart(bounded(t), want.ID)
		require.NoError(err)
		require.Equal(want, read)
	}
	c, empty := filled[checkout.Cart](t), newCart()
	commit(t, s, store.Save{NewCarts: []*checkout.Cart{&c, empty}})
	check(&c)
	check(empty)
	changed := filled[checkout.Cart](t)
	keep(t, &changed, &c, "ID", "CreatedAt")
	commit(t, s, store.Save{Carts: []*checkout.Cart{&changed}})
	check(&changed)
}

func holdFields(t *testing.T, s store.Store) {
	require := require.New(t)
	check := func(want *checkout.Hold) {
		t.Helper()
		require.Equal(want, load(t, s, saga.Keys{Sessions: []string{want.SessionID}}).Holds[want.SessionID])
		read, err := s.Hold(bounded(t), want.SessionID)
		require.NoError(err)
		require.Equal(want, read)
	}
	hold := filled[checkout.Hold](t)
	commit(t, s, store.Save{NewHolds: []*checkout.Hold{&hold}})
	check(&hold)
	changed := filled[checkout.Hold](t)
	keep(t, &changed, &hold, "SessionID")
	commit(t, s, store.Save{Holds: []*checkout.Hold{&changed}})
	check(&changed)
	commit(t, s, store.Save{DropHolds: []string{hold.SessionID}})
	_, err := s.Hold(bounded(t), hold.SessionID)
	require.ErrorIs(err, store.ErrNotFound)
}

func customerFields(t *testing.T, s store.Store) {
	check := func(want *checkout.Customer) {
		t.Helper()
		require.Equal(t, want, load(t, s, saga.Keys{Customers: []string{want.UserID}}).Customers[want.UserID])
	}
	c := filled[checkout.Customer](t)
	commit(t, s, store.Save{NewCustomers: []*checkout.Customer{&c}})
	check(&c)
	changed := filled[checkout.Customer](t)
	keep(t, &changed, &c, "UserID")
	commit(t, s, store.Save{Customers: []*checkout.Customer{&changed}})
	check(&changed)
}

func productFields(t *testing.T, s store.Store) {
	require := require.New(t)
	check := func(want *checkout.Product) {
		t.Helper()
		require.Equal(want, load(t, s, saga.Keys{Products: []string{want.SKU}}).Products[want.SKU])
		read, err := s.Product(bounded(t), want.SKU)
		require.NoError(err)
		require.Equal(want, read)
	}
	p := filled[checkout.Product](t)
	commit(t, s, store.Save{NewProducts: []*checkout.Product{&p}})
	check(&p)
	changed := filled[checkout.Product](t)
	keep(t, &changed, &p, "SKU", "CreatedAt")
	changed.Active = false
	commit(t, s, store.Save{Products: []*checkout.Product{&changed}})
	check(&changed)
}

func levelFields(t *testing.T, s store.Store) {
	check := func(want ...checkout.Level) {
		t.Helper()
		require.Equal(t, want, load(t, s, saga.Keys{Stock: []string{"A"}}).Stock["A"])
		read, err := s.Levels(bounded(t), "A")
		require.NoError(t, err)
		require.Equal(t, want, read)
	}
	west, east, other := filled[checkout.Level](t), filled[checkout.Level](t), filled[checkout.Level](t)
	west.SKU, west.Warehouse = "A", "west"
	east.SKU, east.Warehouse = "A", "east"
	commit(t, s, store.Save{NewLevels: []checkout.Level{west, east, other}})
	check(east, west)
	changed := filled[checkout.Level](t)
	changed.SKU, changed.Warehouse = "A", "west"
	commit(t, s, store.Save{Levels: []checkout.Level{changed}})
	check(east, changed)
}

func webhookFields(t *testing.T, s store.Store) {
	require := require.New(t)
	check := func(want *checkout.WebhookRecord) {
		t.Helper()
		key := checkout.WebhookKey{Gateway: want.Event.Gateway, Key: want.Event.Key}
		require.Equal(want, load(t, s, saga.Keys{Webhooks: []checkout.WebhookKey{key}}).Webhooks[key])
		read, err := s.Webhook(bounded(t), want.ID)
		require.NoError(err)
		require.Equal(want, read)
	}
	w, empty := filled[checkout.WebhookRecord](t), newWebhook("evt_0")
	w.Event.Payment.OrderID = checkout.ID{} // it is not kept
	commit(t, s, store.Save{NewWebhooks: []*checkout.WebhookRecord{&w, empty}})
	check(&w)
	check(empty)
	changed := filled[checkout.WebhookRecord](t)
	keep(t, &changed, &w, "ID", "Event", "ReceivedAt")
	commit(t, s, store.Save{Webhooks: []*checkout.WebhookRecord{&changed}})
	check(&changed)
}

func taskFields(t *testing.T, s store.Store) {
	check := func(want checkout.Task) {
		t.Helper()
		read, err := s.Task(bounded(t), want.ID)
		require.NoError(t, err)
		require.Equal(t, want, read)
	}
	task := filled[checkout.Task](t)
	commit(t, s, store.Save{Tasks: []checkout.Task{task}})
	check(task)
	replaced := filled[checkout.Task](t)
	replaced.ID, replaced.Attention = task.ID, false
	commit(t, s, store.Save{Tasks: []checkout.Task{replaced}})
	check(replaced)
	emptied := checkout.Task{ID: task.ID, Kind: checkout.TaskAttend, DueAt: epoch, CreatedAt: epoch}
	commit(t, s, store.Save{Tasks: []checkout.Task{emptied}})
	check(emptied)
}

func answerFields(t *testing.T, s store.Store) {
	r := filled[checkout.IdempotencyRecord](t)
	empty := newAnswer("empty")
	empty.Answer.Body = nil
	commit(t, s, store.Save{Answers: []checkout.IdempotencyRecord{r, empty}})
	answers := load(t, s, saga.Keys{Answers: []checkout.KeyID{r.KeyID, empty.KeyID}}).Answers
	require.Equal(t, &r, answers[r.KeyID])
	require.Equal(t, &empty, answers[empty.KeyID])
}

func eventFields(t *testing.T, s store.Store) {
	events := filled[[2]checkout.Event](t)
	events[0].Data = map[string]any{"text": "‘ü’\"\\", "number": 1.5, "flag": true, "list": []any{"a", nil}, "map": map[string]any{"b": "c"}}
	batch := newID(epoch)
	commit(t, s, store.Save{BatchID: batch, Events: events[:]})
	entries, err := s.LogEntries(bounded(t), []checkout.ID{batch})
	require.NoError(t, err)
	require.Equal(t, []checkout.LogEntry{{BatchID: batch, Position: 1, Events: events[:]}}, entries)
}

func apiKeyFields(t *testing.T, s store.Store) {
	good, revoked := filled[checkout.APIKey](t), filled[checkout.APIKey](t)
	good.RevokedAt = time.Time{}
	require.NoError(t, s.AddAPIKey(bounded(t), good))
	require.NoError(t, s.AddAPIKey(bounded(t), revoked))
	for _, want := range []checkout.APIKey{good, revoked} {
		read, err := s.APIKeyByHash(bounded(t), want.Hash)
		require.NoError(t, err)
		require.Equal(t, want, read)
	}
	all, err := s.APIKeys(bounded(t))
	require.NoError(t, err)
	require.Equal(t, []checkout.APIKey{good, revoked}, all)
}

// rowsAreCopies checks that a store shares nothing with its callers.
func rowsAreCopies(t *testing.T, s store.Store) {
	cart := filled[checkout.Cart](t)
	commit(t, s, store.Save{NewCarts: []*checkout.Cart{&cart}})
	keys := saga.Keys{Carts: []checkout.ID{cart.ID}}
	want := load(t, s, keys).Carts[cart.ID]
	cart.Items[0].Qty++
	cart.ShippingAddress.City = "elsewhere"
	got := load(t, s, keys).Carts[cart.ID]
	require.Equal(t, want, got)
	got.Items[0].Qty++
	got.Currency = "USD"
	require.Equal(t, want, load(t, s, keys).Carts[cart.ID])
}

// timesAreCut checks that a time comes back in UTC and in microseconds.
func timesAreCut(t *testing.T, s store.Store) {
	o := newOrder()
	india := time.FixedZone("IST", 19800)
	o.HoldExpiresAt = time.Date(2026, 11, 22, 19, 30, 0, 1999, india)
	commit(t, s, store.Save{NewOrders: []*checkout.Order{o}})
	_, whole := loadOrder(t, s, o.ID)
	require.Equal(t, time.Date(2026, 11, 22, 14, 0, 0, 1000, time.UTC), whole.HoldExpiresAt)
}

// emptyLists checks that an empty list is not mistaken for a list of something.
func emptyLists(t *testing.T, s store.Store) {
	cart := newCart()
	cart.Items, cart.Coupons = []checkout.Item{}, []string{}
	commit(t, s, store.Save{NewCarts: []*checkout.Cart{cart}})
	read, err := s.Cart(bounded(t), cart.ID)
	require.NoError(t, err)
	require.Empty(t, read.Items)
	require.Empty(t, read.Coupons)
}
