package relay

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/apply/relay/journal"
	"github.com/mailrelay/mailrelay/apply/state"
)

// logged is an event as a reader sees it.
type logged map[string]any

// events reads again and again, until there is a step of that name, and gives all
// events.
func (w *world) events(read func() string, until journal.Step) []logged {
	w.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		text := read()
		if !strings.Contains(text, `"event":"`+string(until)+`"`) {
			continue
		}
		var out []logged
		for s := bufio.NewScanner(strings.NewReader(text)); s.Scan(); {
			e := logged{}
			if err := json.Unmarshal(s.Bytes(), &e); err != nil {
				w.t.Fatalf("%q: %v", s.Text(), err)
			}
			out = append(out, e)
		}
		return out
	}
	w.t.Fatalf("no event is %s: %s", until, read())
	return nil
}

const one = `
<~ 220
-> EHLO client
<~ 250
-> MAIL FROM:<a@contoso.com>
<~ 250
-> RCPT TO:<b@contoso.com>
<~ 250
-> DATA
<~ 354
-> Subject: x
->
-> text
-> .
<~ 250
-> QUIT
<~ 221
`

func TestEventsOfAMessage(t *testing.T) {
	book := &logBook{}
	w := newWorld(t, func(o *Options) { o.Events = book })
	w.runsFrom(block(connector("in", `remote_ip_ranges = ["10.0.0.0/8"]`)))
	w.talk("10.0.0.1", dialogueOf(t, one, "b@contoso.com", "b@elsewhere.example"))
	w.talk("192.0.2.77", "<~ 554")
	w.talk("10.0.0.1", dialogueOf(t, one))
	w.sink.next(t)
	got := w.events(book.String, journal.Delivered)
	id := ""
	var steps []string
	for _, e := range got {
		line := e["event"].(string)
		if e["id"] != nil {
			if id == "" {
				id = e["id"].(string)
			}
			if e["id"] != id {
				t.Errorf("one message has several ids: %v", e)
			}
		}
		if r, ok := e["reason"]; ok {
			line += " " + r.(string)
		}
		steps = append(steps, line)
	}
	want := []string{"refused relay_denied", "refused no_connector", "received", "queued", "delivered"}
	if diff := cmp.Diff(want, steps); diff != "" {
		t.Error(diff)
	}
	last := got[len(got)-1]
	for name, want := range map[string]any{
		"connector": "receive_connector.in", "route": "send_connector.out", "client": "10.0.0.1", "from": "a@contoso.com",
		"next_hop": "192.0.2.1", "code": 250.0, "serial": 1.0, "revision": string(w.last.Hash),
	} {
		if diff := cmp.Diff(want, last[name]); diff != "" {
			t.Errorf("%s of %v: %s", name, last, diff)
		}
	}
}

// dialogueOf replaces one text by another; a refused recipient ends the dialogue.
func dialogueOf(t *testing.T, text string, change ...string) string {
	t.Helper()
	if len(change) == 0 {
		return text
	}
	head, _, ok := strings.Cut(text, change[0])
	if !ok {
		t.Fatalf("%q is not in the dialogue", change[0])
	}
	return head + change[1] + ">\n<~ 550\n"
}

func TestLogFiles(t *testing.T) {
	var stderr bytes.Buffer
	dir := filepath.Join(t.TempDir(), "log")
	w := newWorld(t, func(o *Options) { o.Events = &stderr })
	config := strings.Replace(block(connector("in", `remote_ip_ranges = ["10.0.0.0/8"]`, `protocol_logging = "verbose"`)),
		"  address_spaces =", "  protocol_logging = \"verbose\"\n  address_spaces =", 1)
	config = strings.Replace(config, `hostname = "relay.contoso.com"`, `hostname = "relay.contoso.com"
  log {
    directory = "`+filepath.ToSlash(dir)+`"
    formats   = ["json", "ncsa"]
  }`, 1)
	w.runsFrom(config)
	w.talk("10.0.0.1", one)
	w.sink.next(t)
	file := func(name string) func() string {
		return func() string {
			raw, _ := os.ReadFile(filepath.Join(dir, name))
			return string(raw)
		}
	}
	w.events(file("events.json"), journal.Delivered)
	w.halt()
	ncsa := file("ncsa.log")()
	for _, want := range []string{
		"10.0.0.1 - client [", `"EHLO -?+client SMTP" 250 `, `"MAIL -?+FROM:<a@contoso.com> SMTP" 250 `, `"RCPT -?+TO:<b@contoso.com> SMTP" 250 `,
		`"DATA -?+<`, `> SMTP" 250 `, `"QUIT -?client SMTP" 240 `,
		"192.0.2.1 - OutboundConnectionCommand [", `"EHLO -?relay.contoso.com SMTP" 0 4`, `"MAIL -?FROM:<a@contoso.com>`, `"BDAT -?1`, `OutboundConnectionResponse`,
	} {
		if !strings.Contains(ncsa, want) {
			t.Errorf("ncsa.log has no %q:\n%s", want, ncsa)
		}
	}
	for name, wants := range map[string][]string{
		"receive.csv": {",<,EHLO client,\r\n", ",>,250 SIZE 36700160,", ",-,,\r\n"},
		"send.csv":    {",>,EHLO relay.contoso.com,\r\n", ",<,250 2.0.0 OK: queued,", ",-,,\r\n"},
	} {
		for _, want := range wants {
			if text := file(name)(); !strings.Contains(text, want) {
				t.Errorf("%s has no %q:\n%s", name, want, text)
			}
		}
	}
	if stderr.Len() > 0 {
		t.Errorf("the events are on stderr too: %s", stderr.String())
	}
}

// A revision whose logs cannot be written does not run.
func TestLogDirectoryThatIsNone(t *testing.T) {
	w := newWorld(t, nil)
	w.runsFrom(block(connector("in", `remote_ip_ranges = ["10.0.0.0/8"]`)))
	blocked := filepath.Join(w.o.Dir, "blocked")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r := w.config(strings.Replace(block(""), `hostname = "relay.contoso.com"`, `hostname = "relay.contoso.com"
  log {
    directory = "`+filepath.ToSlash(blocked)+`"
  }`, 1))
	n := w.await("the refusal", func(n state.Node) bool { return n.Refused == r.Hash })
	if !strings.Contains(n.LastError, "relay.edge: log: ") {
		t.Errorf("the node says %q", n.LastError)
	}
}
