package app_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
)

// The real binary is killed for good at random under load and started again.
// Every order that was answered is there afterwards, nothing is stuck, the laws
// hold and the gateway's ledger is ours. KASSA_CRASH=long kills it 20 times.
func TestCrash(t *testing.T) {
	t.Parallel()
	kills := 4
	if os.Getenv("KASSA_CRASH") == "long" {
		kills = 20
	}
	if testing.Short() {
		t.Skip("the binary under test has no race detector: the run without it has this test")
	}
	binary := buildBinary(t)
	for name, url := range stores(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			crash(t, binary, url, kills)
		})
	}
}

func buildBinary(t *testing.T, flags ...string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "kassa")
	args := slices.Concat([]string{"build", "-o", binary}, flags, []string{"kassa/cmd/kassa"})
	out, err := exec.CommandContext(t.Context(), "go", args...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return binary
}

// process is the binary as a child that can be killed.
type process struct {
	t      *testing.T
	binary string
	config string
	listen string
	env    []string // beside the test's own
	cmd    *exec.Cmd
	log    *os.File
}

func (p *process) start() {
	p.t.Helper()
	cmd := exec.Command(p.binary, "serve", "--config", p.config)
	cmd.Env = append(os.Environ(), p.env...)
	cmd.Stdout, cmd.Stderr = p.log, p.log
	require.NoError(p.t, cmd.Start())
	p.cmd = cmd
	eventually(p.t, bound, "that the server listens", func() bool {
		conn, err := net.DialTimeout("tcp", p.listen, time.Second)
		if err != nil {
			return false
		}
		return conn.Close() == nil
	})
}

// kill is kill -9: nothing is drained, nothing is said.
func (p *process) kill() {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Kill())
	_ = p.cmd.Wait() // "signal: killed"
}

func newProcess(t *testing.T, binary, place string, g *gatewayServer) *process {
	t.Helper()
	storeURL, gateURL, _ := strings.Cut(place, gateMark)
	listen := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	dir := t.TempDir()
	log, err := os.Create(filepath.Join(dir, "log"))
	require.NoError(t, err)
	p := &process{t: t, binary: binary, config: filepath.Join(dir, "kassa.yaml"), listen: listen, log: log}
	text := fmt.Sprintf(`
listen: %q
public_url: http://shop.test
store: {url: %q}
gate: {url: %q}
log: {level: warn, format: text}
gateways:
  stripe: {secret_key: sk_test_sandbox, webhook_secrets: [%s], base_url: %q}
`, listen, storeURL, gateURL, webhookSecret, g.URL)
	require.NoError(t, os.WriteFile(p.config, []byte(text), 0o600))
	t.Cleanup(func() {
		if p.cmd != nil {
			_ = p.cmd.Process.Kill()
			_ = p.cmd.Wait()
		}
		if t.Failed() {
			written, _ := os.ReadFile(log.Name())
			t.Logf("the server's log:\n%s", written[max(0, len(written)-4000):])
		}
		_ = log.Close()
	})
	return p
}

// buyers order and pay until they are told to stop, and remember what they were
// promised.
type buyers struct {
	s    *shop
	name string // of their keys, where there are others

	mu       sync.Mutex
	promised map[string]string // order id: the status that was answered last
	last     time.Time         // when the last promise was made
	gap      time.Duration     // the longest time without one
}

func (b *buyers) remember(order, status string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if !b.last.IsZero() {
		b.gap = max(b.gap, now.Sub(b.last))
	}
	b.last = now
	b.promised[order] = status
}

func (b *buyers) sold() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.promised)
}

func (b *buyers) run(ctx context.Context, count int) *sync.WaitGroup {
	var wg sync.WaitGroup
	for i := range count {
		wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				b.buyOne(fmt.Sprintf("%s-%d-%d", b.name, i, n))
			}
		})
	}
	return &wg
}

func (b *buyers) buyOne(name string) {
	order, err := b.s.try("POST", "/checkout", b.s.pk, basket("MUG", 1), "Idempotency-Key", name)
	if err != nil || order.status != 201 {
		time.Sleep(20 * time.Millisecond) // the server is down
		return
	}
	id := order.text("order_id")
	b.remember(id, order.text("status"))
	pay, err := b.s.try("POST", "/payment/initiate", b.s.pk, initiate(id, "499.50", id, "pm_card_visa"), "Order-Token", order.text("order_token"))
	if err != nil || pay.status >= 300 {
		return
	}
	done, err := b.s.try("POST", "/checkout/confirm", b.s.pk, object{"order_id": id}, "Order-Token", order.text("order_token"))
	if err == nil && done.status == 200 {
		b.remember(id, done.text("status"))
	}
}

func crash(t *testing.T, binary, place string, kills int) {
	t.Helper()
	g := startSandbox(t)
	cfg := config(place, g)
	p := newProcess(t, binary, place, g)
	s := stock(t, place, g) // migrates and fills the store, then leaves it
	s.url = "http://" + p.listen
	g.SetWebhook(s.url+"/webhooks/stripe", webhookSecret)

	p.start()
	b := &buyers{s: s, promised: map[string]string{}}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	wg := b.run(ctx, 16)
	for range kills {
		time.Sleep(time.Duration(200+rand.IntN(1300)) * time.Millisecond)
		p.kill()
		p.start()
	}
	time.Sleep(time.Second) // some more work after the last start
	stop()
	wg.Wait()
	p.kill()

	// A last start finishes what is open.
	requireKept(t, runShop(t, cfg, g), b)
}

// requireKept waits until no saga is open, and proves that all that the buyers were
// promised is there.
func requireKept(t *testing.T, last *shop, all ...*buyers) {
	t.Helper()
	eventually(t, 3*time.Minute, "that no saga is stuck", func() bool {
		for _, o := range last.orders() {
			if !atRest(o) {
				return false
			}
		}
		return true
	})
	for _, b := range all {
		requirePromises(t, last, b)
	}
	last.requireSameLedger()
	last.requireClean()
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, listener.Close()) }()
	return listener.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // of TCP
}

// stock fills a new store and closes it again, because a SQLite file has one
// serving process.
func stock(t *testing.T, place string, g *gatewayServer) *shop {
	t.Helper()
	s := &shop{}
	t.Run("stock", func(t *testing.T) {
		s = openShop(t, place, g)
		s.sell("MUG", "499.50", 1_000_000)
	})
	s.t = t
	return s
}

func requirePromises(t *testing.T, s *shop, b *buyers) {
	t.Helper()
	require.NotEmpty(t, b.promised)
	have := map[string]checkout.OrderStatus{}
	for _, o := range s.orders() {
		have[o.ID.String()] = o.Status
	}
	confirmed := 0
	for id, status := range b.promised {
		require.Contains(t, have, id, "an order that was answered 201 is gone")
		if status == string(checkout.OrderConfirmed) {
			confirmed++
			require.Equal(t, checkout.OrderConfirmed, have[id], "an order that was answered CONFIRMED is not")
		}
	}
	require.Positive(t, confirmed)
	t.Logf("%d orders were answered, %d of them confirmed; %s", len(b.promised), confirmed, strings.ToLower(t.Name()))
}
