package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"kassa/checkout"
	"kassa/saga"
	"kassa/store"
)

// Clock is the server's, which Read tells.
func (s *Store) Clock() func() time.Time { return nil }

// Own gives the rows to one owner, or back to everybody. It waits for the lock of
// commits under way.
func (s *Store) Own(ctx context.Context, owner checkout.ID) (position int64, err error) {
	return one(ctx, s, "counter of the event log", (*row).int, "own", uuid(owner))
}

// Owns compares the counter's row.
func (s *Store) Owns(ctx context.Context, owner checkout.ID, after int64) error {
	yes, err := one(ctx, s, "counter of the event log", (*row).bool, "owns", uuid(owner), after)
	if err == nil && !yes {
		err = fmt.Errorf("postgres: %w", store.ErrOwned)
	}
	return err
}

// Read loads rows without a lock, in one flight.
func (s *Store) Read(ctx context.Context, keys saga.Keys, state *saga.State) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	batch := &pgx.Batch{}
	queueReads(batch, keys, state)
	return mapError(s.pool.SendBatch(ctx, batch).Close())
}

// Fence resolves an unknown commit. The insert waits for a transaction that has
// written the same id and not yet ended, so the answer is final.
func (s *Store) Fence(ctx context.Context, batch checkout.ID) (committed bool, err error) {
	inserted, err := s.exec(ctx, statement("fence"), uuid(batch))
	if err != nil {
		return false, err
	}
	if inserted == 1 {
		return false, nil
	}
	fenced, err := one(ctx, s, "batch "+batch.String(), (*row).bool, "is_fenced", uuid(batch))
	return err == nil && !fenced, err
}

// remindersAtOnce bounds what one claim looks through: as many batches as a busy
// process commits in the pause between two claims.
const remindersAtOnce = 1000

// ClaimTasks leases tasks that are due, oldest first. Those that stand in payments'
// rows are moved into their table before, in the same implicit transaction.
func (s *Store) ClaimTasks(ctx context.Context, kinds []checkout.TaskKind, lease checkout.ID, limit int, duration time.Duration) (claimed []checkout.Task, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	batch := &pgx.Batch{}
	batch.Queue(statement("wake_tasks"), int64(remindersAtOnce))
	batch.Queue(statement("claim_tasks"), uuid(lease), int64(limit), duration.Microseconds(), kindTexts(kinds)).Query(each(func(r *row) {
		claimed = append(claimed, scanTask(r))
	}))
	if err := s.pool.SendBatch(ctx, batch).Close(); err != nil {
		return nil, mapError(err)
	}
	return claimed, nil
}

// kindTexts are the names of kinds; null where none is named.
func kindTexts(kinds []checkout.TaskKind) []string {
	var names []string
	for _, kind := range kinds {
		names = append(names, string(kind))
	}
	return names
}

// ReleaseTask gives a leased task back. One that the lease has lost is left.
func (s *Store) ReleaseTask(ctx context.Context, id, lease checkout.ID) error {
	_, err := s.exec(ctx, statement("release_task"), uuid(id), uuid(lease))
	return err
}

// DueHolds names sessions whose hold's time is over, oldest first.
func (s *Store) DueHolds(ctx context.Context, limit int) ([]string, error) {
	return query(ctx, s.pool, (*row).text, statement("due_holds"), int64(limit))
}

// ordersAtOnce bounds how many orders one look for those that are due walks past: the
// first one after a start begins with the first order that there is.
const ordersAtOnce = 100_000

// catchUp is how long nobody has looked where it is worth counting what there is to
// look through. A sweep looks each second.
const catchUp = 5 * time.Minute

// DueOrders names orders whose open hold ended after since, oldest first.
func (s *Store) DueOrders(ctx context.Context, since time.Time, limit int) (due store.Due, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	due.Until, due.More, err = s.dueUntil(ctx, since)
	if err != nil {
		return store.Due{}, err
	}
	due.Orders, err = query(ctx, s.pool, func(r *row) store.DueOrder {
		return store.DueOrder{ID: r.id(), ExpiresAt: r.time()}
	}, statement("due_orders"), since, int64(limit), due.Until)
	return due, err
}

// dueUntil is up to when one look can go: the server's clock, or sooner where many
// orders were made in a long time that nobody has looked through. How many there are
// lately is not counted: that would cost as much as to look.
func (s *Store) dueUntil(ctx context.Context, since time.Time) (until time.Time, more bool, err error) {
	now, err := one(ctx, s, "clock", (*row).time, "now")
	if err != nil || now.Sub(since) < catchUp {
		return now, false, err
	}
	for count := s.ordersAtOnce; ; count *= 4 { // where so many were made at one time
		ids, err := query(ctx, s.pool, (*row).id, statement("due_bound"), since, int64(count))
		if err != nil || len(ids) == 0 {
			return now, false, err
		}
		if until = ids[0].Time().Add(usualHold - usualLead); until.After(since) {
			return until, true, nil
		}
	}
}

// PurgeAnswers removes up to limit kept answers from before a time.
func (s *Store) PurgeAnswers(ctx context.Context, before time.Time, limit int) (int, error) {
	removed, err := s.exec(ctx, statement("purge_answers"), before, int64(limit))
	return int(removed), err
}

// Secret returns the secret of a name. Of several processes that bring one, the
// first one's is kept.
func (s *Store) Secret(ctx context.Context, name string, fresh []byte) ([]byte, error) {
	if _, err := s.exec(ctx, statement("keep_secret"), name, fresh); err != nil {
		return nil, err
	}
	return one(ctx, s, "secret "+name, (*row).blob, "read_secret", name)
}

// AddAPIKey stores a key. Its id and its hash are unique.
func (s *Store) AddAPIKey(ctx context.Context, key checkout.APIKey) error {
	_, err := s.exec(ctx, statement("insert_api_key"), uuid(key.ID), key.Hash[:], key.CreatedAt,
		optionalTime(key.RevokedAt), string(key.Scope), key.Hint)
	return err
}

// APIKeys lists all keys by id.
func (s *Store) APIKeys(ctx context.Context) ([]checkout.APIKey, error) {
	return query(ctx, s.pool, scanAPIKey, statement("list_api_keys"))
}

// APIKeyByHash finds a key by the hash of its secret.
func (s *Store) APIKeyByHash(ctx context.Context, hash [32]byte) (checkout.APIKey, error) {
	return one(ctx, s, "API key of that hash", scanAPIKey, "find_api_key", hash[:])
}

// RevokeAPIKey ends a key. One that was revoked before keeps its time.
func (s *Store) RevokeAPIKey(ctx context.Context, id checkout.ID) error {
	found, err := s.exec(ctx, statement("revoke_api_key"), uuid(id))
	if err == nil && found == 0 {
		err = fmt.Errorf("postgres: API key %s: %w", id, store.ErrNotFound)
	}
	return err
}
