package postgres

import (
	"slices"
	"time"

	"kassa/checkout"
	"kassa/saga"
	"kassa/store"
)

// taskChanges sorts what a batch says of tasks by where they stand: in the row of
// the payment that they work on, if that is written anyway, or in their table.
type taskChanges struct {
	inRow map[checkout.ID]taskChange // by payment of the batch
	other []saga.TaskDrop            // of payments that the batch does not write, if they are payments
	plain []checkout.Task            // for the table
	drops []saga.TaskDrop            // from the table
}

// taskChange is what becomes of the task in a payment's row: another takes its
// place, or one with this lease ends, or any.
type taskChange struct {
	put   *checkout.Task
	lease checkout.ID
}

func sortTasks(save *store.Save) *taskChanges {
	c := &taskChanges{inRow: map[checkout.ID]taskChange{}}
	if len(save.Tasks)+len(save.DropTasks) == 0 {
		return c
	}
	created, changed := byID(save.NewPayments), byID(save.Payments)
	for i := range save.Tasks {
		t := &save.Tasks[i]
		p, isNew := created[t.ID], true
		if p == nil {
			p, isNew = changed[t.ID], false
		}
		c.put(t, p, isNew)
	}
	for _, d := range save.DropTasks {
		c.drops = append(c.drops, d)
		c.end(d, changed[d.ID])
	}
	slices.SortFunc(c.drops, func(a, b saga.TaskDrop) int { return a.ID.Compare(b.ID) })
	return c
}

func byID(payments []checkout.Payment) map[checkout.ID]*checkout.Payment {
	out := make(map[checkout.ID]*checkout.Payment, len(payments))
	for i := range payments {
		out[payments[i].ID] = &payments[i]
	}
	return out
}

// put places a task. To delete what it replaces and insert it logs less than an
// insert that minds conflicts.
func (c *taskChanges) put(t *checkout.Task, p *checkout.Payment, isNew bool) {
	ended := saga.TaskDrop{ID: t.ID}
	if !isNew || p == nil {
		c.drops = append(c.drops, ended)
	}
	if p != nil && fits(t, p) {
		c.inRow[t.ID] = taskChange{put: t}
		return
	}
	c.plain = append(c.plain, *t)
	if !isNew || p == nil {
		c.end(ended, p)
	}
}

// fits tells whether a payment's row has room for all that is to be said of a task. A
// reminder's time is a whole second, so that a task which another process is to begin
// at once stands in the table.
func fits(t *checkout.Task, p *checkout.Payment) bool {
	awaited := !t.LeaseID.IsZero() || t.DueAt.After(t.CreatedAt)
	return awaited && t.OrderID == p.OrderID && t.CreatedAt.Equal(p.CreatedAt) && t.Attempts == 0 && !t.Attention && t.LastError == ""
}

// end ends the task in the row of a payment, which is nil where it is not written.
func (c *taskChanges) end(d saga.TaskDrop, p *checkout.Payment) {
	if p == nil {
		c.other = append(c.other, d)
		return
	}
	c.inRow[d.ID] = taskChange{lease: d.Lease}
}

// queueTasks queues what is said of tasks beside the payments' rows.
func queueTasks(f *saver, save *store.Save) {
	queueKeys(f, "end_payment_tasks", f.tasks.other, dropColumns)
	queueKeys(f, "delete_tasks", f.tasks.drops, dropColumns)
	queue(f, "insert_tasks", "tasks", f.tasks.plain, writeTask)
	queue(f, "insert_reminders", "task_reminders", f.tasks.reminders(save.BatchID), writeReminder)
}

func dropColumns(rows []saga.TaskDrop) [][]byte {
	return [][]byte{
		uuids(rows, func(d saga.TaskDrop) checkout.ID { return d.ID }).data,
		uuids(rows, func(d saga.TaskDrop) checkout.ID { return d.Lease }).data,
	}
}

func writeTask(r *record, t checkout.Task) {
	r.id(t.ID)
	r.id(t.OrderID)
	r.time(t.DueAt)
	r.time(t.CreatedAt)
	r.int(int64(t.Attempts))
	r.text(string(t.Kind))
	r.bool(t.Attention)
	r.id(t.LeaseID)
	r.time(t.LeasedUntil)
	r.optional(t.LastError)
}

// write writes the columns of a payment's task but its kind: see update_payments
// for what they say. said tells whether there is anything to say, created when the
// payment was made.
func (c taskChange) write(r *record, said bool, created time.Time) {
	switch {
	case c.put != nil:
		r.timeUnless(c.put.DueAt, created)
		r.time(c.put.LeasedUntil)
		r.id(c.put.LeaseID)
	case said:
		r.nulls(2)
		r.raw(c.lease[:]) // the zero one too
	default:
		r.nulls(3)
	}
}

func (c taskChange) writeKind(r *record) {
	if c.put == nil {
		r.null()
		return
	}
	r.text(string(c.put.Kind))
}

// reminder names payments whose tasks have a lease or a pause that ends at a time.
type reminder struct {
	at       time.Time
	batch    checkout.ID
	payments []checkout.ID
}

// reminders gathers them by whole seconds.
func (c *taskChanges) reminders(batch checkout.ID) []reminder {
	bySecond := map[int64][]checkout.ID{}
	for id, change := range c.inRow {
		if t := change.put; t != nil {
			second := secondAfter(later(t.DueAt, t.LeasedUntil))
			bySecond[second] = append(bySecond[second], id)
		}
	}
	var out []reminder
	for second, payments := range bySecond {
		slices.SortFunc(payments, checkout.ID.Compare)
		out = append(out, reminder{time.Unix(second, 0), batch, payments})
	}
	return out
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// secondAfter is the first whole second that is not before a time.
func secondAfter(at time.Time) int64 {
	return at.Add(time.Second - 1).Unix()
}

func writeReminder(r *record, m reminder) {
	r.time(m.at)
	r.id(m.batch)
	r.raw(uuids(m.payments, self).data)
}
