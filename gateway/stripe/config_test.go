package stripe

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/gateway"
	"kassa/money"
)

func sampleConfig() Config {
	return Config{
		Name: "stripe", SecretKey: "sk_test_1", WebhookSecrets: []string{"whsec_1"}, BaseURL: "http://127.0.0.1:4242",
	}
}

// newAccount opens an account of the sample configuration.
func newAccount(t *testing.T, change func(*Config)) *account {
	t.Helper()
	config := sampleConfig()
	change(&config)
	opened, err := New(config)
	require.NoError(t, err)
	a, ok := opened.(*account)
	require.True(t, ok)
	return a
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*Config)
		says   string
	}{
		"no name":               {func(c *Config) { c.Name = "" }, "name"},
		"no key":                {func(c *Config) { c.SecretKey = "" }, "secret key"},
		"a publishable key":     {func(c *Config) { c.SecretKey = "pk_test_1" }, "secret key"},
		"live key, stand-in":    {func(c *Config) { c.SecretKey = "sk_live_1" }, "live"},
		"live restricted key":   {func(c *Config) { c.SecretKey = "rk_live_1" }, "live"},
		"no webhook secret":     {func(c *Config) { c.WebhookSecrets = nil }, "webhook"},
		"empty webhook secret":  {func(c *Config) { c.WebhookSecrets = []string{"whsec_1", ""} }, "webhook"},
		"hollow webhook secret": {func(c *Config) { c.WebhookSecrets = []string{"whsec_"} }, "webhook"},
		"base URL not one":      {func(c *Config) { c.BaseURL = "sandbox" }, "base URL"},
		"base URL of a file":    {func(c *Config) { c.BaseURL = "file:///etc/passwd" }, "base URL"},
		"method unknown":        {func(c *Config) { c.Methods = []checkout.Method{checkout.MethodManual} }, "bank_transfer"},
		"currency unknown":      {func(c *Config) { c.Currencies = []money.Currency{"inr"} }, "inr"},
		"negative timeout":      {func(c *Config) { c.Timeout = -time.Second }, "timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := sampleConfig()
			c.change(&config)
			_, err := New(config)
			require.ErrorContains(t, err, c.says)
			require.NotContains(t, err.Error(), "_live_1", "an error never holds a secret")
		})
	}
}

func TestNewTakesALiveKeyForStripeItself(t *testing.T) {
	t.Parallel()
	newAccount(t, func(c *Config) { c.SecretKey, c.BaseURL = "sk_live_1", "" })
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	a := newAccount(t, func(*Config) {})
	caps := a.Capabilities()
	require.True(t, caps.Offers(checkout.MethodCard, "INR"))
	require.False(t, caps.Offers(checkout.MethodUPI, "INR"))
	require.False(t, caps.Offers(checkout.MethodCard, "ISK"))
	require.Equal(t, 15*time.Second, a.config.Timeout)
	caps.Methods[0] = "changed"
	require.Equal(t, checkout.MethodCard, a.Capabilities().Methods[0])
}

// requireKind checks what an error makes certain. That there is one is part of
// it: the kind of no error is Unknown.
func requireKind(t *testing.T, kind gateway.Kind, err error, about ...any) {
	t.Helper()
	var typed *gateway.Error
	require.ErrorAs(t, err, &typed, about...)
	require.Equal(t, kind, typed.Kind, about...)
}
