package mysql

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	driver "github.com/go-sql-driver/mysql"
)

// server is what has to be known of a server before it is used.
type server struct {
	maria     bool
	version   [3]int
	maxPacket int // bytes of what it takes at once
}

var (
	leastMySQL   = [3]int{8, 0, 16} // the first that minds CHECK constraints
	leastMariaDB = [3]int{10, 6, 0} // JSON_TABLE and SKIP LOCKED
)

const (
	// packetMargin is what the protocol adds to a statement, and more.
	packetMargin = 1024
	// leastPacket has room for the largest row of any table.
	leastPacket = 4 << 20
)

// meet asks a server what it is, on a connection of its own.
func meet(ctx context.Context, config *driver.Config) (server, error) {
	db, err := openDB(config, 1)
	if err != nil {
		return server{}, err
	}
	var s server
	asked := step{sql: statement("server"), scan: func(r *row) {
		s.maria, s.version = parseVersion(r.text())
		s.maxPacket = int(r.int())
	}}
	err = (&Store{db: db, limit: packetMargin}).read(ctx, asked)
	if err := errors.Join(err, db.Close()); err != nil {
		return server{}, err
	}
	return s, s.check()
}

// parseVersion reads "8.0.36" and "10.11.6-MariaDB-1". What is not a number is 0.
func parseVersion(text string) (maria bool, version [3]int) {
	_, _ = fmt.Sscanf(text, "%d.%d.%d", &version[0], &version[1], &version[2])
	return strings.Contains(strings.ToLower(text), "mariadb"), version
}

func (s *server) check() error {
	name, least := "MySQL", leastMySQL
	if s.maria {
		name, least = "MariaDB", leastMariaDB
	}
	if s.before(least) {
		return fmt.Errorf("mysql: the server is %s %s; at least %s is needed", name, dotted(s.version), dotted(least))
	}
	if s.maxPacket < leastPacket {
		return fmt.Errorf("mysql: the server's max_allowed_packet is %d; at least %d is needed", s.maxPacket, leastPacket)
	}
	return nil
}

func (s *server) before(version [3]int) bool { return slices.Compare(s.version[:], version[:]) < 0 }

func dotted(version [3]int) string {
	return fmt.Sprintf("%d.%d.%d", version[0], version[1], version[2])
}

// settings are the variables of each session, as SQL. The timeouts end what a dead or
// stuck client left behind: a transaction that nobody ends holds the counters, which
// every commit needs. Every join names its order and its index; buffers would make
// another order of it.
func (s *server) settings() map[string]string {
	all := map[string]string{
		"autocommit":               "1",
		"time_zone":                "'+00:00'",
		"sql_mode":                 "'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",
		"lc_messages":              "'en_US'", // errors are read: see keyOf
		"innodb_lock_wait_timeout": "5",
		"wait_timeout":             "60",
	}
	if s.maria {
		all["max_statement_time"] = "15" // seconds
		all["idle_transaction_timeout"] = "15"
		all["join_cache_level"] = "0"
	} else {
		all["max_execution_time"] = "15000" // milliseconds; of reads alone
		all["optimizer_switch"] = "'block_nested_loop=off'"
	}
	all[s.isolation()] = "'READ-COMMITTED'"
	return all
}

// isolation is the name of the variable, which MariaDB changed to that of MySQL.
func (s *server) isolation() string {
	if s.maria && s.before([3]int{11, 1, 1}) {
		return "tx_isolation"
	}
	return "transaction_isolation"
}
