package postgres

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"kassa/checkout"
	"kassa/saga"
	"kassa/store"
)

// TestErrorClasses: what a repeat may cure, what only another server can, and what
// is the caller's fault.
func TestErrorClasses(t *testing.T) {
	t.Parallel()
	unique := func(constraint string) *pgconn.PgError {
		return &pgconn.PgError{Code: codeUniqueViolation, ConstraintName: constraint, SeverityUnlocalized: "ERROR"}
	}
	simple := func(code, severity string) *pgconn.PgError {
		return &pgconn.PgError{Code: code, SeverityUnlocalized: severity}
	}
	for name, test := range map[string]struct {
		err              error
		mapped, atCommit error // nil: none of the classes
	}{
		"deadlock":           {simple("40P01", "ERROR"), store.ErrRetry, store.ErrRetry},
		"serialization":      {simple("40001", "ERROR"), store.ErrRetry, store.ErrRetry},
		"lock timeout":       {simple("55P03", "ERROR"), store.ErrRetry, store.ErrRetry},
		"statement timeout":  {simple("57014", "ERROR"), store.ErrRetry, store.ErrRetry},
		"key claimed":        {unique("idempotency_keys_pkey"), store.ErrRetry, store.ErrRetry},
		"charge claimed":     {unique("payments_charge"), nil, nil},
		"disk full":          {simple("53100", "ERROR"), store.ErrUnavailable, store.ErrUnavailable},
		"read-only":          {simple("25006", "ERROR"), store.ErrUnavailable, store.ErrUnavailable},
		"shutdown":           {simple("57P01", "FATAL"), store.ErrUnavailable, store.ErrUnknownCommit},
		"crash":              {simple("57P02", "FATAL"), store.ErrUnavailable, store.ErrUnknownCommit},
		"idle too long":      {simple("25P03", "FATAL"), store.ErrUnavailable, store.ErrUnknownCommit},
		"connection":         {errors.New("connection reset by peer"), store.ErrUnavailable, store.ErrUnknownCommit},
		"value":              {fmt.Errorf("%w: no JSON", errValue), nil, nil},
		"check":              {simple("23514", "ERROR"), nil, nil},
		"not migrated":       {simple("42P01", "ERROR"), store.ErrSchema, store.ErrSchema},
		"schema of a column": {fmt.Errorf("%w: column 3", store.ErrSchema), store.ErrSchema, store.ErrSchema},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requireClass(t, test.mapped, mapError(test.err))
			requireClass(t, test.atCommit, commitError(test.err))
		})
	}
	require.NoError(t, mapError(nil))
}

func requireClass(t *testing.T, want, err error) {
	t.Helper()
	for _, class := range []error{store.ErrRetry, store.ErrUnavailable, store.ErrUnknownCommit, store.ErrSchema} {
		require.Equal(t, errors.Is(want, class), errors.Is(err, class), "%v: %v", class, err)
	}
}

// TestConstraintsAreNamed breaks the last guards through the store itself.
func TestConstraintsAreNamed(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	order := newOrder()
	payment := newPayment(order)
	payment.ChargeID, payment.Captured = "ch_1", order.Total
	cart := newID()
	first := newOrder()
	first.CartID = cart
	save := newSave()
	save.NewOrders = []*checkout.Order{order, first}
	save.NewPayments = []checkout.Payment{payment}
	save.NewLevels = []checkout.Level{level("A", 1)}
	save.NewHolds = holdSave("s").NewHolds
	commit(t, s, save)

	for name, test := range map[string]struct {
		change func(*store.Save)
		retry  bool
	}{
		"inventory_available": {change: func(s *store.Save) { s.Levels = []checkout.Level{level("A", -1)} }},
		"inventory_pkey":      {change: func(s *store.Save) { s.NewLevels = []checkout.Level{level("A", 1)} }, retry: true},
		"holds_pkey":          {change: func(s *store.Save) { s.NewHolds = holdSave("s").NewHolds }, retry: true},
		"orders_pkey":         {change: func(s *store.Save) { s.NewOrders = []*checkout.Order{order} }},
		"orders_live_cart": {change: func(s *store.Save) {
			o := newOrder()
			o.CartID = cart
			s.NewOrders = []*checkout.Order{o}
		}, retry: true},
		"payments_charge": {change: func(s *store.Save) {
			p := newPayment(order)
			p.ChargeID = "ch_1"
			s.NewPayments = []checkout.Payment{p}
		}},
		"payments_refunds": {change: func(s *store.Save) {
			p := payment
			p.RefundCommitted = p.Captured.Minor + 1
			s.Payments = []checkout.Payment{p}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			save := newSave()
			test.change(save)
			err := tryCommit(t.Context(), s, save)
			require.ErrorContains(t, err, name)
			require.Equal(t, test.retry, errors.Is(err, store.ErrRetry))
			require.Zero(t, s.pool.Stat().AcquiredConns(), "the connection went back")
		})
	}
}

// TestOppositeOrders has many transactions lock the same rows, each naming them in
// an order of its own. The lock timeout and deadlock detection must find nothing.
func TestOppositeOrders(t *testing.T) {
	t.Parallel()
	config := newSchema(t)
	stores := []*Store{open(t, config), open(t, config)}
	require.NoError(t, stores[0].Migrate(t.Context()))
	save := newSave()
	var keys saga.Keys
	for i := range 20 {
		save.NewLevels = append(save.NewLevels, level(sku(i), 100))
		save.NewOrders = append(save.NewOrders, newOrder())
		save.NewHolds = append(save.NewHolds, holdSave(sku(i)).NewHolds...)
		keys.Stock, keys.Sessions = append(keys.Stock, sku(i)), append(keys.Sessions, sku(i))
		keys.Orders = append(keys.Orders, save.NewOrders[i].ID)
	}
	commit(t, stores[0], save)
	var all errgroup.Group
	for worker := range 8 {
		all.Go(func() error { return lockShuffled(t, stores[worker%2], keys) })
	}
	require.NoError(t, all.Wait())
}

func lockShuffled(t *testing.T, s *Store, keys saga.Keys) error {
	for range 40 {
		tx, err := s.Begin(t.Context())
		if err != nil {
			return err
		}
		mine := saga.Keys{Stock: shuffled(keys.Stock), Sessions: shuffled(keys.Sessions), Orders: shuffled(keys.Orders)}
		if err := tx.Load(t.Context(), mine, saga.NewState()); err != nil {
			return err
		}
		if err := tx.Rollback(t.Context()); err != nil {
			return err
		}
	}
	return nil
}

func shuffled[T any](values []T) []T {
	out := slices.Clone(values)
	rand.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// TestPlans asks the server how it runs every statement. None may walk a table or
// an index, but in its order and up to a limit: tables grow. Those that lock must
// sort before they lock.
func TestPlans(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	whole := []string{"snapshot_counters", "schema_version", "snapshot_held", "row_types"} // a few rows, or all by intent
	for name, text := range statements {
		if name == "begin" || name == "commit" {
			continue
		}
		plan := explain(t, s, name, text)
		if !slices.Contains(whole, name) {
			require.NotContains(t, plan, "Seq Scan", "%s:\n%s", name, plan)
			require.NotRegexp(t, `Materialize\n *->  Index|Index (Only )?Scan using [^\n]*\n *(Filter|->)`, plan, name)
		}
		if strings.HasPrefix(name, "load_") && strings.Contains(text, "for update") {
			require.Regexp(t, `(?s)^LockRows.*(Sort Key: |Index Scan using)`, plan, name)
			require.True(t, strings.Contains(plan, "Sort Key: ") || !strings.Contains(plan, "Bitmap"), plan)
		}
	}
}

func explain(t *testing.T, s *Store, name, text string) string {
	t.Helper()
	conn, err := s.pool.Acquire(t.Context())
	require.NoError(t, err)
	defer conn.Release()
	_, err = conn.Exec(t.Context(), "prepare "+name+" as "+text)
	require.NoError(t, err, name)
	params := 0
	for strings.Contains(text, fmt.Sprintf("$%d", params+1)) {
		params++
	}
	call := "execute " + name
	if params > 0 {
		call += "(null" + strings.Repeat(", null", params-1) + ")"
	}
	lines, err := query(t.Context(), conn, (*row).text, "explain (costs off) "+call)
	require.NoError(t, err, name)
	return strings.Join(lines, "\n")
}

// TestUpdatesAreHOT takes orders through their lives and counts the updates that
// had to touch an index. Room on a page is made by pruning what no transaction on
// the database can see any more, so it has one of its own; where an indexed column
// changes no round is ever good.
func TestUpdatesAreHOT(t *testing.T) {
	t.Parallel()
	config := newDatabase(t)
	config.MaxConns = 1
	s := open(t, config)
	require.NoError(t, s.Migrate(t.Context()))
	l := newLifecycles(t, s, 100)
	wanting := map[string]int64{"orders": 100, "payments": 100, "inventory": 100, "counters": 4}
	for range 60 {
		before := updateCounts(t, s)
		l.run(50)
		after := updateCounts(t, s)
		for table, least := range wanting {
			all, hot := after[table].all-before[table].all, after[table].hot-before[table].hot
			require.GreaterOrEqual(t, all, least, "%s: the test has seen its updates", table)
			if hot*10 >= all*9 { // every row is updated twice: one update that is never HOT leaves half
				delete(wanting, table)
			}
		}
		if len(wanting) == 0 {
			return
		}
	}
	require.Empty(t, wanting, "tables of which no round's updates were HOT")
}

type updates struct{ all, hot int64 }

func updateCounts(t *testing.T, s *Store) map[string]updates {
	t.Helper()
	_, err := s.pool.Exec(t.Context(), "select pg_stat_force_next_flush()")
	require.NoError(t, err)
	out := map[string]updates{}
	scan := func(r *row) bool {
		table := r.text()
		out[table] = updates{r.int(), r.int()}
		return true
	}
	_, err = query(t.Context(), s.pool, scan,
		`select relname::text, n_tup_upd, n_tup_hot_upd from pg_stat_user_tables where schemaname = current_schema()`)
	require.NoError(t, err)
	return out
}
