package app_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
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
	place := behind(shopURL(server), gate.URL)
	n := startNodes(t, place, slices.Repeat([]string{place}, 3)...)
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
	place := shopURL(primary, standby)
	n := startNodes(t, place, place, place)
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
	place     string   // its database and gate
	env       []string // of the processes
	processes []*process
	shops     []*shop // by process
	buyers    []*buyers

	ctx    context.Context // of those who buy
	cancel func()
	waits  sync.WaitGroup
}

// startNodes starts a process for each way to a place.
func startNodes(t *testing.T, place string, ways ...string) *nodes {
	t.Helper()
	n := newNodes(t, place)
	binary := buildBinary(t)
	for _, way := range ways {
		n.sell(n.serve(binary, way))
	}
	return n
}

// newNodes fills a store; no process serves it yet.
func newNodes(t *testing.T, place string) *nodes {
	t.Helper()
	n := &nodes{t: t, place: place, shop: stock(t, place, startSandbox(t))}
	n.ctx, n.cancel = context.WithCancel(t.Context())
	t.Cleanup(n.stop)
	return n
}

// serve starts a process. The gateway's webhooks go to the first one.
func (n *nodes) serve(binary, way string) *shop {
	n.t.Helper()
	p := newProcess(n.t, binary, way, n.shop.gateway)
	p.env = n.env
	p.start()
	s := *n.shop
	s.url = "http://" + p.listen
	n.processes, n.shops = append(n.processes, p), append(n.shops, &s)
	n.shop.gateway.SetWebhook(n.shops[0].url+"/webhooks/stripe", webhookSecret)
	return &s
}

// sell sends buyers to a process.
func (n *nodes) sell(s *shop) {
	b := &buyers{s: s, name: strings.TrimPrefix(s.url, "http://"), promised: map[string]string{}}
	n.buyers = append(n.buyers, b)
	n.waits.Go(b.run(n.ctx, 8).Wait)
}

// stop ends those who buy and waits for them.
func (n *nodes) stop() {
	n.cancel()
	n.waits.Wait()
}

// last ends all processes and starts another one, which finishes what is open.
func (n *nodes) last() *shop {
	n.t.Helper()
	for _, p := range n.processes {
		p.kill()
	}
	return runShop(n.t, config(n.place, n.shop.gateway), n.shop.gateway)
}

// finish waits until every process sells again, and proves that all that was promised
// is there.
func (n *nodes) finish() (last *shop) {
	n.t.Helper()
	for _, b := range n.buyers {
		sold := b.sold()
		eventually(n.t, bound, "that "+b.s.url+" sells", func() bool { return b.sold() > sold })
	}
	n.stop()
	last = n.last()
	requireKept(n.t, last, n.buyers...)
	for _, b := range n.buyers {
		n.t.Logf("%s: at most %s without an order", b.s.url, b.gap.Round(10*time.Millisecond))
		require.Positive(n.t, b.gap)
	}
	return last
}
