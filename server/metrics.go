package server

import (
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are the server's own counters, in a registry of their own.
type metrics struct {
	registry     *prometheus.Registry
	requests     *prometheus.CounterVec // by method, route and status class
	invitations  *prometheus.CounterVec // by what happened
	openRooms    *prometheus.CounterVec // by what happened
	transfers    *prometheus.CounterVec // by what happened
	limited      prometheus.Counter
	foreign      prometheus.Counter
	unauthorized prometheus.Counter
	panics       prometheus.Counter
	handler      http.Handler
}

func newMetrics() *metrics {
	m := &metrics{
		registry:     prometheus.NewRegistry(),
		requests:     counterVec("http_requests_total", "HTTP requests answered.", "method", "route", "code"),
		invitations:  counterVec("invitations_total", "What happened to invitations.", "event"),
		openRooms:    counterVec("open_rooms_total", "What happened to rooms started without an invitation.", "event"),
		transfers:    counterVec("transfers_total", "What happened to links for files.", "event"),
		limited:      counter("http_limited_total", "Requests refused because their address sent too many."),
		foreign:      counter("http_foreign_origin_total", "Requests of other sites' pages refused."),
		unauthorized: counter("http_unauthorized_total", "Requests without a good token."),
		panics:       counter("http_panics_total", "Requests that failed by a fault of the server."),
	}
	m.registry.MustRegister(m.requests, m.invitations, m.openRooms, m.transfers, m.limited, m.foreign, m.unauthorized, m.panics,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.handler = promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
	return m
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "switchyard", Name: name, Help: help})
}

func counterVec(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "switchyard", Name: name, Help: help}, labels)
}

// snapshot turns Stats snapshots into metrics when they are asked for. Which metrics there are is
// not known before, so it describes none: the registry takes it as unchecked.
type snapshot func() []Sample

// Describe implements prometheus.Collector.
func (s snapshot) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (s snapshot) Collect(ch chan<- prometheus.Metric) {
	for _, v := range s() {
		kind := prometheus.GaugeValue
		if v.Counter {
			kind = prometheus.CounterValue
		}
		var names, values []string
		if v.Label != "" {
			names, values = []string{v.Label}, []string{v.Of}
		}
		ch <- prometheus.MustNewConstMetric(prometheus.NewDesc(v.Name, v.Help, names, nil), kind, v.Value, values...)
	}
}

// samples are those of the media port.
func (p *port) samples() []Sample {
	const name, help = "switchyard_media_port_connections_total", "TCP connections on the media port by what they were."
	var out []Sample
	add := func(what string, n uint64) {
		out = append(out, Sample{Name: name, Help: help, Counter: true, Label: "kind", Of: what, Value: float64(n)})
	}
	for k := range kinds {
		add(k.String(), p.stats.kinds[k].Load())
	}
	add("refused", p.stats.refused.Load())
	add("slow", p.stats.slow.Load())
	add("bad-tls", p.stats.badTLS.Load())
	return out
}

// count records an answered request. Unknown methods share a label, so that nobody can fill memory.
func (m *metrics) count(r *http.Request, status int) {
	method := r.Method
	switch method {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS":
	default:
		method = "other"
	}
	m.requests.WithLabelValues(method, route(r), strconv.Itoa(status)).Inc()
}

// serveMetrics is GET /metrics: for programs of this machine, and for whoever has an admin token.
func (s *Server) serveMetrics(w http.ResponseWriter, r *http.Request) {
	if !atThisMachine(r) && !s.authorizeAdmin(w, r) {
		return
	}
	s.metrics.handler.ServeHTTP(w, r)
}
