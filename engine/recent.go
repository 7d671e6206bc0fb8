package engine

import (
	"slices"

	"kassa/checkout"
	"kassa/saga"
)

// How many rows of a table are remembered for sure; up to twice as many are there.
const (
	recentOrders   = 2_000
	recentRows     = 4_000
	recentProducts = 10_000
	recentStock    = 20_000
)

// recent remembers the rows that late batches read or wrote, so that a buyer's
// next step finds them without asking the database. It is true only while the
// engine owns the rows. A key that is there with a nil row is known to be absent.
type recent struct {
	orders    generations[checkout.ID, *checkout.Order]
	carts     generations[checkout.ID, *checkout.Cart]
	holds     generations[string, *checkout.Hold]
	customers generations[string, *checkout.Customer]
	products  generations[string, *checkout.Product]
	stock     generations[string, []checkout.Level]
	answers   generations[checkout.KeyID, *checkout.IdempotencyRecord]
	webhooks  generations[checkout.WebhookKey, *checkout.WebhookRecord]
}

func newRecent() *recent {
	return &recent{
		orders:    generations[checkout.ID, *checkout.Order]{limit: recentOrders},
		carts:     generations[checkout.ID, *checkout.Cart]{limit: recentRows},
		holds:     generations[string, *checkout.Hold]{limit: recentRows},
		customers: generations[string, *checkout.Customer]{limit: recentRows},
		products:  generations[string, *checkout.Product]{limit: recentProducts},
		stock:     generations[string, []checkout.Level]{limit: recentStock},
		answers:   generations[checkout.KeyID, *checkout.IdempotencyRecord]{limit: recentRows},
		webhooks:  generations[checkout.WebhookKey, *checkout.WebhookRecord]{limit: recentOrders},
	}
}

// age lets go of what has not been asked for lately. It is called between two
// batches.
func (r *recent) age() {
	r.orders.age()
	r.carts.age()
	r.holds.age()
	r.customers.age()
	r.products.age()
	r.stock.age()
	r.answers.age()
	r.webhooks.age()
}

// fill puts into the state what is known of the keys.
func (r *recent) fill(keys *saga.Keys, state *saga.State) {
	fill(&r.orders, keys.Orders, state.Orders)
	fill(&r.carts, keys.Carts, state.Carts)
	fill(&r.holds, keys.Sessions, state.Holds)
	fill(&r.customers, keys.Customers, state.Customers)
	fill(&r.products, keys.Products, state.Products)
	fill(&r.answers, keys.Answers, state.Answers)
	fill(&r.webhooks, keys.Webhooks, state.Webhooks)
	for _, sku := range keys.Stock {
		if levels, ok := r.stock.get(sku); ok {
			state.Stock[sku] = slices.Clone(levels) // a workset changes them in place
		}
	}
}

func fill[K comparable, V any](from *generations[K, V], keys []K, into map[K]V) {
	for _, key := range keys {
		if row, ok := from.get(key); ok {
			into[key] = row
		}
	}
}

// learn remembers what was read for the keys.
func (r *recent) learn(keys *saga.Keys, state *saga.State) {
	learn(&r.orders, keys.Orders, state.Orders)
	learn(&r.carts, keys.Carts, state.Carts)
	learn(&r.holds, keys.Sessions, state.Holds)
	learn(&r.customers, keys.Customers, state.Customers)
	learn(&r.products, keys.Products, state.Products)
	learn(&r.answers, keys.Answers, state.Answers)
	learn(&r.webhooks, keys.Webhooks, state.Webhooks)
	for _, sku := range keys.Stock {
		r.stock.put(sku, slices.Clone(state.Stock[sku]))
	}
}

func learn[K comparable, V any](into *generations[K, V], keys []K, rows map[K]V) {
	for _, key := range keys {
		into.put(key, rows[key])
	}
}

// keep remembers what a batch is about to write.
func (r *recent) keep(w *workset) {
	for id, loaded := range w.orders {
		o := w.state.Orders[id]
		if loaded == nil && o.InvoiceSeries == "" { // else the commit gives this row its number
			bare := *o
			bare.Details = nil // as a row that was read
			o = &bare
		}
		r.orders.put(id, o)
	}
	keep(&r.carts, w.carts, w.state.Carts)
	keep(&r.holds, w.holds, w.state.Holds)
	keep(&r.customers, w.customers, w.state.Customers)
	keep(&r.products, w.products, w.state.Products)
	keep(&r.webhooks, w.webhooks, w.state.Webhooks)
	for key := range w.levels {
		r.stock.put(key.SKU, w.state.Stock[key.SKU])
	}
	for i := range w.answers {
		key := w.answers[i].KeyID
		r.answers.put(key, w.state.Answers[key])
	}
}

func keep[K comparable, V any](into *generations[K, *V], touched, rows map[K]*V) {
	for key := range touched {
		into.put(key, rows[key])
	}
}

// generations is a map that forgets what has not been asked for lately: a full
// young generation becomes the old one, and the old one goes.
type generations[K comparable, V any] struct {
	young, old map[K]V
	limit      int // rows of a generation that make it full
	batches    int // since the last change
}

// settled is after how many batches every row of a batch that was remembered
// before is committed: one batch may be in the air, and one behind it prepared.
const settled = 3

// age changes generations where the young one is full. Rows of batches that are
// not committed yet are never let go: the database does not have them.
func (g *generations[K, V]) age() {
	g.batches++
	if len(g.young) < g.limit || g.batches < settled {
		return
	}
	g.old, g.young, g.batches = g.young, make(map[K]V, g.limit), 0
}

func (g *generations[K, V]) get(key K) (row V, ok bool) {
	if row, ok = g.young[key]; ok {
		return row, true
	}
	if row, ok = g.old[key]; ok {
		g.put(key, row)
	}
	return row, ok
}

func (g *generations[K, V]) put(key K, row V) {
	if g.young == nil {
		g.young = map[K]V{}
	}
	g.young[key] = row
}
