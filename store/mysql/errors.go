package mysql

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	driver "github.com/go-sql-driver/mysql"

	"kassa/store"
)

// Numbers of errors, from the manuals of MySQL and MariaDB.
const (
	errDuplicate     = 1062
	errNoTable       = 1146
	errNoColumn      = 1054
	errDeadlock      = 1213
	errInterrupted   = 1317 // KILL QUERY
	errTwoRows       = 1242 // of a subquery: see check_owner
	errServerStops   = 1053
	errKilledMariaDB = 1927
)

// repeatable are errors that a repeat may not meet.
var repeatable = []uint16{
	errDeadlock,
	1205, // lock wait timeout
	1020, // the row has changed since it was read
	errInterrupted,
	1969, // max_statement_time
	3024, // max_execution_time
}

// unavailable are errors of the server, not of the statement.
var unavailable = []uint16{
	1021, 1037, 1038, 1041, 1114, // disk full, out of memory, no room
	1040, 1129, 1203, 1226, // too many connections
	1047,                             // a node of a cluster that is not ready
	errServerStops, 1077, 1079, 1080, // it stops
	1158, 1159, 1160, 1161, // the network
	1290, 1792, 1836, // read-only: a replica, or after a failover
	errKilledMariaDB, 3168, 3169, 4031, // the session was ended
}

// claimable are the unique keys behind natural keys: when another process claimed one
// between our load and our commit, a repeat loads what it wrote. Those that are
// primary keys have no name of their own: see claimed.
var claimable = []string{"orders_live_cart", "webhook_events_key"}

const primaryKey = "PRIMARY"

// mapError classes an error of the server or of the connection to it. Where the
// connection broke at a COMMIT, commitError knows more.
func mapError(err error) error {
	if err == nil {
		return nil
	}
	var refused *driver.MySQLError
	switch {
	case ours(err):
		return fmt.Errorf("mysql: %w", err)
	case !errors.As(err, &refused), slices.Contains(unavailable, refused.Number):
		return fmt.Errorf("mysql: %w: %w", store.ErrUnavailable, err)
	case slices.Contains(repeatable, refused.Number):
		return fmt.Errorf("mysql: %w: %w", store.ErrRetry, err)
	case refused.Number == errDuplicate && slices.Contains(claimable, keyOf(refused)):
		return fmt.Errorf("mysql: %w: %w", store.ErrRetry, err)
	case refused.Number == errTwoRows:
		return fmt.Errorf("mysql: %w", store.ErrOwned)
	case refused.Number == errNoTable, refused.Number == errNoColumn:
		return fmt.Errorf("mysql: %w: migrate the database: %w", store.ErrSchema, err)
	}
	return fmt.Errorf("mysql: %w", err)
}

var (
	// errValue reports a value that cannot be written.
	errValue = errors.New("value cannot be written")
	// errAbsent reports rows that were to be changed and are not there.
	errAbsent = errors.New("rows are not there to be changed")
)

// ours tells whether this package found the fault: in a value that it was to write, in
// one that it read, or in what statements have found.
func ours(err error) bool {
	for _, known := range []error{errValue, errAbsent, store.ErrSchema, store.ErrOwned, store.ErrRetry} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// keyOf is the name of the key that a row would double. It stands at the end of the
// message, and MySQL puts the table before it.
func keyOf(err *driver.MySQLError) string {
	parts := strings.Split(err.Message, "'")
	if len(parts) < 3 {
		return ""
	}
	name := parts[len(parts)-2]
	return name[strings.LastIndexByte(name, '.')+1:]
}

// doublesPrimary tells whether an error is of a row whose primary key is taken.
func doublesPrimary(err error) bool {
	var refused *driver.MySQLError
	return errors.As(err, &refused) && refused.Number == errDuplicate && keyOf(refused) == primaryKey
}

// commitError classes the failure of a COMMIT. A deadlock is what a cluster calls a
// conflict that it finds only then: it has rolled back. Whatever else went wrong, the
// server may have committed before it.
func commitError(err error) error {
	var refused *driver.MySQLError
	if errors.As(err, &refused) && refused.Number == errDeadlock {
		return mapError(err)
	}
	return fmt.Errorf("mysql: %w: %w", store.ErrUnknownCommit, err)
}
