package postgres

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"maps"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
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
	err = s.migrations(ctx, func(provider *goose.Provider) error {
		sources := provider.ListSources()
		want = sources[len(sources)-1].Version
		return nil
	})
	if err != nil {
		return 0, 0, err
	}
	var oldest int64
	err = s.pool.QueryRow(ctx, statement("schema_version")).Scan(&have, &oldest)
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) && pgErr.Code == codeUndefinedTable {
		return 0, want, nil
	}
	if err == nil && oldest <= want {
		have = min(have, want)
	}
	return have, want, mapError(err)
}

// Migrate brings the schema up to what this binary wants. Of several processes
// one migrates, and the others wait for it.
func (s *Store) Migrate(ctx context.Context) error {
	err := s.migrations(ctx, func(provider *goose.Provider) error {
		_, err := provider.Up(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("postgres: migrate: %w", err)
	}
	s.pool.Reset() // connections that have prepared statements for the old tables
	return nil
}

// migrations opens goose on connections of its own, without the timeouts of a
// request: it needs database/sql, and a migration may take its time.
func (s *Store) migrations(ctx context.Context, do func(*goose.Provider) error) error {
	config := s.pool.Config().ConnConfig.Copy()
	config.RuntimeParams = maps.Clone(config.RuntimeParams)
	for _, name := range []string{"statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"} {
		config.RuntimeParams[name] = "0"
	}
	db := stdlib.OpenDB(*config)
	err := runMigrations(ctx, db, lockID(config.Database, config.RuntimeParams["search_path"]), do)
	return errors.Join(err, db.Close())
}

func runMigrations(ctx context.Context, db *sql.DB, id int64, do func(*goose.Provider) error) error {
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockID(id), lock.WithLockTimeout(1, migrateWait))
	if err != nil {
		return err
	}
	files, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files,
		goose.WithSessionLocker(locker), goose.WithTableName(versionTable))
	if err != nil {
		return err
	}
	return do(provider)
}

// lockID is the advisory lock of one schema: others in the same database migrate
// by themselves.
func lockID(database, searchPath string) int64 {
	hash := fnv.New64a()
	_, _ = fmt.Fprintf(hash, "kassa migrations of %s %s", database, searchPath)
	return int64(hash.Sum64())
}
