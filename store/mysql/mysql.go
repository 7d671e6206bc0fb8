package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	driver "github.com/go-sql-driver/mysql"

	"kassa/store"
)

// Config says where the database is.
type Config struct {
	URL      string // mysql://user:password@host:port/database?tls=…
	MaxConns int32  // 0: 16
}

const (
	defaultMaxConns = 16
	connectTimeout  = 5 * time.Second
	// callTimeout bounds one exchange with the server where the caller's context
	// does not: a network that swallows packets answers nothing at all. It is
	// longer than the statement's limit, so that a slow server can say so itself.
	callTimeout = 20 * time.Second
	// rollbackTimeout bounds the goodbye of a transaction. Its caller's context may
	// have ended, which is no reason to leave the rows locked.
	rollbackTimeout = 2 * time.Second
	// idleTime is less than the server's wait_timeout, so that it is us who hang up.
	idleTime = 30 * time.Second
)

// Store is one database of a server.
type Store struct {
	db     *sql.DB
	config *driver.Config
	limit  int // bytes of one exchange

	ordersAtOnce int // see ordersAtOnce; fewer in a test
}

var _ store.Store = (*Store)(nil)

// Open connects. It fails with store.ErrUnavailable where the server does not
// answer. The schema is not touched: see Migrate.
func Open(ctx context.Context, config Config) (*Store, error) {
	to, err := parseURL(config.URL)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	server, err := meet(ctx, to)
	if err != nil {
		return nil, err
	}
	to.Params = server.settings()
	db, err := openDB(to, config.MaxConns)
	if err != nil {
		return nil, err
	}
	s := &Store{db: db, config: to, limit: server.maxPacket - packetMargin, ordersAtOnce: ordersAtOnce}
	if err := s.Ping(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func openDB(config *driver.Config, maxConns int32) (*sql.DB, error) {
	connector, err := driver.NewConnector(config)
	if err != nil {
		return nil, fmt.Errorf("mysql: open: %w", err)
	}
	conns := defaultMaxConns
	if maxConns > 0 {
		conns = int(maxConns)
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	db.SetConnMaxIdleTime(idleTime)
	return db, nil
}

// Ping asks the server for a sign of life.
func (s *Store) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	return mapError(s.db.PingContext(ctx))
}

// Close closes all connections; those in use when they are given back.
func (s *Store) Close() error { return s.db.Close() }
