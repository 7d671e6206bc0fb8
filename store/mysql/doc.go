// Package mysql keeps Kassa's rows in MySQL 8 or MariaDB 10.6 and later.
//
// A transaction is three exchanges, and two where nothing is loaded: Load sends
// START TRANSACTION and the reads, Commit sends every write, counts what they have
// found, and then sends COMMIT. Each table is written by one statement whatever the
// size of the batch: its rows travel as one JSON parameter. The statements are in
// sql/, the tables and their reasons in migrations/.
//
// It must not know the rules of checkout, gateways or HTTP.
package mysql
