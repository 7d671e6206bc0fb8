package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Machine is what a run was measured on.
type Machine struct {
	CPU       string  `json:"cpu"`
	Cores     int     `json:"cores"`
	MemoryGiB float64 `json:"memory_gib"`
	Kernel    string  `json:"kernel"`
	Go        string  `json:"go"`
}

// thisMachine reads what Linux tells; elsewhere some of it is unknown.
func thisMachine() *Machine {
	kib, _ := strconv.ParseFloat(strings.TrimSuffix(lineOf("/proc/meminfo", "MemTotal"), " kB"), 64)
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return &Machine{
		CPU: orUnknown(lineOf("/proc/cpuinfo", "model name")), Cores: runtime.NumCPU(), MemoryGiB: round(kib / (1 << 20)),
		Kernel: orUnknown(runtime.GOOS + " " + strings.TrimSpace(string(kernel))), Go: runtime.Version(),
	}
}

// lineOf is what a file of "name: value" lines says of a name.
func lineOf(path, name string) string {
	text, err := os.ReadFile(path) //nolint:gosec // a fixed path
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func orUnknown(text string) string {
	if text == "" {
		return "unknown"
	}
	return text
}

// serverSettings are PostgreSQL's that a figure depends on.
var serverSettings = []string{
	"server_version", "synchronous_commit", "fsync", "full_page_writes", "wal_compression", "wal_level", "shared_buffers", "max_wal_size",
	"checkpoint_timeout", "autovacuum",
}

// settings are what a figure depends on beside the machine.
func (u *subject) settings(ctx context.Context) (map[string]string, error) {
	out := map[string]string{"server_log": logLevel}
	switch {
	case u.ground == nil:
		return nil, nil
	case u.ground.admin == nil:
		out["journal_mode"], out["synchronous"] = "wal", "full" // as package store/sqlite opens every file
		out["file_system"] = fileSystemOf(u.ground.path)
		return out, nil
	}
	rows, err := u.ground.admin.Query(ctx, "select name, current_setting(name) from unnest($1::text[]) as name", serverSettings)
	if err != nil {
		return nil, fmt.Errorf("read the database's settings: %w", err)
	}
	var name, value string
	_, err = pgx.ForEachRow(rows, []any{&name, &value}, func() error { out[name] = value; return nil })
	return out, err
}

// kind is what the results call the store.
func (u *subject) kind() string {
	switch {
	case u.ground == nil:
		return u.name
	case u.ground.path != "":
		return "sqlite"
	}
	return "postgres"
}

// fileSystemOf is the kind of file system that a file lies on: on one in memory a
// commit costs nothing, and figures say nothing.
func fileSystemOf(path string) string {
	mounts, err := os.ReadFile("/proc/self/mounts")
	path, wrong := filepath.Abs(path)
	if err != nil || wrong != nil {
		return "unknown"
	}
	kind, longest := "unknown", -1
	for line := range strings.Lines(string(mounts)) {
		fields := strings.Fields(line)
		if len(fields) < 3 || len(fields[1]) < longest {
			continue
		}
		if at := strings.TrimSuffix(fields[1], "/"); strings.HasPrefix(path, at+"/") {
			kind, longest = fields[2], len(fields[1])
		}
	}
	return kind
}
