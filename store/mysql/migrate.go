package mysql

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"

	driver "github.com/go-sql-driver/mysql"
	"github.com/pressly/goose/v3"

	"kassa/store"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

const versionTable = "schema_version"

// A process waits this many seconds for another one that migrates.
const migrateWait = 300

// Schema tells the version of the database's schema, 0 for none, and the one
// that this binary wants. A newer schema with which this binary can work counts as
// the one it wants.
func (s *Store) Schema(ctx context.Context) (have, want int64, err error) {
	err = s.migrations(func(db *sql.DB) error {
		return onProvider(db, func(provider *goose.Provider) error {
			sources := provider.ListSources()
			want = sources[len(sources)-1].Version
			return nil
		})
	})
	if err != nil {
		return 0, 0, err
	}
	var oldest int64
	have, err = one(ctx, s, "version of the schema", func(r *row) int64 {
		version := r.int()
		oldest = r.int()
		return version
	}, "schema_version")
	var refused *driver.MySQLError
	if errors.As(err, &refused) && refused.Number == errNoTable {
		return 0, want, nil
	}
	if err == nil && oldest <= want {
		have = min(have, want)
	}
	return have, want, err
}

// Migrate brings the schema up to what this binary wants. Of several processes
// one migrates, and the others wait for it.
func (s *Store) Migrate(ctx context.Context) error {
	err := s.migrations(func(db *sql.DB) error {
		return locked(ctx, db, lockName(s.config.DBName), func() error {
			return onProvider(db, func(provider *goose.Provider) error {
				_, err := provider.Up(ctx)
				return err
			})
		})
	})
	if err != nil {
		return fmt.Errorf("mysql: migrate: %w", err)
	}
	return nil
}

// migrations opens goose on connections of its own, without the timeouts of a
// request: a migration may take its time.
func (s *Store) migrations(do func(*sql.DB) error) error {
	config := s.config.Clone()
	config.ReadTimeout, config.WriteTimeout = 0, 0
	config.Params = maps.Clone(config.Params)
	config.Params["wait_timeout"] = "28800"
	for _, name := range []string{"max_statement_time", "max_execution_time", "idle_transaction_timeout"} {
		if _, ok := config.Params[name]; ok {
			config.Params[name] = "0"
		}
	}
	db, err := openDB(config, defaultMaxConns)
	if err != nil {
		return err
	}
	return errors.Join(do(db), db.Close())
}

func onProvider(db *sql.DB, do func(*goose.Provider) error) error {
	files, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectMySQL, db, files, goose.WithTableName(versionTable))
	if err != nil {
		return err
	}
	return do(provider)
}

// lockName is the lock of one database: locks are the server's, and their names have
// at most 64 characters.
func lockName(database string) string {
	sum := sha256.Sum256([]byte(database))
	return "kassa migrates " + hex.EncodeToString(sum[:16])
}

// locked holds a lock of the server while it does something. Goose's own way is not
// used: it looks at its table before it has the lock, and here a table can be seen
// before its first row is there.
func locked(ctx context.Context, db *sql.DB, name string, do func() error) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return mapError(err)
	}
	defer func() { _ = conn.Close() }() // with the session the lock ends, if it was not given back
	var taken sql.NullInt64
	if err := conn.QueryRowContext(ctx, statement("lock_migrations"), name, migrateWait).Scan(&taken); err != nil {
		return mapError(err)
	}
	if taken.Int64 != 1 {
		return fmt.Errorf("%w: another process migrates, for more than %d s", store.ErrUnavailable, migrateWait)
	}
	err = do()
	_, unlockErr := conn.ExecContext(context.WithoutCancel(ctx), statement("unlock_migrations"), name)
	return errors.Join(err, unlockErr)
}
