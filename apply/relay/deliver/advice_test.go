package deliver

import (
	"strings"
	"testing"
	"testing/synctest"
)

// TestAlarmSaysWhatToDo: what a node reports of mail that is held for our own
// reputation says what to do, and the sender is told nothing.
func TestAlarmSaysWhatToDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, through(connector(t, "192.0.2.1")), Options{})
		p := refuser(map[string]string{"b@example.com": "550 5.7.606 Access denied, banned sending IP"})
		w.net.peers["192.0.2.1:25"] = p.serve
		w.start()
		defer func() { w.stop() }()
		w.mail("a@example.org", "b@example.com")
		synctest.Wait()
		s := w.Stats()
		for _, want := range []string{"5.7.606 Access denied", "https://sender.office.com"} {
			if !strings.Contains(s.LastError, want) {
				t.Errorf("the node says %q, without %s", s.LastError, want)
			}
		}
		if s.Messages != 1 || len(p.messages()) != 0 || !strings.Contains(w.log.String(), "level=ERROR msg=held") {
			t.Errorf("%+v, %d reports, log %s", s, len(p.messages()), w.log)
		}
	})
}
