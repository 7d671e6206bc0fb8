package postgres

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"kassa/checkout"
	"kassa/store"
)

// Config says where the database is.
type Config struct {
	URL      string // postgres://user:password@host:port/database?sslmode=…
	MaxConns int32  // 0: 16
	Schema   string // search_path of every connection; "": the user's own
}

const (
	defaultMaxConns = 16
	connectTimeout  = 5 * time.Second
	closeTimeout    = 10 * time.Second
	// callTimeout bounds one exchange with the server where the caller's context
	// does not: a network that swallows packets answers nothing at all. It is
	// longer than statement_timeout, so that a slow server can say so itself.
	callTimeout = 20 * time.Second
)

// serverSettings are the run-time parameters of a connection, where the URL does
// not set them otherwise. The timeouts end what a dead or stuck client left
// behind. They do not run while the server waits for the rest of a flight: what a
// machine has left that was lost while it sent a commit, with the counters locked, is
// ended by the keepalives, after 15 seconds. The planner's are there because every statement is prepared, finds its
// rows by key, one by one, and must not be planned anew or by the statistics of a
// table that was empty when the server first saw it.
var serverSettings = map[string]string{
	"application_name":                    "kassa",
	"timezone":                            "UTC",
	"statement_timeout":                   "15s",
	"lock_timeout":                        "5s",
	"idle_in_transaction_session_timeout": "5s",
	"tcp_keepalives_idle":                 "5",
	"tcp_keepalives_interval":             "5",
	"tcp_keepalives_count":                "2",
	"plan_cache_mode":                     "force_generic_plan",
	"enable_seqscan":                      "off",
	"enable_hashjoin":                     "off",
	"enable_mergejoin":                    "off",
	"jit":                                 "off",
}

// Store is one PostgreSQL database.
type Store struct {
	pool         *pgxpool.Pool
	ordersAtOnce int // see ordersAtOnce; fewer in a test

	orders   *gather[*checkout.Order]
	ordersOf *gather[checkout.ID] // by payment
}

var _ store.Store = (*Store)(nil)

// Open connects. It fails with store.ErrUnavailable where the server does not
// answer. The schema is not touched: see Migrate.
func Open(ctx context.Context, config Config) (*Store, error) {
	poolConfig, err := poolConfig(config)
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, poolConfig)
	if err != nil {
		return nil, fmt.Errorf("postgres: open: %w", err)
	}
	s := newStoreOn(pool)
	if err := s.Ping(ctx); err != nil {
		pool.Close()
		return nil, err
	}
	return s, nil
}

func newStoreOn(pool *pgxpool.Pool) *Store {
	s := &Store{pool: pool, ordersAtOnce: ordersAtOnce}
	s.orders = &gather[*checkout.Order]{look: s.wholeOrders}
	s.ordersOf = &gather[checkout.ID]{look: s.ordersOfPayments}
	return s
}

func poolConfig(config Config) (*pgxpool.Config, error) {
	c, err := pgxpool.ParseConfig(config.URL)
	if err != nil {
		return nil, fmt.Errorf("postgres: the URL is not one of PostgreSQL: %w", err)
	}
	c.MaxConns = defaultMaxConns
	if config.MaxConns > 0 {
		c.MaxConns = config.MaxConns
	}
	c.PingTimeout = connectTimeout
	c.ConnConfig.ConnectTimeout = connectTimeout
	dialer := net.Dialer{Timeout: connectTimeout, KeepAlive: 15 * time.Second}
	c.ConnConfig.DialFunc = dialer.DialContext
	c.AfterConnect = func(_ context.Context, conn *pgx.Conn) error {
		registerArrays(conn.TypeMap())
		return nil
	}
	c.PrepareConn = learnTypes
	c.BeforeClose = hangUpSoon
	for name, value := range serverSettings {
		if _, ok := c.ConnConfig.RuntimeParams[name]; !ok {
			c.ConnConfig.RuntimeParams[name] = value
		}
	}
	if config.Schema != "" {
		c.ConnConfig.RuntimeParams["search_path"] = pgx.Identifier{config.Schema}.Sanitize()
	}
	return c, nil
}

// hangUpSoon bounds the goodbye of a connection. The driver waits 15 seconds for the
// answer of a server that has become silent, and as long it keeps a place in the pool.
func hangUpSoon(conn *pgx.Conn) {
	time.AfterFunc(rollbackTimeout, func() { _ = conn.PgConn().Conn().Close() }) // mostly it is closed by then
}

// Ping asks the server for a sign of life.
func (s *Store) Ping(ctx context.Context) error {
	// Of several hosts each may take its time to say that it is not the one.
	hosts := 1 + len(s.pool.Config().ConnConfig.Fallbacks)
	ctx, cancel := context.WithTimeout(ctx, time.Duration(hosts)*connectTimeout)
	defer cancel()
	return mapError(s.pool.Ping(ctx))
}

// Close closes all connections. It waits for those in use, within bounds: a
// transaction that nobody ends must not keep a process from ending.
func (s *Store) Close() error {
	closed := make(chan struct{})
	go func() {
		s.pool.Close()
		close(closed)
	}()
	select {
	case <-closed:
		return nil
	case <-time.After(closeTimeout):
		return fmt.Errorf("postgres: close: %d connections are still in use", s.pool.Stat().AcquiredConns())
	}
}

// exec runs one statement in a transaction of its own and counts its rows.
func (s *Store) exec(ctx context.Context, sql string, args ...any) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	tag, err := s.pool.Exec(ctx, sql, args...)
	return tag.RowsAffected(), mapError(err)
}
