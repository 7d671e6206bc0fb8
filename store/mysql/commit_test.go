package mysql

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/saga"
	"kassa/store"
)

// broken is a store behind a proxy, and the same without one.
func broken(t *testing.T) (p *proxy, behind, straight *Store) {
	t.Helper()
	config := newDatabase(t)
	straight = open(t, config)
	require.NoError(t, straight.Migrate(t.Context()))
	p, config = newProxy(t, config)
	behind = open(t, config)
	commit(t, behind, holdSave("warm"))
	return p, behind, straight
}

// loaded begins a transaction and loads, so that what comes next is the commit.
func loaded(t *testing.T, s *Store) store.Tx {
	t.Helper()
	tx, _ := load(t, s, saga.Keys{Sessions: []string{"x"}})
	return tx
}

const (
	atWrites = "insert into event_log"
	atCommit = "commit"
)

func TestExchanges(t *testing.T) {
	t.Parallel()
	p, s, _ := broken(t)
	start := p.commands.Load()
	tx := loaded(t, s)
	require.Equal(t, int64(1), p.commands.Load()-start)
	require.NoError(t, tx.Commit(t.Context(), holdSave("x")))
	require.Equal(t, int64(3), p.commands.Load()-start)
	commit(t, s, holdSave("y"))
	require.Equal(t, int64(5), p.commands.Load()-start, "where nothing is loaded there is no exchange for it")
	_, err := s.Order(t.Context(), newID())
	require.ErrorIs(t, err, store.ErrNotFound)
	require.Equal(t, int64(6), p.commands.Load()-start)
}

// TestLostAnswer: the server has committed, but the answer never came.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	p, s, straight := broken(t)
	tx, save := loaded(t, s), holdSave("x")
	c := p.breakAt(t, atCommit)
	c.release()
	require.ErrorIs(t, tx.Commit(t.Context(), save), store.ErrUnknownCommit)
	<-c.answered
	committed, err := straight.Fence(t.Context(), save.BatchID)
	require.NoError(t, err)
	require.True(t, committed)
	require.True(t, held(t, s, "x"), "and the store goes on with another connection")
}

// TestLateCommit: the COMMIT is still on its way when the batch is fenced. The fence
// waits for the row that the open transaction has written, and the COMMIT counts if it
// arrives.
func TestLateCommit(t *testing.T) {
	t.Parallel()
	p, s, straight := broken(t)
	tx, save := loaded(t, s), holdSave("x")
	c := p.breakAt(t, atCommit)
	require.ErrorIs(t, tx.Commit(t.Context(), save), store.ErrUnknownCommit)
	type answer struct {
		committed bool
		err       error
	}
	fenced := make(chan answer)
	go func() {
		committed, err := straight.Fence(t.Context(), save.BatchID)
		fenced <- answer{committed, err}
	}()
	waitForLock(t, straight, "event_log")
	c.release()
	require.Equal(t, answer{true, nil}, <-fenced)
	require.True(t, held(t, straight, "x"))
}

// TestFenceGivesUp: a COMMIT that does not come keeps the fence waiting, which then says
// that it does not know.
func TestFenceGivesUp(t *testing.T) {
	t.Parallel()
	p, s, straight := broken(t)
	tx, save := loaded(t, s), holdSave("x")
	c := p.breakAt(t, atCommit)
	require.ErrorIs(t, tx.Commit(t.Context(), save), store.ErrUnknownCommit)
	_, err := straight.Fence(t.Context(), save.BatchID)
	require.ErrorIs(t, err, store.ErrRetry)
	c.release()
	<-c.answered
	committed, err := straight.Fence(t.Context(), save.BatchID)
	require.NoError(t, err)
	require.True(t, committed)
}

// TestFencedOut: the batch is fenced before its writes reach the server. Its COMMIT was
// never sent, and what arrives later changes nothing.
func TestFencedOut(t *testing.T) {
	t.Parallel()
	p, s, straight := broken(t)
	tx, save := loaded(t, s), holdSave("x")
	c := p.breakAt(t, atWrites)
	require.ErrorIs(t, tx.Commit(t.Context(), save), store.ErrUnavailable)
	committed, err := straight.Fence(t.Context(), save.BatchID)
	require.NoError(t, err)
	require.False(t, committed)
	c.release()
	<-c.answered
	require.False(t, held(t, straight, "x"))
	require.Error(t, tryCommit(t.Context(), straight, save), "the old batch is fenced out")
	save.BatchID = newID()
	commit(t, straight, save) // the batch is redone under another id
}

// TestLostWrites: the server has carried the writes out, and then lost the client.
func TestLostWrites(t *testing.T) {
	t.Parallel()
	p, s, straight := broken(t)
	tx, save := loaded(t, s), holdSave("x")
	c := p.breakAt(t, atWrites)
	c.release()
	require.ErrorIs(t, tx.Commit(t.Context(), save), store.ErrUnavailable)
	<-c.answered
	committed, err := straight.Fence(t.Context(), save.BatchID)
	require.NoError(t, err)
	require.False(t, committed)
	require.False(t, held(t, straight, "x"))
}

// waitForLock waits until somebody on the database waits for a lock of a table.
func waitForLock(t *testing.T, s *Store, table string) {
	t.Helper()
	for range 100 {
		waiting := ask[int64](t, s, `select count(*)
			from information_schema.innodb_trx x
			join information_schema.processlist p on p.id = x.trx_mysql_thread_id
			where x.trx_state = 'LOCK WAIT' and x.trx_query like ? and p.db = database()`, "%"+table+"%")
		if waiting[0] > 0 {
			return
		}
		// The server answers anew only who has not asked for a tenth of a second.
		time.Sleep(200 * time.Millisecond)
	}
	require.Fail(t, "nobody waits")
}

// kill ends the session of a transaction, as an administrator would.
func kill(t *testing.T, s *Store, ours store.Tx) {
	t.Helper()
	tx, ok := ours.(*tx)
	require.True(t, ok)
	var id int64
	require.NoError(t, tx.conn.query(t.Context(), step{sql: "select connection_id()", scan: func(r *row) { id = r.int() }}))
	_, err := s.db.ExecContext(t.Context(), fmt.Sprintf("kill connection %d", id))
	require.NoError(t, err)
	for ask[int64](t, s, "select count(*) from information_schema.processlist where id = ?", id)[0] > 0 {
		require.NoError(t, t.Context().Err())
	}
}

// TestKilled: a session that ends in the middle of a transaction takes it along. Its
// COMMIT is not sent, so that nothing is unknown.
func TestKilled(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	tx, save := loaded(t, s), holdSave("x")
	kill(t, s, tx)
	require.ErrorIs(t, tx.Commit(t.Context(), save), store.ErrUnavailable)
	committed, err := s.Fence(t.Context(), save.BatchID)
	require.NoError(t, err)
	require.False(t, committed)
	require.False(t, held(t, s, "x"))

	tx, state := load(t, s, saga.Keys{Sessions: []string{"x"}})
	kill(t, s, tx)
	require.ErrorIs(t, tx.Load(t.Context(), saga.Keys{Stock: []string{"A"}}, state), store.ErrUnavailable)
	require.NoError(t, tx.Rollback(t.Context()))
	commit(t, s, holdSave("x")) // on a fresh connection
	requireIdle(t, s)
}

func TestCommitCancelled(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, loaded(t, s).Commit(ctx, holdSave("x")), store.ErrUnavailable, "nothing was sent")
	require.False(t, held(t, s, "x"))

	// Now it is cancelled while it waits: another transaction has the counters.
	blocker, err := s.db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = blocker.ExecContext(t.Context(), "update counters set value = value where name = 'events'")
	require.NoError(t, err)
	ctx, cancel = context.WithCancel(t.Context())
	done := make(chan error, 1)
	tx, save := loaded(t, s), holdSave("y")
	go func() { done <- tx.Commit(ctx, save) }()
	waitForLock(t, s, "counters")
	cancel()
	require.ErrorIs(t, <-done, store.ErrUnavailable, "its COMMIT was not sent")
	require.NoError(t, blocker.Rollback())
	committed, err := s.Fence(t.Context(), save.BatchID)
	require.NoError(t, err)
	require.False(t, committed)
	require.False(t, held(t, s, "y"))
	requireIdle(t, s)
}

// TestLockTimeout: who waits for a row for too long is told to repeat, and holds
// nothing any more.
func TestLockTimeout(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	save := newSave()
	save.NewLevels = []checkout.Level{level("A", 1), level("B", 1)}
	commit(t, s, save)
	first, _ := load(t, s, saga.Keys{Stock: []string{"B"}})
	second, err := s.Begin(t.Context())
	require.NoError(t, err)
	require.ErrorIs(t, second.Load(t.Context(), saga.Keys{Stock: []string{"A", "B"}}, saga.NewState()), store.ErrRetry)
	third, _ := load(t, s, saga.Keys{Stock: []string{"A"}})
	require.NoError(t, third.Rollback(t.Context()))
	require.NoError(t, first.Rollback(t.Context()))
	requireIdle(t, s)
}

func TestServerGone(t *testing.T) {
	t.Parallel()
	p, s, _ := broken(t)
	s.db.SetMaxIdleConns(0)
	require.NoError(t, p.listener.Close())
	tx, err := s.Begin(t.Context())
	require.NoError(t, err)
	require.ErrorIs(t, tx.Load(t.Context(), saga.Keys{}, saga.NewState()), store.ErrUnavailable)
	require.ErrorIs(t, s.Ping(t.Context()), store.ErrUnavailable)
	_, err = s.Levels(t.Context(), "A")
	require.ErrorIs(t, err, store.ErrUnavailable)
}

// TestLargeBatches: what a server does not take at once is sent in several statements
// and exchanges, and still is one commit.
func TestLargeBatches(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	s.limit = 64 << 10
	save := newSave()
	for i := range 500 {
		o := newOrder()
		save.NewOrders = append(save.NewOrders, o)
		save.NewPayments = append(save.NewPayments, newPayment(o))
		save.NewHolds = append(save.NewHolds, newHold(fmt.Sprint("session-", i)))
	}
	staged, err := stage(save, s.limit)
	require.NoError(t, err)
	exchanges, err := (&session{limit: s.limit}).exchanges(staged.complete(save))
	require.NoError(t, err)
	require.Greater(t, len(exchanges), 5)
	commit(t, s, save)
	require.Equal(t, []int64{500}, ask[int64](t, s, "select count(*) from payments"))

	twice := newSave()
	twice.NewHolds = append(twice.NewHolds, newHold("new"))
	twice.NewOrders = save.NewOrders
	err = tryCommit(t.Context(), s, twice)
	require.Error(t, err)
	require.False(t, errors.Is(err, store.ErrRetry), "%v", err)
	require.False(t, held(t, s, "new"))

	huge := newSave()
	huge.Events = []checkout.Event{{OrderID: newID(), Type: strings.Repeat("x", s.limit)}}
	require.ErrorIs(t, tryCommit(t.Context(), s, huge), errValue)
	requireIdle(t, s)
}

// TestQuotedSize: a statement is never longer than it was taken for.
func TestQuotedSize(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	const sql = "select info from information_schema.processlist where id = connection_id() and (? is not null or true)"
	for _, text := range []string{"", "plain", `"quotes" and 'others' \ \\`, "line\nand\tcontrol\x00\x1a", "ü🛒"} {
		for _, arg := range []any{textKeys([]string{text, text}), text, []byte(text), int64(-1 << 62), nil, true} {
			said := step{sql: sql, args: []any{arg}}
			require.GreaterOrEqual(t, said.size(), len(ask[string](t, s, sql, arg)[0]), "%v", arg)
		}
	}
}

// TestSilence: the network passes nothing on any more, and no connection breaks. Once a
// transaction has found that out, the next one does not try the others in turn.
func TestSilence(t *testing.T) {
	t.Parallel()
	config := newDatabase(t)
	require.NoError(t, open(t, config).Migrate(t.Context()))
	p, config := newProxy(t, config)
	config.MaxConns = 4
	s := open(t, config)
	txs := make([]store.Tx, config.MaxConns)
	for i := range txs {
		txs[i] = loaded(t, s)
	}
	for _, tx := range txs[1:] {
		require.NoError(t, tx.Rollback(t.Context()))
	}
	p.silence()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	require.Error(t, txs[0].Commit(ctx, holdSave("x")))
	ctx, cancel = context.WithTimeout(t.Context(), connectTimeout-time.Second)
	defer cancel()
	next, err := s.Begin(ctx)
	require.NoError(t, err)
	require.NoError(t, next.Load(ctx, saga.Keys{}, saga.NewState()))
	require.NoError(t, next.Rollback(ctx))
}
