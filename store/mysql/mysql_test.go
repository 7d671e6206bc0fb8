package mysql

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"kassa/checkout"
	"kassa/money"
	"kassa/store"
)

func TestSchemaVersion(t *testing.T) {
	t.Parallel()
	s := open(t, newDatabase(t))
	have, want, err := s.Schema(t.Context())
	require.NoError(t, err)
	require.Zero(t, have)
	require.Positive(t, want)
	_, err = s.Levels(t.Context(), "A")
	require.ErrorIs(t, err, store.ErrSchema)

	require.NoError(t, s.Migrate(t.Context()))
	have, _, err = s.Schema(t.Context())
	require.NoError(t, err)
	require.Equal(t, want, have)
	require.NoError(t, s.Migrate(t.Context()), "a second time changes nothing")
}

func TestProcessesMigrateTogether(t *testing.T) {
	t.Parallel()
	config := newDatabase(t)
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

// TestMigrationIsTakenUp: a server that died in the middle of a migration has kept its
// first tables, and does not know of it.
func TestMigrationIsTakenUp(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	commit(t, s, holdSave("s"))
	_, err := s.db.ExecContext(t.Context(), "delete from schema_version where version_id > 0")
	require.NoError(t, err)
	_, err = s.db.ExecContext(t.Context(), "drop table settings")
	require.NoError(t, err)
	require.NoError(t, s.Migrate(t.Context()))
	_, err = s.Secret(t.Context(), "name", []byte("secret"))
	require.NoError(t, err)
	require.True(t, held(t, s, "s"))
	require.Equal(t, []int64{1}, ask[int64](t, s, "select value from counters"))
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	_, err := Open(t.Context(), Config{URL: "mysql://root@127.0.0.1:1/test"})
	require.ErrorIs(t, err, store.ErrUnavailable)
	config := newDatabase(t)
	_, err = Open(t.Context(), Config{URL: strings.Replace(config.URL, "/kassa_test", "/kassa_no", 1)})
	require.ErrorContains(t, err, "Unknown database")
}

func TestURLs(t *testing.T) {
	t.Parallel()
	c, err := parseURL("mysql://shop:p%40ss%2Fword@db.example:3307/kassa?tls=skip-verify")
	require.NoError(t, err)
	require.Equal(t, []string{"shop", "p@ss/word", "tcp", "db.example:3307", "kassa", "skip-verify"},
		[]string{c.User, c.Passwd, c.Net, c.Addr, c.DBName, c.TLSConfig})
	c, err = parseURL("mariadb://shop@[::1]/kassa")
	require.NoError(t, err)
	require.Equal(t, "[::1]:3306", c.Addr)
	c, err = parseURL("mysql://shop@/kassa?socket=/run/mysqld.sock")
	require.NoError(t, err)
	require.Equal(t, []string{"unix", "/run/mysqld.sock"}, []string{c.Net, c.Addr})
	for _, wrong := range []string{
		"", "postgres://u:SECRET@db/kassa", "mysql:u:SECRET@tcp(db)/kassa", "mysql://u:SECRET@db", "mysql://u:SECRET@db/", "mysql://u:SECRET@db/a/b",
		"mysql://u:SEC/RET@db/kassa", "mysql://u:%ZZSECRET@db/kassa", "mysql://u:SECRET@db/kassa?parseTime=SECRET",
	} {
		_, err := parseURL(wrong)
		require.Error(t, err, wrong)
		require.NotContains(t, err.Error(), "SEC")
	}
}

func TestServers(t *testing.T) {
	t.Parallel()
	const plenty = 64 << 20
	for version, good := range map[string]bool{
		"8.0.36": true, "8.4.0": true, "9.1.0-commercial": true, "8.0.15": false, "5.7.44-log": false,
		"10.6.0-MariaDB": true, "10.11.6-MariaDB-0+deb12u1": true, "11.4.2-MariaDB-ubu2404": true, "10.5.23-MariaDB": false, "nonsense": false,
	} {
		s := server{maxPacket: plenty}
		s.maria, s.version = parseVersion(version)
		require.Equal(t, good, s.check() == nil, version)
	}
	require.ErrorContains(t, (&server{version: [3]int{8, 0, 36}, maxPacket: 1 << 20}).check(), "max_allowed_packet")
	require.Equal(t, "tx_isolation", (&server{maria: true, version: [3]int{10, 11, 6}}).isolation())
	require.Equal(t, "transaction_isolation", (&server{maria: true, version: [3]int{11, 4, 2}}).isolation())
	require.Contains(t, (&server{version: [3]int{8, 0, 36}}).settings(), "max_execution_time")
}

func TestServerSettings(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	for name, want := range s.config.Params {
		have := ask[string](t, s, "select concat(@@session."+name+")")[0]
		want = strings.Trim(want, "'")
		switch name {
		case "optimizer_switch":
			require.Contains(t, have, want)
			continue
		case "autocommit":
			want = "ON"
		}
		require.Equal(t, want, strings.TrimSuffix(have, ".000000"), name)
	}
}

func TestCurrenciesAreThoseOfMoney(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	have := map[string]int64{}
	require.NoError(t, s.read(t.Context(), step{sql: "select code, exponent from currencies", scan: func(r *row) {
		code := r.text()
		have[code] = r.int()
	}}))
	want := map[string]int64{}
	for _, c := range money.Currencies() {
		want[string(c)] = int64(c.Exponent())
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

	require.Equal(t, []string{"999.0000", "999.0000", "9.9900"}, ask[string](t, s, `select amount from orders_view order by currency`))
	require.Equal(t, []string{inr.ID.String()}, ask[string](t, s, `select order_id from orders_view where currency = 'INR'`))
	require.Equal(t, []string{"A 8 3"}, ask[string](t, s, `select concat_ws(' ', sku, available_qty, locked_qty) from inventory_view`))
	require.Equal(t, []string{"1|SKU-1|Blue kettle|1|49900|0|0|49900|8516", "2|SKU-2|Red kettle|1|50000|100|18|49918"},
		ask[string](t, s, `select concat_ws('|', line_no, sku, name, qty, unit_price, discount, tax, total, tax_code)
			from order_items where order_id = ? order by line_no`, inr.ID.String()))
}

// TestDueOrdersInParts: a look that has far to go stops after so many orders, and the
// next one goes on from there. None is passed over.
func TestDueOrdersInParts(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	s.ordersAtOnce = 3
	save := newSave()
	var want []checkout.ID
	for i := range 10 {
		order := newOrder()
		order.ID = checkout.NewID(testTime, [10]byte{byte(i)})
		order.HoldExpiresAt = testTime.Add(time.Duration(i) * time.Minute)
		if i >= 4 && i < 8 { // at one time, more than are looked through at once
			order.HoldExpiresAt = testTime.Add(4 * time.Minute)
		}
		if i == 2 {
			order.HoldStatus = checkout.HoldClaimed
		} else {
			want = append(want, order.ID)
		}
		save.NewOrders = append(save.NewOrders, order)
	}
	commit(t, s, save)

	var found []checkout.ID
	looks := 0
	for since, more := (time.Time{}), true; more; looks++ {
		due, err := s.DueOrders(t.Context(), since, 100)
		require.NoError(t, err)
		for _, o := range due.Orders {
			found = append(found, o.ID)
		}
		since, more = due.Until, due.More
	}
	require.Equal(t, want, found)
	require.Greater(t, looks, 2)
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
		_, err = s.db.ExecContext(t.Context(), sql)
		require.NoError(t, err)
	}
	have, _, err := s.Schema(t.Context())
	require.NoError(t, err)
	require.Equal(t, want+1, have, "this binary cannot work with it")
}
