package sqlite

import (
	"context"

	"kassa/checkout"
)

// numbers are the row numbers that the writer remembers, so that an update finds
// its row by a number and not by an id: SQLite compares numbers many times faster
// than blobs. A forgotten one is asked for.
type numbers struct {
	orders   rowNumbers[checkout.ID]
	payments rowNumbers[checkout.ID]
	levels   rowNumbers[checkout.StockKey]
}

// rowNumbers keeps what was used last, in two generations.
type rowNumbers[K comparable] struct {
	young, old map[K]int64
	limit      int // of a generation
}

// newNumbers remembers as many rows as the engine does, for sure: see package engine's
// recent.
func newNumbers() numbers {
	return numbers{
		orders:   rowNumbers[checkout.ID]{limit: 2_000},
		payments: rowNumbers[checkout.ID]{limit: 2_000},
		levels:   rowNumbers[checkout.StockKey]{limit: 20_000},
	}
}

// of is the number of a row that was put or learnt for this batch; 0 if it is not
// there.
func (n *rowNumbers[K]) of(key K) int64 { return n.young[key] }

func (n *rowNumbers[K]) put(key K, number int64) { n.young[key] = number }

// learn makes the numbers of a batch's rows known, and room for those of new rows.
func (n *rowNumbers[K]) learn(c *connection, name string, keys []K, bind func(*statement, K)) error {
	if n.young == nil || len(n.young) >= n.limit {
		n.young, n.old = map[K]int64{}, n.young
	}
	for _, key := range keys {
		if n.young[key] != 0 {
			continue
		}
		if number := n.old[key]; number != 0 {
			n.put(key, number)
			continue
		}
		found, err := gather(context.Background(), c, name, []K{key}, bind, scanInt)
		if err != nil {
			return err
		}
		if len(found) > 0 {
			n.put(key, found[0])
		}
	}
	return nil
}
