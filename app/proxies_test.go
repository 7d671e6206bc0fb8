package app

import (
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestClientIP(t *testing.T) {
	t.Parallel()
	proxies, err := parseProxies([]string{"10.0.0.0/8", "::1/128"})
	require.NoError(t, err)
	for _, c := range []struct{ remote, forwarded, want string }{
		{"198.51.100.7:1234", "", "198.51.100.7"},
		{"198.51.100.7:1234", "203.0.113.9", "198.51.100.7"}, // nobody's word
		{"10.1.2.3:1234", "203.0.113.9", "203.0.113.9"},
		{"10.1.2.3:1234", "1.1.1.1, 203.0.113.9, 10.9.9.9", "203.0.113.9"}, // the buyer wrote the first
		{"10.1.2.3:1234", "", "10.1.2.3"},
		{"10.1.2.3:1234", "not an address", "10.1.2.3"},
		{"[::1]:1234", "2001:db8::1", "2001:db8::1"},
	} {
		r := httptest.NewRequest("POST", "/inventory/lock", nil)
		r.RemoteAddr = c.remote
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
		}
		require.Equal(t, c.want, clientIP(proxies)(r), "%+v", c)
	}
	_, err = parseProxies([]string{"10.0.0.1"})
	require.ErrorContains(t, err, "trusted_proxies")
}

func TestSecretsAreCovered(t *testing.T) {
	t.Parallel()
	cfg := DefaultConfig()
	cfg.PublicURL = "https://u:SECRET1@shop.example"
	cfg.CheckoutURL = "https://u:SECRET2@shop.example/pay/{order_id}?t={order_token}"
	cfg.Gateways = map[string]map[string]any{"stripe": {
		"secret_key": "SECRET3", "webhook_secrets": []string{"SECRET4"}, "base_url": "http://u:SECRET5@127.0.0.1:1", "methods": []string{"card"},
	}}
	for _, url := range []string{
		"postgres://u:SECRET6@db/kassa", "postgres://db/kassa?password=SECRET7&sslpassword=SECRET8", "postgres://u:%ZZSECRET9@db/kassa",
	} {
		cfg.Store.URL = url
		text, err := cfg.YAML()
		require.NoError(t, err)
		require.NotContains(t, string(text), "SECRET")
		require.Contains(t, string(text), "card")
	}
	require.Equal(t, "sqlite:/var/lib/kassa.db", maskURL("sqlite:/var/lib/kassa.db"))
	require.Contains(t, maskPage(cfg.CheckoutURL), "{order_id}")
}
