package sqlite

import (
	"fmt"
	"strings"
	"sync"

	"modernc.org/libc"
	native "modernc.org/sqlite/lib"
)

// connection is one connection to the file with the statements that were
// prepared on it. It calls SQLite's C interface, in Go, directly: database/sql
// and its driver took as long as SQLite itself.
//
// It belongs to one transaction at a time. The mutex is for Close, which may
// come in between.
type connection struct {
	mu       sync.Mutex
	tls      *libc.TLS // what C calls a thread; 0 in handle means closed
	handle   uintptr
	prepared map[string]*statement
	memory   memory
	numbers  numbers // this and the next: of the writer's connection
	leases   leases
	scratch  []byte // where documents are written
}

// openConnection opens the file; flags are SQLITE_OPEN_…, pragmas are run in order.
func openConnection(path string, flags int32, pragmas ...string) (*connection, error) {
	c := &connection{tls: libc.NewTLS(), prepared: map[string]*statement{}}
	name, err := libc.CString(path)
	if err != nil {
		return nil, err
	}
	defer libc.Xfree(c.tls, name)
	out := libc.Xcalloc(c.tls, 1, 8)
	defer libc.Xfree(c.tls, out)
	// A connection is used by one goroutine at a time, so SQLite need not lock it.
	code := native.Xsqlite3_open_v2(c.tls, name, out, flags|native.SQLITE_OPEN_NOMUTEX, 0)
	c.handle = libc.AtomicLoadPUintptr(out)
	if code != native.SQLITE_OK {
		err := c.failure(code)
		c.close()
		return nil, err
	}
	native.Xsqlite3_extended_result_codes(c.tls, c.handle, 1)
	for _, pragma := range append([]string{"busy_timeout = 5000"}, pragmas...) {
		if err := c.run("PRAGMA " + pragma); err != nil {
			c.close()
			return nil, err
		}
	}
	return c, nil
}

// close ends the connection and what is open on it. It waits for the statement
// that is being run, and may be called again.
func (c *connection) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.handle == 0 {
		return
	}
	for _, s := range c.prepared {
		native.Xsqlite3_finalize(c.tls, s.handle)
	}
	native.Xsqlite3_close_v2(c.tls, c.handle)
	c.memory.free(c.tls)
	c.tls.Close()
	c.handle = 0
}

// use calls f while nobody can close the connection.
func (c *connection) use(f func() error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.handle == 0 {
		return errClosed
	}
	return f()
}

// run runs SQL that takes nothing and answers nothing. It is not cancelled.
func (c *connection) run(sql string) error {
	return c.use(func() error {
		text, err := libc.CString(sql)
		if err != nil {
			return err
		}
		defer libc.Xfree(c.tls, text)
		return c.failure(native.Xsqlite3_exec(c.tls, c.handle, text, 0, 0, 0))
	})
}

// statement prepares one of sql/*.sql, or finds it prepared.
func (c *connection) statement(name string) (*statement, error) {
	if s := c.prepared[name]; s != nil {
		return s, nil
	}
	all, err := texts()
	if err != nil {
		return nil, err
	}
	text, found := all[name]
	if !found {
		return nil, fmt.Errorf("there is no statement %q", name)
	}
	s, err := c.prepare(text)
	if err != nil {
		return nil, err
	}
	c.prepared[name] = s
	return s, nil
}

func (c *connection) prepare(sql string) (*statement, error) {
	text, err := libc.CString(sql)
	if err != nil {
		return nil, err
	}
	defer libc.Xfree(c.tls, text)
	out := libc.Xcalloc(c.tls, 1, 8)
	defer libc.Xfree(c.tls, out)
	code := native.Xsqlite3_prepare_v3(c.tls, c.handle, text, -1, native.SQLITE_PREPARE_PERSISTENT, out, 0)
	if err := c.failure(code); err != nil {
		return nil, err
	}
	s := &statement{connection: c, handle: libc.AtomicLoadPUintptr(out)}
	s.wants = native.Xsqlite3_bind_parameter_count(c.tls, s.handle)
	return s, nil
}

// inserted is the number of the row that was inserted last.
func (c *connection) inserted() int64 { return native.Xsqlite3_last_insert_rowid(c.tls, c.handle) }

// failure is what a result code means, nil where it is no failure.
func (c *connection) failure(code int32) error {
	switch code {
	case native.SQLITE_OK, native.SQLITE_ROW, native.SQLITE_DONE:
		return nil
	}
	return &failure{code, libc.GoString(native.Xsqlite3_errmsg(c.tls, c.handle))}
}

// failure is an error of SQLite: https://sqlite.org/rescode.html.
type failure struct {
	code    int32 // the extended code
	message string
}

func (f *failure) Error() string { return fmt.Sprintf("%s (%d)", f.message, f.code) }

// refused tells that a unique key refused the row, and whether it is one of
// keys: SQLite tells that in its message alone ("UNIQUE constraint failed:
// holds.session_id").
func (f *failure) refused(keys []string) bool {
	if f.code != native.SQLITE_CONSTRAINT_UNIQUE && f.code != native.SQLITE_CONSTRAINT_PRIMARYKEY {
		return false
	}
	for _, key := range keys {
		if strings.Contains(f.message, "failed: "+key) {
			return true
		}
	}
	return false
}

// memory holds the texts and blobs that a statement is given until it has run:
// SQLite cannot read Go's own memory.
type memory struct {
	start      uintptr
	used, size int
	full       []uintptr // pieces before this one, too small by now
}

const firstPiece = 64 << 10 // bytes

// put copies bytes and returns where they are. It never returns 0, which would
// mean NULL.
func (m *memory) put(tls *libc.TLS, length int) (at uintptr, room []byte) {
	if m.used+length >= m.size {
		m.grow(tls, length)
	}
	at = m.start + uintptr(m.used)
	m.used += length
	return at, libc.GoBytes(at, length)
}

func (m *memory) grow(tls *libc.TLS, length int) {
	if m.size > 0 {
		m.full = append(m.full, m.start)
	}
	m.size = max(firstPiece, 2*m.size, 2*length)
	m.start, m.used = libc.Xmalloc(tls, libc.Tsize_t(m.size)), 0
}

// reset gives all of it free but the newest, largest piece.
func (m *memory) reset(tls *libc.TLS) {
	m.used = 0
	for _, piece := range m.full {
		libc.Xfree(tls, piece)
	}
	m.full = m.full[:0]
}

func (m *memory) free(tls *libc.TLS) {
	m.reset(tls)
	libc.Xfree(tls, m.start)
	*m = memory{}
}
