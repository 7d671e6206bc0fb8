package mysql

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	driver "github.com/go-sql-driver/mysql"

	"kassa/checkout"
	"kassa/saga"
	"kassa/store"
)

// Clock is the server's, which Read tells.
func (s *Store) Clock() func() time.Time { return nil }

// Own gives the rows to one owner, or back to everybody. It waits for the lock of
// commits under way.
func (s *Store) Own(ctx context.Context, owner checkout.ID) (position int64, err error) {
	got, err := s.exec(ctx, "own", idParam(owner))
	return got.id, err
}

// Owns compares the counter's row.
func (s *Store) Owns(ctx context.Context, owner checkout.ID, after int64) error {
	yes, err := one(ctx, s, "counter of the event log", (*row).bool, "owns", idParam(owner), after)
	if err == nil && !yes {
		err = fmt.Errorf("mysql: %w", store.ErrOwned)
	}
	return err
}

// Read loads rows without a lock, in one exchange.
func (s *Store) Read(ctx context.Context, keys saga.Keys, state *saga.State) error {
	err := s.read(ctx, readSteps(keys, state)...)
	sortAll(keys.Orders, state.Orders)
	return err
}

// Fence resolves an unknown commit. The insert waits for a transaction that has written
// the same id and not yet ended, so the answer is final. Where it has waited for too
// long it is store.ErrRetry: ask again.
func (s *Store) Fence(ctx context.Context, batch checkout.ID) (committed bool, err error) {
	_, err = s.exec(ctx, "fence", idParam(batch))
	var refused *driver.MySQLError
	if !errors.As(err, &refused) || refused.Number != errDuplicate {
		return false, err
	}
	fenced, err := one(ctx, s, "batch "+batch.String(), (*row).bool, "is_fenced", idParam(batch))
	return err == nil && !fenced, err
}

// ClaimTasks leases tasks that are free, those first that have been for longest.
func (s *Store) ClaimTasks(ctx context.Context, kinds []checkout.TaskKind, lease checkout.ID, limit int, duration time.Duration) (claimed []checkout.Task, err error) {
	err = s.on(ctx, func(ctx context.Context, conn *session) error {
		claimed, err = claim(ctx, conn, kinds, lease, limit, duration)
		return err
	})
	if err != nil {
		return nil, err
	}
	return claimed, nil
}

// claim is the transaction of ClaimTasks. Its caller hangs up where it fails.
func claim(ctx context.Context, conn *session, kinds []checkout.TaskKind, lease checkout.ID, limit int, duration time.Duration) (claimed []checkout.Task, err error) {
	var now time.Time
	clock := step{sql: statement("now"), scan: func(r *row) { now = r.time() }}
	if err := conn.query(ctx, clock); err != nil {
		return nil, err
	}
	set := kindSet(kinds)
	free := gatherInto(&claimed, scanTask, "lock_free_tasks", timeText(now), set, set, int64(limit))
	if err := conn.query(ctx, step{sql: statement("begin")}, free); err != nil {
		return nil, err
	}
	if len(claimed) == 0 {
		return nil, conn.exec(ctx, step{sql: statement("rollback")})
	}
	until := now.Add(duration.Truncate(time.Microsecond))
	ids := make([]checkout.ID, len(claimed))
	for i := range claimed {
		ids[i] = claimed[i].ID
		claimed[i].LeaseID, claimed[i].LeasedUntil = lease, until
	}
	leased := step{sql: statement("lease_tasks"), args: []any{idKeys(ids), idParam(lease), timeText(until), timeText(until)}}
	return claimed, conn.exec(ctx, leased, step{sql: statement("commit")})
}

// kindSet writes kinds as find_in_set reads them.
func kindSet(kinds []checkout.TaskKind) string {
	names := make([]string, len(kinds))
	for i, kind := range kinds {
		names[i] = string(kind)
	}
	return strings.Join(names, ",")
}

// ReleaseTask gives a leased task back. One that the lease has lost is left.
func (s *Store) ReleaseTask(ctx context.Context, id, lease checkout.ID) error {
	_, err := s.exec(ctx, "release_task", idParam(id), idParam(lease))
	return err
}

// DueHolds names sessions whose hold's time is over, oldest first.
func (s *Store) DueHolds(ctx context.Context, limit int) ([]string, error) {
	return query(ctx, s, (*row).text, "due_holds", int64(limit))
}

// ordersAtOnce bounds how many orders one look for those that are due walks past: the
// first one after a start begins with the first order that there is.
const ordersAtOnce = 100_000

// DueOrders names orders whose open hold ended after since, oldest first.
func (s *Store) DueOrders(ctx context.Context, since time.Time, limit int) (due store.Due, err error) {
	err = s.on(ctx, func(ctx context.Context, conn *session) error {
		due, err = dueOrders(ctx, conn, later(since, dawn), limit, s.ordersAtOnce)
		return err
	})
	return due, err
}

func dueOrders(ctx context.Context, conn *session, since time.Time, limit, atOnce int) (due store.Due, err error) {
	if err := conn.query(ctx, step{sql: statement("now"), scan: func(r *row) { due.Until = r.time() }}); err != nil {
		return due, err
	}
	now := timeText(due.Until)
	bound := step{sql: statement("due_bound"), args: []any{timeText(since), now, int64(atOnce)}, scan: func(r *row) {
		due.Until, due.More = r.time(), true
	}}
	if err := conn.query(ctx, bound); err != nil {
		return due, err
	}
	scan := func(r *row) store.DueOrder { return store.DueOrder{ID: r.id(), ExpiresAt: r.time()} }
	return due, conn.query(ctx, gatherInto(&due.Orders, scan, "due_orders", timeText(since), timeText(due.Until), int64(limit)))
}

// dawn is the first time that a column can hold.
var dawn = time.Date(1000, 1, 1, 0, 0, 0, 0, time.UTC)

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// PurgeAnswers removes up to limit kept answers from before a time.
func (s *Store) PurgeAnswers(ctx context.Context, before time.Time, limit int) (int, error) {
	got, err := s.exec(ctx, "purge_answers", timeText(before), int64(limit))
	return int(got.found), err
}

// Secret returns the secret of a name. Of several processes that bring one, the
// first one's is kept.
func (s *Store) Secret(ctx context.Context, name string, fresh []byte) ([]byte, error) {
	if _, err := s.exec(ctx, "keep_secret", name, fresh); err != nil {
		return nil, err
	}
	return one(ctx, s, "secret "+name, (*row).blob, "read_secret", name)
}

// AddAPIKey stores a key. Its id and its hash are unique.
func (s *Store) AddAPIKey(ctx context.Context, key checkout.APIKey) error {
	_, err := s.exec(ctx, "insert_api_key", idParam(key.ID), key.Hash[:], timeText(key.CreatedAt),
		timeParam(key.RevokedAt), string(key.Scope), key.Hint)
	return err
}

// APIKeys lists all keys by id.
func (s *Store) APIKeys(ctx context.Context) ([]checkout.APIKey, error) {
	return query(ctx, s, scanAPIKey, "list_api_keys")
}

// APIKeyByHash finds a key by the hash of its secret.
func (s *Store) APIKeyByHash(ctx context.Context, hash [32]byte) (checkout.APIKey, error) {
	return one(ctx, s, "API key of that hash", scanAPIKey, "find_api_key", hash[:])
}

// RevokeAPIKey ends a key. One that was revoked before keeps its time.
func (s *Store) RevokeAPIKey(ctx context.Context, id checkout.ID) error {
	got, err := s.exec(ctx, "revoke_api_key", idParam(id))
	if err == nil && got.found == 0 {
		err = fmt.Errorf("mysql: API key %s: %w", id, store.ErrNotFound)
	}
	return err
}
