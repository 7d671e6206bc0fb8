// Package telemetry is what an operator sees of a running process: its metrics
// and its logs. It must not know what it measures: the packages that do the work
// offer hooks, and package app ties them to the instruments here.
package telemetry

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics are the instruments of one process, on a registry of their own.
type Metrics struct {
	registry *prometheus.Registry
	batch    prometheus.Histogram
	commit   prometheus.Histogram
	trouble  *prometheus.CounterVec
	tasks    *prometheus.HistogramVec
	gateway  *prometheus.HistogramVec
	requests *prometheus.HistogramVec
	asks     *prometheus.CounterVec
	drift    prometheus.Gauge

	mu      sync.RWMutex
	ofRoute map[requestLabels]prometheus.Observer // of requests: to find one there costs more than to observe
}

// requestLabels are those of an HTTP request.
type requestLabels struct {
	method, route string
	status        int
}

// NewMetrics makes the instruments. waiting reads the length of the queue.
func NewMetrics(waiting func() int) *Metrics {
	seconds := []float64{.0005, .001, .002, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 25}
	m := &Metrics{
		registry: prometheus.NewRegistry(), ofRoute: map[requestLabels]prometheus.Observer{},
		batch: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "kassa_batch_commands", Help: "Commands in a committed batch.",
			Buckets: []float64{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000},
		}),
		commit: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "kassa_batch_seconds", Help: "Time to load, decide and commit a batch.", Buckets: seconds,
		}),
		trouble: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kassa_batch_trouble_total", Help: "Batches that could not be committed at once, by what their error makes certain.",
		}, []string{"class"}),
		tasks: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "kassa_task_seconds", Help: "Runs of tasks.", Buckets: seconds,
		}, []string{"kind", "outcome"}),
		gateway: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "kassa_gateway_call_seconds", Help: "Calls to payment gateways.", Buckets: seconds,
		}, []string{"account", "call", "outcome"}),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "kassa_http_request_seconds", Help: "HTTP requests by route.", Buckets: seconds,
		}, []string{"method", "route", "status"}),
		asks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kassa_gate_asks_total", Help: "Commands that asked the admission gate, by how it ended.",
		}, []string{"outcome"}),
		drift: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "kassa_gate_drift_units", Help: "Units by which the admission gate differed from the database when they were last compared.",
		}),
	}
	m.registry.MustRegister(m.batch, m.commit, m.trouble, m.tasks, m.gateway, m.requests, m.asks, m.drift,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "kassa_queue_waiting", Help: "Commands that wait for a batch.",
		}, func() float64 { return float64(waiting()) }))
	return m
}

// Handler serves the metrics in Prometheus' text format.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}

// Committed counts a batch.
func (m *Metrics) Committed(size int, took time.Duration) {
	m.batch.Observe(float64(size))
	m.commit.Observe(took.Seconds())
}

// Trouble counts a batch that could not be committed.
func (m *Metrics) Trouble(class string) { m.trouble.WithLabelValues(class).Inc() }

// TaskRan counts a run of a task.
func (m *Metrics) TaskRan(kind string, took time.Duration, err error) {
	m.tasks.WithLabelValues(kind, outcome(err)).Observe(took.Seconds())
}

// GatewayCalled counts a call to a gateway.
func (m *Metrics) GatewayCalled(account, call string, took time.Duration, err error) {
	m.gateway.WithLabelValues(account, call, outcome(err)).Observe(took.Seconds())
}

// GateAsked counts an ask of the admission gate.
func (m *Metrics) GateAsked(outcome string) { m.asks.WithLabelValues(outcome).Inc() }

// GateDrifted tells how far the admission gate is from the database.
func (m *Metrics) GateDrifted(units int64) { m.drift.Set(float64(units)) }

// Requested counts an HTTP request. route is the pattern, never the path.
func (m *Metrics) Requested(method, route string, status int, took time.Duration) {
	if !slices.Contains(methods, method) {
		method = "other" // a caller can invent as many as it likes
	}
	labels := requestLabels{method, route, status}
	m.mu.RLock()
	observer := m.ofRoute[labels]
	m.mu.RUnlock()
	if observer == nil {
		observer = m.requests.WithLabelValues(method, route, strconv.Itoa(status))
		m.mu.Lock()
		m.ofRoute[labels] = observer
		m.mu.Unlock()
	}
	observer.Observe(took.Seconds())
}

// methods are those with a series of their own.
var methods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
}

func outcome(err error) string {
	if err != nil {
		return "error"
	}
	return "ok"
}

// NewLogger makes a structured logger. format is "text" or "json"; level is
// "debug", "info", "warn" or "error".
func NewLogger(w io.Writer, format, level string) (*slog.Logger, error) {
	var at slog.Level
	if err := at.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("log level %q: use debug, info, warn or error", level)
	}
	options := &slog.HandlerOptions{Level: at}
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	}
	return nil, fmt.Errorf("log format %q: use text or json", format)
}
