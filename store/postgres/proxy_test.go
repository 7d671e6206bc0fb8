package postgres

import (
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// proxy stands between a store and its server and can break the connection at a
// chosen message. It knows the frames of the protocol (chapter 55 of the
// PostgreSQL manual): a type, a length that counts itself, a body.
type proxy struct {
	listener net.Listener
	server   string
	running  sync.WaitGroup
	flights  atomic.Int64 // with statements in them
	cut      atomic.Pointer[cut]
	sent     atomic.Pointer[chan struct{}]
	links    atomic.Int64
	silent   atomic.Int64 // that many, the oldest, pass nothing on any more
}

// silence has the connections that there are pass nothing on, and stay open.
func (p *proxy) silence() { p.silent.Store(p.links.Load()) }

// nextSent is closed when the next flight is on its way to the server.
func (p *proxy) nextSent() chan struct{} {
	sent := make(chan struct{})
	p.sent.Store(&sent)
	return sent
}

// cut breaks the connection in the next flight. The server gets the flight but for
// its last statements and answers it; then the client is cut off. The server gets
// the rest when that is released.
type cut struct {
	withhold int // statements; 1 is the COMMIT
	release  func()
	released chan struct{}
	pending  atomic.Int64  // statements that the server has not yet answered
	reached  chan struct{} // closed when there are none
	answered chan struct{} // closed once the server has answered the whole flight, or is gone
}

// breakNext arms a cut. It is released at the end of the test at the latest.
func (p *proxy) breakNext(t *testing.T, withhold int) *cut {
	t.Helper()
	c := &cut{
		withhold: withhold, released: make(chan struct{}),
		reached: make(chan struct{}), answered: make(chan struct{}),
	}
	c.release = sync.OnceFunc(func() { close(c.released) })
	t.Cleanup(c.release)
	p.cut.Store(c)
	return c
}

// newProxy starts a proxy and returns the way to the database through it, on one
// connection.
func newProxy(t *testing.T, config Config) (*proxy, Config) {
	t.Helper()
	target, err := url.Parse(config.URL)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{listener: listener, server: target.Host}
	target.Host = listener.Addr().String()
	config.URL, config.MaxConns = target.String(), 1
	p.running.Go(p.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		p.running.Wait()
	})
	return p, config
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.DialTimeout("tcp", p.server, time.Minute)
		if err != nil {
			_ = client.Close()
			return
		}
		l := &link{proxy: p, client: client, server: server, number: p.links.Add(1)}
		p.running.Go(l.forward)
		p.running.Go(l.answer)
	}
}

// link is one connection through the proxy.
type link struct {
	*proxy
	client, server net.Conn
	number         int64
	broken         atomic.Pointer[cut]
}

// forward passes flights on: messages up to a Sync, or a single one before the
// session has begun.
func (l *link) forward() {
	defer func() { _ = l.server.Close() }()
	if !l.startup() {
		return
	}
	var flight []byte
	var binds []int // where each statement begins
	for {
		kind, message, err := readMessage(l.client)
		if err != nil {
			return
		}
		if l.number <= l.silent.Load() {
			continue
		}
		if kind == 'B' {
			binds = append(binds, len(flight))
		}
		flight = append(flight, message...)
		if kind != 'S' && kind != 'p' && kind != 'Q' && kind != 'X' {
			continue
		}
		if len(binds) > 0 {
			l.flights.Add(1)
		}
		if c := l.cut.Swap(nil); c != nil {
			l.sever(c, flight, binds)
			return
		}
		if _, err := l.server.Write(flight); err != nil {
			return
		}
		if sent := l.sent.Swap(nil); sent != nil {
			close(*sent)
		}
		flight, binds = nil, nil
	}
}

// sever plays the cut. A Flush makes the server answer without a Sync.
func (l *link) sever(c *cut, flight []byte, binds []int) {
	sent := len(binds) - c.withhold
	c.pending.Store(int64(sent))
	l.broken.Store(c)
	flush := []byte{'H', 0, 0, 0, 4}
	_, _ = l.server.Write(slices.Concat(flight[:binds[sent]], flush))
	select {
	case <-c.reached:
	case <-c.answered:
	}
	_ = l.client.Close()
	<-c.released
	_, _ = l.server.Write(flight[binds[sent]:])
	<-c.answered
}

func (l *link) startup() bool {
	var length [4]byte
	if _, err := io.ReadFull(l.client, length[:]); err != nil {
		return false
	}
	body := make([]byte, binary.BigEndian.Uint32(length[:])-4)
	if _, err := io.ReadFull(l.client, body); err != nil {
		return false
	}
	_, err := l.server.Write(append(length[:], body...))
	return err == nil
}

// answer passes the server's messages back. After a cut it only looks for the end
// of the flight, or of the session.
func (l *link) answer() {
	defer func() { _ = l.client.Close() }()
	for {
		kind, message, err := readMessage(l.server)
		if c := l.broken.Load(); c != nil {
			if err != nil || kind == 'Z' {
				close(c.answered)
				return
			}
			if kind == 'C' && c.pending.Add(-1) == 0 {
				close(c.reached)
			}
			continue
		}
		if err != nil {
			return
		}
		if _, err := l.client.Write(message); err != nil && l.broken.Load() == nil {
			return
		}
	}
}

func readMessage(from io.Reader) (kind byte, message []byte, err error) {
	head := make([]byte, 5)
	if _, err := io.ReadFull(from, head); err != nil {
		return 0, nil, err
	}
	body := make([]byte, binary.BigEndian.Uint32(head[1:])-4)
	if _, err := io.ReadFull(from, body); err != nil {
		return 0, nil, err
	}
	return head[0], append(head, body...), nil
}
