package app_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestClocks: of two processes on one database one has a clock that is a minute ahead,
// and the other one that is a minute behind. What they hold ends at its time, not sooner
// and not later, and all else is as ever.
func TestClocks(t *testing.T) {
	t.Parallel()
	skipOutages(t)
	binaries := []string{buildWithClock(t, time.Minute), buildWithClock(t, -time.Minute)}
	for name, place := range servers(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			begun := time.Now()
			n := newNodes(t, place)
			n.env = []string{"KASSA_HOLD_TTL=" + holdTTL.String()}
			for _, binary := range binaries {
				n.sell(n.serve(binary, place))
			}
			n.requireHolds()
			n.shop.gateway.SetWebhook(n.shops[1].url+"/webhooks/stripe", webhookSecret)
			requireTrueTimes(t, n.finish(), begun)
		})
	}
}

// holdTTL is how long units are held, and lateBy how much later a busy machine may end
// that.
const (
	holdTTL = 8 * time.Second
	lateBy  = 30 * time.Second
)

// requireHolds has each process hold the only unit of a product for a session, and of
// another for an order. Then others ask for them, at this process or that.
func (n *nodes) requireHolds() {
	n.t.Helper()
	held := map[string]time.Time{}
	for i, s := range n.shops {
		lock, order := fmt.Sprintf("LOCKED-%d", i), fmt.Sprintf("ORDERED-%d", i)
		s.sell(lock, "499.50", 1)
		s.sell(order, "499.50", 1)
		held[lock], held[order] = time.Now(), time.Now()
		a := s.call("POST", "/inventory/lock", s.pk, object{"items": []object{{"sku": lock, "qty": 1}}})
		require.Equal(n.t, 201, a.status, "%s", a.body)
		a = s.call("POST", "/checkout", s.pk, basket(order, 1))
		require.Equal(n.t, 201, a.status, "%s", a.body)
	}
	for i := 0; len(held) > 0; i++ {
		s := n.shops[i%len(n.shops)]
		for sku, since := range held {
			if n.freed(s, sku, since) {
				delete(held, sku)
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// freed tells whether the unit is to be had again.
func (n *nodes) freed(s *shop, sku string, since time.Time) bool {
	n.t.Helper()
	a := s.call("POST", "/checkout", s.pk, basket(sku, 1))
	after := time.Since(since)
	switch {
	case a.status == 201:
		require.Greater(n.t, after, holdTTL, "%s was sold while it was held", sku)
		n.t.Logf("%s was free after %s", sku, after.Round(time.Millisecond))
		return true
	case a.status != 503: // of a busy machine
		require.Equal(n.t, "out_of_stock", a.text("code"), "%s", a.body)
	}
	require.Less(n.t, after, holdTTL+lateBy, "the hold of %s does not end", sku)
	return false
}

// requireTrueTimes proves that orders have the database's time, and ids that begin with
// it: by these those that are due are found.
func requireTrueTimes(t *testing.T, last *shop, begun time.Time) {
	t.Helper()
	for _, o := range last.orders() {
		require.WithinRange(t, o.CreatedAt, begun.Add(-time.Second), time.Now().Add(time.Second))
		require.WithinDuration(t, o.CreatedAt, o.ID.Time(), time.Second)
	}
}

// buildWithClock builds the binary with a clock that is off: what Kassa asks for the
// time gets another. Go reads no clock that could be set for one process alone.
func buildWithClock(t *testing.T, off time.Duration) string {
	t.Helper()
	now := fmt.Sprintf("time.Now().Add(%d)", off)
	wrong := strings.NewReplacer(
		"time.Now()", now, "time.Now", "func() time.Time { return "+now+" }",
		"time.Since(", now+".Sub(", "time.Until(", "-"+now+".Sub(",
	)
	dir, replaced := t.TempDir(), map[string]string{}
	for i, file := range sources(t) {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		if changed := wrong.Replace(string(text)); changed != string(text) {
			replaced[file] = filepath.Join(dir, fmt.Sprintf("%d.go", i))
			require.NoError(t, os.WriteFile(replaced[file], []byte(changed), 0o600))
		}
	}
	require.NotEmpty(t, replaced)
	overlay, err := json.Marshal(map[string]any{"Replace": replaced})
	require.NoError(t, err)
	path := filepath.Join(dir, "overlay.json")
	require.NoError(t, os.WriteFile(path, overlay, 0o600))
	return buildBinary(t, "-overlay", path)
}

// sources are the files of the binary that are Kassa's own.
func sources(t *testing.T) []string {
	t.Helper()
	const own = "{{if and .Module .Module.Main}}{{$dir := .Dir}}{{range .GoFiles}}{{$dir}}/{{.}}\n{{end}}{{end}}"
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", own, "kassa/cmd/kassa").Output()
	require.NoError(t, err)
	return strings.Fields(string(out))
}
