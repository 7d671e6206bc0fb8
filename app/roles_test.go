package app_test

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/app"
	"kassa/checkout"
	"kassa/sandbox"
)

// runRole starts a process that has one role.
func runRole(t *testing.T, cfg app.Config, g *gatewayServer, role app.Role) *shop {
	t.Helper()
	cfg.Roles = []string{string(role)}
	s := runShop(t, cfg, g)
	t.Cleanup(func() { s.requireOwnKinds(role) })
	return s
}

// requireOwnKinds checks that a process has run no task but those of its role.
func (s *shop) requireOwnKinds(role app.Role) {
	s.t.Helper()
	for _, kind := range s.ran() {
		require.Contains(s.t, role.Kinds(), kind, "the role %s", role)
	}
}

var taskRan = regexp.MustCompile(`kassa_task_seconds_count\{kind="([a-z_]+)"`)

// ran are the kinds of tasks that a process has run, by its own metrics.
func (s *shop) ran() []checkout.TaskKind {
	s.t.Helper()
	a := s.call("GET", "/metrics", "", nil)
	require.Equal(s.t, 200, a.status, "%s", a.body)
	kinds := map[checkout.TaskKind]bool{}
	for _, found := range taskRan.FindAllStringSubmatch(string(a.body), -1) {
		kinds[checkout.TaskKind(found[1])] = true
	}
	return slices.Sorted(maps.Keys(kinds))
}

// One process for each role, on one database, do together what one does: a buyer at
// the api process notices nothing.
func TestRoles(t *testing.T) {
	t.Parallel()
	for name, place := range servers(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startSandbox(t)
			cfg := config(place, g)
			migrate(t, cfg)
			orchestrator := runRole(t, cfg, g, app.RoleOrchestrator)
			pays := runRole(t, cfg, g, app.RolePayments)
			s := runRole(t, cfg, g, app.RoleAPI)
			s.sell("MUG", "499.50", 20)
			s.buyInEveryWay()
			s.requireSameLedger()
			foreignPayment(t, g)
			eventually(t, bound, "that the orchestrator looks for the payment of a webhook", func() bool {
				return slices.Contains(orchestrator.ran(), checkout.TaskWebhook)
			})
			require.Empty(t, s.ran())
			require.Subset(t, pays.ran(), []checkout.TaskKind{checkout.TaskInitiate, checkout.TaskRefund})
			s.requireClean()
		})
	}
}

func migrate(t *testing.T, cfg app.Config) {
	t.Helper()
	_, _, err := app.Migrate(t.Context(), cfg, adapters)
	require.NoError(t, err)
}

// buyInEveryWay buys with a token, on the gateway's page, and while the gateway takes
// nothing, and gives money back.
func (s *shop) buyInEveryWay() {
	s.t.Helper()
	token := s.place(basket("MUG", 2))
	start := time.Now()
	paid := s.pay(token, "pm_card_visa")
	s.t.Logf("a payment took %s", time.Since(start))
	require.Equal(s.t, "SUCCEEDED", paid.text("status"), "%s", paid.body)
	require.Equal(s.t, "CONFIRMED", s.read(token).text("status"))

	hosted := s.place(basket("MUG", 1))
	payHosted(s.t, s.pay(hosted, ""))
	eventually(s.t, bound, "that the webhook confirms the order", func() bool { return s.read(hosted).text("status") == "CONFIRMED" })

	// What certainly did not reach the gateway is known to have failed, as where the
	// process that commits also calls.
	again := s.place(basket("MUG", 1))
	require.NoError(s.t, s.gateway.SetFaults(sandbox.Fault{Name: "rate_limit", Operation: "payment_intents.create"}))
	a := s.call("POST", "/payment/initiate", s.pk, initiate(again.id, again.amount, "first", "pm_card_visa"), "Order-Token", again.token)
	require.Equal(s.t, "gateway_unavailable", a.text("code"), "%s", a.body)
	require.NoError(s.t, s.gateway.SetFaults())
	require.Equal(s.t, "SUCCEEDED", s.pay(again, "pm_card_visa").text("status"))

	back := s.call("POST", "/orders/"+token.id+"/cancel", s.sk, object{"reason": "the buyer has changed her mind"})
	require.Equal(s.t, 200, back.status, "%s", back.body)
	eventually(s.t, bound, "that the money goes back", func() bool { return s.read(token).text("status") == "REFUNDED" })
	s.settle()
	s.requireStock("MUG", 18, 0)
}

// foreignPayment is money at the gateway's account that no order of ours is paid by.
func foreignPayment(t *testing.T, g *gatewayServer) {
	t.Helper()
	form := url.Values{
		"amount": {"500"}, "currency": {"inr"}, "payment_method": {"pm_card_visa"}, "confirm": {"true"},
		"automatic_payment_methods[enabled]": {"true"}, "automatic_payment_methods[allow_redirects]": {"never"},
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.URL+"/v1/payment_intents", strings.NewReader(form.Encode()))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Authorization", "Bearer sk_test_sandbox")
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusOK, res.StatusCode)
}

// Only an orchestrator ends what is over.
func TestOrchestratorExpiresOrders(t *testing.T) {
	t.Parallel()
	for name, place := range servers(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startSandbox(t)
			cfg := config(place, g)
			cfg.HoldTTL = time.Second
			migrate(t, cfg)
			runRole(t, cfg, g, app.RolePayments)
			s := runRole(t, cfg, g, app.RoleAPI)
			s.sell("MUG", "499.50", 3)
			p := s.place(basket("MUG", 3))
			time.Sleep(4 * time.Second) // four sweeps, were there any
			require.Equal(t, "PENDING", s.read(p).text("status"))
			runRole(t, cfg, g, app.RoleOrchestrator)
			eventually(t, bound, "that the order expires", func() bool { return s.read(p).text("status") == "EXPIRED" })
			s.requireStock("MUG", 3, 0)
			s.requireClean()
		})
	}
}

// A process without the api role says how it is, and who else is to be asked.
func TestProcessWithoutAPI(t *testing.T) {
	t.Parallel()
	g := startSandbox(t)
	cfg := config(postgresURL(t), g)
	migrate(t, cfg)
	for _, role := range []app.Role{app.RolePayments, app.RoleOrchestrator} {
		s := runRole(t, cfg, g, role)
		for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
			require.Equal(t, 200, s.call("GET", path, "", nil).status, path)
		}
		a := s.call("POST", "/checkout", s.pk, basket("MUG", 1))
		require.Equal(t, 503, a.status)
		require.Equal(t, "application/problem+json", a.header.Get("Content-Type"))
		require.Contains(t, a.text("detail"), "no api role")
	}
}

// Each task is of one role.
func TestEveryKindHasARole(t *testing.T) {
	t.Parallel()
	s := runShop(t, config("memory", startSandbox(t)), startSandbox(t))
	var kinds []checkout.TaskKind
	for _, role := range app.Roles() {
		kinds = append(kinds, role.Kinds()...)
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(s.Payments.Handlers())), kinds)
}

func TestConfiguredRoles(t *testing.T) {
	t.Parallel()
	const server = "store: {url: 'postgres://h/kassa'}\npublic_url: https://shop.test\n"
	load := func(text string) (app.Config, error) {
		path := filepath.Join(t.TempDir(), "kassa.yaml")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return app.LoadConfig(path)
	}
	for text, want := range map[string][]string{
		server:               {"api", "orchestrator", "payments"},
		server + "roles: []": {"api", "orchestrator", "payments"},
		server + "roles: [payments, api, payments]":                  {"api", "payments"},
		server + "roles: orchestrator, api":                          {"api", "orchestrator"},
		"store: {url: memory}\nroles: [orchestrator, payments, api]": {"api", "orchestrator", "payments"},
	} {
		cfg, err := load(text)
		require.NoError(t, err, text)
		require.Equal(t, want, cfg.Masked()["roles"], text)
		shown, err := cfg.YAML()
		require.NoError(t, err)
		again, err := load(string(shown))
		require.NoError(t, err, "%s", shown)
		require.Equal(t, want, again.Masked()["roles"])
	}
	for text, want := range map[string]string{
		server + "roles: [apis]":                                              `there is no role "apis"; there are api, orchestrator, payments`,
		"store: {url: 'sqlite:kassa.db'}\nroles: api":                         "leave roles out",
		"store: {url: memory}\nroles: api":                                    "leave roles out",
		"store: {url: 'postgres://h/kassa'}\nroles: [orchestrator, payments]": "public_url is missing",
	} {
		_, err := load(text)
		require.ErrorContains(t, err, want, text)
	}
	// What the command line says does not go through the file.
	cfg := config("memory", &gatewayServer{})
	cfg.Roles = []string{"console"}
	_, err := app.Run(context.Background(), cfg, adapters, slog.New(slog.DiscardHandler), nil)
	require.ErrorContains(t, err, `there is no role "console"`)
}
