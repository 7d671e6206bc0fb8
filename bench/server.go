package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// child is a server of this benchmark's own: a process of the same binary, so that
// its CPU and memory can be told from the generator's.
type child struct {
	url    string
	cmd    *exec.Cmd
	ended  chan struct{}
	err    error // of the process; to be read when it has ended
	stderr tail
}

// The credentials of the child's gateway account. They are made up: the gateway is
// the benchmark itself.
const (
	stripeKey     = "sk_test_bench"
	webhookSecret = "whsec_bench" //nolint:gosec // made up, see above
	account       = "stripe"
)

// readyPatience bounds how long a server may take to start.
const readyPatience = 30 * time.Second

// start runs this binary with arguments and an environment that takes the place
// of all its KASSA_ variables, and waits until it is ready.
func start(ctx context.Context, binary string, args []string, env map[string]string, address string) (*child, error) {
	c := &child{url: "http://" + address, ended: make(chan struct{})}
	c.cmd = exec.Command(binary, args...) //nolint:gosec,noctx // our own binary; it is ended by stop, which lets it drain
	c.cmd.Env = environment(env)
	c.cmd.Stderr = &c.stderr
	c.cmd.SysProcAttr = orphaned()
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start a server: %w", err)
	}
	go func() {
		c.err = c.cmd.Wait()
		close(c.ended)
	}()
	if err := c.awaitReady(ctx); err != nil {
		return nil, errors.Join(err, c.stop())
	}
	return c, nil
}

// environment is ours without what configures another Kassa.
func environment(own map[string]string) []string {
	var env []string
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "KASSA_") {
			env = append(env, pair)
		}
	}
	for key, value := range own {
		env = append(env, key+"="+value)
	}
	return env
}

// serveEnv configures a Kassa as in production, without caps on what one address
// may lock: here all buyers have the same.
func serveEnv(g *ground, address, gatewayURL, gateURL string) map[string]string {
	return map[string]string{
		"KASSA_LISTEN":     address,
		"KASSA_STORE__URL": g.url,
		"KASSA_GATE__URL":  gateURL,
		"KASSA_LOG__LEVEL": logLevel,

		"KASSA_LOCK_LIMITS__UNITS_PER_SESSION": "0",
		"KASSA_LOCK_LIMITS__UNITS_PER_IP":      "0",

		"KASSA_GATEWAYS__STRIPE__KIND":            "stripe",
		"KASSA_GATEWAYS__STRIPE__SECRET_KEY":      stripeKey,
		"KASSA_GATEWAYS__STRIPE__WEBHOOK_SECRETS": webhookSecret,
		"KASSA_GATEWAYS__STRIPE__BASE_URL":        gatewayURL,
	}
}

// logLevel of a server under test: no line for each request. It is printed with
// the other settings.
const logLevel = "warn"

// freeAddress is an address of this machine that nobody listens on. Between this
// and the server's own listen somebody could take it; then the server says so.
func freeAddress(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return l.Addr().String(), l.Close()
}

func (c *child) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyPatience)
	defer cancel()
	for {
		if isReady(ctx, c.url) {
			return nil
		}
		select {
		case <-c.ended:
			return fmt.Errorf("the server ended before it was ready: %w%s", c.err, c.stderr.said())
		case <-ctx.Done():
			return fmt.Errorf("the server did not get ready: %w%s", ctx.Err(), c.stderr.said())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func isReady(ctx context.Context, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/readyz", http.NoBody)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = res.Body.Close() // only the status counts
	return res.StatusCode == http.StatusOK
}

// stopPatience is how long a server may take to drain.
const stopPatience = 40 * time.Second

// stop ends the server as an operator would, and by force where it does not end.
func (c *child) stop() error {
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		_ = c.cmd.Process.Kill() // a system without SIGTERM
	}
	select {
	case <-c.ended:
	case <-time.After(stopPatience):
		_ = c.cmd.Process.Kill()
		<-c.ended
		return fmt.Errorf("the server did not end within %s and was killed%s", stopPatience, c.stderr.said())
	}
	if c.err != nil {
		return fmt.Errorf("the server ended with an error: %w%s", c.err, c.stderr.said())
	}
	return nil
}

func (c *child) pid() int { return c.cmd.Process.Pid }

// tail keeps the end of what a process wrote.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailBytes = 4 << 10

// Write keeps the last bytes.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	if over := len(t.text) - tailBytes; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
	}
	return len(b), nil
}

func (t *tail) said() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := bytes.TrimSpace(t.text)
	if len(text) == 0 {
		return ""
	}
	return "\nthe server said:\n" + string(text)
}
