package app_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/hold/redis/redistest"
)

// TestNetwork: two processes on one database, each by a network of its own, on which
// bytes are slow, stand still, are lost in the middle of a commit, or get to the server
// when nobody waits for them any more. KASSA_TEST_SEED repeats the order of the faults.
func TestNetwork(t *testing.T) {
	t.Parallel()
	skipOutages(t)
	var shops []*nodes
	var networks []*network
	server, gate := postgresURL(t), redistest.Start(t)
	to, ways := newNetworks(t, server, server, gate.URL)
	shops = append(shops, startNodes(t, behind(server, gate.URL), behind(ways[0], ways[2]), behind(ways[1], gate.URL)))
	networks = append(networks, to...)
	if server := mysqlURL(t); server != "" {
		to, ways := newNetworks(t, server, server)
		shops = append(shops, startNodes(t, server, ways...))
		networks = append(networks, to...)
	}
	var crowds []*crowd
	for _, n := range shops {
		crowds = append(crowds, n.startCrowd(few))
	}
	trouble(t, networks)
	for i, n := range shops {
		crowds[i].requireSoldOut(n.finish())
	}
}

// few is how many units the crowd can get.
const few = 100

// testSeed is KASSA_TEST_SEED, or random.
func testSeed(t *testing.T) uint64 {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv("KASSA_TEST_SEED"); text != "" {
		var err error
		seed, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err)
	}
	t.Logf("KASSA_TEST_SEED=%d", seed)
	return seed
}

// troubled is how long the networks are at fault.
const troubled = 18 * time.Second

// trouble lets all networks fail, each in an order of its own.
func trouble(t *testing.T, networks []*network) {
	t.Helper()
	seed := testSeed(t)
	var wg sync.WaitGroup
	for i, n := range networks {
		random := rand.New(rand.NewPCG(seed, uint64(i)))
		wg.Go(func() { n.fail(t, random, fmt.Sprintf("network %d", i)) })
	}
	wg.Wait()
}

// fail plays faults for a while, each once before one comes again.
func (n *network) fail(t *testing.T, random *rand.Rand, name string) {
	t.Helper()
	start := time.Now()
	for {
		for _, i := range random.Perm(len(faults)) {
			time.Sleep(within(random, 200*time.Millisecond, time.Second))
			if time.Since(start) > troubled {
				return
			}
			t.Logf("%s: %s after %s", name, faults[i].name, time.Since(start).Round(time.Millisecond))
			faults[i].strike(n, random)
		}
	}
}

func within(random *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(random.Int64N(int64(most-least)))
}

// faults are what can go wrong with a network.
var faults = []struct {
	name   string
	strike func(*network, *rand.Rand)
}{
	{"slow", func(n *network, _ *rand.Rand) { n.slow(20*time.Millisecond, 2*time.Second) }},
	{"very slow", func(n *network, _ *rand.Rand) { n.slow(300*time.Millisecond, 2*time.Second) }},
	{"a stall", func(n *network, r *rand.Rand) { n.stall(within(r, 500*time.Millisecond, 4*time.Second)) }},
	{"cuts", func(n *network, r *rand.Rand) { n.cutOften(r, cutBefore) }},
	{"cuts before the answer", func(n *network, r *rand.Rand) { n.cutOften(r, cutAfter) }},
	{"cuts, and late deliveries", func(n *network, r *rand.Rand) { n.cutOften(r, deliverLate) }},
	{"a cut, and nothing connects", func(n *network, _ *rand.Rand) { n.cutOff(time.Second) }},
}

// TestSilence: the network of one of two processes becomes slow, so that it opens all the
// connections that it may, and then says no more: they stay open, and nothing comes
// through. For three seconds new ones are no better. Nobody pays, for whose attempt we
// would have to wait until its task's lease ends.
func TestSilence(t *testing.T) {
	t.Parallel()
	skipOutages(t)
	servers := []string{postgresURL(t)}
	if server := mysqlURL(t); server != "" {
		servers = append(servers, server)
	}
	binary := buildBinary(t)
	var wg sync.WaitGroup
	var shops []*nodes
	var crowds []*crowd
	for _, server := range servers {
		networks, ways := newNetworks(t, server)
		n := newNodes(t, server)
		n.serve(binary, ways[0])
		n.serve(binary, server)
		shops, crowds = append(shops, n), append(crowds, n.startCrowd(1_000_000))
		for range 32 {
			n.waits.Go(func() { look(n.ctx, n.shops[0]) })
		}
		wg.Go(func() {
			networks[0].slow(200*time.Millisecond, 2*time.Second)
			networks[0].silence(3 * time.Second)
			t.Logf("%d connections are silent", len(networks[0].open()))
		})
	}
	wg.Wait()
	for i, n := range shops {
		crowds[i].requireMore(n.shops[1], "of two processes the one that is not silent")
	}
	for i, n := range shops {
		crowds[i].requireMore(n.shops[0], "the silent one")
		n.stop()
		last := n.last()
		crowds[i].requireTold(last)
		last.requireClean()
	}
}

// look reads what is in stock again and again.
func look(ctx context.Context, s *shop) {
	for ctx.Err() == nil {
		_, _ = s.try("GET", "/inventory/MUG", s.sk, nil)
	}
}

// crowd are buyers who all want one product of which there are few. Each repeats his
// call, by the same key, until he has an order or hears that there is nothing left.
type crowd struct {
	t   *testing.T
	mu  sync.Mutex
	got map[string]string // order by key
}

func (n *nodes) startCrowd(units int) *crowd {
	n.t.Helper()
	n.shops[0].sell("FEW", "499.50", units)
	c := &crowd{t: n.t, got: map[string]string{}}
	for i, s := range n.shops {
		for j := range 4 {
			n.waits.Go(func() { c.buy(n.ctx, s, fmt.Sprintf("crowd-%d-%d", i, j)) })
		}
	}
	return c
}

// buy goes on until it is stopped.
func (c *crowd) buy(ctx context.Context, s *shop, name string) {
	for k := 0; ctx.Err() == nil; k++ {
		c.want(s, fmt.Sprintf("%s-%d", name, k))
		time.Sleep(700 * time.Millisecond)
	}
}

// want buys one unit, if there are any left.
func (c *crowd) want(s *shop, key string) (left bool) {
	for deadline := time.Now().Add(bound); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		a, err := s.try("POST", "/checkout", s.pk, basket("FEW", 1), "Idempotency-Key", key)
		switch {
		case err != nil: // nobody knows: again
		case a.status == 201:
			c.mu.Lock()
			defer c.mu.Unlock()
			c.got[key] = a.text("order_id")
			return true
		case a.text("code") == "out_of_stock":
			return false
		}
	}
	c.t.Errorf("%s was not answered", key)
	return false
}

// requireMore proves that a process sells again.
func (c *crowd) requireMore(s *shop, who string) {
	c.t.Helper()
	start := time.Now()
	require.True(c.t, c.want(s, strings.ReplaceAll(who, " ", "-")))
	c.t.Logf("%s sells, after %s", who, time.Since(start).Round(time.Millisecond))
}

// requireSoldOut proves that the crowd got all that there was and not more. Where some
// is left, it is still for sale.
func (c *crowd) requireSoldOut(last *shop) {
	c.t.Helper()
	for k := 0; c.want(last, fmt.Sprintf("last-%d", k)); {
		k++
	}
	require.Len(c.t, c.got, few)
	c.requireTold(last)
	last.requireClean()
}

// requireTold proves that each who was told so has an order of his own, and that nobody
// has another.
func (c *crowd) requireTold(last *shop) {
	c.t.Helper()
	var told, sold []string
	for _, id := range c.got {
		told = append(told, id)
	}
	for _, o := range last.orders() {
		if o.Allocations[0].SKU == "FEW" {
			sold = append(sold, o.ID.String())
		}
	}
	require.ElementsMatch(c.t, told, sold)
}

// network is the way between a process and a server. It knows no protocol: it passes
// bytes on, or late, or not at all.
type network struct {
	listener net.Listener
	server   string
	running  sync.WaitGroup
	lag      atomic.Int64 // of each chunk in each direction, at most, in ns
	silent   atomic.Bool  // new connections are frozen from their beginning
	refuses  atomic.Bool  // new connections are closed at once

	mu    sync.Mutex
	moves chan struct{} // closed as long as bytes move
	links map[*link]bool
}

// newNetworks makes a way to each server, and returns the URLs by these ways.
func newNetworks(t *testing.T, places ...string) (networks []*network, ways []string) {
	t.Helper()
	for _, place := range places {
		n, way := newNetwork(t, place)
		networks, ways = append(networks, n), append(ways, way)
	}
	return networks, ways
}

// newNetwork makes a way to the server of a URL, and returns the URL by that way.
func newNetwork(t *testing.T, place string) (n *network, through string) {
	t.Helper()
	target, err := url.Parse(place)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	n = &network{listener: listener, server: target.Host, moves: make(chan struct{}), links: map[*link]bool{}}
	close(n.moves)
	n.running.Go(n.accept)
	t.Cleanup(func() {
		require.NoError(t, listener.Close())
		n.cut() // one that is being accepted ends with its process
		n.running.Wait()
	})
	target.Host = listener.Addr().String()
	return n, target.String()
}

func (n *network) accept() {
	for {
		client, err := n.listener.Accept()
		if err != nil {
			return
		}
		if n.refuses.Load() {
			_ = client.Close()
			continue
		}
		server, err := net.DialTimeout("tcp", n.server, bound)
		if err != nil {
			_ = client.Close()
			continue
		}
		l := &link{network: n, client: client, server: server, ended: make(chan struct{})}
		l.end = sync.OnceFunc(l.close)
		if n.silent.Load() {
			l.frozen.Store(true)
		}
		n.mu.Lock()
		n.links[l] = true
		n.mu.Unlock()
		n.running.Go(func() { l.pass(client, server, l.ask) })
		n.running.Go(func() { l.pass(server, client, l.answer) })
	}
}

// open are the connections that there are.
func (n *network) open() (links []*link) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for l := range n.links {
		links = append(links, l)
	}
	return links
}

// cut ends all connections at once, whatever is under way on them.
func (n *network) cut() {
	for _, l := range n.open() {
		l.end()
	}
}

// silence lets nothing through on the connections that there are, nor on those that are
// made for a while. They stay open for good, as where a machine between forgot them.
func (n *network) silence(during time.Duration) {
	n.silent.Store(true)
	for _, l := range n.open() {
		l.frozen.Store(true)
	}
	time.Sleep(during)
	n.silent.Store(false)
}

// end is how a connection ends: at a chunk that its client sends.
type end struct {
	how   int
	later atomic.Int32 // after so many others
	late  time.Duration
}

// The ways to end.
const (
	cutBefore   = iota // the server does not get it
	cutAfter           // the server gets it, and its answer is lost
	deliverLate        // the client is cut off, and the server gets it late
)

// cutOften ends all connections for a second, one soon after the other: some within a
// transaction, at its commit or before.
func (n *network) cutOften(random *rand.Rand, how int) {
	for range 6 {
		for _, l := range n.open() {
			e := &end{how: how, late: within(random, 100*time.Millisecond, 3*time.Second)}
			e.later.Store(random.Int32N(4))
			l.ending.CompareAndSwap(nil, e)
		}
		time.Sleep(150 * time.Millisecond)
	}
}

// slow delays all chunks for a while.
func (n *network) slow(most, during time.Duration) {
	n.lag.Store(int64(most))
	time.Sleep(during)
	n.lag.Store(0)
}

// stall keeps all bytes for a while.
func (n *network) stall(during time.Duration) {
	moves := make(chan struct{})
	n.mu.Lock()
	n.moves = moves
	n.mu.Unlock()
	time.Sleep(during)
	close(moves)
}

// cutOff ends all connections, and takes no new one for a while.
func (n *network) cutOff(during time.Duration) {
	n.refuses.Store(true)
	n.cut()
	time.Sleep(during)
	n.refuses.Store(false)
}

// link is one connection.
type link struct {
	*network
	client, server net.Conn
	end            func() // may be called by many
	ended          chan struct{}
	ending         atomic.Pointer[end] // nil: it does not
	frozen, mute   atomic.Bool
}

func (l *link) close() {
	close(l.ended)
	_, _ = l.client.Close(), l.server.Close() // they may be gone already
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.links, l)
}

// pass takes chunks from one side to the other, until one is gone.
func (l *link) pass(from, to net.Conn, deliver func([]byte) bool) {
	defer l.end()
	buffer := make([]byte, 1<<20) // a commit is one chunk
	for {
		read, err := from.Read(buffer)
		if err != nil || !l.wait() || !deliver(buffer[:read]) {
			return
		}
		if _, err := to.Write(buffer[:read]); err != nil {
			return
		}
	}
}

// wait keeps a chunk back; false where the connection has ended meanwhile.
func (l *link) wait() bool {
	if lag := l.lag.Load(); lag > 0 {
		time.Sleep(time.Duration(rand.Int64N(lag)))
	}
	l.mu.Lock()
	moves := l.moves
	l.mu.Unlock()
	if l.frozen.Load() {
		moves = nil
	}
	select {
	case <-moves:
		return true
	case <-l.ended:
		return false
	}
}

// ask tells whether the server gets a chunk as usual.
func (l *link) ask(chunk []byte) bool {
	e := l.ending.Load()
	if e == nil || e.later.Add(-1) >= 0 {
		return true
	}
	switch e.how {
	case cutAfter:
		l.mute.Store(true)
		return true
	case deliverLate:
		_ = l.client.Close()
		time.Sleep(e.late)
		_, _ = l.server.Write(chunk)
		time.Sleep(time.Second) // its answer ends the connection sooner
	}
	return false
}

// answer tells whether the client gets a chunk.
func (l *link) answer([]byte) bool { return !l.mute.Load() }
