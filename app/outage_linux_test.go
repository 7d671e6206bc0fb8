package app_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"kassa/hold/redis/redistest"
)

// TestOutages: three processes on one PostgreSQL and one Redis under load. One process
// after the other is killed for good and started again, PostgreSQL crashes twice, and
// Redis is emptied, hangs, is killed and comes back empty.
func TestOutages(t *testing.T) {
	t.Parallel()
	skipOutages(t)
	server, gate := newCluster(t), redistest.Start(t)
	n := startNodes(t, 3, behind(shopURL(server), gate.URL))
	outages := []func(){
		func() { gate.Flush(t) },
		func() { gate.Kill(); server.crash(); gate.Restart(t) },
		func() { gate.Pause(t); pause(); server.crash(); gate.Resume(t) },
	}
	for i, p := range n.processes {
		pause()
		p.kill()
		p.start()
		pause()
		outages[i]()
	}
	n.finish()
}

// TestFailover: the server is killed for good and its standby takes over. With
// synchronous replication nothing is lost that was answered.
func TestFailover(t *testing.T) {
	t.Parallel()
	skipOutages(t)
	primary := newCluster(t)
	standby := primary.newStandby()
	n := startNodes(t, 2, shopURL(primary, standby))
	pause()
	primary.kill()
	standby.promote()
	n.finish()
	_, err := pgx.Connect(t.Context(), shopURL(primary))
	require.Error(t, err, "it was the standby that sold")
}

func skipOutages(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("the binary under test has no race detector: the run without it has this test")
	}
}

func pause() { time.Sleep(time.Duration(300+rand.IntN(1000)) * time.Millisecond) }

// nodes are several processes on one database, each with buyers of its own.
type nodes struct {
	t         *testing.T
	shop      *shop
	place     string // its database and gate
	processes []*process
	buyers    []*buyers
	stop      func() // ends the buyers and waits for them
}

func startNodes(t *testing.T, count int, place string) *nodes {
	t.Helper()
	g := startSandbox(t)
	n := &nodes{t: t, place: place, shop: stock(t, place, g)}
	binary := buildBinary(t)
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	n.stop = cancel
	for range count {
		p := newProcess(t, binary, place, g)
		p.start()
		s := *n.shop
		s.url = "http://" + p.listen
		b := &buyers{s: &s, name: p.listen, promised: map[string]string{}}
		wg, before := b.run(ctx, 8), n.stop
		n.stop = func() {
			before()
			wg.Wait()
		}
		n.processes, n.buyers = append(n.processes, p), append(n.buyers, b)
	}
	g.SetWebhook(n.buyers[0].s.url+"/webhooks/stripe", webhookSecret)
	return n
}

// finish waits until every process sells again, and proves that all that was promised
// is there.
func (n *nodes) finish() {
	n.t.Helper()
	for _, b := range n.buyers {
		sold := b.sold()
		eventually(n.t, bound, "that "+b.s.url+" sells", func() bool { return b.sold() > sold })
	}
	n.stop()
	for _, p := range n.processes {
		p.kill()
	}
	requireKept(n.t, runShop(n.t, config(n.place, n.shop.gateway), n.shop.gateway), n.buyers...)
	for _, b := range n.buyers {
		n.t.Logf("%s: at most %s without an order", b.s.url, b.gap.Round(10*time.Millisecond))
		require.Positive(n.t, b.gap)
	}
}
