package engine

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"kassa/checkout"
	"kassa/saga"
	"kassa/store"
)

// workset is the state of one batch with a memory of how its rows were loaded, so
// that what is new is inserted and what has changed is updated.
type workset struct {
	state *saga.State

	orders    map[checkout.ID]*checkout.Order // as loaded; nil: not there
	carts     map[checkout.ID]*checkout.Cart
	holds     map[string]*checkout.Hold
	customers map[string]*checkout.Customer
	products  map[string]*checkout.Product
	webhooks  map[checkout.WebhookKey]*checkout.WebhookRecord
	levels    map[checkout.StockKey]bool // touched; true: it was there
	rose      bool                       // units were put back on sale

	tasks       map[checkout.ID]checkout.Task
	drops       map[checkout.ID]saga.TaskDrop
	adjustments []checkout.Adjustment
	answers     []checkout.IdempotencyRecord
	events      []checkout.Event
}

func newWorkset() *workset {
	return &workset{
		state:     saga.NewState(),
		orders:    map[checkout.ID]*checkout.Order{},
		carts:     map[checkout.ID]*checkout.Cart{},
		holds:     map[string]*checkout.Hold{},
		customers: map[string]*checkout.Customer{},
		products:  map[string]*checkout.Product{},
		webhooks:  map[checkout.WebhookKey]*checkout.WebhookRecord{},
		levels:    map[checkout.StockKey]bool{},
		tasks:     map[checkout.ID]checkout.Task{},
		drops:     map[checkout.ID]saga.TaskDrop{},
	}
}

// renew empties the workset for the next batch. Its maps keep their room, which a
// fresh one would have to grow into again; what a save was given stays as it is.
func (w *workset) renew() {
	clear(w.state.Orders)
	clear(w.state.Carts)
	clear(w.state.Holds)
	clear(w.state.Customers)
	clear(w.state.Products)
	clear(w.state.Stock)
	clear(w.state.Answers)
	clear(w.state.Webhooks)
	clear(w.orders)
	clear(w.carts)
	clear(w.holds)
	clear(w.customers)
	clear(w.products)
	clear(w.webhooks)
	clear(w.levels)
	clear(w.tasks)
	clear(w.drops)
	w.adjustments, w.answers, w.events, w.rose = nil, nil, nil, false
}

// replace puts a row into the state and remembers what was loaded in its place.
func replace[K comparable, V any](loaded, state map[K]*V, key K, row *V) {
	if _, touched := loaded[key]; !touched {
		loaded[key] = state[key]
	}
	state[key] = row
}

// apply makes a decided command's changes visible to its neighbours.
func (w *workset) apply(c saga.Changes) {
	s := w.state
	for _, o := range c.Orders {
		replace(w.orders, s.Orders, o.ID, o)
	}
	for _, cart := range c.Carts {
		replace(w.carts, s.Carts, cart.ID, cart)
	}
	for _, session := range c.DropHolds {
		replace(w.holds, s.Holds, session, nil)
	}
	for _, h := range c.Holds {
		replace(w.holds, s.Holds, h.SessionID, h)
	}
	for _, who := range c.Customers {
		replace(w.customers, s.Customers, who.UserID, who)
	}
	for _, p := range c.Products {
		replace(w.products, s.Products, p.SKU, p)
	}
	for _, r := range c.Webhooks {
		replace(w.webhooks, s.Webhooks, checkout.WebhookKey{Gateway: r.Event.Gateway, Key: r.Event.Key}, r)
	}
	for _, l := range c.Levels {
		w.setLevel(l)
	}
	for _, t := range c.Tasks {
		w.tasks[t.ID] = t
		delete(w.drops, t.ID)
	}
	for _, d := range c.DropTasks {
		w.drop(d)
	}
	w.adjustments = append(w.adjustments, c.Adjustments...)
	w.events = append(w.events, c.Events...)
}

// drop ends a task. A task that was put by another command of this batch is only
// ended by a drop without a lease: the lease was of the run before.
func (w *workset) drop(d saga.TaskDrop) {
	if _, put := w.tasks[d.ID]; put && !d.Lease.IsZero() {
		return
	}
	delete(w.tasks, d.ID)
	w.drops[d.ID] = d
}

func (w *workset) setLevel(l checkout.Level) {
	levels := w.state.Stock[l.SKU]
	i, found := slices.BinarySearchFunc(levels, l, func(a, b checkout.Level) int { return a.Key().Compare(b.Key()) })
	if _, touched := w.levels[l.Key()]; !touched {
		w.levels[l.Key()] = found
	}
	w.rose = w.rose || !found || l.Available > levels[i].Available
	if found {
		levels[i] = l
		return
	}
	w.state.Stock[l.SKU] = slices.Insert(levels, i, l)
}

// replay answers a call whose idempotency key is known.
func replay(s *saga.State, key *Key) (reply Reply, done bool, err error) {
	if key == nil {
		return Reply{}, false, nil
	}
	kept := s.Answers[key.KeyID]
	if kept == nil {
		return Reply{}, false, nil
	}
	if kept.RequestHash != key.RequestHash {
		return Reply{}, true, checkout.Refuse(checkout.CodeKeyReused, "this Idempotency-Key was used with another request; use a new one")
	}
	return Reply{Answer: &kept.Answer, Replayed: true}, true, nil
}

// keep remembers an answer for its key. An answer that says "not yet" is not
// kept, so that a repeat learns how it ended.
func (w *workset) keep(key *Key, answer checkout.Answer) {
	if !kept(answer) {
		return
	}
	if !answer.Order.IsZero() {
		answer.Body = nil // written anew from the order
	}
	record := checkout.IdempotencyRecord{KeyID: key.KeyID, RequestHash: key.RequestHash, Answer: answer, CreatedAt: w.state.Now}
	w.state.Answers[key.KeyID] = &record
	w.answers = append(w.answers, record)
}

func kept(answer checkout.Answer) bool { return answer.Status != http.StatusAccepted }

// save gathers everything that the batch writes, each table sorted by its key;
// nil where nothing changed.
func (w *workset) save(batch checkout.ID) *store.Save {
	save := &store.Save{BatchID: batch, Now: w.state.Now}
	w.saveOrders(save)
	save.NewCarts, save.Carts = split(w.carts, w.state.Carts, checkout.ID.Compare)
	save.NewCustomers, save.Customers = split(w.customers, w.state.Customers, strings.Compare)
	save.NewProducts, save.Products = split(w.products, w.state.Products, strings.Compare)
	save.NewWebhooks, save.Webhooks = split(w.webhooks, w.state.Webhooks, compareWebhooks)
	w.saveHolds(save)
	w.saveLevels(save)
	save.Tasks = sorted(w.tasks, checkout.ID.Compare)
	save.DropTasks = sorted(w.drops, checkout.ID.Compare)
	save.Adjustments = w.adjustments
	save.Answers = w.answers
	slices.SortFunc(save.Answers, func(a, b checkout.IdempotencyRecord) int { return compareKeys(a.KeyID, b.KeyID) })
	save.Events = w.events
	if w.unchanged(save) {
		return nil
	}
	return save
}

func (w *workset) unchanged(s *store.Save) bool {
	return len(w.orders)+len(w.carts)+len(w.customers)+len(w.products)+len(w.webhooks)+len(w.levels)+
		len(s.NewHolds)+len(s.Holds)+len(s.DropHolds)+len(s.Tasks)+len(s.DropTasks)+len(s.Answers)+len(s.Adjustments) == 0
}

// sameRow tells whether an order's own row is as it was loaded, though a payment or
// refund may have changed. When it was updated does not count.
func sameRow(a, b *checkout.Order) bool {
	return a != nil && a.EventSeq == b.EventSeq && sameSale(a, b) && sameState(a, b) && sameHold(a, b) && slices.Equal(a.Log, b.Log)
}

func sameSale(a, b *checkout.Order) bool {
	return a.ID == b.ID && a.CartID == b.CartID && a.UserID == b.UserID && a.Total == b.Total &&
		a.CreatedAt.Equal(b.CreatedAt) && a.ConfirmedAt.Equal(b.ConfirmedAt) &&
		a.InvoiceSeries == b.InvoiceSeries && a.InvoiceSeq == b.InvoiceSeq
}

func sameState(a, b *checkout.Order) bool {
	return a.Status == b.Status && a.SecuredBy == b.SecuredBy && a.Superseded == b.Superseded &&
		a.ClosingSince.Equal(b.ClosingSince) && a.Restocked == b.Restocked && a.CancelReason == b.CancelReason
}

func sameHold(a, b *checkout.Order) bool {
	return a.HoldStatus == b.HoldStatus && a.HoldExpiresAt.Equal(b.HoldExpiresAt) && a.HoldExtended == b.HoldExtended &&
		slices.Equal(a.Allocations, b.Allocations)
}

// split tells new rows from changed ones.
func split[K comparable, V any](loaded, state map[K]*V, compare func(a, b K) int) (created, changed []*V) {
	for _, key := range slices.SortedFunc(maps.Keys(loaded), compare) {
		if loaded[key] == nil {
			created = append(created, state[key])
		} else {
			changed = append(changed, state[key])
		}
	}
	return created, changed
}

func sorted[K comparable, V any](rows map[K]V, compare func(a, b K) int) []V {
	out := make([]V, 0, len(rows))
	for _, key := range slices.SortedFunc(maps.Keys(rows), compare) {
		out = append(out, rows[key])
	}
	return out
}

func (w *workset) saveOrders(save *store.Save) {
	save.NewOrders, save.Orders = split(w.orders, w.state.Orders, checkout.ID.Compare)
	// Most orders that are there have one payment, made or changed.
	save.Payments = make([]checkout.Payment, 0, len(save.Orders))
	save.NewPayments = make([]checkout.Payment, 0, len(save.Orders))
	logged := make(map[checkout.ID]bool, len(w.orders))
	for i := range w.events {
		logged[w.events[i].OrderID] = true
	}
	for _, list := range [][]*checkout.Order{save.NewOrders, save.Orders} {
		for _, o := range list {
			if logged[o.ID] {
				o.Log = append(o.Log, save.BatchID)
			}
			if o.InvoiceSeries != "" && o.InvoiceSeq == 0 {
				save.Invoices = append(save.Invoices, o)
			}
			w.saveChildren(save, w.orders[o.ID], o)
		}
	}
	save.Orders = slices.DeleteFunc(save.Orders, func(o *checkout.Order) bool { return sameRow(w.orders[o.ID], o) })
}

func (w *workset) saveChildren(save *store.Save, before, after *checkout.Order) {
	if before == nil {
		before = &checkout.Order{}
	}
	for _, p := range after.Payments {
		switch old := before.Payment(p.ID); {
		case old == nil:
			save.NewPayments = append(save.NewPayments, p)
		case *old != p:
			save.Payments = append(save.Payments, p)
		}
	}
	for _, r := range after.Refunds {
		switch old := before.Refund(r.ID); {
		case old == nil:
			save.NewRefunds = append(save.NewRefunds, r)
		case *old != r:
			save.Refunds = append(save.Refunds, r)
		}
	}
}

func (w *workset) saveHolds(save *store.Save) {
	for _, session := range slices.Sorted(maps.Keys(w.holds)) {
		before, after := w.holds[session], w.state.Holds[session]
		switch {
		case before == nil && after != nil:
			save.NewHolds = append(save.NewHolds, after)
		case before != nil && after != nil:
			save.Holds = append(save.Holds, after)
		case before != nil:
			save.DropHolds = append(save.DropHolds, session)
		}
	}
}

func (w *workset) saveLevels(save *store.Save) {
	for _, key := range slices.SortedFunc(maps.Keys(w.levels), checkout.StockKey.Compare) {
		levels := w.state.Stock[key.SKU]
		i := slices.IndexFunc(levels, func(l checkout.Level) bool { return l.Warehouse == key.Warehouse })
		if w.levels[key] {
			save.Levels = append(save.Levels, levels[i])
		} else {
			save.NewLevels = append(save.NewLevels, levels[i])
		}
	}
}

// final keeps of a reply what still holds at the end of the batch: a task that a
// neighbour ended or replaced is not run.
func (w *workset) final(r *Reply) {
	r.run = slices.DeleteFunc(slices.Clone(r.run), func(t checkout.Task) bool {
		last, put := w.tasks[t.ID]
		return !put || last != t || t.LeaseID.IsZero()
	})
	for i, o := range r.touched {
		r.touched[i] = w.state.Orders[o.ID]
	}
}

func compareKeys(a, b checkout.KeyID) int {
	if c := strings.Compare(a.Scope, b.Scope); c != 0 {
		return c
	}
	return strings.Compare(a.Key, b.Key)
}

func compareWebhooks(a, b checkout.WebhookKey) int {
	if c := strings.Compare(a.Gateway, b.Gateway); c != 0 {
		return c
	}
	return strings.Compare(a.Key, b.Key)
}
