package postgres

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/saga"
	"kassa/store"
)

// broken is a store behind a proxy, warm: its one connection has prepared what a
// hold needs.
func broken(t *testing.T) (*proxy, *Store, *Store) {
	t.Helper()
	config := newSchema(t)
	straight := open(t, config)
	require.NoError(t, straight.Migrate(t.Context()))
	p, config := newProxy(t, config)
	s := open(t, config)
	commit(t, s, holdSave("warm"))
	return p, s, straight
}

func holdSave(session string) *store.Save {
	save := newSave()
	save.NewHolds = []*checkout.Hold{{ID: newID(), SessionID: session, CreatedAt: testTime, ExpiresAt: testTime}}
	return save
}

func held(t *testing.T, s *Store, session string) bool {
	t.Helper()
	return readOnly(t, s, saga.Keys{Sessions: []string{session}}).Holds[session] != nil
}

// loaded begins a transaction and loads, so that the next flight is the commit.
func loaded(t *testing.T, s *Store) store.Tx {
	t.Helper()
	tx, _ := load(t, s, saga.Keys{Sessions: []string{"x"}})
	return tx
}

func TestCommitTakesTwoFlights(t *testing.T) {
	t.Parallel()
	p, s, _ := broken(t)
	require.NoError(t, loaded(t, s).Commit(t.Context(), holdSave("before")))
	start := p.flights.Load()
	require.NoError(t, loaded(t, s).Commit(t.Context(), holdSave("x")))
	require.Equal(t, int64(2), p.flights.Load()-start)
}

// TestLostAnswer: the server has committed, but the answer never came.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	p, s, straight := broken(t)
	tx, save := loaded(t, s), holdSave("x")
	c := p.breakNext(t, 1)
	c.release()
	require.ErrorIs(t, tx.Commit(t.Context(), save), store.ErrUnknownCommit)
	<-c.answered
	committed, err := straight.Fence(t.Context(), save.BatchID)
	require.NoError(t, err)
	require.True(t, committed)
	require.True(t, held(t, s, "x"), "and the store goes on with another connection")
}

// TestLateCommit: the COMMIT is still on its way when the batch is fenced. The
// fence waits for the row that the open transaction has written, and the COMMIT
// counts if it arrives.
func TestLateCommit(t *testing.T) {
	t.Parallel()
	p, s, straight := broken(t)
	tx, save := loaded(t, s), holdSave("x")
	c := p.breakNext(t, 1)
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
	waitForLock(t, straight)
	c.release()
	require.Equal(t, answer{true, nil}, <-fenced)
	require.True(t, held(t, straight, "x"))
}

// TestFencedOut: the batch is fenced before its row in the log reaches the server.
// What arrives later must not commit.
func TestFencedOut(t *testing.T) {
	t.Parallel()
	p, s, straight := broken(t)
	tx, save := loaded(t, s), holdSave("x")
	c := p.breakNext(t, 2)
	require.ErrorIs(t, tx.Commit(t.Context(), save), store.ErrUnknownCommit)
	committed, err := straight.Fence(t.Context(), save.BatchID)
	require.NoError(t, err)
	require.False(t, committed)
	c.release()
	<-c.answered
	require.False(t, held(t, straight, "x"))
	save.BatchID = newID()
	commit(t, straight, save) // the batch is redone under another id
}

// waitForLock waits until somebody on the schema waits for a lock.
func waitForLock(t *testing.T, s *Store) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		waiting, err := query(ctx, s.pool, (*row).int, `select count(*) from pg_locks l
			join pg_stat_activity a using (pid)
			where not l.granted and a.query like '%event_log%' and a.wait_event_type = 'Lock'
			and exists (select from pg_locks r join pg_class c on c.oid = r.relation
				where r.pid = l.pid and c.relnamespace = current_schema()::regnamespace)`)
		require.NoError(t, err)
		if waiting[0] > 0 {
			return
		}
	}
}

// TestLostRequest: the server never got the COMMIT; the session ended with the
// transaction open.
func TestLostRequest(t *testing.T) {
	t.Parallel()
	_, s, straight := broken(t)
	tx, save := loaded(t, s), holdSave("x")
	kill(t, straight, tx)
	require.ErrorIs(t, tx.Commit(t.Context(), save), store.ErrUnknownCommit)
	for range 2 {
		committed, err := straight.Fence(t.Context(), save.BatchID)
		require.NoError(t, err)
		require.False(t, committed, "also when it is asked again")
	}
	require.False(t, held(t, s, "x"))
	require.Error(t, tryCommit(t.Context(), s, save), "the old batch is fenced out")
	require.False(t, held(t, s, "x"))
}

// kill ends the session of a transaction, as an administrator would.
func kill(t *testing.T, s *Store, tx store.Tx) {
	t.Helper()
	pid := int64(backend(t, tx))
	gone, err := query(t.Context(), s.pool, (*row).bool, `select pg_terminate_backend($1::int, 60000)`, pid)
	require.NoError(t, err)
	require.True(t, gone[0])
}

func backend(t *testing.T, ours store.Tx) uint32 {
	t.Helper()
	tx, ok := ours.(*tx)
	require.True(t, ok)
	return tx.conn.Conn().PgConn().PID()
}

func TestKilledBeforeLoad(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	tx, state := load(t, s, saga.Keys{Sessions: []string{"x"}})
	kill(t, s, tx)
	err := tx.Load(t.Context(), saga.Keys{Stock: []string{"A"}}, state)
	require.ErrorIs(t, err, store.ErrUnavailable)
	require.NoError(t, tx.Rollback(t.Context()))
	commit(t, s, holdSave("x")) // on a fresh connection
}

func TestCommitCancelled(t *testing.T) {
	t.Parallel()
	p, s, straight := broken(t)
	tx, save := loaded(t, s), holdSave("x")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, tx.Commit(ctx, save), store.ErrUnavailable, "nothing was sent")
	require.False(t, held(t, s, "x"))

	// Now it is cancelled while the server holds the COMMIT back: another
	// transaction has the counters.
	blocker, err := straight.pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = blocker.Exec(t.Context(), "select from counters for update")
	require.NoError(t, err)
	tx, save = loaded(t, s), holdSave("y")
	ctx, cancel = context.WithCancel(t.Context())
	sent := p.nextSent()
	go func() {
		<-sent
		cancel()
	}()
	require.ErrorIs(t, tx.Commit(ctx, save), store.ErrUnknownCommit)
	require.NoError(t, blocker.Rollback(t.Context()))
	committed, err := straight.Fence(t.Context(), save.BatchID)
	require.NoError(t, err)
	require.Equal(t, committed, held(t, straight, "y"), "whatever became of it, the fence knows")
}

func TestServerGone(t *testing.T) {
	t.Parallel()
	p, s, _ := broken(t)
	s.pool.Reset()
	require.NoError(t, p.listener.Close())
	tx, err := s.Begin(t.Context())
	require.NoError(t, err)
	require.ErrorIs(t, tx.Load(t.Context(), saga.Keys{}, saga.NewState()), store.ErrUnavailable)
	require.ErrorIs(t, s.Ping(t.Context()), store.ErrUnavailable)
	_, err = s.Levels(t.Context(), "A")
	require.ErrorIs(t, err, store.ErrUnavailable)
}

// TestSilence: the network passes nothing on any more, and no connection breaks. Once a
// transaction has found that out, the next one does not try the others in turn.
func TestSilence(t *testing.T) {
	t.Parallel()
	config := newSchema(t)
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
	time.Sleep(1100 * time.Millisecond) // so long unused, they are asked for a sign of life
	p.silence()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, txs[0].Commit(ctx, holdSave("x")), store.ErrUnknownCommit)
	ctx, cancel = context.WithTimeout(t.Context(), connectTimeout-time.Second)
	defer cancel()
	next, err := s.Begin(ctx)
	require.NoError(t, err)
	require.NoError(t, next.Load(ctx, saga.Keys{}, saga.NewState()))
	require.NoError(t, next.Rollback(ctx))
}

// TestSilentRead: a read that was not answered in time does not keep its place in the
// pool for much longer.
func TestSilentRead(t *testing.T) {
	t.Parallel()
	p, s, _ := broken(t)
	p.silence()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, s.Read(ctx, saga.Keys{}, saga.NewState()), store.ErrUnavailable)
	ctx, cancel = context.WithTimeout(t.Context(), 2*rollbackTimeout)
	defer cancel()
	require.NoError(t, s.Read(ctx, saga.Keys{}, saga.NewState()))
}
