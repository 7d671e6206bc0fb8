package saga_test

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"kassa/checkout"
	"kassa/money"
	"kassa/saga"
)

// world is a store in memory that trusts nobody: it loads for each command only
// what the command says it needs, and after each it checks every law.
type world struct {
	state    *saga.State // every row there is
	tasks    map[checkout.ID]checkout.Task
	runs     map[checkout.ID]checkout.Task // the latest run of what an id owes
	older    map[checkout.ID]checkout.Task // the run before it, which may still answer
	over     map[checkout.ID]checkout.ID   // the lease of the run that ended last, by what owes it
	adjusted map[checkout.StockKey]int64   // what the adjustments sum to
	waived   map[checkout.ID]bool          // what an operator has taken upon himself
	names    names
	commands uint64
	invoices int64
}

var start = time.Date(2026, time.November, 22, 10, 0, 0, 0, time.UTC)

func newWorld() *world {
	w := &world{
		state: saga.NewState(), tasks: map[checkout.ID]checkout.Task{}, runs: map[checkout.ID]checkout.Task{},
		older: map[checkout.ID]checkout.Task{}, over: map[checkout.ID]checkout.ID{}, adjusted: map[checkout.StockKey]int64{}, waived: map[checkout.ID]bool{}, names: newNames(),
	}
	w.state.Now = start
	return w
}

// outcome is what one command did.
type outcome struct {
	before  world // rows are replaced, never changed, so a shallow copy will do
	changes saga.Changes
	result  saga.Result
	refusal *checkout.Error
}

// do decides a command on exactly what it needs, keeps its changes and checks
// the laws. An error is a law that was broken; a refusal is not.
func (w *world) do(c saga.Command) (*outcome, error) {
	loaded, err := w.load(c)
	if err != nil {
		return nil, err
	}
	id := w.nextID()
	before := fingerprint(loaded)
	changes, result, err := saga.Decide(loaded, id, c)
	if fingerprint(loaded) != before {
		return nil, fmt.Errorf("%T changed the state that it was handed", c)
	}
	if err := w.sameOnEverything(c, id, changes, err); err != nil {
		return nil, err
	}
	out := &outcome{before: w.copy(), changes: changes, result: result}
	if err != nil {
		if !errors.As(err, &out.refusal) {
			return nil, fmt.Errorf("%T was refused without a code: %w", c, err)
		}
		return out, nil
	}
	if result.Existing && !changes.Empty() && len(changes.DropTasks) == 0 && result.Product == nil {
		return nil, fmt.Errorf("%T found its effect already there and yet changed something", c)
	}
	if err := w.apply(loaded, changes); err != nil {
		return nil, err
	}
	return out, w.checkLaws()
}

// nextID counts up. The low half is all ones, so that every jittered pause is the
// longest of its range.
func (w *world) nextID() checkout.ID {
	w.commands++
	var random [10]byte
	binary.BigEndian.PutUint64(random[2:], w.commands<<32|0xffffffff)
	return checkout.NewID(w.state.Now, random)
}

func (w *world) copy() world {
	c := *w
	c.state = &saga.State{
		Now: w.state.Now, Orders: maps.Clone(w.state.Orders), Carts: maps.Clone(w.state.Carts), Holds: maps.Clone(w.state.Holds),
		Customers: w.state.Customers, Products: w.state.Products, Stock: maps.Clone(w.state.Stock), Webhooks: maps.Clone(w.state.Webhooks),
	}
	c.tasks = maps.Clone(w.tasks)
	return c
}

// load does as the engine does: it asks for the needs, loads them, asks again,
// loads the rest, and then nothing may be missing.
func (w *world) load(c saga.Command) (*saga.State, error) {
	loaded := saga.NewState()
	loaded.Now = w.state.Now
	for range 2 {
		w.read(loaded, loaded.Missing(saga.Needs(loaded, c)))
	}
	if missing := loaded.Missing(saga.Needs(loaded, c)); !missing.Empty() {
		return nil, fmt.Errorf("%T still needs %+v after two loads", c, missing)
	}
	return loaded, nil
}

func (w *world) read(into *saga.State, k saga.Keys) {
	read(into.Orders, w.state.Orders, k.Orders, (*checkout.Order).Clone)
	read(into.Carts, w.state.Carts, k.Carts, (*checkout.Cart).Clone)
	read(into.Holds, w.state.Holds, k.Sessions, shallow[checkout.Hold])
	read(into.Customers, w.state.Customers, k.Customers, shallow[checkout.Customer])
	read(into.Products, w.state.Products, k.Products, shallow[checkout.Product])
	read(into.Webhooks, w.state.Webhooks, k.Webhooks, shallow[checkout.WebhookRecord])
	for _, sku := range k.Stock {
		into.Stock[sku] = slices.Clone(w.state.Stock[sku])
	}
}

// read copies rows and marks the absent ones.
func read[K comparable, V any](into, from map[K]*V, keys []K, clone func(*V) *V) {
	for _, key := range keys {
		into[key] = nil
		if row := from[key]; row != nil {
			into[key] = clone(row)
		}
	}
}

func shallow[V any](row *V) *V {
	c := *row
	return &c
}

// sameOnEverything decides again with all rows at hand: were the answer another,
// the command would need more than it says.
func (w *world) sameOnEverything(c saga.Command, id checkout.ID, changes saga.Changes, err error) error {
	again, _, err2 := saga.Decide(w.state, id, c)
	if fmt.Sprint(err) != fmt.Sprint(err2) {
		return fmt.Errorf("%T on what it needs: %w; on everything: %w", c, err, err2)
	}
	if one, two := encode(changes), encode(again); one != two {
		return fmt.Errorf("%T decides on what it needs:\n%s\nand on everything:\n%s", c, one, two)
	}
	return nil
}

// apply keeps changes as a store would. It refuses what a store could not know to
// be right: rows that were not loaded (and so not locked), ids used twice, illegal
// moves.
func (w *world) apply(loaded *saga.State, c saga.Changes) error {
	for _, o := range c.Orders {
		if err := w.applyOrder(loaded, o); err != nil {
			return err
		}
	}
	for _, cart := range c.Carts {
		if err := locked(loaded.Carts, w.state.Carts, cart.ID); err != nil {
			return err
		}
		w.state.Carts[cart.ID] = cart
		w.names.give("c", cart.ID)
	}
	if err := w.applyHolds(loaded, c); err != nil {
		return err
	}
	for _, p := range c.Products {
		w.state.Products[p.SKU] = p
	}
	for _, who := range c.Customers {
		w.state.Customers[who.UserID] = who
	}
	for _, r := range c.Webhooks {
		key := checkout.WebhookKey{Gateway: r.Event.Gateway, Key: r.Event.Key}
		if err := locked(loaded.Webhooks, w.state.Webhooks, key); err != nil {
			return err
		}
		w.state.Webhooks[key] = r
		w.names.set(r.ID, r.Event.Key)
	}
	for _, a := range c.Adjustments {
		w.adjusted[checkout.StockKey{SKU: a.SKU, Warehouse: a.Warehouse}] += a.Delta
	}
	w.applyTasks(c)
	return w.checkEvents(c)
}

// locked refuses a row that exists and was not loaded.
func locked[K comparable, V any](loaded, all map[K]*V, key K) error {
	if all[key] != nil && loaded[key] == nil {
		return fmt.Errorf("%v was changed without being loaded", key)
	}
	return nil
}

func (w *world) applyOrder(loaded *saga.State, o *checkout.Order) error {
	if err := locked(loaded.Orders, w.state.Orders, o.ID); err != nil {
		return err
	}
	old := w.state.Orders[o.ID]
	if err := legalOrder(old, o); err != nil {
		return err
	}
	w.names.give("o", o.ID)
	for i := range o.Payments {
		w.names.give("p", o.Payments[i].ID)
	}
	for i := range o.Refunds {
		w.names.give("r", o.Refunds[i].ID)
	}
	if old != nil && o.Details == nil {
		o.Details = old.Details
	}
	if o.InvoiceSeries != "" && o.InvoiceSeq == 0 {
		w.invoices++
		o.InvoiceSeq = w.invoices
	}
	w.state.Orders[o.ID] = o
	return nil
}

func (w *world) applyHolds(loaded *saga.State, c saga.Changes) error {
	for _, session := range c.DropHolds {
		if loaded.Holds[session] == nil {
			return fmt.Errorf("the hold of %s was dropped without being loaded", session)
		}
		delete(w.state.Holds, session)
	}
	for _, h := range c.Holds {
		if err := locked(loaded.Holds, w.state.Holds, h.SessionID); err != nil {
			return err
		}
		w.state.Holds[h.SessionID] = h
	}
	for _, l := range c.Levels {
		if _, ok := loaded.Stock[l.SKU]; !ok {
			return fmt.Errorf("the stock of %s was changed without being loaded", l.SKU)
		}
		w.state.Stock[l.SKU] = withLevel(w.state.Stock[l.SKU], l)
	}
	return nil
}

func withLevel(levels []checkout.Level, l checkout.Level) []checkout.Level {
	levels = slices.DeleteFunc(slices.Clone(levels), func(o checkout.Level) bool { return o.Key() == l.Key() })
	levels = append(levels, l)
	slices.SortFunc(levels, func(a, b checkout.Level) int { return a.Key().Compare(b.Key()) })
	return levels
}

func (w *world) applyTasks(c saga.Changes) {
	for _, t := range c.Tasks {
		w.tasks[t.ID] = t
		if t.Kind == checkout.TaskAttend {
			w.names.give("a", t.ID)
		}
	}
	for _, drop := range c.DropTasks {
		if drop.Lease.IsZero() || w.tasks[drop.ID].LeaseID == drop.Lease {
			delete(w.tasks, drop.ID)
		}
	}
}

// checkEvents sees to it that the events of each order are numbered 1, 2, 3 …
func (w *world) checkEvents(c saga.Changes) error {
	last := map[checkout.ID]int64{}
	for _, e := range c.Events {
		if seq := last[e.OrderID]; seq != 0 && e.Seq != seq+1 {
			return fmt.Errorf("event %d of %s follows %d", e.Seq, w.names.of(e.OrderID), seq)
		}
		last[e.OrderID] = e.Seq
	}
	for id, seq := range last {
		if o := w.state.Orders[id]; o.EventSeq != seq {
			return fmt.Errorf("%s counts %d events, and the last one is %d", w.names.of(id), o.EventSeq, seq)
		}
	}
	return nil
}

// start runs what an id owes: a runner leases the task, unless the commit that put
// it did so. A run that was still under way becomes the older one.
func (w *world) start(id checkout.ID) (checkout.Task, error) {
	t, ok := w.tasks[id]
	switch {
	case !ok:
		return t, fmt.Errorf("%s owes nothing", w.names.of(id))
	case t.Attention:
		return t, fmt.Errorf("%s waits for an operator", w.names.of(id))
	case w.dueAt(t).After(w.state.Now):
		return t, fmt.Errorf("%s is not due for another %s", w.names.of(id), w.dueAt(t).Sub(w.state.Now))
	case w.running(id):
		return t, fmt.Errorf("%s is running", w.names.of(id))
	}
	if t.LeaseID.IsZero() || w.over[id] == t.LeaseID {
		t.LeaseID, t.LeasedUntil = w.nextID(), w.state.Now.Add(checkout.TaskLease)
		w.tasks[id] = t
	}
	if run, ok := w.runs[id]; ok {
		w.older[id] = run
	}
	w.runs[id] = t
	return t, nil
}

// dueAt is when a task can be run. One whose run is over waits for its lease's end.
func (w *world) dueAt(t checkout.Task) time.Time {
	if !t.LeaseID.IsZero() && w.over[t.ID] == t.LeaseID && t.LeasedUntil.After(t.DueAt) {
		return t.LeasedUntil
	}
	return t.DueAt
}

// running tells whether what an id owes now is being run.
func (w *world) running(id checkout.ID) bool {
	t, ok := w.tasks[id]
	return ok && !t.LeaseID.IsZero() && w.runs[id] == t
}

// end takes the run that answers: the latest or the older one.
func (w *world) end(id checkout.ID, older bool) (checkout.Task, error) {
	runs := w.runs
	if older {
		runs = w.older
	}
	t, ok := runs[id]
	if !ok && !older {
		if _, err := w.start(id); err != nil {
			return t, err
		}
		t, ok = runs[id], true
	}
	if !ok {
		return t, fmt.Errorf("%s has no older run", w.names.of(id))
	}
	delete(runs, id)
	w.over[id] = t.LeaseID
	return t, nil
}

// crash kills the process, and lets the leases of its tasks run out. Another one may
// run them now, and what the first one did may still come to light.
func (w *world) crash() {
	w.state.Now = w.state.Now.Add(checkout.TaskLease)
	for id, t := range w.tasks {
		if run, ok := w.runs[id]; ok {
			w.older[id] = run
			delete(w.runs, id)
		}
		t.LeaseID, t.LeasedUntil = checkout.ID{}, time.Time{}
		w.tasks[id] = t
	}
}

// payment finds a payment and its order.
func (w *world) payment(id checkout.ID) (*checkout.Order, *checkout.Payment) {
	for _, o := range w.state.Orders {
		if p := o.Payment(id); p != nil {
			return o, p
		}
	}
	return nil, nil
}

// refund finds a refund and its order.
func (w *world) refund(id checkout.ID) (*checkout.Order, *checkout.Refund) {
	for _, o := range w.state.Orders {
		if r := o.Refund(id); r != nil {
			return o, r
		}
	}
	return nil, nil
}

// orders lists all orders by id.
func (w *world) orders() []*checkout.Order {
	return slices.SortedFunc(maps.Values(w.state.Orders), func(a, b *checkout.Order) int { return a.ID.Compare(b.ID) })
}

// webhooks lists all stored events by key.
func (w *world) webhooks() []*checkout.WebhookRecord { return byKey(w.state.Webhooks) }

func byKey(all map[checkout.WebhookKey]*checkout.WebhookRecord) []*checkout.WebhookRecord {
	return slices.SortedFunc(maps.Values(all), func(a, b *checkout.WebhookRecord) int {
		switch {
		case a == nil || b == nil:
			return 0 // one that was looked for and is not there is alone
		default:
			return strings.Compare(a.Event.Key, b.Event.Key)
		}
	})
}

func fingerprint(s *saga.State) string {
	return encode([]any{
		s.Now, s.Orders, s.Carts, s.Holds, s.Customers, s.Products, s.Stock,
		byKey(s.Webhooks),
	})
}

func encode(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // rows are plain data
	}
	return string(text)
}

func inr(minor int64) money.Money { return money.New(minor, "INR") }
