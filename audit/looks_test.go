package audit

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/store"
)

// looks counts what is read in snapshots.
type looks struct {
	snapshots, now int // opened, and open
	most           int // open at once
	longest        int // calls of one snapshot
	rows           int // most rows of a list in one snapshot
	spans          int // most levels in one snapshot
	logs           int // times that the log was read with its events
}

type look struct {
	store.Snapshot
	all                *looks
	calls, rows, spans int
}

func (l *looks) open(rows store.Snapshot) store.Snapshot {
	l.snapshots++
	l.now++
	l.most = max(l.most, l.now)
	return &look{Snapshot: rows, all: l}
}

// requireShort asks that no snapshot was read for more than one chunk of rows with
// what belongs to it.
func (l *looks) requireShort(t *testing.T, options Options) {
	t.Helper()
	require.Zero(t, l.now, "a snapshot was left open")
	require.Equal(t, 1, l.most, "snapshots were open at once")
	require.LessOrEqual(t, l.rows, options.chunk)
	require.LessOrEqual(t, l.spans, max(options.span, options.chunk))
	// Clock, counters and last keys; a page; what belongs to it; the batches that
	// it names, fewer than eight of them for each order; who is asked.
	require.LessOrEqual(t, l.longest, 6+8*options.chunk)
}

func (l *look) Close() error {
	l.all.now--
	l.all.longest = max(l.all.longest, l.calls)
	l.all.rows, l.all.spans = max(l.all.rows, l.rows), max(l.all.spans, l.spans)
	return l.Snapshot.Close()
}

func counted[R any](l *look, into *int, rows []R, err error) ([]R, error) {
	l.calls++
	*into += len(rows)
	return rows, err
}

func (l *look) Levels(ctx context.Context, after checkout.StockKey, limit int) ([]checkout.Level, error) {
	rows, err := l.Snapshot.Levels(ctx, after, limit)
	return counted(l, &l.spans, rows, err)
}

func (l *look) Held(ctx context.Context) (map[checkout.StockKey]int64, error) {
	l.calls++
	return l.Snapshot.Held(ctx)
}

func (l *look) Holds(ctx context.Context, after string, limit int) ([]*checkout.Hold, error) {
	rows, err := l.Snapshot.Holds(ctx, after, limit)
	return counted(l, &l.rows, rows, err)
}

func (l *look) Carts(ctx context.Context, after checkout.ID, limit int) ([]*checkout.Cart, error) {
	rows, err := l.Snapshot.Carts(ctx, after, limit)
	return counted(l, &l.rows, rows, err)
}

func (l *look) Orders(ctx context.Context, after checkout.ID, limit int) ([]*checkout.Order, error) {
	rows, err := l.Snapshot.Orders(ctx, after, limit)
	return counted(l, &l.rows, rows, err)
}

func (l *look) Tasks(ctx context.Context, after checkout.ID, limit int) ([]checkout.Task, error) {
	rows, err := l.Snapshot.Tasks(ctx, after, limit)
	return counted(l, &l.rows, rows, err)
}

func (l *look) Webhooks(ctx context.Context, after checkout.ID, limit int) ([]*checkout.WebhookRecord, error) {
	rows, err := l.Snapshot.Webhooks(ctx, after, limit)
	return counted(l, &l.rows, rows, err)
}

func (l *look) Batches(ctx context.Context, after int64, limit int) ([]checkout.LogEntry, error) {
	rows, err := l.Snapshot.Batches(ctx, after, limit)
	return counted(l, &l.rows, rows, err)
}

func (l *look) Log(ctx context.Context, after int64, limit int) ([]checkout.LogEntry, error) {
	l.all.logs++
	rows, err := l.Snapshot.Log(ctx, after, limit)
	return counted(l, &l.rows, rows, err)
}

func (l *look) Find(ctx context.Context, keys store.FindKeys) (store.Found, error) {
	l.calls++
	return l.Snapshot.Find(ctx, keys)
}

// TestSnapshotsAreShort counts what an audit reads in each of its snapshots: a
// chunk, however many orders there are.
func TestSnapshotsAreShort(t *testing.T) {
	t.Parallel()
	c := newMemoryCrowd(t, 5)
	var before looks
	for _, steps := range []int{200, 800} {
		c.steps(t, steps)
		looks, options := &looks{}, small(timeless, 5, 3)
		report, err := Run(t.Context(), meddler{c.rows, func() {}, looks}, options)
		require.NoError(t, err)
		require.True(t, report.Clean(), written(report))
		looks.requireShort(t, options)
		require.Greater(t, looks.snapshots, len(c.orders)/options.chunk)
		require.Greater(t, looks.snapshots, before.snapshots)
		before = *looks
	}
}
