package textbook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"kassa/money"
)

// Product is a SKU with its price in minor units and the units that have come in.
type Product struct {
	SKU, Name string
	Price     int64
	Currency  string
	Stock     int64
}

const (
	maxPrice = 100_000_000_000 // so that no sum of an order overflows
	maxQty   = 100_000
)

// AddProducts puts products on sale. Stock is added to what is there.
func (s *Shop) AddProducts(ctx context.Context, products []Product) error {
	return s.db.inTx(ctx, func(tx querier) error {
		for _, p := range products {
			if p.Price < 0 || p.Price > maxPrice || p.Stock < 0 || !money.Currency(p.Currency).Known() {
				return fmt.Errorf("textbook: product %q has no sound price, currency or stock", p.SKU)
			}
			if _, err := tx.exec(ctx, "save_product", p.SKU, p.Name, p.Price, p.Currency); err != nil {
				return err
			}
			if _, err := tx.exec(ctx, "add_stock", p.SKU, p.Stock); err != nil {
				return err
			}
		}
		return nil
	})
}

// goods are a product and how much of it can be sold.
type goods struct {
	Product
	available int64
}

func scanGoods(r row) (g goods, err error) {
	err = r.Scan(&g.SKU, &g.Name, &g.Price, &g.Currency, &g.available)
	return g, err
}

// shelf reads items' products in one statement, and refuses those that are not on
// sale.
func (s *Shop) shelf(ctx context.Context, items []Item) (map[string]goods, error) {
	skus := make([]string, len(items))
	for i, it := range items {
		skus[i] = it.SKU
	}
	found, err := list(ctx, s.db, "shelf", scanGoods, skus)
	if err != nil {
		return nil, err
	}
	shelf := make(map[string]goods, len(found))
	for _, g := range found {
		shelf[g.SKU] = g
	}
	for i, it := range items {
		if _, ok := shelf[it.SKU]; !ok {
			return nil, invalid(fmt.Sprintf("items[%d].sku", i), "is not on sale")
		}
	}
	return shelf, nil
}

// short says what the shelf has too little of; nil where it has all. Only the
// update that takes the stock decides: this spares those who come too late the
// transaction.
func short(shelf map[string]goods, items []Item) error {
	var missing []Shortage
	for _, it := range items {
		if g := shelf[it.SKU]; g.available < it.Qty {
			missing = append(missing, Shortage{it.SKU, it.Qty, g.available})
		}
	}
	if missing == nil {
		return nil
	}
	return soldOut(missing...)
}

// summed adds up each SKU's quantity, the SKUs in order.
func summed(items []Item) []Item {
	if len(items) == 1 {
		return items
	}
	sum := map[string]int64{}
	for _, it := range items {
		sum[it.SKU] += it.Qty
	}
	return sorted(sum)
}

func sorted(sum map[string]int64) []Item {
	out := make([]Item, 0, len(sum))
	for _, sku := range slices.Sorted(maps.Keys(sum)) {
		if sum[sku] != 0 {
			out = append(out, Item{sku, sum[sku]})
		}
	}
	return out
}

// without is what is wanted beyond what is held: negative where less is wanted.
func without(wanted, held []Item) []Item {
	sum := map[string]int64{}
	for _, it := range wanted {
		sum[it.SKU] += it.Qty
	}
	for _, it := range held {
		sum[it.SKU] -= it.Qty
	}
	return sorted(sum)
}

// take moves units from available to locked, or back where a quantity is negative.
// Items are in the order of their SKUs, so that two transactions cannot wait for
// each other. It is the last thing before a commit: until then a popular SKU's row
// is locked. On a refusal the caller must roll back.
func take(ctx context.Context, tx querier, items []Item) error {
	for _, it := range items {
		n, err := tx.exec(ctx, "take", it.SKU, it.Qty)
		switch {
		case err != nil:
			return err
		case n == 0:
			g, err := first(ctx, tx, "shelf", scanGoods, []string{it.SKU})
			if err != nil {
				return err
			}
			return soldOut(Shortage{it.SKU, it.Qty, g.available})
		}
	}
	return nil
}

// lock is stock that a session holds.
type lock struct {
	id        uuid.UUID
	items     []Item
	expiresAt time.Time
}

func scanLock(r row) (l lock, err error) {
	var items []byte
	if err = r.Scan(&l.id, &items, &l.expiresAt); err == nil {
		err = json.Unmarshal(items, &l.items)
	}
	return l, err
}

// Hold locks units of a SKU for a session. A repeat holds nothing more. The error
// is ErrSoldOut where there are too few.
func (s *Shop) Hold(ctx context.Context, session, sku string, qty int64, ttl time.Duration) error {
	_, _, err := s.hold(ctx, session, []Item{{sku, qty}}, ttl)
	return err
}

// hold locks items, all or nothing. existing tells that the session had the very
// same lock already; another lock of the session is replaced.
func (s *Shop) hold(ctx context.Context, session string, items []Item, ttl time.Duration) (l lock, existing bool, err error) {
	shelf, err := s.shelf(ctx, items)
	if err != nil {
		return l, false, err
	}
	if refused := short(shelf, items); refused != nil {
		if _, err := first(ctx, s.db, "hold", scanLock, session); err != nil {
			return l, false, unlessNoRow(err, refused)
		}
	}
	l = lock{id: newID(), items: items, expiresAt: s.now().Add(ttl)}
	err = s.db.inTx(ctx, func(tx querier) error {
		n, err := tx.exec(ctx, "insert_hold", session, l.id, encode(items), l.expiresAt)
		if err != nil {
			return err
		}
		if n == 1 {
			return take(ctx, tx, items)
		}
		l, existing, err = s.replace(ctx, tx, session, l)
		return err
	})
	return l, existing, err
}

// replace puts a lock in the place of the session's own, unless that is the same.
func (s *Shop) replace(ctx context.Context, tx querier, session string, l lock) (now lock, existing bool, err error) {
	old, err := first(ctx, tx, "lock_hold", scanLock, session)
	if err != nil {
		return l, false, err
	}
	if slices.Equal(old.items, l.items) && old.expiresAt.After(s.now()) {
		return old, true, nil
	}
	if _, err := tx.exec(ctx, "replace_hold", session, l.id, encode(l.items), l.expiresAt); err != nil {
		return l, false, err
	}
	return l, false, take(ctx, tx, without(l.items, old.items))
}

// Release gives a session's lock free. Where there is none it does nothing.
func (s *Shop) Release(ctx context.Context, session string) error {
	return s.db.inTx(ctx, func(tx querier) error {
		held, err := dropHold(ctx, tx, session)
		if err != nil {
			return err
		}
		return take(ctx, tx, without(nil, held))
	})
}

// dropHold ends a session's lock and says what it held.
func dropHold(ctx context.Context, tx querier, session string) ([]Item, error) {
	held, err := first(ctx, tx, "drop_hold", scanItems, session)
	return held, unlessNoRow(err, nil)
}

func scanItems(r row) (items []Item, err error) {
	text, err := column[[]byte](r)
	if err == nil {
		err = json.Unmarshal(text, &items)
	}
	return items, err
}

// unlessNoRow replaces the error of a row that is not there.
func unlessNoRow(err, instead error) error {
	if errors.Is(err, errNoRow) {
		return instead
	}
	return err
}

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// encode writes a column's JSON. What it is given can always be written.
func encode(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(text)
}
