package sqlite

import (
	"fmt"
	"strings"
	"sync"

	"modernc.org/libc"
	native "modernc.org/sqlite/lib"
)

// connection is one connection to the file with the statements that were
// prepared on it. It calls SQLite's own interface: database/sql and its driver
// took as long as SQLite itself.
//
// It belongs to one transaction at a time. The mutex is for Close, which may come
// in between; the methods that say so are called within use.
type connection struct {
	mu       sync.Mutex
	closed   bool
	tls      *libc.TLS // what C calls a thread
	db       uintptr
	prepared map[string]*statement
	memory   memory
	scratch  []byte // where documents are written

	numbers numbers // this and the next: of the writer's connection
	leases  leases
}

// openConnection opens the file; flags are SQLITE_OPEN_…, pragmas are run in order.
func openConnection(path string, flags int32, pragmas ...string) (*connection, error) {
	c := &connection{tls: libc.NewTLS(), prepared: map[string]*statement{}, numbers: newNumbers(), leases: newLeases()}
	err := c.open(path, flags)
	for _, pragma := range append([]string{"busy_timeout = 5000"}, pragmas...) {
		if err == nil {
			err = c.run("PRAGMA " + pragma)
		}
	}
	if err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *connection) open(path string, flags int32) error {
	name, err := libc.CString(path)
	if err != nil {
		return err
	}
	defer libc.Xfree(c.tls, name)
	out := libc.Xcalloc(c.tls, 1, 8)
	defer libc.Xfree(c.tls, out)
	// One goroutine at a time has a connection, so SQLite need not lock it.
	code := native.Xsqlite3_open_v2(c.tls, name, out, flags|native.SQLITE_OPEN_NOMUTEX|native.SQLITE_OPEN_EXRESCODE, 0)
	c.db = libc.AtomicLoadPUintptr(out)
	return c.failure(code)
}

// close ends the connection and what is open on it. It waits for what use has
// begun, and may be called again.
func (c *connection) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	c.closed = true
	for _, s := range c.prepared {
		native.Xsqlite3_finalize(c.tls, s.handle)
	}
	native.Xsqlite3_close_v2(c.tls, c.db)
	c.memory.free(c.tls)
	c.tls.Close()
}

// use calls f while nobody can close the connection.
func (c *connection) use(f func() error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
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
		return c.failure(native.Xsqlite3_exec(c.tls, c.db, text, 0, 0, 0))
	})
}

// statement prepares one of sql/*.sql, or finds it prepared. Within use.
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
	code := native.Xsqlite3_prepare_v3(c.tls, c.db, text, -1, native.SQLITE_PREPARE_PERSISTENT, out, 0)
	if err := c.failure(code); err != nil {
		return nil, err
	}
	s := &statement{connection: c, handle: libc.AtomicLoadPUintptr(out)}
	s.wants = native.Xsqlite3_bind_parameter_count(c.tls, s.handle)
	return s, nil
}

// inserted is the number of the row that was inserted last. Within use, or where
// nothing can be lost by a wrong answer.
func (c *connection) inserted() int64 { return native.Xsqlite3_last_insert_rowid(c.tls, c.db) }

// written counts the pages that commits have written since it said as many as
// enough; then it begins anew.
func (c *connection) written(enough int) (pages int) {
	_ = c.use(func() error {
		out := libc.Xcalloc(c.tls, 2, 4)
		defer libc.Xfree(c.tls, out)
		status := func(reset int32) {
			native.Xsqlite3_db_status(c.tls, c.db, native.SQLITE_DBSTATUS_CACHE_WRITE, out, out+4, reset)
		}
		status(0)
		if pages = int(libc.AtomicLoadPInt32(out)); pages >= enough {
			status(1)
		}
		return nil
	})
	return pages
}

// failure is what a result code means, nil where it is no failure.
func (c *connection) failure(code int32) error {
	switch code {
	case native.SQLITE_OK, native.SQLITE_ROW, native.SQLITE_DONE:
		return nil
	}
	return &failure{code, libc.GoString(native.Xsqlite3_errmsg(c.tls, c.db))}
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
