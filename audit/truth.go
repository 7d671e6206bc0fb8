package audit

import (
	"context"
	"encoding/binary"
	"fmt"

	"kassa/checkout"
	"kassa/saga"
)

// checkPositions walks the log once: it judges the positions, counts the orders
// to say how many parts there are, and remembers what operators have ended.
func (a *auditor) checkPositions(ctx context.Context) error {
	var last int64
	var orders int
	err := a.walkLog(ctx, func(entry checkout.LogEntry) {
		why := ""
		if entry.Position != last+1 {
			why = fmt.Sprintf("position %d comes after %d", entry.Position, last)
		}
		last = entry.Position
		a.judge(truthPosition, entry.BatchID, why)
		for i := range entry.Events {
			if entry.Events[i].Seq == 1 {
				orders++
			}
			if endedByOperator(&entry.Events[i]) {
				a.settled[entry.Events[i].OrderID] = true
			}
		}
	})
	if err != nil {
		return err
	}
	if last != a.counters["events"] {
		a.broken(truthPosition, "events", fmt.Sprintf("the log ends at position %d, and its counter stands at %d", last, a.counters["events"]))
	}
	a.parts = uint64(orders/a.options.part) + 1
	return nil
}

func endedByOperator(e *checkout.Event) bool {
	return e.Type == "task.resolved" && e.Data["how"] == string(saga.ResolveSkip)
}

// logChunk bounds the batches that are read at once: one may hold the events of a
// thousand commands.
const logChunk = 20

func (a *auditor) walkLog(ctx context.Context, visit func(checkout.LogEntry)) error {
	key := func(e checkout.LogEntry) int64 { return e.Position }
	return walk(ctx, min(a.options.chunk, logChunk), a.rows.Log, key, func(e checkout.LogEntry) error {
		visit(e)
		return nil
	})
}

// mark is what the log tells of one order.
type mark struct {
	seq      int64  // number of its last event
	position int64  // of its last batch
	trail    uint64 // fingerprint of its batches in order
	wrong    string // the first event out of order
}

// readLog marks the orders of a part.
func (a *auditor) readLog(ctx context.Context, v *view) error {
	return a.walkLog(ctx, func(entry checkout.LogEntry) {
		for i := range entry.Events {
			if v.has(entry.Events[i].OrderID) {
				v.mark(&entry, &entry.Events[i])
			}
		}
	})
}

func (v *view) mark(entry *checkout.LogEntry, e *checkout.Event) {
	m := v.marks[e.OrderID]
	if m == nil {
		m = &mark{}
		v.marks[e.OrderID] = m
	}
	if e.Seq != m.seq+1 && m.wrong == "" {
		m.wrong = fmt.Sprintf("at position %d event %d comes after event %d", entry.Position, e.Seq, m.seq)
	}
	m.seq = e.Seq
	if m.position != entry.Position {
		m.position = entry.Position
		m.trail = follow(m.trail, entry.BatchID)
	}
}

// follow adds a batch to a fingerprint: FNV-1a over words instead of bytes.
func follow(trail uint64, batch checkout.ID) uint64 {
	const prime = 1099511628211
	trail = (trail ^ binary.BigEndian.Uint64(batch[:8])) * prime
	return (trail ^ binary.BigEndian.Uint64(batch[8:])) * prime
}

func eventsInOrder(v *view, o *checkout.Order) string {
	m := v.marks[o.ID]
	switch {
	case m == nil:
		return "the log has no event of it"
	case m.wrong != "":
		return m.wrong
	case m.seq != o.EventSeq:
		return fmt.Sprintf("it has had %d events, and the log ends with %d", o.EventSeq, m.seq)
	}
	return ""
}

func namesItsBatches(v *view, o *checkout.Order) string {
	var trail uint64
	for _, batch := range o.Log {
		trail = follow(trail, batch)
	}
	if m := v.marks[o.ID]; m != nil && m.trail != trail {
		return fmt.Sprintf("it names %d batches, which are not those of the log, or in another order", len(o.Log))
	}
	return ""
}
