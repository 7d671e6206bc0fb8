package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"

	"kassa/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Schema tells the version of the file's schema, 0 for a new file, and the one
// that this binary wants.
func (s *Store) Schema(ctx context.Context) (have, want int64, err error) {
	provider, err := newProvider(s.reads.db)
	if err != nil {
		return 0, 0, err
	}
	for _, source := range provider.ListSources() {
		want = max(want, source.Version)
	}
	have, err = s.version(ctx)
	return have, want, err
}

// version reads what goose has recorded, without goose: asking it would write.
func (s *Store) version(ctx context.Context) (int64, error) {
	c, err := s.reads.acquire(ctx)
	if err != nil {
		return 0, err
	}
	defer s.reads.release(c)
	const kept = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'goose_db_version'"
	var tables int
	if err := c.conn.QueryRowContext(ctx, kept).Scan(&tables); err != nil || tables == 0 {
		return 0, wrap(err)
	}
	var version int64
	err = c.conn.QueryRowContext(ctx, "SELECT coalesce(max(version_id), 0) FROM goose_db_version").Scan(&version)
	return version, wrap(err)
}

// Migrate brings the schema up. It does nothing where that is done.
func (s *Store) Migrate(ctx context.Context) (err error) {
	if s.readOnly {
		return fmt.Errorf("sqlite: %s is open read-only: %w", s.path, store.ErrSchema)
	}
	c, err := s.writer.acquire(ctx) // it rests while the schema changes
	if err != nil {
		return err
	}
	defer s.writer.release(c)
	db, err := sql.Open("sqlite", dsn(s.path, "rw", writePragmas...))
	if err != nil {
		return wrap(err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	provider, err := newProvider(db)
	if err != nil {
		return err
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("sqlite: migrate %s: %w", s.path, err)
	}
	return nil
}

func newProvider(db *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("sqlite: migrations: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, files)
	if err != nil {
		return nil, fmt.Errorf("sqlite: migrations: %w", err)
	}
	return provider, nil
}
