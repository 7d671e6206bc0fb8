package memory

import (
	"context"
	"errors"

	"kassa/checkout"
	"kassa/saga"
	"kassa/store"
)

var errSpent = errors.New("the transaction has ended: begin another one")

// tx is a transaction. It has the turn from its first Load or Commit to its end.
type tx struct {
	store  *Store
	atWork bool
	spent  bool
}

// Begin starts a transaction, which waits for its turn at the first Load.
func (s *Store) Begin(ctx context.Context) (store.Tx, error) {
	if err := s.Ping(ctx); err != nil {
		return nil, err
	}
	return &tx{store: s}, nil
}

func (t *tx) start(ctx context.Context) error {
	if t.spent {
		return errSpent
	}
	if t.atWork {
		return ctx.Err()
	}
	if err := t.store.takeTurn(ctx); err != nil {
		return err
	}
	t.atWork = true
	return nil
}

func (t *tx) end() {
	if t.atWork {
		t.store.endTurn()
	}
	t.atWork, t.spent = false, true
}

// Rollback ends the transaction. It is safe after Commit.
func (t *tx) Rollback(context.Context) error {
	t.end()
	return nil
}

// Turn is what the first Load waits for.
func (t *tx) Turn(ctx context.Context) error { return t.start(ctx) }

// Stage has nothing to do: rows are kept as they come.
func (t *tx) Stage(context.Context, *store.Save) error { return nil }

// Commit writes everything or nothing.
func (t *tx) Commit(ctx context.Context, save *store.Save) error {
	if err := t.start(ctx); err != nil {
		return err
	}
	defer t.end()
	return t.store.write(func(rows *tables) error { return rows.save(save) })
}

// Load reads rows into state and marks the absent ones.
func (t *tx) Load(ctx context.Context, keys saga.Keys, state *saga.State) error {
	if err := t.start(ctx); err != nil {
		return err
	}
	state.Now = t.store.now()
	return t.store.read(func(rows *tables) error {
		state.Position = rows.counters["events"]
		rows.load(keys, state)
		return nil
	})
}

// Read loads rows beside the transaction that is at work.
func (s *Store) Read(_ context.Context, keys saga.Keys, state *saga.State) error {
	state.Now = s.now()
	return s.read(func(rows *tables) error {
		rows.load(keys, state)
		return nil
	})
}

func (t *tables) load(keys saga.Keys, state *saga.State) {
	for _, id := range keys.Orders {
		state.Orders[id] = t.bareOrder(id)
	}
	for _, id := range keys.Carts {
		state.Carts[id] = cloned(t.carts, id, cloneCart)
	}
	for _, session := range keys.Sessions {
		state.Holds[session] = cloned(t.holds, session, cloneHold)
	}
	for _, user := range keys.Customers {
		state.Customers[user] = copyOf(t.customers[user])
	}
	for _, sku := range keys.Products {
		state.Products[sku] = cloned(t.products, sku, cloneProduct)
	}
	for _, sku := range keys.Stock {
		state.Stock[sku] = t.stock(sku)
	}
	for _, key := range keys.Answers {
		state.Answers[key] = t.answer(key)
	}
	for _, key := range keys.Webhooks {
		state.Webhooks[key] = cloned(t.webhooks, t.webhookKey[key], cloneWebhook)
	}
}

func cloned[K comparable, V any](rows map[K]*V, key K, clone func(*V) *V) *V {
	row := rows[key]
	if row == nil {
		return nil
	}
	return clone(row)
}

// bareOrder is an order with its children and without its details.
func (t *tables) bareOrder(id checkout.ID) *checkout.Order {
	order := t.order(id)
	if order != nil {
		order.Details = nil
	}
	return order
}

func (t *tables) answer(key checkout.KeyID) *checkout.IdempotencyRecord {
	row, found := t.answers[key]
	if !found {
		return nil
	}
	row = cloneAnswer(row)
	return &row
}

func (t *tables) stock(sku string) []checkout.Level {
	var levels []checkout.Level
	for _, warehouse := range t.levelsOf[sku] {
		levels = append(levels, t.levels[checkout.StockKey{SKU: sku, Warehouse: warehouse}])
	}
	return levels
}
