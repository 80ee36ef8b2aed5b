package deliver

import (
	"net"
	"slices"
	"strings"
	"time"

	"github.com/mailrelay/mailrelay/apply/relay/spool"
	"github.com/mailrelay/mailrelay/schema"
)

// Filter selects recipients of queued messages: those for which everything that it
// says is true. The zero Filter selects nothing; All with nothing else selects
// everything.
type Filter struct {
	All    bool          `json:"all,omitempty"`
	IDs    []string      `json:"ids,omitempty"`    // queue ids; nil: any
	Domain string        `json:"domain,omitempty"` // of the recipient, as the client gave it; empty: any
	Site   string        `json:"site,omitempty"`   // the next hop last tried: a host of it, with or without its port, or all its hosts; empty: any
	From   string        `json:"from,omitempty"`   // the sender: an address, a domain, or <>; empty: any
	Age    time.Duration `json:"age,omitempty"`    // in the queue for at least
	Until  time.Time     `json:"until,omitzero"`   // received no later; zero: at any time. Alone it selects nothing
	Held   bool          `json:"held,omitempty"`   // only what an administrator holds
}

func (f Filter) empty() bool {
	return !f.All && len(f.IDs) == 0 && f.Domain == "" && f.Site == "" && f.From == "" && f.Age == 0 && !f.Held
}

// message reports whether f may select recipients of a message.
func (f Filter) message(env *spool.Envelope, now time.Time) bool {
	switch {
	case f.empty(), f.Held && !env.Held, env.Received.After(now.Add(-f.Age)), !f.sender(env.From):
		return false
	case !f.Until.IsZero() && env.Received.After(f.Until):
		return false
	}
	return len(f.IDs) == 0 || slices.Contains(f.IDs, env.ID)
}

// sender reports whether f may select messages from m.
func (f Filter) sender(m schema.Mailbox) bool {
	switch {
	case f.From == "":
		return true
	case f.From == "<>":
		return m.IsNull()
	case strings.Contains(f.From, "@"):
		return strings.EqualFold(m.String(), f.From)
	}
	return strings.EqualFold(m.Domain, f.From)
}

// rcpt reports whether f selects a recipient of a message that it may select from.
func (f Filter) rcpt(r *spool.Rcpt) bool {
	if f.Domain != "" && !strings.EqualFold(r.To.Domain, f.Domain) {
		return false
	}
	if f.Site == "" || strings.EqualFold(r.Site, f.Site) {
		return true
	}
	return slices.ContainsFunc(strings.Split(r.Site, ","), func(hop string) bool {
		host, _, err := net.SplitHostPort(hop)
		return strings.EqualFold(hop, f.Site) || err == nil && strings.EqualFold(host, f.Site)
	})
}

// selects reports whether f selects any recipient of a message.
func (f Filter) selects(env *spool.Envelope, now time.Time) bool {
	if !f.message(env, now) {
		return false
	}
	for i := range env.Rcpts {
		if f.rcpt(&env.Rcpts[i]) {
			return true
		}
	}
	return false
}
