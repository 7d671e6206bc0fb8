// Package kassa is the root of Kassa, a checkout engine: one binary that stands
// between a storefront and its payment gateways, holds the stock, takes the
// payment, makes the order, and never ends with only two of the three.
//
// There is no code here. The rules live in the pure packages (money, checkout,
// pricing, inventory, saga), which decide and do nothing else; engine persists
// what they decide; tasks and payments act on it; app assembles it all, and
// cmd/kassa is the command. The test of this package enforces who may import
// whom. The package itself must not know any other.
package kassa
