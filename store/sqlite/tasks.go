package sqlite

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"kassa/checkout"
	"kassa/store"
)

// ClaimTasks leases tasks that are due, oldest first.
func (s *Store) ClaimTasks(ctx context.Context, kinds []checkout.TaskKind, lease checkout.ID, limit int, duration time.Duration) ([]checkout.Task, error) {
	var claimed []checkout.Task
	err := s.alone(ctx, func(c *connection) (err error) {
		now := s.now()
		ended, err := c.leases.ended(c, now, kinds, limit)
		if err != nil {
			return err
		}
		due, err := collect(ctx, c, "tasks.due", scanTask, now.UnixMicro(), kindList(kinds), limit)
		if err != nil {
			return err
		}
		claimed = oldest(append(due, ended...), limit)
		until := now.Add(duration).Truncate(time.Microsecond)
		for i := range claimed {
			claimed[i].LeaseID, claimed[i].LeasedUntil = lease, until
		}
		c.leases.remember(claimed)
		return put(c, "tasks.lease", claimed, bindLease)
	})
	if err != nil {
		return nil, err
	}
	return claimed, nil
}

// kindList writes kinds with a space around each, to be found by; "" is all.
func kindList(kinds []checkout.TaskKind) string {
	var list strings.Builder
	for _, kind := range kinds {
		list.WriteString(" " + string(kind) + " ")
	}
	return list.String()
}

func oldest(tasks []checkout.Task, limit int) []checkout.Task {
	slices.SortFunc(tasks, func(a, b checkout.Task) int {
		return cmp.Or(a.DueAt.Compare(b.DueAt), a.ID.Compare(b.ID))
	})
	return tasks[:min(limit, len(tasks))]
}

func bindLease(s *statement, t checkout.Task) {
	s.id(t.LeaseID)
	s.time(t.LeasedUntil)
	s.id(t.ID)
}

// ReleaseTask gives a leased task back.
func (s *Store) ReleaseTask(ctx context.Context, id, lease checkout.ID) error {
	return s.alone(ctx, func(c *connection) error {
		_, err := c.exec("tasks.release", id[:], lease[:])
		return err
	})
}

// DueHolds names sessions whose hold's time is over, oldest first.
func (s *Store) DueHolds(ctx context.Context, limit int) ([]string, error) {
	return rows(ctx, s, "holds.due", scanText, s.now().UnixMicro(), limit)
}

// DueOrders names orders whose open hold ended after since, oldest first.
func (s *Store) DueOrders(ctx context.Context, since time.Time, limit int) (store.Due, error) {
	now := s.now()
	due, err := rows(ctx, s, "orders.due", scanDue, since.UnixMicro(), now.UnixMicro(), limit)
	return store.Due{Orders: due, Until: now}, err
}

func scanDue(r *row) store.DueOrder { return store.DueOrder{ID: r.id(), ExpiresAt: r.time()} }

// PurgeAnswers removes kept answers from before a time.
func (s *Store) PurgeAnswers(ctx context.Context, before time.Time, limit int) (int, error) {
	var removed int
	err := s.alone(ctx, func(c *connection) error {
		var err error
		removed, err = c.exec("idempotency_keys.purge", before.UnixMicro(), limit)
		return err
	})
	return removed, err
}

// Secret returns the secret of a name, which is fresh where none was kept.
func (s *Store) Secret(ctx context.Context, name string, fresh []byte) ([]byte, error) {
	var secret []byte
	err := s.alone(ctx, func(c *connection) error {
		if _, err := c.exec("settings.insert", name, fresh); err != nil {
			return err
		}
		kept, err := collect(ctx, c, "settings.by_name", scanBlob, name)
		secret, err = single(kept, err, "secret")
		return err
	})
	return secret, err
}

// AddAPIKey stores a key. Its id and its hash are unique.
func (s *Store) AddAPIKey(ctx context.Context, key checkout.APIKey) error {
	return s.alone(ctx, func(c *connection) error {
		return put(c, "api_keys.insert", []checkout.APIKey{key}, bindAPIKey)
	})
}

// APIKeys lists all keys by id.
func (s *Store) APIKeys(ctx context.Context) ([]checkout.APIKey, error) {
	return rows(ctx, s, "api_keys.all", scanAPIKey)
}

// APIKeyByHash finds a key by the hash of its secret.
func (s *Store) APIKeyByHash(ctx context.Context, hash [32]byte) (checkout.APIKey, error) {
	return one(ctx, s, "api_keys.by_hash", scanAPIKey, hash[:])
}

// RevokeAPIKey ends a key. One that was revoked before keeps its time.
func (s *Store) RevokeAPIKey(ctx context.Context, id checkout.ID) error {
	return s.alone(ctx, func(c *connection) error {
		touched, err := c.exec("api_keys.revoke", id[:], s.now().UnixMicro())
		if err == nil && touched == 0 {
			return fmt.Errorf("sqlite: API key %s: %w", id, store.ErrNotFound)
		}
		return err
	})
}
