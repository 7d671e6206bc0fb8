package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// flight is the exchange that writes and commits one batch: many statements that
// travel together. It is written here, straight into one buffer, because a batch is
// up to a megabyte and the library would copy it four times.
//
// The protocol is chapter 55 of the PostgreSQL manual. Each statement is a Bind and
// an Execute. One Sync ends them all. Those that the connection has not seen yet are
// sent ahead, a Parse each, which nobody waits for: their types stand in their text.
// After an error the server passes over the rest.
type flight struct {
	record // the messages, and the rows that they hold

	types rowTypes
	names []string // of the statements, each used once
	steps []step
	bind  int // where the open Bind begins
}

// step is what to do with the answer of a statement.
type step struct {
	scan func(*row)         // each row; nil where there are none
	done func(string) error // the command's tag; nil where it says nothing new
}

const knownKey = "kassa.statements"

// buffers are kept for the next flight, but for those of very large ones.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

const maxBuffer = 4 << 20

// newFlight begins a flight, for any connection to the schema that has these types.
func newFlight(types rowTypes) *flight {
	f := &flight{types: types}
	f.data = (*buffers.Get().(*[]byte))[:0] //nolint:forcetypeassert // the pool holds nothing else
	return f
}

// land gives the buffer back.
func (f *flight) land() {
	data := f.data
	f.data = nil
	if cap(data) <= maxBuffer {
		buffers.Put(&data)
	}
}

// message begins a message; its length is set by endMessage.
func (f *flight) message(kind byte) (start int) {
	f.data = append(f.data, kind, 0, 0, 0, 0)
	return len(f.data) - 4
}

func (f *flight) endMessage(start int) {
	binary.BigEndian.PutUint32(f.data[start:], uint32(len(f.data)-start))
}

func (f *flight) string(text string) { f.data = append(append(f.data, text...), 0) }

func (f *flight) int16(n int) { f.data = binary.BigEndian.AppendUint16(f.data, uint16(n)) }

const binaryFormat = 1

// open begins a statement with a number of parameters, all of them binary.
func (f *flight) open(name string, params int) {
	f.names = append(f.names, name)
	f.bind = f.message('B')
	f.string("")
	f.string(name)
	f.int16(1)
	f.int16(binaryFormat)
	f.int16(params)
}

// param begins a parameter; its length is set by endParam.
func (f *flight) param() (start int) {
	f.data = append(f.data, 0, 0, 0, 0)
	return len(f.data)
}

func (f *flight) endParam(start int) {
	binary.BigEndian.PutUint32(f.data[start-4:], uint32(len(f.data)-start))
}

// close ends a statement.
func (f *flight) close(answer step) {
	f.int16(1)
	f.int16(binaryFormat)
	f.endMessage(f.bind)
	start := f.message('E')
	f.string("")
	f.data = append(f.data, 0, 0, 0, 0)
	f.endMessage(start)
	f.steps = append(f.steps, answer)
}

// value is a parameter that is encoded; nil is NULL.
func (f *flight) value(value []byte) {
	start := f.param()
	if value == nil {
		binary.BigEndian.PutUint32(f.data[start-4:], null)
		return
	}
	f.data = append(f.data, value...)
	f.endParam(start)
}

// call queues a statement whose parameters are encoded.
func (f *flight) call(name string, answer step, params ...[]byte) {
	f.open(name, len(params))
	for _, value := range params {
		f.value(value)
	}
	f.close(answer)
}

// fly sends all and reads the answers. Whatever is not a *pgconn.PgError leaves the
// connection closed: nobody knows what is still to come on it.
func (f *flight) fly(ctx context.Context, conn *pgconn.PgConn) error {
	if f.err != nil {
		return f.err
	}
	if err := ctx.Err(); err != nil {
		return &unsentError{err}
	}
	f.endMessage(f.message('S'))
	fresh := f.fresh(conn)
	err := f.send(ctx, conn, fresh)
	if err == nil {
		err = f.receive(ctx, conn, fresh)
	}
	var refused *pgconn.PgError
	if err != nil && !errors.As(err, &refused) {
		hangUp(conn)
	}
	return err
}

// fresh are the statements that a connection does not know yet, in order.
func (f *flight) fresh(conn *pgconn.PgConn) (names []string) {
	known := knownTo(conn)
	for _, name := range f.names {
		if !known[name] {
			names = append(names, name)
		}
	}
	return names
}

func knownTo(conn *pgconn.PgConn) map[string]bool {
	known, ok := conn.CustomData()[knownKey].(map[string]bool)
	if !ok {
		known = map[string]bool{}
		conn.CustomData()[knownKey] = known
	}
	return known
}

// parse are the messages that make statements known.
func parse(names []string) []byte {
	f := &flight{}
	for _, name := range names {
		start := f.message('P')
		f.string(name)
		f.string(statement(name))
		f.int16(0)
		f.endMessage(start)
	}
	return f.data
}

// unsentError is a failure before the first byte was sent.
type unsentError struct{ error }

// SafeToRetry is what pgconn.SafeToRetry asks for.
func (*unsentError) SafeToRetry() bool { return true }

// Unwrap returns the cause.
func (e *unsentError) Unwrap() error { return e.error }

func (f *flight) send(ctx context.Context, conn *pgconn.PgConn, fresh []string) error {
	deadline, _ := ctx.Deadline()
	if err := conn.Conn().SetWriteDeadline(deadline); err != nil {
		return &unsentError{err}
	}
	// It sends any bytes as they are.
	if len(fresh) > 0 {
		if err := conn.Frontend().SendUnbufferedEncodedCopyData(parse(fresh)); err != nil {
			return err
		}
	}
	if err := conn.Frontend().SendUnbufferedEncodedCopyData(f.data); err != nil {
		return err
	}
	return conn.Conn().SetWriteDeadline(time.Time{})
}

// hangUp closes a connection without waiting for its server.
func hangUp(conn *pgconn.PgConn) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = conn.Close(ctx) // it is of no use either way
}

// receive reads the answers of all statements. The first error stands for all that
// come after it.
func (f *flight) receive(ctx context.Context, conn *pgconn.PgConn, fresh []string) (failed error) {
	r := &row{}
	for next := 0; ; {
		message, err := conn.ReceiveMessage(ctx)
		if err != nil {
			if failed != nil {
				return failed
			}
			// Not wrapped: the library calls it safe to retry, which a commit is not.
			return errors.New("read the answer of a commit: " + err.Error())
		}
		switch m := message.(type) {
		case *pgproto3.ParseComplete:
			knownTo(conn)[fresh[0]] = true
			fresh = fresh[1:]
		case *pgproto3.DataRow:
			if r.values, r.next = m.Values, 0; f.steps[next].scan != nil {
				f.steps[next].scan(r)
			}
		case *pgproto3.CommandComplete:
			if done := f.steps[next].done; done != nil {
				failed = errors.Join(failed, done(string(m.CommandTag)))
			}
			next++
		case *pgproto3.ErrorResponse:
			if failed == nil {
				failed = pgconn.ErrorResponseToPgError(m)
			}
		case *pgproto3.ReadyForQuery:
			return errors.Join(failed, r.err)
		}
	}
}
