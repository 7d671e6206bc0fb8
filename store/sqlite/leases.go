package sqlite

import (
	"container/heap"
	"context"
	"time"

	"kassa/checkout"
)

// leases are the ends of the leases that this process has given, the next one
// first. Leases of earlier processes ended when the file was opened, so that
// these are all, and the index of due tasks needs only those that are free: most
// tasks are dropped while they are leased and never enter it. An end whose task has
// gone, or has another lease, means nothing: the row is asked.
type leases []leaseEnd

type leaseEnd struct {
	at   time.Time
	task checkout.ID
}

func (l leases) Len() int           { return len(l) }
func (l leases) Less(i, j int) bool { return l[i].at.Before(l[j].at) }
func (l leases) Swap(i, j int)      { l[i], l[j] = l[j], l[i] }

// Push is for package heap.
func (l *leases) Push(end any) { *l = append(*l, end.(leaseEnd)) } //nolint:forcetypeassert // remember puts nothing else

// Pop is for package heap.
func (l *leases) Pop() any {
	last := len(*l) - 1
	end := (*l)[last]
	*l = (*l)[:last]
	return end
}

// remember notes when a leased task can be claimed by another.
func (l *leases) remember(t checkout.Task) {
	if t.LeaseID.IsZero() || t.Attention {
		return
	}
	at := t.DueAt
	if t.LeasedUntil.After(at) {
		at = t.LeasedUntil
	}
	heap.Push(l, leaseEnd{at, t.ID})
}

func (l *leases) rememberAll(tasks []checkout.Task) {
	for _, t := range tasks {
		l.remember(t)
	}
}

// ended reads up to limit tasks whose lease is over.
func (l *leases) ended(c *connection, now time.Time, limit int) (tasks []checkout.Task, err error) {
	for len(tasks) < limit && len(*l) > 0 && !(*l)[0].at.After(now) {
		found, err := collect(context.Background(), c, "tasks.by_id", scanTask, (*l)[0].task[:])
		if err != nil {
			return nil, err
		}
		heap.Pop(l)
		if len(found) == 1 && leaseOver(found[0], now) {
			tasks = append(tasks, found[0])
		}
	}
	return tasks, nil
}

func leaseOver(t checkout.Task, now time.Time) bool {
	return !t.LeaseID.IsZero() && !t.Attention && !t.DueAt.After(now) && !t.LeasedUntil.After(now)
}
