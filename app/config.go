package app

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"

	"kassa/checkout"
	"kassa/money"
	"kassa/telemetry"
)

// Config is what a process is told by its file and its environment. A key that is
// not here is an error that names it.
type Config struct {
	// Roles say which part of the work this process does: all of it by default.
	Roles []string `koanf:"roles"`
	// Listen is the address of the API: 127.0.0.1:8080 by default.
	Listen string `koanf:"listen"`
	// PublicURL is how buyers' browsers reach this process; by default the address
	// it listens on.
	PublicURL string `koanf:"public_url"`
	// TrustedProxies are the addresses (CIDR) whose X-Forwarded-For is believed when
	// units are capped per buyer's address.
	TrustedProxies []string `koanf:"trusted_proxies"`
	// CheckoutURL is the page that takes a buyer through the payment; {order_id}
	// and {order_token} are filled in. By default the page of this process.
	CheckoutURL string `koanf:"checkout_url"`
	Store       Store  `koanf:"store"`
	Gate        Gate   `koanf:"gate"`
	// Gateways by account name. The key kind says which adapter; the other keys
	// are the adapter's own.
	Gateways map[string]map[string]any `koanf:"gateways"`
	// GatewayOrder is the order in which accounts are tried; by name by default.
	GatewayOrder []string      `koanf:"gateway_order"`
	Currency     string        `koanf:"currency"`   // of carts that name none: INR by default
	Warehouses   []string      `koanf:"warehouses"` // main by default
	HoldTTL      time.Duration `koanf:"hold_ttl"`   // 15m by default
	LockLimits   LockLimits    `koanf:"lock_limits"`
	Log          Log           `koanf:"log"`
}

// Store says where everything is kept.
type Store struct {
	// URL is postgres://…, mysql://…, sqlite:PATH, or memory: for a trial that keeps
	// nothing.
	URL      string `koanf:"url"`
	MaxConns int32  `koanf:"max_conns"` // of the database's server; 0: the adapter's default
}

// Gate says which admission gate to ask before stock is held.
type Gate struct {
	// URL is redis://… or rediss://… with TLS; "" for none.
	URL string `koanf:"url"`
}

// LockLimits caps the units that a buyer may hold without an order; 0: no cap.
type LockLimits struct {
	UnitsPerSession int64 `koanf:"units_per_session"`
	UnitsPerIP      int64 `koanf:"units_per_ip"`
}

// Log says how to log.
type Log struct {
	Level  string `koanf:"level"`  // debug, info, warn, error
	Format string `koanf:"format"` // text or json
}

// DefaultConfig is what holds where nothing is said.
func DefaultConfig() Config {
	return Config{
		Listen:     "127.0.0.1:8080",
		Currency:   "INR",
		Warehouses: []string{checkout.MainWarehouse},
		HoldTTL:    checkout.DefaultHoldTTL,
		LockLimits: LockLimits{UnitsPerSession: 100, UnitsPerIP: 1000},
		Log:        Log{Level: "info", Format: "json"},
	}
}

// LoadConfig reads a YAML file, which may be "" for none, and the environment
// over it: KASSA_LISTEN, and KASSA_STORE__URL for a key within a key.
func LoadConfig(path string) (Config, error) {
	k := koanf.New(".")
	if path != "" {
		if err := k.Load(file.Provider(path), yaml.Parser()); err != nil {
			return Config{}, fmt.Errorf("config %s: %w", path, err)
		}
	}
	if err := k.Load(env.Provider(".", env.Opt{Prefix: "KASSA_", TransformFunc: fromEnv}), nil); err != nil {
		return Config{}, fmt.Errorf("config from the environment: %w", err)
	}
	cfg := DefaultConfig()
	if err := decode(k.Raw(), &cfg); err != nil {
		return Config{}, fmt.Errorf("config: %w", err)
	}
	return cfg, cfg.check()
}

// fromEnv maps KASSA_STORE__URL to store.url. Variables of the tests are not
// configuration.
func fromEnv(key, value string) (string, any) {
	name := strings.ToLower(strings.TrimPrefix(key, "KASSA_"))
	if strings.HasPrefix(name, "test_") || slices.Contains([]string{"crash", "config", "stripe_mock", "services_dir", "services_own"}, name) {
		return "", nil
	}
	return strings.ReplaceAll(name, "__", "."), value
}

// decode fills a struct strictly: a key that it does not have is an error that
// names the key. It is used for the file and for each adapter's own part.
func decode(from map[string]any, into any) error {
	decoder, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{
		Result: into, TagName: "koanf", ErrorUnused: true, WeaklyTypedInput: true,
		MatchName: func(key, field string) bool {
			return strings.EqualFold(strings.ReplaceAll(key, "_", ""), field) || key == field
		},
		DecodeHook: mapstructure.ComposeDecodeHookFunc(
			mapstructure.StringToTimeDurationHookFunc(),
			mapstructure.StringToSliceHookFunc(","),
		),
	})
	if err != nil {
		return err
	}
	if err := decoder.Decode(from); err != nil {
		return errors.New(strings.ReplaceAll(err.Error(), "'' has invalid keys:", "there is no such key:"))
	}
	return nil
}

func (c *Config) check() error {
	if c.Store.URL == "" {
		return fmt.Errorf("config: store.url is missing: give postgres://…, mysql://…, sqlite:PATH or memory")
	}
	if c.HoldTTL < time.Second {
		return fmt.Errorf("config: hold_ttl is %s; it must be at least 1s", c.HoldTTL)
	}
	if _, err := money.ParseCurrency(c.Currency); err != nil {
		return fmt.Errorf("config: currency: %w", err)
	}
	if _, err := telemetry.NewLogger(io.Discard, c.Log.Format, c.Log.Level); err != nil {
		return fmt.Errorf("config: log: %w", err)
	}
	if _, err := parseProxies(c.TrustedProxies); err != nil {
		return err
	}
	if _, err := c.roles(); err != nil {
		return err
	}
	if len(c.Warehouses) == 0 {
		return fmt.Errorf("config: warehouses is empty; leave it out for one warehouse named main")
	}
	for _, name := range c.GatewayOrder {
		if _, ok := c.Gateways[name]; !ok {
			return fmt.Errorf("config: gateway_order names %q, which is not under gateways", name)
		}
	}
	return nil
}

// accountOrder is the order in which gateway accounts are tried.
func (c *Config) accountOrder() []string {
	if len(c.GatewayOrder) > 0 {
		return c.GatewayOrder
	}
	return slices.Sorted(maps.Keys(c.Gateways))
}

// Masked is the configuration for people, with secrets covered.
func (c Config) Masked() map[string]any {
	gateways := map[string]any{}
	for name, g := range c.Gateways {
		gateways[name] = mask(g)
	}
	return map[string]any{
		"roles": c.roleNames(), "listen": c.Listen, "public_url": maskURL(c.PublicURL), "checkout_url": maskPage(c.CheckoutURL),
		"trusted_proxies": c.TrustedProxies,
		"store":           map[string]any{"url": maskURL(c.Store.URL), "max_conns": c.Store.MaxConns},
		"gate":            map[string]any{"url": maskURL(c.Gate.URL)},
		"gateways":        gateways, "gateway_order": c.accountOrder(),
		"currency": c.Currency, "warehouses": c.Warehouses, "hold_ttl": c.HoldTTL.String(),
		"lock_limits": map[string]any{"units_per_session": c.LockLimits.UnitsPerSession, "units_per_ip": c.LockLimits.UnitsPerIP},
		"log":         map[string]any{"level": c.Log.Level, "format": c.Log.Format},
	}
}

// mask covers every value but those of keys that are known to be harmless: what
// an adapter adds tomorrow is covered without being asked.
func mask(part map[string]any) map[string]any {
	open := []string{"kind", "methods", "currencies", "base_url", "timeout", "manual_capture", "hold_ttl"}
	out := map[string]any{}
	for key, value := range part {
		if slices.Contains(open, key) {
			out[key] = value
			if text, ok := value.(string); ok && strings.HasSuffix(key, "_url") {
				out[key] = maskURL(text)
			}
			continue
		}
		out[key] = covered
		if reflect.ValueOf(value).IsZero() {
			out[key] = value
		}
	}
	return out
}

// maskPage covers secrets of a page's address, whose placeholders are no URL.
func maskPage(page string) string {
	if page == "" {
		return ""
	}
	shown := maskURL(strings.NewReplacer("{", "%7B", "}", "%7D").Replace(page))
	return strings.NewReplacer("%7B", "{", "%7D", "}", "%257B", "{", "%257D", "}").Replace(shown)
}

// write keeps the parts of a configuration that another command needs to work on
// the same database and gateways. It holds secrets, so it is the owner's alone.
func (c Config) write(path string) error {
	text, err := yaml.Parser().Marshal(map[string]any{
		"listen": c.Listen, "store": map[string]any{"url": c.Store.URL}, "gate": map[string]any{"url": c.Gate.URL}, "gateways": c.Gateways,
	})
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	return nil
}

// YAML writes the masked configuration as a file that LoadConfig reads.
func (c Config) YAML() ([]byte, error) { return yaml.Parser().Marshal(c.Masked()) }
