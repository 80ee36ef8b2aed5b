package decide

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"go4.org/netipx"

	"github.com/mailrelay/mailrelay/schema"
)

// Relaying says for whom a receive connector can relay. The order is from harmless
// to dangerous.
type Relaying uint8

// The verdicts on a receive connector.
const (
	NoRelay      Relaying = iota // nobody may hand mail in
	InternalOnly                 // mail for accepted domains alone
	ScopedRelay                  // to any domain, for our own networks or with credentials
	TrustedRelay                 // to any domain, for externally secured clients of our own networks
	OpenRelay                    // to any domain, for addresses that are not ours, without credentials
)

// Relayings are the names of the verdicts, in their order.
func Relayings() []string {
	return []string{"none", "internal_only", "scoped_relay", "trusted_relay", "open_relay"}
}

func (r Relaying) String() string { return Relayings()[r] }

// Standing is what a receive connector makes possible.
type Standing struct {
	Connector *schema.ReceiveConnector
	Relaying  Relaying
	Principal string // who may do that: anonymous, authenticated, user:NAME …; empty for NoRelay
	// Clients are the addresses that the connector answers; Foreign are those of
	// them that are not ours, if it is an OpenRelay.
	Clients, Foreign *netipx.IPSet
	// Free are the clients that reach a domain of others without credentials; Proved
	// are those that do with some.
	Free, Proved *netipx.IPSet
	To           string         // a domain of others that can be reached; empty: none can
	Opens        *schema.Domain // the accepted domain that holds To, which others can own; nil: a right does it
	Because      []Because      // the reasons, for one client that can do it
}

// Standings judges every receive connector at the time at, sorted by address. It
// asks the same rules as a relay does, about clients of every kind. own are the
// networks that are ours.
func (p *Policy) Standings(own *netipx.IPSet, at time.Time) []Standing {
	return p.StandingsOf("", own, at)
}

// StandingsOf is Standings for one principal alone: anonymous, authenticated,
// partner, externally_secured or user:NAME, whether a permission names it or not.
// Empty means all.
func (p *Policy) StandingsOf(who string, own *netipx.IPSet, at time.Time) []Standing {
	doors := p.doors(at)
	var out []Standing
	for _, r := range p.receives {
		out = append(out, p.standing(r, doors[r], r.principals(who), own))
	}
	return out
}

func (p *Policy) standing(r *Receive, doors []door, principals []string, own *netipx.IPSet) Standing {
	var clients netipx.IPSetBuilder
	for _, d := range doors {
		clients.AddSet(d.clients)
	}
	s := Standing{Connector: r.Block, Clients: set(&clients), Foreign: &netipx.IPSet{}, Free: &netipx.IPSet{}, Proved: &netipx.IPSet{}}
	foreign := r.foreign(p)
	for _, d := range doors {
		for _, who := range principals {
			c := r.as(d, who)
			to, ok := p.reaches(c, r, foreign)
			switch {
			case ok:
				s.raise(p, r, d, who, c, to, own)
			case s.Relaying == NoRelay && r.Rights(c)&Submit != 0:
				s.Relaying, s.Principal = InternalOnly, who
			}
		}
	}
	return s
}

// raise notes that who can reach the foreign recipient to through the door d, if
// that is worse than what is known.
func (s *Standing) raise(p *Policy, r *Receive, d door, who string, c Client, m message, own *netipx.IPSet) {
	public := without(d.clients, own)
	liars := without(r.proxies, own)
	verdict := ScopedRelay
	credentials := who != "anonymous" && who != "externally_secured"
	if credentials {
		s.Proved = union(s.Proved, d.clients)
	} else {
		s.Free = union(s.Free, d.clients)
	}
	switch {
	case credentials:
		public, liars = &netipx.IPSet{}, &netipx.IPSet{}
	case len(public.Ranges()) > 0:
		verdict = OpenRelay
		c.Remote = public.Ranges()[0].From()
	case len(liars.Ranges()) > 0 && c.Unix == "":
		verdict = OpenRelay
	case r.secured:
		verdict = TrustedRelay
	}
	if c.Unix == "" {
		public, s.Free = union(public, liars), union(s.Free, liars) // none with credentials
	}
	s.Foreign = union(s.Foreign, public)
	if verdict <= s.Relaying {
		return
	}
	s.Relaying, s.Principal, s.To, s.Opens = verdict, who, m.to.Domain, nil
	if a := p.accepted(s.To); a != nil {
		s.Opens = a.block
	}
	_, s.Because = p.Explain(c, m.from, m.to)
	if len(liars.Ranges()) > 0 {
		t := &trace{reasons: s.Because}
		t.add(r.Block, "proxy_protocol believes addresses that are not ours, which may say that they speak for any of its clients")
		s.Because = t.reasons
	}
}

// message is one that a client might send.
type message struct{ from, to schema.Mailbox }

// reaches finds a message of c to a domain of others that r would take.
func (p *Policy) reaches(c Client, r *Receive, foreign []string) (message, bool) {
	for _, domain := range foreign {
		m := message{to: schema.Mailbox{Local: "someone", Domain: domain}}
		for _, m.from = range r.someSenders(p) {
			if v := p.Recipient(c, m.from, m.to); v.Connector == r && v.OK() {
				return m, true
			}
		}
	}
	return message{}, false
}

// strangers are domains that nobody has (RFC 2606). There are two, because a test
// configuration may accept one.
func strangers() []string { return []string{"stranger.invalid", "stranger.test"} }

// foreign are examples of the domains that r lets through as far as its own lists
// go, and that are not ours: not accepted here, or by a domain that holds those of
// everybody. Such a domain gives nobody a right, and opens the relay all the same.
func (r *Receive) foreign(p *Policy) []string {
	out := examples(r.recipients, r.Block.AllowedRecipientDomains)
	for _, d := range p.public {
		if r.recipients == nil || r.recipients.contains(d) {
			out = append(out, d)
		}
	}
	return slices.DeleteFunc(out, func(d string) bool {
		a := p.accepted(d)
		return a != nil && !a.block.Public()
	})
}

// someSenders are senders of every kind that the rules tell apart.
func (r *Receive) someSenders(p *Policy) []schema.Mailbox {
	out := []schema.Mailbox{{}}
	for _, d := range examples(r.senders, r.Block.AllowedSenderDomains) {
		out = append(out, schema.Mailbox{Local: "someone", Domain: d})
	}
	if r.senders == nil {
		for _, a := range p.examples {
			out = append(out, schema.Mailbox{Local: "someone", Domain: a})
		}
	}
	return out
}

// examples are domains in the address spaces of a list; a nil tree is everything.
func examples(t *tree[struct{}], spaces []string) []string {
	if t == nil {
		return strangers()
	}
	var out []string
	for _, s := range spaces {
		switch rest, wild := strings.CutPrefix(s, "*."); {
		case s == "*":
			out = append(out, strangers()...)
		case wild:
			out = append(out, rest, "stranger."+rest)
		default:
			out = append(out, s)
		}
	}
	return out
}

// principals are who a client of r can be, without credentials first; of those only
// the given one, if it is not empty.
func (r *Receive) principals(only string) []string {
	out := r.everybody()
	if only == "" {
		return out
	}
	if strings.HasPrefix(only, "user:") && slices.Contains(out, "authenticated") {
		return []string{only}
	}
	return slices.DeleteFunc(out, func(who string) bool { return who != only })
}

func (r *Receive) everybody() []string {
	if r.secured {
		return []string{"externally_secured"}
	}
	out := []string{"anonymous"}
	if r.Block.UsersFile != "" && (slices.Contains(r.Block.AuthMechanisms, "basic_auth") || slices.Contains(r.Block.AuthMechanisms, "basic_auth_require_tls")) {
		out = append(out, "authenticated")
		for _, perm := range r.Block.Permissions {
			if strings.HasPrefix(perm.Principal, "user:") {
				out = append(out, perm.Principal)
			}
		}
	}
	if len(r.Block.TLSClientNames) > 0 && slices.Contains(r.Block.AuthMechanisms, "tls") {
		out = append(out, "partner")
	}
	return out
}

// as is a client of r at the door d that is who, with TLS where r offers it.
func (r *Receive) as(d door, who string) Client {
	c := d.client
	c.TLS = slices.Contains(r.Block.AuthMechanisms, "tls")
	if c.Unix == "" {
		c.Remote = first(d.clients)
	}
	switch name, isUser := strings.CutPrefix(who, "user:"); {
	case isUser:
		c.User = name
	case who == "authenticated":
		c.User = "\x00" // whom no permission names
	case who == "partner":
		c.Partner, c.Names = true, examples(&r.partners, r.Block.TLSClientNames)
	}
	return c
}

func first(s *netipx.IPSet) netip.Addr {
	if ranges := s.Ranges(); len(ranges) > 0 {
		return ranges[0].From()
	}
	return netip.Addr{}
}
