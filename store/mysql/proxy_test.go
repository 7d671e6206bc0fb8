package mysql

import (
	"bytes"
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// proxy stands between a store and its server and can break the connection at a
// chosen command. It knows the packets of the protocol: three bytes of length, a
// number that is 0 for a command, a body that begins with the command's kind.
type proxy struct {
	listener net.Listener
	server   string
	running  sync.WaitGroup
	commands atomic.Int64
	cut      atomic.Pointer[cut]
	links    atomic.Int64
	silent   atomic.Int64 // that many, the oldest, pass nothing on any more
}

// silence has the connections that there are pass nothing on, and stay open.
func (p *proxy) silence() { p.silent.Store(p.links.Load()) }

const comQuery = 3

// cut breaks the connection at the next command with this text: the client is cut off,
// and the server gets the command when it is released.
type cut struct {
	text     string
	release  func()
	released chan struct{}
	answered chan struct{} // closed once the server has answered, or is gone
}

// breakAt arms a cut. It is released at the end of the test at the latest.
func (p *proxy) breakAt(t *testing.T, text string) *cut {
	t.Helper()
	c := &cut{text: text, released: make(chan struct{}), answered: make(chan struct{})}
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

func (l *link) forward() {
	defer func() { _ = l.server.Close() }()
	for {
		packet, err := readPacket(l.client)
		if err != nil {
			return
		}
		if l.number <= l.silent.Load() {
			continue
		}
		if packet[3] == 0 && packet[4] == comQuery {
			l.commands.Add(1)
			if c := l.cut.Load(); c != nil && bytes.Contains(packet, []byte(c.text)) {
				l.cut.Store(nil)
				l.sever(c, packet)
				return
			}
		}
		if _, err := l.server.Write(packet); err != nil {
			return
		}
	}
}

// sever plays the cut.
func (l *link) sever(c *cut, packet []byte) {
	l.broken.Store(c)
	_ = l.client.Close()
	<-c.released
	_, _ = l.server.Write(packet)
	<-c.answered
}

// answer passes the server's packets back. After a cut it only looks for the answer.
func (l *link) answer() {
	defer func() { _ = l.client.Close() }()
	for {
		packet, err := readPacket(l.server)
		if c := l.broken.Load(); c != nil {
			close(c.answered)
			return
		}
		if err != nil {
			return
		}
		if _, err := l.client.Write(packet); err != nil && l.broken.Load() == nil {
			return
		}
	}
}

func readPacket(from io.Reader) ([]byte, error) {
	head := make([]byte, 4)
	if _, err := io.ReadFull(from, head); err != nil {
		return nil, err
	}
	packet := make([]byte, 4+int(head[0])+int(head[1])<<8+int(head[2])<<16)
	copy(packet, head)
	_, err := io.ReadFull(from, packet[4:])
	return packet, err
}
