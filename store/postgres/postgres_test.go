package postgres

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"kassa/checkout"
	"kassa/money"
	"kassa/store"
)

func TestSchemaVersion(t *testing.T) {
	t.Parallel()
	s := open(t, newSchema(t))
	have, want, err := s.Schema(t.Context())
	require.NoError(t, err)
	require.Zero(t, have)
	require.Positive(t, want)

	require.NoError(t, s.Migrate(t.Context()))
	have, _, err = s.Schema(t.Context())
	require.NoError(t, err)
	require.Equal(t, want, have)
	require.NoError(t, s.Migrate(t.Context()), "a second time changes nothing")
}

func TestProcessesMigrateTogether(t *testing.T) {
	t.Parallel()
	config := newSchema(t)
	var all errgroup.Group
	for range 3 {
		s := open(t, config)
		all.Go(func() error { return s.Migrate(t.Context()) })
	}
	require.NoError(t, all.Wait())
	have, want, err := open(t, config).Schema(t.Context())
	require.NoError(t, err)
	require.Equal(t, want, have)
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	_, err := Open(t.Context(), Config{URL: "postgres://127.0.0.1:1/test?sslmode=disable"})
	require.ErrorIs(t, err, store.ErrUnavailable)
	_, err = Open(t.Context(), Config{URL: "mysql://nonsense:port"})
	require.ErrorContains(t, err, "URL")
}

func TestCurrenciesAreThoseOfMoney(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	type currency struct {
		code     string
		exponent int64
	}
	scan := func(r *row) currency { return currency{r.text(), r.int()} }
	have, err := query(t.Context(), s.pool, scan, `select code, exponent::bigint from currencies order by code`)
	require.NoError(t, err)
	var want []currency
	for _, c := range money.Currencies() {
		want = append(want, currency{string(c), int64(c.Exponent())})
	}
	require.Equal(t, want, have, "a new migration must bring the table up to package money")
}

func TestViews(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	inr, jpy, kwd := newOrder(), newOrder(), newOrder()
	line := &inr.Details.Quote.Lines[1]
	line.Discount, line.Tax, line.Total = 100, 18, 49918
	jpy.Total, kwd.Total = money.New(999, "JPY"), money.New(9990, "KWD")
	save := newSave()
	save.NewOrders = []*checkout.Order{inr, jpy, kwd}
	save.NewLevels = []checkout.Level{
		{SKU: "A", Warehouse: "east", Available: 3, Locked: 1, Received: 4},
		{SKU: "A", Warehouse: "main", Available: 5, Locked: 2, Received: 7},
	}
	commit(t, s, save)

	amounts, err := query(t.Context(), s.pool, (*row).text, `select amount::text from orders_view order by currency`)
	require.NoError(t, err)
	require.Equal(t, []string{"999.00", "999", "9.990"}, amounts)
	stock, err := query(t.Context(), s.pool, (*row).text,
		`select sku || ' ' || available_qty || ' ' || locked_qty from inventory_view`)
	require.NoError(t, err)
	require.Equal(t, []string{"A 8 3"}, stock)
	items, err := query(t.Context(), s.pool, (*row).text,
		`select concat_ws('|', line_no, sku, name, qty, unit_price, discount, tax, total, tax_code) from order_items where order_id = $1 order by line_no`, uuid(inr.ID))
	require.NoError(t, err)
	require.Equal(t, []string{"1|SKU-1|Blue kettle|1|49900|0|0|49900|8516", "2|SKU-2|Red kettle|1|50000|100|18|49918"}, items)
}

func TestServerSettings(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	for name := range serverSettings {
		have, err := query(t.Context(), s.pool, (*row).text, `select current_setting($1)`, name)
		require.NoError(t, err)
		require.Equal(t, serverSettings[name], have[0], name)
	}
	config, err := poolConfig(Config{URL: defaultURL + "&statement_timeout=1min"})
	require.NoError(t, err)
	require.Equal(t, "1min", config.ConnConfig.RuntimeParams["statement_timeout"], "the URL's settings rule")
}

// TestTheFirstHostHangs: a host that takes connections and answers nothing keeps a
// process from the next one for its time, and no longer.
func TestTheFirstHostHangs(t *testing.T) {
	t.Parallel()
	hanging, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, hanging.Close()) }()
	url := strings.Replace(testURL(t), "@", "@"+hanging.Addr().String()+",", 1)
	s, err := Open(t.Context(), Config{URL: url})
	require.NoError(t, err)
	require.NoError(t, s.Close())
}

// TestANewerSchemaSaysWhoCanWorkWithIt: so a release may migrate while the one before
// still serves.
func TestANewerSchemaSaysWhoCanWorkWithIt(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	_, want, err := s.Schema(t.Context())
	require.NoError(t, err)
	for _, sql := range []string{
		fmt.Sprintf("insert into schema_version (version_id, is_applied) values (%d, true)", want+1),
		fmt.Sprintf("update schema_oldest set version = %d", want+1),
	} {
		have, _, err := s.Schema(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, have)
		_, err = s.pool.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	have, _, err := s.Schema(t.Context())
	require.NoError(t, err)
	require.Equal(t, want+1, have, "this binary cannot work with it")
}
