// Package checkout is the vocabulary of Kassa: orders, holds, payments, refunds,
// carts, products, tasks, events, ids and the one typed error.
//
// A type lives here only when two other packages use it. The package holds no
// rules beyond what a value needs to be well formed. It must not know stores,
// gateways, HTTP, clocks or randomness: times and ids are handed in.
package checkout
