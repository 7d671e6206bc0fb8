package memory

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"kassa/checkout"
	"kassa/store"
)

// ClaimTasks leases tasks that are due, oldest first.
func (s *Store) ClaimTasks(ctx context.Context, kinds []checkout.TaskKind, lease checkout.ID, limit int, duration time.Duration) ([]checkout.Task, error) {
	var claimed []checkout.Task
	err := s.alone(ctx, func(t *tables) error {
		now := s.now()
		claimed = t.claimable(now, kinds)
		claimed = claimed[:min(limit, len(claimed))]
		for i := range claimed {
			claimed[i].LeaseID, claimed[i].LeasedUntil = lease, instant(now.Add(duration))
			put(t, t.tasks, claimed[i].ID, claimed[i])
		}
		return nil
	})
	return claimed, err
}

func (t *tables) claimable(now time.Time, kinds []checkout.TaskKind) []checkout.Task {
	var due []checkout.Task
	for _, task := range t.tasks {
		leased := !task.LeaseID.IsZero() && task.LeasedUntil.After(now)
		wanted := len(kinds) == 0 || slices.Contains(kinds, task.Kind)
		if wanted && !task.Attention && !leased && !task.DueAt.After(now) {
			due = append(due, task)
		}
	}
	slices.SortFunc(due, func(a, b checkout.Task) int {
		return cmp.Or(a.DueAt.Compare(b.DueAt), a.ID.Compare(b.ID))
	})
	return due
}

// ReleaseTask gives a leased task back.
func (s *Store) ReleaseTask(ctx context.Context, id, lease checkout.ID) error {
	return s.alone(ctx, func(t *tables) error {
		task, found := t.tasks[id]
		if found && task.LeaseID == lease {
			task.LeaseID, task.LeasedUntil = checkout.ID{}, time.Time{}
			put(t, t.tasks, id, task)
		}
		return nil
	})
}

// Task reads a task.
func (s *Store) Task(_ context.Context, id checkout.ID) (checkout.Task, error) {
	task, err := one(s, "task", id, func(t *tables) *checkout.Task {
		if task, found := t.tasks[id]; found {
			return &task
		}
		return nil
	})
	if err != nil {
		return checkout.Task{}, err
	}
	return *task, nil
}

// Attention lists tasks that wait for an operator, by id.
func (s *Store) Attention(_ context.Context, after checkout.ID, limit int) ([]checkout.Task, error) {
	var found []checkout.Task
	err := s.read(func(t *tables) error {
		for _, id := range page(t.tasks, checkout.ID.Compare, after, len(t.tasks)) {
			if t.tasks[id].Attention && len(found) < limit {
				found = append(found, t.tasks[id])
			}
		}
		return nil
	})
	return found, err
}

// DueHolds names sessions whose hold's time is over, oldest first.
func (s *Store) DueHolds(_ context.Context, limit int) ([]string, error) {
	var sessions []string
	err := s.read(func(t *tables) error {
		now := s.now()
		var due []*checkout.Hold
		for _, h := range t.holds {
			if !h.ExpiresAt.After(now) {
				due = append(due, h)
			}
		}
		slices.SortFunc(due, func(a, b *checkout.Hold) int {
			return cmp.Or(a.ExpiresAt.Compare(b.ExpiresAt), cmp.Compare(a.SessionID, b.SessionID))
		})
		for _, h := range due[:min(limit, len(due))] {
			sessions = append(sessions, h.SessionID)
		}
		return nil
	})
	return sessions, err
}

// DueOrders names orders whose open hold ended after since, oldest first.
func (s *Store) DueOrders(_ context.Context, since time.Time, limit int) (store.Due, error) {
	now := s.now()
	var due []store.DueOrder
	err := s.read(func(t *tables) error {
		for _, o := range t.orders {
			if o.HoldStatus == checkout.HoldOpen && o.HoldExpiresAt.After(since) && !o.HoldExpiresAt.After(now) {
				due = append(due, store.DueOrder{ID: o.ID, ExpiresAt: o.HoldExpiresAt})
			}
		}
		return nil
	})
	slices.SortFunc(due, func(a, b store.DueOrder) int {
		return cmp.Or(a.ExpiresAt.Compare(b.ExpiresAt), a.ID.Compare(b.ID))
	})
	return store.Due{Orders: due[:min(limit, len(due))], Until: now}, err
}

// PurgeAnswers removes kept answers from before a time.
func (s *Store) PurgeAnswers(ctx context.Context, before time.Time, limit int) (int, error) {
	removed := 0
	err := s.alone(ctx, func(t *tables) error {
		for key, answer := range t.answers {
			if removed < limit && answer.CreatedAt.Before(before) {
				drop(t, t.answers, key)
				removed++
			}
		}
		return nil
	})
	return removed, err
}

// Secret returns the secret of a name, which is fresh where none was kept.
func (s *Store) Secret(ctx context.Context, name string, fresh []byte) ([]byte, error) {
	var secret []byte
	err := s.alone(ctx, func(t *tables) error {
		if _, found := t.secrets[name]; !found {
			put(t, t.secrets, name, slices.Clone(fresh))
		}
		secret = slices.Clone(t.secrets[name])
		return nil
	})
	return secret, err
}

// AddAPIKey stores a key. Its id and its hash are unique.
func (s *Store) AddAPIKey(ctx context.Context, key checkout.APIKey) error {
	return s.alone(ctx, func(t *tables) error {
		for _, other := range t.apiKeys {
			if other.ID == key.ID || other.Hash == key.Hash {
				return fmt.Errorf("API key %s is there already", key.ID)
			}
		}
		key.CreatedAt, key.RevokedAt = instant(key.CreatedAt), instant(key.RevokedAt)
		put(t, t.apiKeys, key.ID, key)
		return nil
	})
}

// APIKeys lists all keys by id.
func (s *Store) APIKeys(context.Context) ([]checkout.APIKey, error) {
	var keys []checkout.APIKey
	err := s.read(func(t *tables) error {
		for _, id := range sortedKeys(t.apiKeys, checkout.ID.Compare) {
			keys = append(keys, t.apiKeys[id])
		}
		return nil
	})
	return keys, err
}

// APIKeyByHash finds a key by the hash of its secret.
func (s *Store) APIKeyByHash(_ context.Context, hash [32]byte) (checkout.APIKey, error) {
	key, err := one(s, "API key", "of that hash", func(t *tables) *checkout.APIKey {
		for _, key := range t.apiKeys {
			if key.Hash == hash {
				return &key
			}
		}
		return nil
	})
	if err != nil {
		return checkout.APIKey{}, err
	}
	return *key, nil
}

// RevokeAPIKey ends a key. One that was revoked before keeps its time.
func (s *Store) RevokeAPIKey(ctx context.Context, id checkout.ID) error {
	return s.alone(ctx, func(t *tables) error {
		key, found := t.apiKeys[id]
		if !found {
			return fmt.Errorf("API key %s: %w", id, store.ErrNotFound)
		}
		if key.RevokedAt.IsZero() {
			key.RevokedAt = s.now()
			put(t, t.apiKeys, id, key)
		}
		return nil
	})
}
