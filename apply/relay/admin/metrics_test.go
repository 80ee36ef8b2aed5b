package admin

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/mailrelay/mailrelay/apply/relay/journal"
	"github.com/mailrelay/mailrelay/schema"
)

func full() Snapshot {
	return Snapshot{
		Revision: "abc", Serial: 7, Sessions: 3, Connections: 2, Active: 1, Waiting: 4, Held: 5,
		Older: []int{9, 8, 7, 6}, Oldest: 90 * time.Second,
	}
}

// record has every step happen once.
func record(m *Metrics) {
	in := schema.Addr{Type: "receive_connector", Name: "in"}
	for _, e := range []journal.Event{
		{Step: journal.Received, Connector: in},
		{Step: journal.Queued, Connector: in, Size: 100, SyncMS: 2},
		{Step: journal.Queued, About: "1", Size: 100},
		{Step: journal.Refused, Reason: "relay_denied"},
		{Step: journal.Delivered, NextHop: "mx", Code: 250, AgeMS: 20},
		{Step: journal.Deferred, NextHop: "mx", Code: 450},
		{Step: journal.Deferred},
		{Step: journal.Bounced, NextHop: "mx", Code: 550},
		{Step: journal.Dropped, NextHop: "mx", Code: 550},
	} {
		m.Record(e)
	}
}

func TestMetrics(t *testing.T) {
	m := NewMetrics(full)
	record(m)
	server := httptest.NewServer(m.Handler())
	defer server.Close()
	res, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`mailrelay_messages_accepted_total{connector="receive_connector.in"} 1`,
		`mailrelay_accepted_bytes_total 100`,
		`mailrelay_refused_total{reason="relay_denied"} 1`,
		`mailrelay_refused_total{reason="no_connector"} 0`,
		`mailrelay_deliveries_total{class="2xx",site="mx"} 1`,
		`mailrelay_deliveries_total{class="4xx",site="mx"} 1`,
		`mailrelay_deliveries_total{class="5xx",site="mx"} 2`,
		`mailrelay_deliveries_total{class="none",site="none"} 1`,
		`mailrelay_undelivered_total{end="bounced"} 1`,
		`mailrelay_undelivered_total{end="dropped"} 1`,
		`mailrelay_store_seconds_bucket{le="0.0025"} 1`,
		`mailrelay_store_seconds_count 1`,
		`mailrelay_delivery_age_seconds_count 1`,
		`mailrelay_queue_messages{state="active"} 1`,
		`mailrelay_queue_messages{state="waiting"} 4`,
		`mailrelay_queue_messages{state="held"} 5`,
		`mailrelay_queue_older_messages{than="5m0s"} 9`,
		`mailrelay_queue_oldest_seconds 90`,
		`mailrelay_sessions 3`,
		`mailrelay_outbound_connections 2`,
		`mailrelay_revision_serial 7`,
		`mailrelay_revision_info{revision="abc"} 1`,
		`mailrelay_build_info{`,
		`go_goroutines `,
	} {
		if !strings.Contains(string(raw), "\n"+want) {
			t.Errorf("there is no %s in\n%s", want, raw)
		}
	}
}

func TestMetricsKeepTheConventions(t *testing.T) {
	m := NewMetrics(full)
	record(m)
	problems, err := testutil.GatherAndLint(m.registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestSitesAreBounded(t *testing.T) {
	m := NewMetrics(full)
	for i := range 10 * mostSites {
		m.Record(journal.Event{Step: journal.Delivered, NextHop: fmt.Sprint("mx", i), Code: 250})
	}
	if n := testutil.CollectAndCount(m.tries); n != mostSites+1 {
		t.Errorf("there are %d series, want %d", n, mostSites+1)
	}
	if n := testutil.ToFloat64(m.tries.WithLabelValues("other", "2xx")); n != 9*mostSites {
		t.Errorf("%v went elsewhere", n)
	}
}
