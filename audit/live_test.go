package audit

import (
	"context"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/saga"
	"kassa/store"
	"kassa/store/sqlite"
)

// meddler is a store at which something happens before each snapshot: the worst
// that a shop at work can do to an audit, and the same each time.
type meddler struct {
	Source
	meddle func()
	looks  *looks
}

func (m meddler) Snapshot(ctx context.Context) (store.Snapshot, error) {
	m.meddle()
	rows, err := m.Source.Snapshot(ctx)
	if m.looks == nil || err != nil {
		return rows, err
	}
	return m.looks.open(rows), nil
}

// timeless leaves the laws of progress out: nobody does the crowd's tasks.
var timeless = Options{HoldGrace: -1, TaskGrace: -1}

func small(options Options, chunk, span int) Options {
	options.chunk, options.span = chunk, span
	return options
}

func (c *crowd) steps(t *testing.T, n int) {
	t.Helper()
	for range n {
		require.NoError(t, c.step(t.Context()))
	}
}

// TestACrowdIsClean audits shops in which something happens between any two looks
// of the audit, again and again, while their orders grow old.
func TestACrowdIsClean(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			auditBesideCrowd(t, newMemoryCrowd(t, seed))
		})
	}
}

func TestACrowdOnSQLiteIsClean(t *testing.T) {
	t.Parallel()
	clock := &atomic.Int64{}
	clock.Store(time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC).UnixMilli())
	s, err := sqlite.Open(t.Context(), sqlite.Config{
		Path: filepath.Join(t.TempDir(), "kassa.db"), Now: func() time.Time { return time.UnixMilli(clock.Load()) },
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	require.NoError(t, s.Migrate(t.Context()))
	auditBesideCrowd(t, newCrowd(t, s, clock, 1))
}

func auditBesideCrowd(t *testing.T, c *crowd) {
	t.Helper()
	c.steps(t, 100)
	for _, options := range []Options{small(timeless, 2, 2), small(timeless, 7, 100), small(timeless, 20, 4)} {
		looks := &looks{}
		report, err := Run(t.Context(), meddler{c.rows, func() { c.steps(t, c.roll(6)) }, looks}, options)
		require.NoError(t, err)
		require.True(t, report.Clean(), written(report))
		looks.requireShort(t, options)
		require.Zero(t, looks.logs, "the sums over the log were not as of the opening, and it was read again")
	}
	report, err := Run(t.Context(), c.rows, timeless)
	require.NoError(t, err)
	require.True(t, report.Clean(), written(report))
}

// TestABreakIsFoundBesideACrowd plants breaks in a shop at work, while it is
// audited: that audit or the next one names exactly them.
func TestABreakIsFoundBesideACrowd(t *testing.T) {
	t.Parallel()
	for _, plant := range []struct {
		laws  []string
		plant func(t *testing.T, c *crowd) (id string)
	}{
		{[]string{"stock"}, func(t *testing.T, c *crowd) string {
			return c.breakLevel(t, func(l *checkout.Level) { l.Available += 7 })
		}},
		{[]string{"stock.locked"}, func(t *testing.T, c *crowd) string {
			return c.breakLevel(t, func(l *checkout.Level) { l.Available--; l.Locked++ })
		}},
		{[]string{"stock.deducted"}, func(t *testing.T, c *crowd) string {
			return c.breakLevel(t, func(l *checkout.Level) { l.Available--; l.Deducted++ })
		}},
		{[]string{"truth.order"}, func(t *testing.T, c *crowd) string {
			return c.breakOrder(t, func(o *checkout.Order) { o.EventSeq++ })
		}},
		{[]string{"truth.batches"}, func(t *testing.T, c *crowd) string {
			return c.breakOrder(t, func(o *checkout.Order) { o.Log[0] = checkout.ID{9} })
		}},
		{[]string{"truth.batches", "truth.order"}, func(t *testing.T, c *crowd) string {
			return c.breakOrder(t, func(o *checkout.Order) { o.Log = nil; o.EventSeq = 0 })
		}},
	} {
		t.Run(plant.laws[0], func(t *testing.T) {
			t.Parallel()
			c, planted, looked := newMemoryCrowd(t, 3), "", 0
			c.steps(t, 200)
			source := meddler{Source: c.rows, meddle: func() {
				if looked++; looked == 5 {
					planted = plant.plant(t, c)
				}
				c.steps(t, c.roll(4))
			}}
			var report Report
			for range 2 {
				var err error
				report, err = Run(t.Context(), source, small(timeless, 7, 4))
				require.NoError(t, err)
			}
			for _, f := range report.Findings {
				for _, law := range plant.laws {
					if f.Law == law {
						require.Equal(t, []string{planted}, f.IDs, written(report))
						f.Broken = 0
					}
				}
				require.Zero(t, f.Broken, written(report))
			}
		})
	}
}

// breakLevel changes a level behind the engine's back.
func (c *crowd) breakLevel(t *testing.T, change func(*checkout.Level)) (id string) {
	t.Helper()
	c.commit(t, saga.Keys{Stock: []string{"POT"}}, func(s *saga.State, save *store.Save) {
		l := s.Stock["POT"][0]
		l.Available += 10
		l.Received += 10
		save.Adjustments = []checkout.Adjustment{{ID: checkout.ID{1}, SKU: l.SKU, Warehouse: l.Warehouse, Delta: 10}}
		change(&l)
		save.Levels = []checkout.Level{l}
		id = levelName(l.Key()).String()
	})
	return id
}

// breakOrder changes the first order, which has ended, behind the engine's back.
func (c *crowd) breakOrder(t *testing.T, change func(*checkout.Order)) string {
	t.Helper()
	id := c.orders[0]
	c.commit(t, saga.Keys{Orders: []checkout.ID{id}}, func(s *saga.State, save *store.Save) {
		o := s.Orders[id].Clone()
		change(o)
		save.Orders = []*checkout.Order{o}
	})
	c.orders = c.orders[1:] // nobody touches it any more
	return id.String()
}

// intrude begins a transaction beside the engine, which takes the rows for its own.
func intrude(t *testing.T, s store.Store) store.Tx {
	t.Helper()
	_, err := s.Own(t.Context(), checkout.ID{})
	require.NoError(t, err)
	tx, err := s.Begin(t.Context())
	require.NoError(t, err)
	return tx
}

func (c *crowd) commit(t *testing.T, keys saga.Keys, change func(*saga.State, *store.Save)) {
	t.Helper()
	tx := intrude(t, c.rows)
	state := saga.NewState()
	require.NoError(t, tx.Load(t.Context(), keys, state))
	save := &store.Save{BatchID: c.engine.NewID(), Now: state.Now}
	change(state, save)
	require.NoError(t, tx.Commit(t.Context(), save))
}
