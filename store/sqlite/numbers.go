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
type rowNumbers[K comparable] struct{ young, old map[K]int64 }

const generation = 32 << 10 // rows

// of is the number of a row, 0 where it is not known.
func (n *rowNumbers[K]) of(key K) int64 {
	if number, found := n.young[key]; found {
		return number
	}
	return n.old[key]
}

func (n *rowNumbers[K]) put(key K, number int64) {
	if n.young == nil || len(n.young) >= generation {
		n.young, n.old = make(map[K]int64), n.young
	}
	n.young[key] = number
}

// learn asks for the numbers that are not known. A row that is not there stays
// unknown.
func (n *rowNumbers[K]) learn(c *connection, name string, keys []K, bind func(*statement, K)) error {
	var unknown []K
	for _, key := range keys {
		if n.of(key) == 0 {
			unknown = append(unknown, key)
		}
	}
	for _, key := range unknown {
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
