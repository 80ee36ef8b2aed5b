package relay

import (
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestReadyAndMeasured(t *testing.T) {
	w := newWorld(t, nil)
	w.o.Dir = short(t, w.o.Dir)
	get := func(path string) (int, string) {
		res, err := unixClient(filepath.Join(w.o.Dir, "admin.sock")).Get("http://relay" + path)
		if err != nil {
			return 0, err.Error()
		}
		defer res.Body.Close()
		raw, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(raw)
	}
	await := func(path string, code int, text string) {
		t.Helper()
		var got int
		var body string
		for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
			if got, body = get(path); got == code && strings.Contains(body, text) {
				return
			}
		}
		t.Fatalf("%s gives %d %s, want %d and %q", path, got, body, code, text)
	}
	w.run()
	await("/readyz", http.StatusServiceUnavailable, "no revision is in force")
	await("/metrics", http.StatusOK, "\nmailrelay_revision_serial 0\n")
	w.runs(w.config(block(connector("in", `remote_ip_ranges = ["10.0.0.0/8"]`))))
	await("/readyz", http.StatusOK, "ready")
	c := w.talk("10.0.0.1", one[:strings.Index(one, "-> QUIT")])
	w.sink.next(t)
	await("/metrics", http.StatusOK, "\nmailrelay_deliveries_total{class=\"2xx\",site=\"192.0.2.1\"} 1\n")
	for _, want := range []string{
		`mailrelay_messages_accepted_total{connector="receive_connector.in"} 1`, "mailrelay_store_seconds_count 1",
		"mailrelay_sessions 1", "mailrelay_revision_serial 1", `mailrelay_revision_info{revision="` + string(w.last.Hash) + `"} 1`,
	} {
		await("/metrics", http.StatusOK, "\n"+want+"\n")
	}
	c.play("-> QUIT\n<~ 221")
	await("/metrics", http.StatusOK, "\nmailrelay_sessions 0\n")
}
