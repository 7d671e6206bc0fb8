package app_test

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kassa/app"
	"kassa/audit"
)

// The README's tour is run as it stands there.
func TestTour(t *testing.T) {
	t.Parallel()
	if raceEnabled && testing.Short() {
		t.Skip("SQLite is slow under the race detector: the run without it has this test")
	}
	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	tour := regexp.MustCompile("(?s)```sh tour\n(.*?)```").FindSubmatch(readme)
	require.NotNil(t, tour, "README.md has no ```sh tour block")

	data := t.TempDir()
	d := startDemo(t, data)
	cmd := exec.CommandContext(t.Context(), "bash", "-eu", "-c", string(tour[1]))
	cmd.Env = append(os.Environ(), "SHOP="+d.URL)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	text := string(out)
	require.Contains(t, text, `"status":"PENDING"`)
	require.Contains(t, text, `"status":"FAILED"`)
	require.Equal(t, 2, strings.Count(text, `"status":"CONFIRMED"`), "the order and its timeline: %s", text)
	require.Contains(t, text, "order.confirmed")

	charged := 0
	for _, p := range d.Sandbox.Ledger().Payments {
		if p.Captured > 0 {
			charged++
			require.Equal(t, int64(99800), p.Captured)
		}
	}
	require.Equal(t, 1, charged, "three initiates with one key charge once")
	requireEqualAtGateway(t, d, filepath.Join(data, app.DemoConfigFile))
}

func startDemo(t *testing.T, data string) *app.Demo {
	t.Helper()
	log := slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelError}))
	d, err := app.RunDemo(t.Context(), app.DemoOptions{Addr: "127.0.0.1:0", Data: data}, adapters, log)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), bound)
		defer cancel()
		require.NoError(t, d.Close(ctx))
	})
	return d
}

// requireEqualAtGateway audits the demo by its own configuration file, asking the
// gateway too.
func requireEqualAtGateway(t *testing.T, d *app.Demo, path string) {
	t.Helper()
	cfg, err := app.LoadConfig(path)
	require.NoError(t, err)
	ledger, err := app.NewLedger(cfg, adapters)
	require.NoError(t, err)
	report, err := audit.Run(t.Context(), d.Store, audit.Options{Gateway: ledger.Ask})
	require.NoError(t, err)
	var text strings.Builder
	require.NoError(t, report.WriteText(&text))
	require.True(t, report.Clean(), text.String())
	require.Contains(t, text.String(), "ok      money.gateway     2 payments")
}

// In the demo the pages and the API share an address.
func TestPagesAndAPIShareAnAddress(t *testing.T) {
	t.Parallel()
	if raceEnabled && testing.Short() {
		t.Skip("SQLite is slow under the race detector: the run without it has this test")
	}
	d := startDemo(t, t.TempDir())
	for _, c := range []struct {
		method, path, key string
		status            int
		kind              string
	}{
		{"GET", "/", "", 200, "text/html"},
		{"GET", "/checkout", "", 200, "text/html"},
		{"GET", "/nope", "", 404, "text/html"},
		{"GET", "/shop/products", app.DemoStorefrontKey, 200, "application/json"},
		{"GET", "/nope", app.DemoServerKey, 404, "application/problem+json"},
		{"POST", "/checkout", app.DemoStorefrontKey, 400, "application/problem+json"},
		{"GET", "/products", app.DemoStorefrontKey, 403, "application/problem+json"},
		{"GET", "/openapi.yaml", "", 200, "yaml"},
		{"GET", "/docs", "", 200, "text/html"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), c.method, d.URL+c.path, nil)
		require.NoError(t, err)
		if c.key != "" {
			req.Header.Set("Authorization", "Bearer "+c.key)
			req.Header.Set("Content-Type", "application/json")
		}
		res, err := pageClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, c.status, res.StatusCode, "%+v", c)
		require.Contains(t, res.Header.Get("Content-Type"), c.kind, "%+v", c)
	}
}
