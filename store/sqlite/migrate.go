package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver

	"kassa/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Schema tells the version of the file's schema, 0 for a new file, and the one
// that this binary wants.
func (s *Store) Schema(ctx context.Context) (have, want int64, err error) {
	files, err := migrations.ReadDir("migrations")
	if err != nil {
		return 0, 0, fmt.Errorf("sqlite: migrations: %w", err)
	}
	for _, file := range files {
		version, err := goose.NumericComponent(file.Name())
		if err != nil {
			return 0, 0, fmt.Errorf("sqlite: migrations: %w", err)
		}
		want = max(want, version)
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
	tables, err := collect(ctx, c, "schema.table", scanInt)
	if err != nil || tables[0] == 0 {
		return 0, err
	}
	versions, err := collect(ctx, c, "schema.version", scanInt)
	if err != nil {
		return 0, err
	}
	return versions[0], nil
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
	db, err := sql.Open("sqlite", dsn(s.path))
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

// dsn names the file for database/sql, which goose wants.
func dsn(path string) string {
	query := url.Values{"mode": {"rw"}, "_pragma": {"busy_timeout(5000)", "foreign_keys(1)"}}
	return (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: query.Encode()}).String()
}
