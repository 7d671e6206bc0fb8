// Package postgres keeps Kassa's rows in PostgreSQL 14 or later.
//
// A transaction is two flights, and one where nothing is loaded: Load pipelines
// BEGIN and the reads, Commit pipelines every write and COMMIT. Each table is
// written by one statement whatever the size of the batch: its rows travel as one
// array. The statements are in sql/, the tables and their reasons in migrations/.
//
// Connect to the server itself, not through a pooler that shares connections
// between transactions: statements are prepared once for each connection.
//
// It must not know the rules of checkout, gateways or HTTP.
package postgres
