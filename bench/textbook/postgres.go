package textbook

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// defaultConns is where throughput stops to rise on a small machine: with more,
// those who wait for a popular row's lock only take processor time from its holder.
const defaultConns = 16

// settings are the run-time parameters of a connection, where the URL does not set
// them otherwise. All statements find their rows by key: none is to be planned anew,
// or by the statistics of a table that was still empty.
var settings = map[string]string{"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off", "jit": "off"}

// postgres is a database on pgx, which prepares and keeps each statement.
type postgres struct {
	pool *pgxpool.Pool
	pgxQuerier
}

func openPostgres(ctx context.Context, config Config) (database, error) {
	parsed, err := pgxpool.ParseConfig(config.URL)
	if err != nil {
		return nil, err
	}
	parsed.MaxConns = defaultConns
	if config.MaxConns > 0 {
		parsed.MaxConns = int32(config.MaxConns)
	}
	params := parsed.ConnConfig.RuntimeParams
	for name, value := range settings {
		if _, ok := params[name]; !ok {
			params[name] = value
		}
	}
	if config.Schema != "" {
		params["search_path"] = pgx.Identifier{config.Schema}.Sanitize()
	}
	pool, err := pgxpool.NewWithConfig(ctx, parsed)
	if err != nil {
		return nil, err
	}
	p := &postgres{pool, pgxQuerier{pool, statements(postgresSQL)}}
	if _, err := p.exec(ctx, "schema"); err != nil {
		pool.Close()
		return nil, err
	}
	return p, nil
}

func (p *postgres) inTx(ctx context.Context, work func(querier) error) error {
	return pgx.BeginFunc(ctx, p.pool, func(tx pgx.Tx) error {
		return work(pgxQuerier{tx, p.statements})
	})
}

func (p *postgres) close() error {
	p.pool.Close()
	return nil
}

// pgxQuerier runs statements on the pool or in a transaction.
type pgxQuerier struct {
	on interface {
		Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
		Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	}
	statements map[string]string
}

func (q pgxQuerier) exec(ctx context.Context, name string, args ...any) (int64, error) {
	tag, err := q.on.Exec(ctx, q.statements[name], args...)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	return tag.RowsAffected(), nil
}

func (q pgxQuerier) query(ctx context.Context, name string, scan func(row) error, args ...any) error {
	rows, err := q.on.Query(ctx, q.statements[name], args...)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
