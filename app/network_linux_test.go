package app_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
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
		time.Sleep(10 * time.Millisecond)
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
