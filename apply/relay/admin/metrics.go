package admin

import (
	"net/http"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/mailrelay/mailrelay/apply/relay/journal"
)

// Snapshot is what is measured at the moment of asking.
type Snapshot struct {
	Revision    string // empty: none is in force
	Serial      uint64
	Sessions    int // of clients
	Connections int // to next hops
	Active      int // messages that are being delivered
	Waiting     int // for their next try
	Held        int // by an administrator
	Older       []int
	Oldest      time.Duration // age of the oldest message; zero: the queue is empty
}

// Ages are the ages by which Snapshot.Older counts messages, in this order.
func Ages() []time.Duration {
	return []time.Duration{5 * time.Minute, time.Hour, 4 * time.Hour, 24 * time.Hour}
}

// mostSites is how many next hops have series of their own. Those that come later
// share one called other: names of next hops are chosen by whoever is written to.
const mostSites = 50

// Metrics counts events, and serves them with a Snapshot to Prometheus. It is a
// journal.Sink.
type Metrics struct {
	registry                        *prometheus.Registry
	snapshot                        func() Snapshot
	accepted, refused, tries, ended *prometheus.CounterVec
	bytes                           prometheus.Counter
	stored, age                     prometheus.Histogram
	queue, older                    *prometheus.Desc
	oldest, sessions, connections   *prometheus.Desc
	serial, revision                *prometheus.Desc

	mu    sync.Mutex
	sites map[string]bool
}

// NewMetrics makes measures with a registry of their own. snapshot may be called
// concurrently.
func NewMetrics(snapshot func() Snapshot) *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	gauge := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	m := &Metrics{
		registry: prometheus.NewRegistry(), snapshot: snapshot, sites: map[string]bool{},
		accepted: counter("mailrelay_messages_accepted_total", "Messages on stable storage and answered 250, by receive connector.", "connector"),
		refused:  counter("mailrelay_refused_total", "Connections, log-ons, senders, recipients and contents that were refused, by reason.", "reason"),
		tries:    counter("mailrelay_deliveries_total", "Tries to deliver to one recipient, by next hop and class of its answer (2xx, 4xx, 5xx, none).", "site", "class"),
		ended:    counter("mailrelay_undelivered_total", "Recipients that will not get their message: bounced, or dropped where nobody could be told.", "end"),
		bytes:    prometheus.NewCounter(prometheus.CounterOpts{Name: "mailrelay_accepted_bytes_total", Help: "Content of accepted messages."}),
		stored: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "mailrelay_store_seconds", Help: "Time from the end of a message until it is on stable storage.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5},
		}),
		age: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "mailrelay_delivery_age_seconds", Help: "Age of a message when a next hop has taken it for a recipient.",
			Buckets: []float64{.01, .05, .1, .5, 1, 5, 30, 60, 300, 3600, 14400, 86400},
		}),
		queue:       gauge("mailrelay_queue_messages", "Messages in the queue, by state: active, waiting for the next try, held by an administrator.", "state"),
		older:       gauge("mailrelay_queue_older_messages", "Messages in the queue that are older than so much.", "than"),
		oldest:      gauge("mailrelay_queue_oldest_seconds", "Age of the oldest message in the queue."),
		sessions:    gauge("mailrelay_sessions", "Open connections of clients."),
		connections: gauge("mailrelay_outbound_connections", "Open connections to next hops."),
		serial:      gauge("mailrelay_revision_serial", "Serial number of the revision in force; 0 while there is none."),
		revision:    gauge("mailrelay_revision_info", "The revision in force.", "revision"),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "mailrelay_build_info", Help: "The running program.",
		ConstLabels: prometheus.Labels{"version": version(), "go": runtime.Version()},
	})
	build.Set(1)
	for _, r := range journal.Reasons() {
		m.refused.WithLabelValues(r)
	}
	m.registry.MustRegister(m, m.accepted, m.refused, m.tries, m.ended, m.bytes, m.stored, m.age, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func version() string {
	if b, ok := debug.ReadBuildInfo(); ok {
		return b.Main.Version
	}
	return ""
}

// Handler serves the measures in the text format of Prometheus, or what a client
// asks for.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Record implements journal.Sink.
func (m *Metrics) Record(e journal.Event) {
	switch e.Step {
	case journal.Queued:
		if e.About != "" { // a report of our own
			return
		}
		m.accepted.WithLabelValues(e.Connector.String()).Inc()
		m.bytes.Add(float64(e.Size))
		m.stored.Observe(e.SyncMS / 1000)
	case journal.Refused:
		m.refused.WithLabelValues(e.Reason).Inc()
	case journal.Delivered:
		m.age.Observe(e.AgeMS / 1000)
		m.tried(e)
	case journal.Deferred:
		m.tried(e)
	case journal.Bounced, journal.Dropped:
		m.ended.WithLabelValues(string(e.Step)).Inc()
		m.tried(e)
	}
}

func (m *Metrics) tried(e journal.Event) {
	class := "none"
	if 200 <= e.Code && e.Code < 600 {
		class = strconv.Itoa(e.Code/100) + "xx"
	}
	m.tries.WithLabelValues(m.site(e.NextHop), class).Inc()
}

// site is the label of a next hop.
func (m *Metrics) site(host string) string {
	if host == "" {
		return "none"
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.sites[host] {
		if len(m.sites) == mostSites {
			return "other"
		}
		m.sites[host] = true
	}
	return host
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.queue, m.older, m.oldest, m.sessions, m.connections, m.serial, m.revision} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(out chan<- prometheus.Metric) {
	s := m.snapshot()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	gauge(m.queue, float64(s.Active), "active")
	gauge(m.queue, float64(s.Waiting), "waiting")
	gauge(m.queue, float64(s.Held), "held")
	for i, n := range s.Older {
		gauge(m.older, float64(n), Ages()[i].String())
	}
	gauge(m.oldest, s.Oldest.Seconds())
	gauge(m.sessions, float64(s.Sessions))
	gauge(m.connections, float64(s.Connections))
	gauge(m.serial, float64(s.Serial))
	if s.Revision != "" {
		gauge(m.revision, 1, s.Revision)
	}
}
