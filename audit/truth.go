package audit

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"kassa/checkout"
	"kassa/store"
)

// maxSuspects bounds the orders whose log is looked at closely, and maxGroups the
// groups of orders.
const (
	maxSuspects = 10_000
	maxGroups   = 64
)

// judgeTrail judges an order by the batches that it names, and remembers which they
// are for the comparison with all that the log has.
func (a *auditor) judgeTrail(o *checkout.Order, t trail) {
	a.findings[truthOrder].Checked++
	a.findings[truthBatches].Checked++
	for _, batch := range o.Log[:t.opened] {
		a.log.count(pair{o.ID, batch}, minus)
	}
	switch {
	case !t.wrong:
	case len(a.log.suspects) < maxSuspects:
		a.log.suspects[o.ID] = true
	default:
		a.broken(truthBatches, o.ID.String(), "its events are not in the batches that it names")
	}
}

// checkLog walks the log from its beginning to that of the audit, and looks closely
// at the orders that it does not bear out. Batches that orders have named were read
// with them; the others are read here.
func (a *auditor) checkLog(ctx context.Context) error {
	var last int64
	batches := list[int64, checkout.LogEntry]{
		page: store.Snapshot.Batches, key: func(e checkout.LogEntry) int64 { return e.Position },
		compare: cmp.Compare[int64], last: a.opening.position, chunk: a.options.chunk,
	}
	look := func(ctx context.Context, rows store.Snapshot, batches []checkout.LogEntry) (*view, error) {
		var unread []checkout.ID
		for _, b := range batches {
			if b.Position <= a.opening.position && !a.log.seen.has(b.Position) {
				unread = append(unread, b.BatchID)
			}
		}
		return nil, a.log.read(ctx, rows, unread, func(checkout.ID, *entry) {})
	}
	err := walk(ctx, a, batches, look, func(_ *view, batches []checkout.LogEntry) error {
		for _, b := range batches {
			if b.Position <= a.opening.position {
				a.judge(truthPosition, b.BatchID, follows(b.Position, last))
				last = b.Position
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if last = max(last, a.opening.beyond); last != a.opening.position {
		a.broken(truthPosition, eventCounter, fmt.Sprintf("the log ends at position %d, and its counter stands at %d", last, a.opening.position))
	}
	return a.examine(ctx)
}

func follows(position, last int64) string {
	if position == last+1 {
		return ""
	}
	return fmt.Sprintf("position %d comes after %d", position, last)
}

// walkLog visits the batches up to a position.
func (a *auditor) walkLog(ctx context.Context, to int64, visit func(*checkout.LogEntry)) error {
	var after int64
	for after < to {
		var page []checkout.LogEntry
		err := a.within(ctx, func(rows store.Snapshot) (err error) {
			page, err = rows.Log(ctx, after, a.log.page)
			return err
		})
		if err != nil {
			return err
		}
		for i := range page {
			if page[i].Position <= to {
				visit(&page[i])
			}
		}
		if len(page) == 0 {
			break
		}
		after = page[len(page)-1].Position
		a.log.resize(page)
	}
	return ctx.Err()
}

// examination looks closely at a few orders: at all that the log has of them.
type examination struct {
	*auditor
	groups   map[int]bool
	marks    map[checkout.ID]*story
	position int64 // up to which the log was read
}

// story is what the log tells of one order.
type story struct {
	seq     int64 // number of its last event
	batches []checkout.ID
	wrong   string // the first event out of order
}

// examine judges the orders that do not name the batches that the log has of them:
// those that were seen not to, and those of groups whose sums differ.
func (a *auditor) examine(ctx context.Context) error {
	x := &examination{auditor: a, groups: map[int]bool{}, marks: map[checkout.ID]*story{}}
	more := int64(0)
	for group, sum := range a.log.sums {
		switch {
		case sum == 0:
		case len(x.groups) < maxGroups:
			x.groups[group] = true
		default:
			more++
		}
	}
	a.findings[truthBatches].Broken += more // at least one order of each
	if len(x.groups) == 0 && len(a.log.suspects) == 0 {
		return nil
	}
	err := a.walkLog(ctx, a.opening.position, x.read)
	if err != nil {
		return err
	}
	ids := maps.Clone(a.log.suspects)
	for id := range x.marks {
		ids[id] = true
	}
	for chunk := range slices.Chunk(slices.SortedFunc(maps.Keys(ids), checkout.ID.Compare), a.options.chunk) {
		if err := a.within(ctx, func(rows store.Snapshot) error { return x.judgeOrders(ctx, rows, chunk) }); err != nil {
			return err
		}
	}
	return nil
}

// read follows the orders that are examined through a batch.
func (x *examination) read(entry *checkout.LogEntry) {
	x.position = entry.Position
	for i := range entry.Events {
		e := &entry.Events[i]
		if x.log.suspects[e.OrderID] || x.groups[x.log.group(e.OrderID)] {
			x.follow(entry, e)
		}
	}
}

func (x *examination) follow(entry *checkout.LogEntry, e *checkout.Event) {
	s := x.marks[e.OrderID]
	if s == nil {
		s = &story{}
		x.marks[e.OrderID] = s
	}
	if e.Seq != s.seq+1 && s.wrong == "" {
		s.wrong = fmt.Sprintf("at position %d event %d comes after event %d", entry.Position, e.Seq, s.seq)
	}
	s.seq = e.Seq
	if n := len(s.batches); n == 0 || s.batches[n-1] != entry.BatchID {
		s.batches = append(s.batches, entry.BatchID)
	}
}

// judgeOrders reads what the log has got since and the orders in one snapshot, so
// that both tell of the same moment.
func (x *examination) judgeOrders(ctx context.Context, rows store.Snapshot, ids []checkout.ID) error {
	for {
		page, err := rows.Log(ctx, x.position, x.log.page)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			break
		}
		for i := range page {
			x.read(&page[i])
		}
	}
	found, err := rows.Find(ctx, store.FindKeys{Orders: ids})
	if err != nil {
		return err
	}
	there := map[checkout.ID]bool{}
	for _, o := range found.Orders {
		there[o.ID] = true
		x.judgeStory(o, x.marks[o.ID])
	}
	for _, id := range ids {
		if !there[id] {
			x.broken(truthOrder, id.String(), "the log has events of an order that is not there")
		}
	}
	return nil
}

func (x *examination) judgeStory(o *checkout.Order, s *story) {
	why := ""
	switch {
	case s == nil:
		why = "the log has no event of it"
	case s.wrong != "":
		why = s.wrong
	case s.seq != o.EventSeq:
		why = fmt.Sprintf("it has had %d events, and the log ends with %d", o.EventSeq, s.seq)
	}
	if why != "" {
		x.broken(truthOrder, o.ID.String(), why)
	}
	if s != nil && !slices.Equal(s.batches, o.Log) {
		x.broken(truthBatches, o.ID.String(), fmt.Sprintf("it names %d batches, which are not those of the log, or in another order", len(o.Log)))
	}
}
