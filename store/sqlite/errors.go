package sqlite

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"

	driver "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"kassa/store"
)

// naturalKeys are the unique keys that two processes may claim at once. A
// repeat loads the other's row and decides on it.
var naturalKeys = []string{
	"customers.", "products.", "inventory.", "holds.", "idempotency_keys.",
	"webhook_events.gateway", "orders.live_cart_id",
}

// wrap says which of the store's errors an error of the database is.
func wrap(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, sql.ErrConnDone) || strings.HasSuffix(err.Error(), "database is closed") {
		return fmt.Errorf("sqlite: %w: %w", store.ErrUnavailable, err)
	}
	var failure *driver.Error
	if !errors.As(err, &failure) {
		return fmt.Errorf("sqlite: %w", err)
	}
	switch failure.Code() & 0xff {
	case codes.SQLITE_BUSY, codes.SQLITE_LOCKED:
		return fmt.Errorf("sqlite: %w: %w", store.ErrRetry, err)
	case codes.SQLITE_IOERR, codes.SQLITE_CANTOPEN, codes.SQLITE_FULL, codes.SQLITE_READONLY, codes.SQLITE_NOMEM:
		return fmt.Errorf("sqlite: %w: %w", store.ErrUnavailable, err)
	case codes.SQLITE_CONSTRAINT:
		return wrapConstraint(failure)
	}
	return fmt.Errorf("sqlite: %w", err)
}

// wrapConstraint reads which key it was off the message: the driver tells it
// nowhere else ("UNIQUE constraint failed: holds.session_id").
func wrapConstraint(failure *driver.Error) error {
	unique := failure.Code() == codes.SQLITE_CONSTRAINT_UNIQUE || failure.Code() == codes.SQLITE_CONSTRAINT_PRIMARYKEY
	for _, key := range naturalKeys {
		if unique && strings.Contains(failure.Error(), "failed: "+key) {
			return fmt.Errorf("sqlite: %w: %w", store.ErrRetry, failure)
		}
	}
	return fmt.Errorf("sqlite: a constraint refused the write: %w", failure)
}
