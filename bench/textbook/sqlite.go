package textbook

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"

	"github.com/google/uuid"
	_ "modernc.org/sqlite" // the driver
)

const sqliteReaders = 4

// sqlite is one file: a connection that writes and a pool that reads, neither of
// which waits for the other.
type sqlite struct {
	writer, reader *preparedPool
}

func openSQLite(ctx context.Context, path string) (database, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	all := statements(sqliteSQL)
	writer, err := openPool(path, 1, url.Values{
		"_pragma": {"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "cache_size(-16384)", "wal_autocheckpoint(8192)"}, "_txlock": {"immediate"},
	})
	if err != nil {
		return nil, err
	}
	reader, err := openPool(path, sqliteReaders, url.Values{"_pragma": {"busy_timeout(5000)", "query_only(1)"}})
	if err != nil {
		return nil, errors.Join(err, writer.Close())
	}
	if _, err = writer.ExecContext(ctx, all["schema"]); err == nil {
		delete(all, "schema")
		err = errors.Join(writer.prepare(ctx, all), reader.prepare(ctx, all))
	}
	s := &sqlite{writer, reader}
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *sqlite) exec(ctx context.Context, name string, args ...any) (int64, error) {
	return sqlQuerier{s.writer, nil}.exec(ctx, name, args...)
}

func (s *sqlite) query(ctx context.Context, name string, scan func(row) error, args ...any) error {
	return sqlQuerier{s.reader, nil}.query(ctx, name, scan, args...)
}

func (s *sqlite) inTx(ctx context.Context, work func(querier) error) error {
	tx, err := s.writer.BeginTx(context.WithoutCancel(ctx), nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if err := work(sqlQuerier{s.writer, tx}); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

func (s *sqlite) close() error { return errors.Join(s.writer.Close(), s.reader.Close()) }

// preparedPool is a pool with all statements prepared.
type preparedPool struct {
	*sql.DB
	prepared map[string]*sql.Stmt
}

func openPool(path string, conns int, query url.Values) (*preparedPool, error) {
	query.Set("_time_integer_format", "unix_micro")
	query.Set("_inttotime", "1")
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: query.Encode()}).String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return &preparedPool{db, map[string]*sql.Stmt{}}, nil
}

func (p *preparedPool) prepare(ctx context.Context, all map[string]string) error {
	for name, text := range all {
		statement, err := p.PrepareContext(ctx, text) //nolint:sqlclosecheck // it is kept for every use, and ends with the pool
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		p.prepared[name] = statement
	}
	return nil
}

// sqlQuerier runs statements on a pool, or in a transaction where there is one. A
// statement is short and is not cancelled halfway: the driver would start a
// goroutine for each that can be.
type sqlQuerier struct {
	*preparedPool
	tx *sql.Tx
}

func (q sqlQuerier) statement(ctx context.Context, name string) *sql.Stmt {
	if q.tx == nil {
		return q.prepared[name]
	}
	return q.tx.StmtContext(ctx, q.prepared[name])
}

func (q sqlQuerier) exec(ctx context.Context, name string, args ...any) (int64, error) {
	ctx = context.WithoutCancel(ctx)
	result, err := q.statement(ctx, name).ExecContext(ctx, sqliteArgs(args)...) //nolint:sqlclosecheck // as above
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	return result.RowsAffected()
}

func (q sqlQuerier) query(ctx context.Context, name string, scan func(row) error, args ...any) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s: %w", name, err)
		}
	}()
	ctx = context.WithoutCancel(ctx)
	rows, err := q.statement(ctx, name).QueryContext(ctx, sqliteArgs(args)...) //nolint:sqlclosecheck // as above
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// sqliteArgs writes ids as blobs of 16 bytes and lists as JSON.
func sqliteArgs(args []any) []any {
	out := slices.Clone(args)
	for i, arg := range out {
		switch v := arg.(type) {
		case uuid.UUID:
			out[i] = v[:]
		case []string:
			text, _ := json.Marshal(v) // strings can always be written
			out[i] = string(text)
		}
	}
	return out
}
