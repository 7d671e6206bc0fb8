package app_test

import (
	"math/rand/v2"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

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
