package bench

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/google/pprof/profile"
)

// Part is what one part of the server costs each operation, by a CPU profile.
type Part struct {
	Name   string  `json:"name"`
	Micros float64 `json:"us_per_op"`
	Share  float64 `json:"share"` // of all that was profiled
}

// owner gives the functions whose names begin with a prefix to a part.
type owner struct{ prefix, part string }

const (
	partHTTP      = "net/http, sockets"
	partHuma      = "routing, validation (huma)"
	partAPI       = "api"
	partSaga      = "saga and the pure packages"
	partEngine    = "engine, batch"
	partTasks     = "tasks, payments"
	partPostgres  = "store/postgres, pgx, its socket"
	partSQLite    = "store/sqlite, SQLite"
	partGateway   = "stripe adapter, its socket"
	partTelemetry = "metrics, logs"
	partBench     = "callers of the benchmark"
	partGC        = "garbage collection"
	partScheduler = "scheduler, timers, network poll"
	partOther     = "other"
	jsonOf        = "JSON in "
)

// owners: the first function from the leaf on that one of them owns, owns the
// sample. What is in none of these packages, such as copying memory, belongs to its
// caller. Longer prefixes stand first.
var owners = []owner{
	{"github.com/danielgtaylor/huma/", partHuma},
	{"github.com/jackc/", partPostgres},
	{"kassa/store/postgres", partPostgres},
	{"kassa/store/sqlite", partSQLite},
	{"modernc.org/", partSQLite},
	{"database/sql", partSQLite},
	{"github.com/stripe/", partGateway},
	{"kassa/gateway/", partGateway},
	{"net/http.(*persistConn)", partGateway},
	{"net/http.(*Transport)", partGateway},
	{"net/http.(*Client)", partGateway},
	{"github.com/prometheus/", partTelemetry},
	{"kassa/telemetry", partTelemetry},
	{"log/slog", partTelemetry},
	{"kassa/api", partAPI},
	{"kassa/saga", partSaga},
	{"kassa/inventory", partSaga},
	{"kassa/pricing", partSaga},
	{"kassa/money", partSaga},
	{"kassa/checkout", partSaga},
	{"kassa/engine", partEngine},
	{"kassa/batch", partEngine},
	{"kassa/tasks", partTasks},
	{"kassa/payments", partTasks},
	{"kassa/bench", partBench},
	{"net/http.", partHTTP},
}

// jsonPackages are named beside the part that calls them.
var jsonPackages = []string{"encoding/json", "github.com/go-json-experiment/"}

// collectors are where the garbage collector's own goroutines begin.
var collectors = []string{"runtime.gcBgMarkWorker", "runtime.bgsweep", "runtime.bgscavenge", "runtime.gcStart"}

// readParts splits a CPU profile of a server that did perS operations a second.
func readParts(path string, perS float64) (_ []Part, err error) {
	file, err := os.Open(path) //nolint:gosec // the file that was just written
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // only read
	p, err := profile.Parse(file)
	if err != nil {
		return nil, fmt.Errorf("read the profile: %w", err)
	}
	spent := map[string]int64{}
	total := int64(0)
	value := len(p.SampleType) - 1 // nanoseconds; the first is a count
	for _, s := range p.Sample {
		spent[partOf(stackOf(s))] += s.Value[value]
		total += s.Value[value]
	}
	done := perS * float64(p.DurationNanos) / 1e9
	if done == 0 || total == 0 {
		return nil, nil
	}
	var parts []Part
	for name, nanos := range spent {
		parts = append(parts, Part{name, round(float64(nanos) / 1000 / done), round(float64(nanos) / float64(total))})
	}
	slices.SortFunc(parts, func(a, b Part) int { return cmp.Compare(b.Micros, a.Micros) })
	return parts, nil
}

// stackOf is a sample's functions from the leaf to the root.
func stackOf(s *profile.Sample) []string {
	var out []string
	for _, l := range s.Location {
		for _, line := range l.Line {
			if line.Function != nil {
				out = append(out, line.Function.Name)
			}
		}
	}
	return out
}

func partOf(stack []string) string {
	json := false
	for _, function := range stack {
		json = json || hasAnyPrefix(function, jsonPackages)
		for _, o := range owners {
			if !strings.HasPrefix(function, o.prefix) {
				continue
			}
			if json {
				return jsonOf + o.part
			}
			return o.part
		}
	}
	switch {
	case slices.ContainsFunc(stack, func(f string) bool { return hasAnyPrefix(f, collectors) }):
		return partGC
	case len(stack) > 0 && strings.HasPrefix(stack[len(stack)-1], "runtime."):
		return partScheduler
	}
	return partOther
}

func hasAnyPrefix(text string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(text, p) })
}
