package sqlite

import (
	"errors"
	"fmt"

	native "modernc.org/sqlite/lib"

	"kassa/store"
)

// naturalKeys are the unique keys that two processes may claim at once. A
// repeat loads the other's row and decides on it.
var naturalKeys = []string{
	"customers.", "products.", "levels.", "holds.", "idempotency_keys.",
	"webhook_events.gateway", "orders.live_cart_id",
}

// wrap says which of the store's errors an error of the database is.
func wrap(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, errClosed) {
		return fmt.Errorf("sqlite: %w: %w", store.ErrUnavailable, err)
	}
	var f *failure
	if !errors.As(err, &f) {
		return fmt.Errorf("sqlite: %w", err)
	}
	switch f.code & 0xff {
	case native.SQLITE_BUSY, native.SQLITE_LOCKED:
		return fmt.Errorf("sqlite: %w: %w", store.ErrRetry, err)
	case native.SQLITE_IOERR, native.SQLITE_CANTOPEN, native.SQLITE_FULL, native.SQLITE_READONLY, native.SQLITE_NOMEM:
		return fmt.Errorf("sqlite: %w: %w", store.ErrUnavailable, err)
	case native.SQLITE_CONSTRAINT:
		if f.refused(naturalKeys) {
			return fmt.Errorf("sqlite: %w: %w", store.ErrRetry, err)
		}
		return fmt.Errorf("sqlite: a constraint refused the write: %w", err)
	}
	return fmt.Errorf("sqlite: %w", err)
}
