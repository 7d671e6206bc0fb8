package sqlite

import (
	"cmp"
	"context"
	"slices"
	"time"

	"kassa/checkout"
)

// leases are the ends of the leases that this process has given. Those of earlier
// processes ended when the file was opened, so that these are all, and the index of
// due tasks needs only those that are free: most tasks are dropped while they are
// leased and never enter it. The row has the last word: an end that is wrong costs a
// question, or a task is found later; none may be missing.
type leases struct {
	ends    map[checkout.ID]leaseEnd // by task
	dropped []checkout.ID            // by the transaction that is open
}

type leaseEnd struct {
	at   int64 // microseconds since 1970
	kind checkout.TaskKind
}

func newLeases() leases { return leases{ends: map[checkout.ID]leaseEnd{}} }

// remember notes when leased tasks can be claimed by another.
func (l *leases) remember(tasks []checkout.Task) {
	for _, t := range tasks {
		if !t.LeaseID.IsZero() && !t.Attention {
			l.ends[t.ID] = leaseEnd{max(t.DueAt.UnixMicro(), t.LeasedUntil.UnixMicro()), t.Kind}
		}
	}
}

// committed says that the open transaction was: what it dropped is gone.
func (l *leases) committed(put []checkout.Task) {
	for _, id := range l.dropped {
		delete(l.ends, id)
	}
	l.remember(put)
}

// ended reads up to limit tasks of some kinds whose lease is over, those that ended
// first.
func (l *leases) ended(c *connection, now time.Time, kinds []checkout.TaskKind, limit int) (tasks []checkout.Task, err error) {
	defer func() { l.remember(tasks) }()
	for len(tasks) < limit {
		ids := l.first(now, kinds, limit-len(tasks))
		if len(ids) == 0 {
			break
		}
		for _, id := range ids {
			found, err := collect(context.Background(), c, "tasks.by_id", scanTask, id[:])
			if err != nil {
				return tasks, err
			}
			delete(l.ends, id)
			if len(found) == 1 && leaseOver(found[0], now) && among(kinds, found[0].Kind) {
				tasks = append(tasks, found[0])
			} else {
				l.remember(found)
			}
		}
	}
	return tasks, nil
}

// first are the tasks whose lease ended first, of those that have by now. There may
// be very many where nobody runs them, so that not all are sorted.
func (l *leases) first(now time.Time, kinds []checkout.TaskKind, limit int) (ids []checkout.ID) {
	type end struct {
		at   int64
		task checkout.ID
	}
	byTime := func(a, b end) int { return cmp.Or(cmp.Compare(a.at, b.at), a.task.Compare(b.task)) }
	var ends []end
	for id, e := range l.ends {
		next := end{e.at, id}
		if e.at > now.UnixMicro() || !among(kinds, e.kind) || len(ends) == limit && byTime(next, ends[limit-1]) > 0 {
			continue
		}
		i, _ := slices.BinarySearchFunc(ends, next, byTime)
		ends = slices.Insert(ends[:min(len(ends), limit-1)], i, next)
	}
	for _, e := range ends {
		ids = append(ids, e.task)
	}
	return ids
}

// among tells whether a kind is one of those that are asked for: any, where none is.
func among(kinds []checkout.TaskKind, kind checkout.TaskKind) bool {
	return len(kinds) == 0 || slices.Contains(kinds, kind)
}

func leaseOver(t checkout.Task, now time.Time) bool {
	return !t.LeaseID.IsZero() && !t.Attention && !t.DueAt.After(now) && !t.LeasedUntil.After(now)
}
