package postgres

import (
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"

	"kassa/store"
)

// SQLSTATE codes, from appendix A of the PostgreSQL manual.
const (
	codeUniqueViolation      = "23505"
	codeCheckViolation       = "23514"
	codeOwned                = "KA001" // our own: see still_owned
	codeReadOnly             = "25006" // a standby, after a failover
	codeUndefinedTable       = "42P01"
	codeUndefinedColumn      = "42703"
	codeUndefinedFunction    = "42883"
	codeSerializationFailure = "40001"
	codeDeadlock             = "40P01"
	codeLockNotAvailable     = "55P03"
	codeQueryCanceled        = "57014" // statement_timeout
	classConnection          = "08"
	classResources           = "53" // disk full, out of memory, too many connections
	classIntervention        = "57" // shutdown, crash, starting up
)

// claimable are the unique constraints behind natural keys: when another process
// claimed one between our load and our commit, a repeat loads what it wrote.
var claimable = []string{
	"idempotency_keys_pkey", "orders_answer", "holds_pkey", "webhook_events_key", "customers_pkey",
	"products_pkey", "inventory_pkey", "orders_live_cart",
}

// mapError classes an error of the server or of the connection to it. Where the
// connection broke during a commit, commitError knows more.
func mapError(err error) error {
	if err == nil {
		return nil
	}
	var pgErr *pgconn.PgError
	switch {
	case ours(err):
		return fmt.Errorf("postgres: %w", err)
	case !errors.As(err, &pgErr):
		return fmt.Errorf("postgres: %w: %w", store.ErrUnavailable, err)
	}
	switch pgErr.Code {
	case codeSerializationFailure, codeDeadlock, codeLockNotAvailable, codeQueryCanceled:
		return fmt.Errorf("postgres: %w: %w", store.ErrRetry, err)
	case codeUniqueViolation:
		if slices.Contains(claimable, pgErr.ConstraintName) {
			return fmt.Errorf("postgres: %w: %s: %w", store.ErrRetry, pgErr.ConstraintName, err)
		}
		return fmt.Errorf("postgres: constraint %s refused the write: %w", pgErr.ConstraintName, err)
	case codeOwned:
		return fmt.Errorf("postgres: %w", store.ErrOwned)
	case codeUndefinedTable, codeUndefinedColumn, codeUndefinedFunction:
		return fmt.Errorf("postgres: %w: migrate the database: %w", store.ErrSchema, err)
	case codeCheckViolation:
		return fmt.Errorf("postgres: constraint %s refused the write: %w", pgErr.ConstraintName, err)
	}
	if unavailable(pgErr) {
		return fmt.Errorf("postgres: %w: %w", store.ErrUnavailable, err)
	}
	return fmt.Errorf("postgres: %w", err)
}

// errValue reports a value that cannot be encoded.
var errValue = errors.New("value cannot be written")

// ours tells whether this package found the fault, in a value that it was to
// write or in one that it read.
func ours(err error) bool {
	return errors.Is(err, errValue) || errors.Is(err, store.ErrSchema)
}

// unavailable tells whether the server, not the statement, is at fault.
func unavailable(err *pgconn.PgError) bool {
	switch err.Code[:2] {
	case classConnection, classResources, classIntervention:
		return true
	}
	return err.Code == codeReadOnly || fatal(err)
}

// fatal tells whether the server ended the session with this error.
func fatal(err *pgconn.PgError) bool {
	return err.SeverityUnlocalized == "FATAL" || err.SeverityUnlocalized == "PANIC"
}

// commitError classes the failure of the flight that ended with COMMIT. Only an
// ordinary error from the server proves that nothing was written: the server
// then skipped the rest of the flight. A session that it ended, or that broke,
// may have committed before, unless nothing of the flight was sent.
func commitError(err error) error {
	var pgErr *pgconn.PgError
	if ours(err) || errors.As(err, &pgErr) && !fatal(pgErr) {
		return mapError(err)
	}
	if pgconn.SafeToRetry(err) {
		return fmt.Errorf("postgres: %w: %w", store.ErrUnavailable, err)
	}
	return fmt.Errorf("postgres: %w: %w", store.ErrUnknownCommit, err)
}
