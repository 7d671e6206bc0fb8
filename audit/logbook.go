package audit

import (
	"context"
	"hash/maphash"
	"slices"

	"kassa/checkout"
	"kassa/saga"
	"kassa/store"
)

// logbook reads the event log by batch, for the orders that name it. Orders that
// were made together name the same batches, so it keeps the last ones.
type logbook struct {
	opened   int64 // the position at which the audit began
	young    map[checkout.ID]*entry
	old      map[checkout.ID]*entry
	events   int // in young
	page     int // batches read at once
	seed     maphash.Seed
	seen     numbers  // positions of the batches in sums
	sums     []uint64 // by group of orders
	suspects map[checkout.ID]bool
}

// entry is what is remembered of a batch.
type entry struct {
	position int64
	marks    []mark // by order
}

// mark is what is remembered of an event.
type mark struct {
	order   checkout.ID
	seq     int64
	kind    moveKind
	skipped bool // an operator ended a task
}

const (
	// keptEvents bounds each of the two halves of what a logbook remembers.
	keptEvents = 100_000
	// pageEvents is how many events a page of the log should hold; a batch may have
	// those of a thousand commands.
	pageEvents = 2_000
	// maxPage bounds the batches of a page: the next ones may be larger.
	maxPage = 50
	// groups of orders are told apart when the log is compared with what orders say.
	groups = 1 << 16
)

func newLogbook(opened int64) *logbook {
	return &logbook{
		opened: opened, young: map[checkout.ID]*entry{}, page: 1, seed: maphash.MakeSeed(), seen: newNumbers(opened),
		sums: make([]uint64, groups), suspects: map[checkout.ID]bool{},
	}
}

// resize fits the next page to what the last one held.
func (l *logbook) resize(entries []checkout.LogEntry) {
	events := 0
	for i := range entries {
		events += len(entries[i].Events)
	}
	if len(entries) > 0 {
		l.page = min(max(1, pageEvents*len(entries)/max(events, 1)), 2*l.page, maxPage)
	}
}

func newEntry(e *checkout.LogEntry) *entry {
	short := &entry{position: e.Position, marks: make([]mark, len(e.Events))}
	for i := range e.Events {
		event := &e.Events[i]
		short.marks[i] = mark{order: event.OrderID, seq: event.Seq, kind: moves[event.Type], skipped: endedByOperator(event)}
	}
	slices.SortStableFunc(short.marks, func(a, b mark) int { return a.order.Compare(b.order) })
	return short
}

func endedByOperator(e *checkout.Event) bool {
	return e.Type == "task.resolved" && e.Data["how"] == string(saga.ResolveSkip)
}

// of is the events of one order.
func (e *entry) of(order checkout.ID) []mark {
	first, _ := slices.BinarySearchFunc(e.marks, order, func(m mark, id checkout.ID) int { return m.order.Compare(id) })
	end := first
	for end < len(e.marks) && e.marks[end].order == order {
		end++
	}
	return e.marks[first:end]
}

// trail is what the batches that an order names tell of it.
type trail struct {
	wrong   bool   // they are not what the laws want them to be
	skipped bool   // an operator ended a task of it
	opened  int    // of its batches, those up to the audit's beginning
	moves   []move // of its stock; none where nothing happened since the books were opened
}

// follow reads the trails of orders.
func (l *logbook) follow(ctx context.Context, rows store.Snapshot, orders []*checkout.Order, since int64) (map[checkout.ID]trail, error) {
	if err := l.fetch(ctx, rows, orders); err != nil {
		return nil, err
	}
	trails := make(map[checkout.ID]trail, len(orders))
	for _, o := range orders {
		trails[o.ID] = l.trail(o, since)
	}
	return trails, nil
}

// fetch reads the batches that orders name, where they are not remembered.
func (l *logbook) fetch(ctx context.Context, rows store.Snapshot, orders []*checkout.Order) error {
	if l.events > keptEvents {
		l.old, l.young, l.events = l.young, map[checkout.ID]*entry{}, 0
	}
	var missing []checkout.ID
	for _, o := range orders {
		for _, id := range o.Log {
			if l.entry(id) == nil {
				missing = append(missing, id)
			}
		}
	}
	return l.read(ctx, rows, unique(missing), l.keep)
}

// read reads batches by their ids. Each that the audit began with is counted once.
func (l *logbook) read(ctx context.Context, rows store.Snapshot, batches []checkout.ID, visit func(checkout.ID, *entry)) error {
	for len(batches) > 0 {
		n := min(l.page, len(batches))
		found, err := rows.Find(ctx, store.FindKeys{Batches: batches[:n]})
		if err != nil {
			return err
		}
		for i := range found.Batches {
			id, e := found.Batches[i].BatchID, newEntry(&found.Batches[i])
			if e.position <= l.opened && l.seen.add(e.position) {
				l.countEntry(id, e)
			}
			visit(id, e)
		}
		l.resize(found.Batches)
		batches = batches[n:]
	}
	return nil
}

func (l *logbook) keep(id checkout.ID, e *entry) {
	l.young[id] = e
	l.events += len(e.marks)
}

// entry is a batch that is remembered, or nil. One that is asked for again is young
// again.
func (l *logbook) entry(id checkout.ID) *entry {
	if e := l.young[id]; e != nil {
		return e
	}
	e := l.old[id]
	if e != nil {
		l.keep(id, e)
	}
	return e
}

// trail follows an order through the batches that it names: each has events of it,
// which are numbered without a gap, in the order of commits.
func (l *logbook) trail(o *checkout.Order, since int64) trail {
	t := trail{wrong: len(o.Log) == 0}
	var position, seq int64
	for _, id := range o.Log {
		e := l.entry(id)
		if e == nil || e.position <= position {
			return trail{wrong: true, skipped: t.skipped}
		}
		position = e.position
		if position <= l.opened {
			t.opened++
		}
		own := e.of(o.ID)
		t.wrong = t.wrong || len(own) == 0
		for _, m := range own {
			t.wrong = t.wrong || m.seq != seq+1
			t.skipped = t.skipped || m.skipped
			seq = m.seq
		}
	}
	t.wrong = t.wrong || seq != o.EventSeq
	if position > since && !t.wrong {
		t.moves = l.movesOf(o)
	}
	return t
}

// movesOf lists the moves of an order whose batches are remembered.
func (l *logbook) movesOf(o *checkout.Order) (all []move) {
	for _, id := range o.Log {
		e := l.entry(id)
		for _, m := range e.of(o.ID) {
			if m.kind != noMove {
				all = append(all, move{e.position, m.kind})
			}
		}
	}
	return all
}

// pair is an order and a batch: one has events of the other.
type pair struct{ order, batch checkout.ID }

// count adds a pair that the log has, or takes one away that an order names. Where
// every group comes to nothing, the orders name exactly the batches that the log
// has of them: no list of either is held.
func (l *logbook) count(p pair, sign uint64) {
	l.sums[l.group(p.order)] += sign * maphash.Comparable(l.seed, p)
}

// countEntry counts each order of a batch once.
func (l *logbook) countEntry(id checkout.ID, e *entry) {
	for i := range e.marks {
		if i == 0 || e.marks[i].order != e.marks[i-1].order {
			l.count(pair{e.marks[i].order, id}, plus)
		}
	}
}

const (
	plus  = uint64(1)
	minus = ^uint64(0)
)

func (l *logbook) group(order checkout.ID) int {
	return int(maphash.Comparable(l.seed, order) % groups)
}
