package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"kassa/app"
	"kassa/checkout"
	"kassa/hold/redis/redistest"
)

// promised are the fields that whoever reads the JSON can rely on.
var promised = []string{
	"scenario", "store", "concurrency", "duration_s", "done", "per_s", "errors", "steps", "cpu", "rss_mib", "wal_bytes_per_checkout", "audit",
}

func TestScenarios(t *testing.T) {
	t.Parallel()
	for name, store := range stores(t) {
		for _, s := range Scenarios() {
			t.Run(name+" "+s.Name, func(t *testing.T) {
				t.Parallel()
				tryScenario(t, quick(t, store, s.Name))
			})
			if s.local == nil {
				continue
			}
			t.Run(name+" "+s.Name+" in process", func(t *testing.T) {
				t.Parallel()
				o := quick(t, store, s.Name)
				o.InProcess = true
				tryScenario(t, o)
			})
		}
	}
}

func tryScenario(t *testing.T, o Options) {
	t.Helper()
	var seen grounds
	seen.watch(&o)
	res, err := Run(t.Context(), o)
	require.NoError(t, err)
	require.Empty(t, res.ErrorTexts)
	require.Equal(t, auditClean, res.Audit)
	require.True(t, res.OK())
	require.GreaterOrEqual(t, res.Done, o.least)
	for _, name := range res.stepNames() {
		require.Positive(t, res.Steps[name].P50, name)
		require.GreaterOrEqual(t, res.Steps[name].Max, res.Steps[name].P50, name)
	}
	requirePromised(t, &res)
	seen.requireGone(t)
}

func requirePromised(t *testing.T, res *Result) {
	t.Helper()
	var text bytes.Buffer
	require.NoError(t, res.WriteJSON(&text))
	require.Equal(t, 1, bytes.Count(text.Bytes(), []byte("\n")), "one object on one line")
	var object map[string]any
	require.NoError(t, json.Unmarshal(text.Bytes(), &object))
	for _, field := range promised {
		require.Contains(t, object, field)
	}
	for _, side := range []string{"server", "generator", "database"} {
		require.Contains(t, object["cpu"], side)
	}
	for _, step := range object["steps"].(map[string]any) {
		require.Contains(t, step, "p50_ms")
		require.Contains(t, step, "p99_ms")
	}
}

func TestCompareTextbook(t *testing.T) {
	t.Parallel()
	for name, store := range stores(t) {
		for _, inside := range []bool{false, true} {
			for _, scenario := range []string{"lifecycle", "hot", "hot-checkout"} {
				t.Run(strings.Join([]string{name, scenario, map[bool]string{true: "in process", false: "http"}[inside]}, " "), func(t *testing.T) {
					t.Parallel()
					o := quick(t, store, scenario)
					o.InProcess, o.Compare, o.Rounds, o.BaselineConcurrency = inside, Textbook, 1, 4
					switch {
					case scenario == "hot" && name == "sqlite":
						o.BaselineConcurrency = 0 // it is tried which number is best
					case scenario == "hot":
						o.Rounds = 3
					}
					tryComparison(t, o)
				})
			}
		}
	}
}

func tryComparison(t *testing.T, o Options) {
	t.Helper()
	var seen grounds
	seen.watch(&o)
	res, err := Run(t.Context(), o)
	require.NoError(t, err)
	require.True(t, res.OK(), "%v %v %s %s", res.ErrorTexts, res.Baseline.ErrorTexts, res.Audit, res.Baseline.Audit)
	require.Equal(t, Textbook, res.Baseline.Subject)
	require.GreaterOrEqual(t, res.Baseline.Done, o.least)
	require.InDelta(t, res.PerS/res.Baseline.PerS, *res.Ratio, 0.01)
	if o.BaselineConcurrency > 0 {
		require.Equal(t, o.BaselineConcurrency, res.Baseline.Concurrency)
	} else {
		require.Contains(t, baselineClients, res.Baseline.Concurrency)
	}
	if o.Rounds > 1 {
		require.Len(t, res.Rounds, o.Rounds)
		require.Len(t, res.Baseline.Rounds, o.Rounds)
	}
	requirePage(t, &res)
	seen.requireGone(t)
}

// requirePage writes the page and reads it as a browser would.
func requirePage(t *testing.T, res *Result) {
	t.Helper()
	var text bytes.Buffer
	require.NoError(t, res.WriteHTML(&text))
	require.NotContains(t, text.String(), "%!", "a figure was not written")
	require.NotContains(t, text.String(), "ZgotmplZ", "a value was not fit for its place")
	require.NotContains(t, text.String(), "://", "the page needs something from elsewhere")
	d := xml.NewDecoder(&text)
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	count := map[string]int{}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		if start, ok := token.(xml.StartElement); ok {
			count[start.Name.Local]++
		}
	}
	require.GreaterOrEqual(t, count["svg"], 2)
	require.Positive(t, count["path"])
	require.Positive(t, count["rect"])
	require.Equal(t, 1, count["h1"])
}

// Two processes on one database, behind a gate and without it.
func TestProcessesBehindAGate(t *testing.T) {
	t.Parallel()
	gate := redistest.Start(t)
	for _, inside := range []bool{false, true} {
		for _, scenario := range []string{"soldout", "hot"} {
			t.Run(fmt.Sprintf("%s in process %t", scenario, inside), func(t *testing.T) {
				t.Parallel()
				o := quick(t, postgresURL(t), scenario)
				o.InProcess, o.Processes, o.Gate, o.Compare, o.Rounds = inside, 2, gate.URL, Ungated, 1
				res, err := Run(t.Context(), o)
				require.NoError(t, err)
				require.True(t, res.OK(), "%v %v %s %s", res.ErrorTexts, res.Baseline.ErrorTexts, res.Audit, res.Baseline.Audit)
				require.True(t, res.Gate)
				require.False(t, res.Baseline.Gate)
				require.Equal(t, Ungated, res.Baseline.Subject)
				require.Equal(t, 2, res.Processes)
				require.Equal(t, 2, res.Baseline.Processes)
				requirePage(t, &res)
			})
		}
	}
}

func TestExpiringHolds(t *testing.T) {
	t.Parallel()
	o := quick(t, postgresURL(t), "hot")
	o.InProcess, o.Expiring, o.Compare, o.Rounds, o.Duration = true, 100, Calm, 1, 2500*time.Millisecond // two sweeps
	res, err := Run(t.Context(), o)
	require.NoError(t, err)
	require.True(t, res.OK())
	require.Positive(t, *res.Expired)
	require.Nil(t, res.Baseline.Expired)
	require.Equal(t, res.Subject, res.Baseline.Subject)
	require.Contains(t, res.Title(), "100 expiring")
}

func TestGrow(t *testing.T) {
	t.Parallel()
	o := quick(t, postgresURL(t), "hot-checkout")
	o.InProcess, o.Grow, o.Duration = true, 500, 3*time.Second // three windows
	res, err := Run(t.Context(), o)
	require.NoError(t, err)
	require.True(t, res.OK())
	require.GreaterOrEqual(t, res.Grow.Orders, int64(500))
	require.Positive(t, res.Grow.EarlyPerS)
	require.InDelta(t, res.Grow.LatePerS/res.Grow.EarlyPerS, res.Grow.Ratio, 0.01)
	require.NotNil(t, res.Grow.Checkpoints)
	require.Positive(t, *res.Grow.WALBytes)
}

func TestProfile(t *testing.T) {
	t.Parallel()
	o := quick(t, "", "hot")
	o.InProcess, o.Profile, o.Duration = true, filepath.Join(t.TempDir(), "cpu.pprof"), 1200*time.Millisecond
	res, err := Run(t.Context(), o)
	require.NoError(t, err)
	sum := 0.0
	for _, p := range res.Parts {
		sum += p.Share
	}
	require.InDelta(t, 1, sum, 0.05)
	var text bytes.Buffer
	require.NoError(t, res.WriteText(&text))
	require.Contains(t, text.String(), partSQLite)
}

// canceller ends a run as soon as it tells of its progress.
type canceller struct{ cancel context.CancelFunc }

func (c canceller) Write(text []byte) (int, error) {
	if bytes.Contains(text, []byte("/s")) {
		c.cancel()
	}
	return len(text), nil
}

func TestNothingIsLeftAfterACancelledRun(t *testing.T) {
	t.Parallel()
	for name, store := range stores(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			o := quick(t, store, "lifecycle")
			o.Duration, o.Progress, o.Live = time.Hour, canceller{cancel}, true
			var seen grounds
			seen.watch(&o)
			_, err := Run(ctx, o)
			require.ErrorIs(t, err, context.Canceled)
			seen.requireGone(t)
		})
	}
}

func TestNothingIsLeftAfterAFailedRun(t *testing.T) {
	t.Parallel()
	for name, store := range stores(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := quick(t, store, "lifecycle")
			o.Binary = filepath.Join(t.TempDir(), "nowhere")
			var seen grounds
			seen.watch(&o)
			_, err := Run(t.Context(), o)
			require.ErrorContains(t, err, "start a server")
			seen.requireGone(t)
		})
	}
}

// TestAServerThatEndsIsTold hands in a server that cannot start.
func TestAServerThatEndsIsTold(t *testing.T) {
	t.Parallel()
	address, err := freeAddress(t.Context())
	require.NoError(t, err)
	o := quick(t, "", "hot")
	_, err = start(t.Context(), o.Binary, []string{"serve"}, map[string]string{"KASSA_STORE__URL": "nonsense:"}, address)
	require.ErrorContains(t, err, "ended before it was ready")
	require.ErrorContains(t, err, "nonsense")
}

func TestLeftOverSchemasAreNamed(t *testing.T) {
	t.Parallel()
	url := postgresURL(t)
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	dead := newSchemaName()
	_, err = conn.Exec(t.Context(), "create schema "+dead)
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := conn.Exec(context.Background(), "drop schema "+dead)
		require.NoError(t, err)
		require.NoError(t, conn.Close(context.Background()))
	})
	alive, err := newGround(t.Context(), url, func(string) {})
	require.NoError(t, err)
	defer func() { require.NoError(t, alive.remove(context.Background())) }()
	var warnings []string
	g, err := newGround(t.Context(), url, func(text string) { warnings = append(warnings, text) })
	require.NoError(t, err)
	require.NoError(t, g.remove(t.Context()))
	require.NoError(t, g.remove(t.Context()), "twice")
	all := strings.Join(warnings, "\n")
	require.Contains(t, all, dead)
	require.NotContains(t, all, alive.schema)
}

func TestTarget(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	address, err := freeAddress(ctx)
	require.NoError(t, err)
	cfg := app.DefaultConfig()
	cfg.Listen, cfg.LockLimits = "127.0.0.1:0", app.LockLimits{}
	cfg.Store.URL = "sqlite:" + filepath.Join(t.TempDir(), "kassa.db")
	cfg.Gateways = map[string]map[string]any{"stripe": {"secret_key": stripeKey, "webhook_secrets": "whsec_theirs", "base_url": "http://" + address}}
	_, _, err = app.Migrate(ctx, cfg, adapters)
	require.NoError(t, err)
	a, err := app.Run(ctx, cfg, adapters, silent, nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, a.Close(context.Background())) }()
	_, pk, err := app.NewKey(ctx, a.Store, checkout.ScopeStorefront)
	require.NoError(t, err)
	_, sk, err := app.NewKey(ctx, a.Store, checkout.ScopeServer)
	require.NoError(t, err)
	o := quick(t, "", "lifecycle")
	o.Target = &Target{URL: a.URL, StorefrontKey: pk, ServerKey: sk, Gateway: address, WebhookSecret: "whsec_theirs", Store: cfg.Store.URL}
	res, err := Run(ctx, o)
	require.NoError(t, err)
	require.True(t, res.OK(), "%v %s", res.ErrorTexts, res.Audit)
	require.Nil(t, res.CPU.Server)
	o.Target.Store, o.Target.ServerKey = "", ""
	res, err = Run(ctx, o)
	require.NoError(t, err)
	require.Equal(t, auditSkipped, res.Audit)
}

// TestErrorsAreTold drives a target whose products are not there.
func TestErrorsAreTold(t *testing.T) {
	t.Parallel()
	cfg := app.DefaultConfig()
	cfg.Listen, cfg.Store.URL = "127.0.0.1:0", "sqlite:"+filepath.Join(t.TempDir(), "kassa.db")
	_, _, err := app.Migrate(t.Context(), cfg, adapters)
	require.NoError(t, err)
	a, err := app.Run(t.Context(), cfg, adapters, silent, nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, a.Close(context.Background())) }()
	_, pk, err := app.NewKey(t.Context(), a.Store, checkout.ScopeStorefront)
	require.NoError(t, err)
	o := quick(t, "", "hot")
	o.least, o.Target = 0, &Target{URL: a.URL, StorefrontKey: pk, Gateway: "127.0.0.1:0"}
	_, err = Run(t.Context(), o)
	require.ErrorContains(t, err, "tries failed, such as: POST /inventory/lock was answered 422")
}

func TestOptionsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		change func(*Options)
		says   string
	}{
		{"scenario", func(o *Options) { o.Scenario = "holiday" }, "lifecycle, hot,"},
		{"negative", func(o *Options) { o.Duration = -1 }, "negative"},
		{"no number", func(o *Options) { o.Rate = math.NaN() }, "number"},
		{"only over HTTP", func(o *Options) { o.InProcess, o.Scenario = true, "browse" }, "only over HTTP"},
		{"comparison", func(o *Options) { o.Compare = "apples" }, "textbook, calm or ungated"},
		{"comparison of browse", func(o *Options) { o.Compare, o.Scenario = Textbook, "mixed" }, "does not know"},
		{"calm beside nothing", func(o *Options) { o.Compare = Calm }, "say how many"},
		{"ungated beside nothing", func(o *Options) { o.Compare = Ungated }, "say which"},
		{"processes on a file", func(o *Options) { o.Processes = 2 }, "one process"},
		{"growing rounds", func(o *Options) { o.Grow, o.Rounds = 1000, 2 }, "one round"},
		{"growing holds", func(o *Options) { o.Grow, o.Scenario = 1000, "hot" }, "makes orders"},
		{"profile of a target", func(o *Options) { o.Target, o.Profile = &Target{}, "x" }, "as it is"},
		{"store", func(o *Options) { o.Store = "memory:" }, "postgres://… or sqlite:PATH"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var o Options
			test.change(&o)
			_, err := Run(t.Context(), o)
			require.ErrorContains(t, err, test.says)
		})
	}
}
