package saga

import (
	"slices"
	"time"

	"kassa/checkout"
	"kassa/inventory"
)

// draft gathers what one command changes. Rows are cloned on their first write,
// so that the state stays as it was.
type draft struct {
	state   *State
	id      checkout.ID
	ids     int
	kept    checkout.ID // a task that stays as it is though its run has ended
	changes Changes
}

func (d *draft) now() time.Time { return d.state.Now }

func (d *draft) newID() checkout.ID {
	d.ids++
	return d.id.Child(d.ids)
}

// order returns the order for writing, or nil where there is none.
func (d *draft) order(id checkout.ID) *checkout.Order {
	for _, o := range d.changes.Orders {
		if o.ID == id {
			return o
		}
	}
	loaded := d.state.Orders[id]
	if loaded == nil {
		return nil
	}
	o := loaded.Clone()
	o.UpdatedAt = d.now()
	d.changes.Orders = append(d.changes.Orders, o)
	return o
}

// levels returns the levels of a SKU as they are now, for reading.
func (d *draft) levels(sku string) []checkout.Level {
	loaded := d.state.Stock[sku]
	if len(d.changes.Levels) == 0 {
		return loaded
	}
	now := slices.Clone(loaded)
	for _, changed := range d.changes.Levels {
		if changed.SKU == sku {
			now = withLevel(now, changed)
		}
	}
	return now
}

// withLevel puts a level in its place in a list that is sorted by warehouse.
func withLevel(levels []checkout.Level, l checkout.Level) []checkout.Level {
	i, found := slices.BinarySearchFunc(levels, l, func(a, b checkout.Level) int { return a.Key().Compare(b.Key()) })
	if found {
		levels[i] = l
		return levels
	}
	return slices.Insert(levels, i, l)
}

func (d *draft) findLevel(key checkout.StockKey) int {
	return slices.IndexFunc(d.changes.Levels, func(l checkout.Level) bool { return l.Key() == key })
}

// move changes one level by a function of package inventory.
func (d *draft) move(a checkout.Allocation, by func(checkout.Level, int64) (checkout.Level, error)) error {
	level := checkout.Level{SKU: a.SKU, Warehouse: a.Warehouse}
	for _, l := range d.levels(a.SKU) {
		if l.Warehouse == a.Warehouse {
			level = l
		}
	}
	after, err := by(level, a.Qty)
	if err != nil {
		return err
	}
	d.setLevel(after)
	return nil
}

func (d *draft) setLevel(l checkout.Level) {
	if i := d.findLevel(l.Key()); i >= 0 {
		d.changes.Levels[i] = l
		return
	}
	d.changes.Levels = append(d.changes.Levels, l)
}

// moveAll moves every allocation or none.
func (d *draft) moveAll(all []checkout.Allocation, by func(checkout.Level, int64) (checkout.Level, error)) error {
	if len(all) == 1 { // the usual case: what fails has changed nothing
		return d.move(all[0], by)
	}
	before := slices.Clone(d.changes.Levels)
	for _, a := range all {
		if err := d.move(a, by); err != nil {
			d.changes.Levels = before
			return err
		}
	}
	return nil
}

// hold allocates and holds items, sorted and each SKU once, or refuses with all
// that is short and changes nothing.
func (d *draft) hold(items []checkout.Item) ([]checkout.Allocation, error) {
	var short []checkout.Shortage
	var all []checkout.Allocation
	for _, item := range items {
		levels := d.levels(item.SKU)
		parts, ok := inventory.Allocate(levels, item.Qty)
		if !ok {
			short = append(short, checkout.Shortage{SKU: item.SKU, Requested: item.Qty, Available: inventory.Available(levels)})
			continue
		}
		all = append(all, parts...)
	}
	if len(short) > 0 {
		return nil, checkout.OutOfStock(short)
	}
	return all, d.moveAll(all, inventory.Hold)
}

// event records a fact about an order.
func (d *draft) event(o *checkout.Order, kind string, data map[string]any) {
	o.EventSeq++
	d.changes.Events = append(d.changes.Events, checkout.Event{
		OrderID: o.ID, Seq: o.EventSeq, Type: kind, At: d.now(), Data: data,
	})
}

// runNow owes a task at once: it is leased to the process that commits it, which
// runs it without waiting for any poll. Of a process that does not run such tasks the
// engine takes the lease off again.
func (d *draft) runNow(t checkout.Task) {
	t.DueAt = d.now()
	t.LeaseID = d.id
	t.LeasedUntil = d.now().Add(checkout.TaskLease)
	d.putTask(t)
}

// runLater owes a task at a time.
func (d *draft) runLater(t checkout.Task, at time.Time) {
	t.DueAt = at
	t.LeaseID, t.LeasedUntil = checkout.ID{}, time.Time{}
	d.putTask(t)
}

func (d *draft) putTask(t checkout.Task) {
	if t.CreatedAt.IsZero() {
		t.CreatedAt = d.now()
	}
	d.forget(t.ID)
	d.changes.Tasks = append(d.changes.Tasks, t)
}

// dropTask ends whatever the id owes.
func (d *draft) dropTask(id checkout.ID) {
	d.forget(id)
	d.changes.DropTasks = append(d.changes.DropTasks, TaskDrop{ID: id})
}

// finishTask ends a task that was run under a lease.
func (d *draft) finishTask(run *TaskRun) {
	if run == nil || d.settled(run.Task.ID) {
		return
	}
	d.changes.DropTasks = append(d.changes.DropTasks, TaskDrop{ID: run.Task.ID, Lease: run.Task.LeaseID})
}

// settled tells whether the command has already said what becomes of a task.
func (d *draft) settled(id checkout.ID) bool {
	return d.kept == id || slices.ContainsFunc(d.changes.Tasks, func(t checkout.Task) bool { return t.ID == id }) ||
		slices.ContainsFunc(d.changes.DropTasks, func(t TaskDrop) bool { return t.ID == id })
}

func (d *draft) forget(id checkout.ID) {
	d.changes.Tasks = slices.DeleteFunc(d.changes.Tasks, func(t checkout.Task) bool { return t.ID == id })
	d.changes.DropTasks = slices.DeleteFunc(d.changes.DropTasks, func(t TaskDrop) bool { return t.ID == id })
}

// attend makes an attention item that no task stands behind.
func (d *draft) attend(order checkout.ID, why string) {
	d.putTask(checkout.Task{
		ID: d.newID(), Kind: checkout.TaskAttend, OrderID: order, DueAt: d.now(), Attention: true, LastError: why,
	})
}
