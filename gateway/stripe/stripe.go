// Package stripe is the gateway adapter for Stripe: card tokens by
// PaymentIntents, everything else by hosted Checkout Sessions.
//
// It must not know orders, stock, stores or HTTP handlers, nor whether Stripe or
// a stand-in answers. README.md tells Stripe's quirks and what is done about them.
package stripe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v85"

	"kassa/checkout"
	"kassa/gateway"
	"kassa/money"
)

const (
	defaultTimeout = 15 * time.Second
	dialTimeout    = 5 * time.Second
	maxAnswerBytes = 8 << 20 // a page of 100 expanded objects has about 1 MiB
)

// Config is one Stripe account.
type Config struct {
	// Name is what reports and errors call the account, such as "stripe".
	Name string
	// SecretKey is a secret or restricted API key: sk_… or rk_….
	SecretKey string
	// WebhookSecrets (whsec_…) verify webhooks; while a secret is rotated there
	// are two.
	WebhookSecrets []string
	// BaseURL is a stand-in's address such as http://127.0.0.1:4242, without
	// /v1; "" is Stripe itself. A live key is refused with it.
	BaseURL string
	// Methods that the account takes: card (the default), wallet, upi.
	Methods []checkout.Method
	// Currencies that the account takes; empty: all of Stripe's whose minor
	// units are those of ISO 4217.
	Currencies []money.Currency
	// Timeout bounds each method with all its calls; 0 means 15 s.
	Timeout time.Duration
	// HTTPClient makes the calls; nil means one with short dial timeouts.
	// Redirects are never followed and answers are size-capped in any case.
	HTTPClient *http.Client
}

// account is one Stripe account.
type account struct {
	config  Config
	backend stripe.RawRequestBackend
}

// New opens an account. It calls nobody; it returns an error that names the
// field of the Config which makes no sense.
func New(config Config) (gateway.Gateway, error) {
	if err := config.check(); err != nil {
		return nil, fmt.Errorf("gateway stripe: %w", err)
	}
	config.fillDefaults()
	backend := &stripe.BackendConfig{
		EnableTelemetry:   stripe.Bool(false),
		HTTPClient:        harden(config.HTTPClient),
		LeveledLogger:     &stripe.LeveledLogger{Level: stripe.LevelNull},
		MaxNetworkRetries: stripe.Int64(0), // the engine retries, after a look-up
	}
	if config.BaseURL != "" {
		backend.URL = stripe.String(config.BaseURL)
	}
	api, ok := stripe.NewBackendsWithConfig(backend).API.(stripe.RawRequestBackend)
	if !ok {
		return nil, errors.New("gateway stripe: stripe-go has no raw requests any more")
	}
	return &account{config: config, backend: api}, nil
}

func (c *Config) check() error {
	switch {
	case c.Name == "":
		return errors.New("name is empty; name the account, such as stripe")
	case !strings.HasPrefix(c.SecretKey, "sk_") && !strings.HasPrefix(c.SecretKey, "rk_"):
		return errors.New("secret key must start with sk_ or rk_; copy it from Stripe's dashboard, Developers, API keys")
	case len(c.WebhookSecrets) == 0:
		return errors.New("webhook secrets are missing; copy the endpoint's signing secret from Stripe's dashboard")
	case c.Timeout < 0:
		return errors.New("timeout is negative")
	}
	for _, secret := range c.WebhookSecrets {
		if !strings.HasPrefix(secret, "whsec_") || len(secret) == len("whsec_") {
			return errors.New("every webhook secret must start with whsec_")
		}
	}
	if err := c.checkBaseURL(); err != nil {
		return err
	}
	return c.checkOffer()
}

func (c *Config) checkBaseURL() error {
	if c.BaseURL == "" {
		return nil
	}
	base, err := url.Parse(c.BaseURL)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return errors.New("base URL must be an http or https address such as http://127.0.0.1:4242")
	}
	if strings.Contains(c.SecretKey, "_live_") {
		return errors.New("base URL is a stand-in's and the secret key is a live one; use a test key, or leave out the base URL")
	}
	return nil
}

func (c *Config) checkOffer() error {
	for _, method := range c.Methods {
		if _, known := methodTypes[method]; !known {
			return fmt.Errorf("method %q is none of Stripe's; use card, wallet or upi", method)
		}
	}
	for _, currency := range c.Currencies {
		if !representable(currency) {
			return fmt.Errorf("currency %q is none that Stripe can charge in; write it like INR", currency)
		}
	}
	return nil
}

func (c *Config) fillDefaults() {
	if len(c.Methods) == 0 {
		c.Methods = []checkout.Method{checkout.MethodCard}
	}
	if len(c.Currencies) == 0 {
		c.Currencies = plainCurrencies()
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.HTTPClient == nil {
		dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}
		c.HTTPClient = &http.Client{Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, TLSHandshakeTimeout: dialTimeout,
			ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 64, IdleConnTimeout: 90 * time.Second,
		}}
	}
}

// harden returns a copy of the client that follows no redirects, which would
// turn a POST into a GET, and that caps what it reads.
func harden(client *http.Client) *http.Client {
	hard := *client
	hard.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if hard.Transport == nil {
		hard.Transport = http.DefaultTransport
	}
	hard.Transport = capped{hard.Transport}
	return &hard
}

// capped is a transport whose answers are cut off past a size.
type capped struct{ next http.RoundTripper }

// RoundTrip makes one call.
func (c capped) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := c.next.RoundTrip(req)
	if err == nil {
		res.Body = http.MaxBytesReader(nil, res.Body, maxAnswerBytes)
	}
	return res, err
}

// Capabilities says what the account can do.
func (a *account) Capabilities() gateway.Capabilities {
	return gateway.Capabilities{
		Methods:        slices.Clone(a.config.Methods),
		Currencies:     slices.Clone(a.config.Currencies),
		Tokens:         true,
		ManualCapture:  true,
		PartialCapture: true,
		Close:          true,
		Void:           true,
		PartialRefund:  true,
	}
}

// deadline bounds one method with all its calls.
func (a *account) deadline(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, a.config.Timeout)
}
