package money

import (
	"cmp"
	"errors"
	"fmt"
	"math/big"
	"slices"
)

// Allocate splits m by weights, by the largest remainder: every part is its
// exact share rounded down or up, and the parts sum to m. A unit that is left
// goes to the larger remainder, of equal ones to the first. A negative amount
// splits as its opposite does, mirrored. It fails when a weight is negative or
// when none is above zero.
func (m Money) Allocate(weights []int64) ([]Money, error) {
	total, err := sumWeights(weights)
	if err != nil {
		return nil, err
	}
	amount := new(big.Int).SetUint64(magnitude(m.Minor))
	shares := make([]share, len(weights))
	left := magnitude(m.Minor)
	for i, weight := range weights {
		shares[i] = newShare(i, amount, weight, total)
		left -= shares[i].units
	}
	giveLeft(shares, left)
	return asMoney(shares, m), nil
}

// share is one part while it is worked out: whole units, and the remainder of
// the division that made them. Big integers because a product or a sum of
// weights may pass 64 bits.
type share struct {
	index     int
	units     uint64
	remainder *big.Int
}

func sumWeights(weights []int64) (*big.Int, error) {
	total := new(big.Int)
	for i, weight := range weights {
		if weight < 0 {
			return nil, fmt.Errorf("money: weight %d is negative: %d", i, weight)
		}
		total.Add(total, big.NewInt(weight))
	}
	if total.Sign() == 0 {
		return nil, errors.New("money: nothing to allocate by: no weight is above zero")
	}
	return total, nil
}

func newShare(index int, amount *big.Int, weight int64, total *big.Int) share {
	product := new(big.Int).Mul(amount, big.NewInt(weight))
	quotient, remainder := product.QuoRem(product, total, new(big.Int))
	return share{index: index, units: quotient.Uint64(), remainder: remainder}
}

// giveLeft adds the units left, one each. They are fewer than the shares with a
// remainder, so a weight of zero never gets one.
func giveLeft(shares []share, left uint64) {
	slices.SortFunc(shares, func(a, b share) int {
		return cmp.Or(b.remainder.Cmp(a.remainder), cmp.Compare(a.index, b.index))
	})
	for i := range left {
		shares[i].units++
	}
}

// asMoney puts the shares back in the order of their weights, with m's sign.
func asMoney(shares []share, m Money) []Money {
	parts := make([]Money, len(shares))
	for _, s := range shares {
		minor, _ := signed(s.units, m.IsNegative()) // no share is more than m
		parts[s.index] = New(minor, m.Currency)
	}
	return parts
}
