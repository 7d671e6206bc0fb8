package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/app"
	"kassa/sandbox"
)

// openConfigured migrates and starts a shop on a configuration of its own.
func openConfigured(t *testing.T, cfg app.Config, g *gatewayServer) *shop {
	t.Helper()
	_, _, err := app.Migrate(t.Context(), cfg, adapters)
	require.NoError(t, err)
	return runShop(t, cfg, g)
}

// An order that its buyer walks away from expires by itself: its stock is on sale
// again, and it cannot be paid any more.
func TestAbandonedOrderExpires(t *testing.T) {
	t.Parallel()
	for name, url := range stores(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startSandbox(t)
			cfg := config(url, g)
			cfg.HoldTTL = time.Second
			s := openConfigured(t, cfg, g)
			s.sell("MUG", "499.50", 3)
			p := s.place(basket("MUG", 3))
			eventually(t, bound, "that the order expires", func() bool { return s.read(p).text("status") == "EXPIRED" })
			s.requireStock("MUG", 3, 0)

			a := s.call("POST", "/payment/initiate", s.pk, initiate(p.id, p.amount, p.id, "pm_card_visa"), "Order-Token", p.token)
			require.Equal(t, 409, a.status, "%s", a.body)
			require.Equal(t, "order_expired", a.text("code"))
			a = s.call("POST", "/checkout/confirm", s.pk, object{"order_id": p.id}, "Order-Token", p.token)
			require.Equal(t, 409, a.status, "%s", a.body)
			require.Equal(t, "order_expired", a.text("code"))
			require.Empty(t, g.Ledger().Payments)
			s.requireClean()
		})
	}
}

func (s *shop) requireStock(sku string, available, locked int) {
	s.t.Helper()
	a := s.call("GET", "/inventory/"+sku, s.sk, nil)
	require.EqualValues(s.t, available, a.json["available_qty"], "%s", a.body)
	require.EqualValues(s.t, locked, a.json["locked_qty"], "%s", a.body)
}

// The shop cancels while the buyer is on the gateway's page, and the page cannot
// be closed because the gateway fails: the buyer pays, and the money goes back by
// itself.
func TestMoneyAfterCancelGoesBack(t *testing.T) {
	t.Parallel()
	for name, url := range stores(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openShop(t, url, startSandbox(t))
			s.sell("MUG", "499.50", 3)
			p := s.place(basket("MUG", 2))
			page := s.pay(p, "")
			require.NoError(t, s.gateway.SetFaults(sandbox.Fault{Name: "error_500", Operation: "checkout.sessions.expire"}))

			a := s.call("POST", "/orders/"+p.id+"/cancel", s.sk, object{"reason": "the shop is closed"})
			require.Equal(t, 200, a.status, "%s", a.body)
			require.Equal(t, "CANCELLED", a.text("status"))
			s.requireStock("MUG", 3, 0)

			payHosted(t, page)
			eventually(t, bound, "that the money goes back", func() bool {
				ledger := s.gateway.Ledger().Payments
				return len(ledger) == 1 && ledger[0].Captured == 99900 && ledger[0].Refunded == 99900
			})
			require.NoError(t, s.gateway.SetFaults())
			s.settle()
			require.Equal(t, "CANCELLED", s.read(p).text("status"))
			s.requireStock("MUG", 3, 0)
			s.requireSameLedger()
			s.requireClean()
		})
	}
}

// A process that is closed and run again on its store goes on where it was: keys,
// carts and orders' tokens are good, and what was open is paid.
func TestRestart(t *testing.T) {
	t.Parallel()
	for name, url := range stores(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			restart(t, openShop(t, url, startSandbox(t)), url)
		})
	}
}

func restart(t *testing.T, first *shop, url string) {
	t.Helper()
	first.sell("MUG", "499.50", 100)
	cart := first.call("POST", "/carts", first.pk, object{"currency": "INR", "items": []object{{"sku": "MUG", "qty": 3}}})
	require.Equal(t, 201, cart.status, "%s", cart.body)
	open, paid := first.place(basket("MUG", 2)), first.place(basket("MUG", 1))
	first.pay(paid, "pm_card_visa")
	first.settle()
	before := first.everything()

	require.NoError(t, first.end())
	second := first.again(url)
	require.Equal(t, before, second.everything(), "a restart changes nothing")
	read := second.call("GET", "/carts/"+cart.text("cart_id"), second.pk, nil)
	require.Equal(t, 200, read.status, "%s", read.body)
	require.Equal(t, cart.json["items"], read.json["items"])
	require.Equal(t, "CONFIRMED", second.read(paid).text("status"))
	page := second.pay(open, "")

	require.NoError(t, second.end())
	third := second.again(url)
	payHosted(t, page)
	eventually(t, bound, "that the open order is paid", func() bool { return third.read(open).text("status") == "CONFIRMED" })
	third.requireStock("MUG", 97, 0)
	third.requireSameLedger()
	third.requireClean()
}

// end closes the process as its command does on a signal.
func (s *shop) end() error {
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	defer cancel()
	return s.Close(ctx)
}

// again runs an ended process again on its store, with the same keys.
func (s *shop) again(url string) *shop {
	s.t.Helper()
	next := runShop(s.t, config(url, s.gateway), s.gateway)
	next.pk, next.sk = s.pk, s.sk
	return next
}

// A process that closes answers what it has begun to read, refuses what comes
// after, and has kept all that it promised.
func TestDrain(t *testing.T) {
	t.Parallel()
	for name, url := range stores(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			drain(t, openShop(t, url, startSandbox(t)), url)
		})
	}
}

func drain(t *testing.T, s *shop, url string) {
	t.Helper()
	const buyers = 50
	s.sell("MUG", "499.50", 2*buyers)
	goOn := make(chan struct{})
	var inFlight atomic.Int64
	var answered sync.WaitGroup
	answers := make([]answer, buyers)
	for i := range answers {
		answered.Go(func() {
			var err error
			if answers[i], err = s.orderSlowly(func() { inFlight.Add(1) }, goOn); err != nil {
				t.Errorf("a request in flight got no answer: %s", err)
			}
		})
	}
	eventually(t, bound, "that all requests are in flight", func() bool { return inFlight.Load() == buyers })
	closed := make(chan error, 1)
	go func() { closed <- s.end() }()
	eventually(t, bound, "that new connections are refused", s.refusesConnections)
	close(goOn)
	answered.Wait()
	require.NoError(t, <-closed)

	next := s.again(url)
	require.Len(t, next.orders(), buyers)
	for _, a := range answers {
		require.Equal(t, 201, a.status, "%s", a.body)
		require.Equal(t, "PENDING", next.read(placed{id: a.text("order_id"), token: a.text("order_token")}).text("status"))
	}
	next.requireStock("MUG", buyers, buyers)
	next.requireClean()
}

func (s *shop) refusesConnections() bool {
	conn, err := net.DialTimeout("tcp", strings.TrimPrefix(s.url, "http://"), time.Second)
	return err != nil || conn.Close() != nil
}

// orderSlowly orders a mug. It calls begun when the server waits for the body,
// and sends that when goOn is closed.
func (s *shop) orderSlowly(begun func(), goOn <-chan struct{}) (answer, error) {
	text, err := json.Marshal(basket("MUG", 1))
	if err != nil {
		return answer{}, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	defer cancel()
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{Got100Continue: begun})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/checkout", slowBody{bytes.NewReader(text), goOn})
	if err != nil {
		return answer{}, err
	}
	req.ContentLength = int64(len(text))
	req.Header.Set("Authorization", "Bearer "+s.pk)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Expect", "100-continue")
	client := &http.Client{Transport: &http.Transport{ExpectContinueTimeout: bound, DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = res.Body.Close() }()
	a := answer{status: res.StatusCode, header: res.Header}
	if a.body, err = io.ReadAll(res.Body); err != nil {
		return answer{}, err
	}
	return a, json.Unmarshal(a.body, &a.json)
}

// slowBody is a body that waits.
type slowBody struct {
	io.Reader
	goOn <-chan struct{}
}

func (b slowBody) Read(p []byte) (int, error) {
	<-b.goOn
	return b.Reader.Read(p)
}
