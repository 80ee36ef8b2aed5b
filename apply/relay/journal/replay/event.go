package replay

import (
	"encoding/json"
	"net/netip"
	"strings"
	"time"
)

// event reads an event of package journal. A message that was queued, and a recipient
// or sender that was refused, are envelopes.
func (l *log) event(s string) (why string) {
	var e struct {
		Time      time.Time `json:"time"`
		Step      string    `json:"event"`
		Client    string    `json:"client"`
		User      string    `json:"user"`
		TLS       string    `json:"tls"`
		From      *string   `json:"from"`
		To        []string  `json:"to"`
		Size      int64     `json:"size"`
		Command   string    `json:"command"`
		Code      int       `json:"code"`
		Connector string    `json:"connector"`
	}
	if err := json.Unmarshal([]byte(s), &e); err != nil {
		return "it is no event in JSON"
	}
	switch {
	case e.Step == "queued" && e.Client != "": // else a report of our own
		e.Code = 250
	case e.Step == "refused" && e.Command == "RCPT":
	default:
		return ""
	}
	env := Envelope{Time: e.Time, TLS: e.TLS != "", User: e.User, Size: e.Size, Code: e.Code}
	if path, ok := strings.CutPrefix(e.Client, "unix:"); ok && path != "" {
		env.Unix = path
	} else if a, err := netip.ParseAddr(e.Client); err == nil {
		env.Client = a.Unmap()
	} else {
		return "its client is no address"
	}
	if e.From == nil {
		return "it has no sender"
	}
	var ok bool
	if env.From, ok = mailbox(*e.From); !ok {
		return "its sender cannot be read"
	}
	for _, to := range e.To {
		if env.To, ok = mailbox(to); !ok || env.To.IsNull() {
			why = "a recipient cannot be read"
			continue
		}
		l.f(env)
	}
	return why
}
