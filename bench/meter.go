package bench

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// sample is what had been used up to one moment. Where something cannot be told
// it is nil.
type sample struct {
	at        time.Time
	server    *time.Duration // CPU
	generator *time.Duration
	database  *time.Duration
	wal       *walSample
}

// walSample is how much PostgreSQL had logged. It counts the whole server.
type walSample struct {
	bytes       int64
	pages       int64 // full-page images
	checkpoints int64
	autovacuums int64 // of our tables
}

// meter reads samples of one server's process and of its database.
type meter struct {
	servers []int     // process ids; none: this process
	admin   *pgx.Conn // of PostgreSQL; nil for others
	local   bool      // the database's processes are on this machine
	remote  bool      // the server is not a process of ours
	schema  string    // of our tables
}

func (m *meter) sample(ctx context.Context) (sample, error) {
	s := sample{at: time.Now()}
	own := cpuOf(os.Getpid())
	switch {
	case m.remote:
		s.generator = own
	case len(m.servers) == 0:
		s.server = own
	default:
		s.server, s.generator = cpuOfAll(m.servers), own
	}
	if m.local {
		s.database = cpuOfPostgres()
	}
	if m.admin == nil {
		return s, nil
	}
	w, err := m.logged(ctx)
	s.wal = w
	return s, err
}

func (m *meter) logged(ctx context.Context) (*walSample, error) {
	var version int
	if err := m.admin.QueryRow(ctx, "select current_setting('server_version_num')::int").Scan(&version); err != nil {
		return nil, fmt.Errorf("read how much was logged: %w", err)
	}
	checkpoints := "select checkpoints_timed + checkpoints_req from pg_stat_bgwriter"
	if version >= 170000 {
		checkpoints = "select num_timed + num_requested from pg_stat_checkpointer"
	}
	var w walSample
	err := m.admin.QueryRow(ctx, `select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint, wal_fpi, (`+checkpoints+`),
		(select coalesce(sum(autovacuum_count), 0)::bigint from pg_stat_user_tables where schemaname = $1) from pg_stat_wal`, m.schema).
		Scan(&w.bytes, &w.pages, &w.checkpoints, &w.autovacuums)
	if err != nil {
		return nil, fmt.Errorf("read how much was logged: %w", err)
	}
	return &w, nil
}

// clockTick is the unit of times in /proc: 1/100 s on every Linux.
const clockTick = 10 * time.Millisecond

// cpuOf is the CPU time that a process has used, nil where it cannot be read.
func cpuOf(pid int) *time.Duration {
	stat, ok := readStat(pid)
	if !ok {
		return nil
	}
	used := stat.own
	return &used
}

// cpuOfAll is that of several processes, nil where one cannot be read.
func cpuOfAll(pids []int) *time.Duration {
	var sum time.Duration
	for _, pid := range pids {
		used := cpuOf(pid)
		if used == nil {
			return nil
		}
		sum += *used
	}
	return &sum
}

// procStat is what /proc tells of a process.
type procStat struct {
	name     string
	parent   int
	own      time.Duration
	children time.Duration // of ended ones that were waited for
}

// readStat reads /proc/PID/stat: the name stands in parentheses and may have
// spaces; the parent is the 2nd field after it, the times are the 12th to 15th.
func readStat(pid int) (procStat, bool) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	open, end := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	if err != nil || open < 0 || end < open {
		return procStat{}, false
	}
	fields := strings.Fields(string(text[end+1:]))
	if len(fields) < 15 {
		return procStat{}, false
	}
	number := func(i int) time.Duration {
		n, _ := strconv.ParseInt(fields[i], 10, 64)
		return time.Duration(n)
	}
	return procStat{
		name: string(text[open+1 : end]), parent: int(number(1)),
		own: (number(11) + number(12)) * clockTick, children: (number(13) + number(14)) * clockTick,
	}, true
}

// cpuOfPostgres is the CPU time of all PostgreSQL processes of this machine. What
// ended backends used is kept by the one that started them all.
func cpuOfPostgres() *time.Duration {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	stats := map[int]procStat{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if stat, ok := readStat(pid); ok && stat.name == "postgres" {
			stats[pid] = stat
		}
	}
	if len(stats) == 0 {
		return nil
	}
	var used time.Duration
	for _, stat := range stats {
		used += stat.own
		if _, isBackend := stats[stat.parent]; !isBackend {
			used += stat.children
		}
	}
	return &used
}

// resetPeak forgets the servers' largest memory, so that what is read later is of
// the time since. Where that cannot be, it is of the processes' whole life.
func (m *meter) resetPeak() {
	for _, name := range m.names() {
		_ = os.WriteFile("/proc/"+name+"/clear_refs", []byte("5"), 0)
	}
}

// peakMiB is the largest resident memory of a server in MiB, 0 where it cannot be
// read.
func (m *meter) peakMiB() (most float64) {
	for _, name := range m.names() {
		text, err := os.ReadFile("/proc/" + name + "/status") //nolint:gosec // of a server of ours
		if err != nil {
			return 0
		}
		_, rest, _ := strings.Cut(string(text), "VmHWM:")
		fields := strings.Fields(rest)
		if len(fields) == 0 {
			return 0
		}
		kib, _ := strconv.ParseFloat(fields[0], 64)
		most = max(most, kib/1024)
	}
	return most
}

// names are those of the servers' processes in /proc.
func (m *meter) names() (names []string) {
	switch {
	case m.remote:
		return nil
	case len(m.servers) == 0:
		return []string{"self"}
	}
	for _, pid := range m.servers {
		names = append(names, strconv.Itoa(pid))
	}
	return names
}

// isLocal tells whether a database's URL names this machine.
func isLocal(text string) bool {
	u, err := url.Parse(text)
	if err != nil {
		return false
	}
	host := u.Hostname()
	if h := u.Query().Get("host"); host == "" && h != "" {
		host = h
	}
	ip := net.ParseIP(host)
	return host == "" || host == "localhost" || strings.HasPrefix(host, "/") || ip != nil && ip.IsLoopback()
}
