package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"kassa/app"
	"kassa/checkout"
	"kassa/saga"
)

// expirer places holds that end by themselves.
type expirer interface {
	// leadTime is how long before the first end the placing of n holds must begin.
	leadTime(n int) time.Duration
	// placer makes a worker that places holds one after the other, each to end at a
	// time.
	placer(worker int) func(end time.Time) error
}

// expiry is what was placed for one round.
type expiry struct {
	first time.Time // end of the first hold
	count int       // of all
	rate  int       // that end in each second
}

// placers is how many workers place holds.
const placers = 64

// placeExpiring places holds of which a number ends in each second from the
// beginning of the load on, and returns when the load is to begin.
func (m *measurement) placeExpiring(ctx context.Context, span time.Duration) (*expiry, error) {
	if m.u.expire == nil {
		return nil, errors.New("holds cannot be made to expire here")
	}
	x := &expiry{count: int(span.Seconds() * float64(m.expiring)), rate: m.expiring}
	x.first = time.Now().Add(m.u.expire.leadTime(x.count))
	m.o.progress("%s: placing %d holds that will expire", m.title, x.count)
	numbers := make(chan int)
	failed := make(chan error, placers)
	var wg sync.WaitGroup
	for worker := range placers {
		place := m.u.expire.placer(worker)
		wg.Go(func() {
			for n := range numbers {
				if err := place(x.first.Add(time.Duration(n) * time.Second / time.Duration(x.rate))); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	var err error
	for n := 0; n < x.count && err == nil; n++ {
		select {
		case numbers <- n:
		case err = <-failed:
		}
	}
	close(numbers)
	wg.Wait()
	close(failed)
	if err = errors.Join(err, <-failed); err != nil {
		return nil, fmt.Errorf("place holds that will expire: %w", err)
	}
	return x, x.wait(ctx)
}

// wait waits for the end of the first hold.
func (x *expiry) wait(ctx context.Context) error {
	if time.Now().After(x.first) {
		return fmt.Errorf("placing %d holds took longer than was left for it; ask for fewer", x.count)
	}
	select {
	case <-time.After(time.Until(x.first)):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// maxBacklog bounds what is counted of holds that should have ended.
const maxBacklog = 1_000_000

// countExpired tells how many holds ended: those that were due less those that
// are still there.
func (m *measurement) countExpired(ctx context.Context, x *expiry, res *Result) (err error) {
	due := min(int(time.Since(x.first).Seconds()*float64(x.rate)), x.count)
	db, err := m.o.openStore(ctx, m.u.ground, app.ReadOnly)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	left, err := db.DueHolds(ctx, maxBacklog)
	if err != nil {
		return fmt.Errorf("count the holds that are over: %w", err)
	}
	expired := max(due-len(left), 0)
	res.ExpiringPerS, res.Expired, res.ExpiredLeft = m.expiring, &expired, len(left)
	return nil
}

// leadTime of the engine's own callers: they place some ten thousands a second.
func (l *local) leadTime(n int) time.Duration {
	return time.Second + time.Duration(n)*time.Second/5_000
}

func (l *local) placer(worker int) func(time.Time) error {
	c := l.caller(worker)
	return func(end time.Time) error {
		item := checkout.Item{SKU: sku(c.random.IntN(l.goods.skus)), Qty: 1}
		_, err := l.engine.Do(context.Background(), saga.HoldStock{SessionID: c.key(), Items: []checkout.Item{item}, TTL: time.Until(end)})
		return err
	}
}

// minTTL is the shortest life of a hold that the API takes.
const minTTL = 30 * time.Second

// leadTime over HTTP: no hold may be asked to live for less than minTTL.
func (f *front) leadTime(n int) time.Duration {
	return minTTL + time.Second + time.Duration(n)*time.Second/3_000
}

func (f *front) placer(worker int) func(time.Time) error {
	b := f.buyer(worker)
	return func(end time.Time) error {
		out := b.body[:0]
		out = append(out, `{"session_id":"`...)
		out = appendUUID(out, b.random)
		out = append(out, `","ttl_seconds":`...)
		out = strconv.AppendInt(out, int64(max(time.Until(end), minTTL)/time.Second), 10)
		out = append(out, ',')
		out = appendItems(out, []int{anyProduct(b)})
		out = append(out, '}')
		b.body = out
		status, err := b.call(http.MethodPost, "/inventory/lock", b.body)
		if err != nil {
			return err
		}
		return b.expect("POST /inventory/lock", status, http.StatusCreated)
	}
}
