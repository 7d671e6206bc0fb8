package memory

import (
	"maps"

	"kassa/checkout"
)

// tables are the rows. A stored row is never changed in place, so that a copy
// of the maps is a snapshot.
type tables struct {
	orders   map[checkout.ID]*checkout.Order
	payments map[checkout.ID]checkout.Payment
	refunds  map[checkout.ID]checkout.Refund
	// What follows a table are its indexes; the unique ones refuse doubles.
	paymentsOf map[checkout.ID][]checkout.ID // by order
	refundsOf  map[checkout.ID][]checkout.ID // by order
	liveOrder  map[checkout.ID]checkout.ID   // by cart, unique
	invoice    map[invoiceKey]checkout.ID    // unique
	charge     map[chargeKey]checkout.ID     // unique
	attempt    map[attemptKey]checkout.ID    // unique

	carts     map[checkout.ID]*checkout.Cart
	holds     map[string]*checkout.Hold
	customers map[string]*checkout.Customer
	products  map[string]*checkout.Product

	levels      map[checkout.StockKey]checkout.Level
	levelsOf    map[string][]string // warehouses by SKU, sorted
	adjustments map[checkout.ID]checkout.Adjustment

	webhooks   map[checkout.ID]*checkout.WebhookRecord
	webhookKey map[checkout.WebhookKey]checkout.ID // unique

	tasks    map[checkout.ID]checkout.Task
	answers  map[checkout.KeyID]checkout.IdempotencyRecord
	log      map[checkout.ID]logRow
	counters map[string]int64
	apiKeys  map[checkout.ID]checkout.APIKey
	secrets  map[string][]byte
	owner    checkout.ID // whose commits succeed; zero: everybody's

	undo []func()
}

type (
	invoiceKey struct {
		series string
		seq    int64
	}
	chargeKey  struct{ gateway, charge string }
	attemptKey struct {
		order checkout.ID
		key   string
	}
)

// logRow is a row of the event log. Its events are kept as JSON, as a database
// keeps them, so that the types in an event's data come back the same.
type logRow struct {
	position int64
	events   []byte
	fenced   bool // no batch: it keeps the batch of this id from committing
}

func newTables() *tables {
	return &tables{
		orders:      map[checkout.ID]*checkout.Order{},
		payments:    map[checkout.ID]checkout.Payment{},
		refunds:     map[checkout.ID]checkout.Refund{},
		paymentsOf:  map[checkout.ID][]checkout.ID{},
		refundsOf:   map[checkout.ID][]checkout.ID{},
		liveOrder:   map[checkout.ID]checkout.ID{},
		invoice:     map[invoiceKey]checkout.ID{},
		charge:      map[chargeKey]checkout.ID{},
		attempt:     map[attemptKey]checkout.ID{},
		carts:       map[checkout.ID]*checkout.Cart{},
		holds:       map[string]*checkout.Hold{},
		customers:   map[string]*checkout.Customer{},
		products:    map[string]*checkout.Product{},
		levels:      map[checkout.StockKey]checkout.Level{},
		levelsOf:    map[string][]string{},
		adjustments: map[checkout.ID]checkout.Adjustment{},
		webhooks:    map[checkout.ID]*checkout.WebhookRecord{},
		webhookKey:  map[checkout.WebhookKey]checkout.ID{},
		tasks:       map[checkout.ID]checkout.Task{},
		answers:     map[checkout.KeyID]checkout.IdempotencyRecord{},
		log:         map[checkout.ID]logRow{},
		counters:    map[string]int64{},
		apiKeys:     map[checkout.ID]checkout.APIKey{},
		secrets:     map[string][]byte{},
	}
}

// snapshot copies what the audit walks.
func (t *tables) snapshot() *tables {
	c := *t
	c.orders = maps.Clone(t.orders)
	c.payments = maps.Clone(t.payments)
	c.refunds = maps.Clone(t.refunds)
	c.paymentsOf = maps.Clone(t.paymentsOf)
	c.refundsOf = maps.Clone(t.refundsOf)
	c.carts = maps.Clone(t.carts)
	c.holds = maps.Clone(t.holds)
	c.levels = maps.Clone(t.levels)
	c.adjustments = maps.Clone(t.adjustments)
	c.webhooks = maps.Clone(t.webhooks)
	c.tasks = maps.Clone(t.tasks)
	c.log = maps.Clone(t.log)
	c.counters = maps.Clone(t.counters)
	return &c
}

// put writes a row and remembers how to take it back.
func put[K comparable, V any](t *tables, rows map[K]V, key K, row V) {
	t.remember(restore(rows, key))
	rows[key] = row
}

// drop removes a row and remembers how to take that back.
func drop[K comparable, V any](t *tables, rows map[K]V, key K) {
	t.remember(restore(rows, key))
	delete(rows, key)
}

func restore[K comparable, V any](rows map[K]V, key K) func() {
	old, found := rows[key]
	return func() {
		if found {
			rows[key] = old
		} else {
			delete(rows, key)
		}
	}
}

func (t *tables) remember(undo func()) { t.undo = append(t.undo, undo) }

func (t *tables) takeBack() {
	for i := len(t.undo) - 1; i >= 0; i-- {
		t.undo[i]()
	}
}
