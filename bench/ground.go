package bench

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// schemaPrefix begins the names of all schemas that a benchmark makes.
const schemaPrefix = "kassa_bench_"

// ground is a database that belongs to one benchmark: a schema of a PostgreSQL
// or a folder with a SQLite file. It is removed at the end.
type ground struct {
	url    string // of the ground itself
	server string // PostgreSQL's URL, without the schema; "" for SQLite
	schema string
	path   string    // of the SQLite file
	admin  *pgx.Conn // beside the work; nil for SQLite
}

// newGround makes a ground on a store. warn is told of grounds that a killed run left.
func newGround(ctx context.Context, store string, warn func(string)) (*ground, error) {
	scheme, path, _ := strings.Cut(store, ":")
	switch scheme {
	case "sqlite":
		return newFolder(strings.TrimPrefix(path, "//"))
	case "postgres", "postgresql":
		return newSchema(ctx, store, warn)
	}
	return nil, fmt.Errorf("store %q: a benchmark needs postgres://… or sqlite:PATH", scheme)
}

// newFolder makes a folder beside the named file, or, where none is named, in
// the folder for temporary files.
func newFolder(path string) (*ground, error) {
	parent := ""
	if path != "" {
		parent = filepath.Dir(path)
	}
	dir, err := os.MkdirTemp(parent, "kassa-bench-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for the benchmark's database: %w", err)
	}
	file := filepath.Join(dir, "kassa.db")
	return &ground{url: "sqlite:" + file, path: file}, nil
}

func newSchema(ctx context.Context, store string, warn func(string)) (*ground, error) {
	admin, err := pgx.Connect(ctx, store)
	if err != nil {
		return nil, fmt.Errorf("reach the benchmark's database: %w", err)
	}
	g := &ground{server: store, schema: newSchemaName(), admin: admin}
	if g.url, err = inSchema(store, g.schema); err != nil {
		return nil, errors.Join(err, g.remove(ctx))
	}
	if err := warnOfLeftOvers(ctx, admin, warn); err != nil {
		return nil, errors.Join(err, g.remove(ctx))
	}
	// The lock lives as long as this run, so that others know that the schema is
	// not left over.
	if _, err := admin.Exec(ctx, "select pg_advisory_lock(hashtext($1))", g.schema); err != nil {
		return nil, errors.Join(fmt.Errorf("lock the benchmark's schema: %w", err), g.remove(ctx))
	}
	if _, err := admin.Exec(ctx, "create schema "+g.schema); err != nil {
		return nil, errors.Join(fmt.Errorf("make the benchmark's schema: %w", err), g.remove(ctx))
	}
	return g, nil
}

func newSchemaName() string {
	var random [4]byte
	_, _ = rand.Read(random[:]) // crypto/rand.Read never fails (Go 1.24)
	return schemaPrefix + time.Now().UTC().Format("20060102_150405_") + hex.EncodeToString(random[:])
}

// inSchema is a PostgreSQL URL whose connections work in a schema.
func inSchema(store, schema string) (string, error) {
	u, err := url.Parse(store)
	if err != nil {
		return "", fmt.Errorf("the store's URL: %w", err)
	}
	query := u.Query()
	query.Set("search_path", schema)
	u.RawQuery = query.Encode()
	return u.String(), nil
}

// warnOfLeftOvers names schemas whose run is dead.
func warnOfLeftOvers(ctx context.Context, admin *pgx.Conn, warn func(string)) error {
	rows, err := admin.Query(ctx, `select nspname from pg_namespace where starts_with(nspname, $1) order by nspname`, schemaPrefix)
	if err != nil {
		return fmt.Errorf("look for left-over schemas: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("look for left-over schemas: %w", err)
	}
	for _, name := range names {
		var dead bool
		if err := admin.QueryRow(ctx, "select pg_try_advisory_lock(hashtext($1))", name).Scan(&dead); err != nil {
			return fmt.Errorf("look for left-over schemas: %w", err)
		}
		if !dead {
			continue
		}
		if _, err := admin.Exec(ctx, "select pg_advisory_unlock(hashtext($1))", name); err != nil {
			return fmt.Errorf("look for left-over schemas: %w", err)
		}
		warn(fmt.Sprintf("schema %s was left over by a benchmark that was killed; remove it: drop schema %s cascade", name, name))
	}
	return nil
}

// removePatience bounds the removal, which happens also where the run was
// cancelled.
const removePatience = 2 * time.Minute

// remove takes everything away again. It is safe to call twice.
func (g *ground) remove(ctx context.Context) error {
	if g.path != "" {
		return os.RemoveAll(filepath.Dir(g.path))
	}
	if g.admin == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removePatience)
	defer cancel()
	admin, err := g.admin, error(nil)
	g.admin = nil
	if admin.IsClosed() { // a query was cancelled
		if admin, err = pgx.Connect(ctx, g.server); err != nil {
			return fmt.Errorf("remove the benchmark's schema %s: %w", g.schema, err)
		}
	}
	if _, err = admin.Exec(ctx, "drop schema if exists "+g.schema+" cascade"); err != nil {
		err = fmt.Errorf("remove the benchmark's schema %s: %w", g.schema, err)
	}
	return errors.Join(err, admin.Close(ctx))
}
