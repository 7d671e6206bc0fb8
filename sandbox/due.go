package sandbox

import (
	"container/heap"
	"time"
)

// dueKind says what happens when a due item's time has come.
type dueKind int

const (
	dueSession       dueKind = iota // a checkout session expires
	dueAuthorization                // an uncaptured authorisation dies
	dueRefund                       // a pending refund settles, or a settled one fails
	dueProcessing                   // a delayed payment method settles
)

// dueItem names an object that something happens to at a time. Whether it still applies is decided then.
type dueItem struct {
	at   time.Time
	kind dueKind
	id   string
}

// dueQueue is a heap of due items, earliest first.
type dueQueue []dueItem

func (q dueQueue) Len() int           { return len(q) }
func (q dueQueue) Less(i, j int) bool { return q[i].at.Before(q[j].at) }
func (q dueQueue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }

// Push implements heap.Interface.
func (q *dueQueue) Push(x any) { *q = append(*q, x.(dueItem)) }

// Pop implements heap.Interface.
func (q *dueQueue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

func (q dueQueue) ready(now time.Time) bool { return len(q) > 0 && !q[0].at.After(now) }

func (q *dueQueue) pop() dueItem { return heap.Pop(q).(dueItem) }

func (q *dueQueue) add(at time.Time, kind dueKind, id string) {
	heap.Push(q, dueItem{at: at, kind: kind, id: id})
}

// fire applies one due item, where the object has not moved on meanwhile.
func (tx *tx) fire(item dueItem) {
	switch item.kind {
	case dueSession:
		if session := tx.stripe.sessions[item.id]; session.Status == sessionOpen {
			tx.expireSession(session)
		}
	case dueAuthorization:
		if a := tx.book.attempts[item.id]; a.State == attemptAuthorized {
			tx.expireAuthorization(a)
		}
	case dueRefund:
		tx.settleRefund(tx.book.refunds[item.id])
	case dueProcessing:
		if a := tx.book.attempts[item.id]; a.State == attemptProcessing {
			tx.settleProcessing(a, a.Instrument.Delay == delayThenSucceed)
		}
	}
}
