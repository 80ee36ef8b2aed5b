package reach

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"go4.org/netipx"
	"pgregory.net/rapid"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/decide"
)

var probes = flag.Int("probes", 200, "how many messages are asked about for each pair of random configurations; there are -rapid.checks pairs")

// TestAgreesWithDecide holds, over random pairs of configurations and random
// messages, that the lines say what changes and nothing else: read as their manual
// has it, from JSON, without a look at how they are made.
//
// A million probes: go test ./plan/reach -run Agrees -rapid.checks=2000 -probes=500
func TestAgreesWithDecide(t *testing.T) {
	seen := map[Kind]int{}
	asked := 0
	rapid.Check(t, func(rt *rapid.T) {
		b, a := pair(rt)
		r := &reader{policies: [2]*decide.Policy{b.compile(t), a.compile(t)}}
		raw, err := json.Marshal(Compare(r.policies[0], r.policies[1], now()))
		if err != nil {
			rt.Fatal(err)
		}
		var d Diff
		if err := json.Unmarshal(raw, &d); err != nil {
			rt.Fatal(err)
		}
		r.read(d)
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0))
		for range *probes {
			m := draw(random)
			if m.listener == "10.9.9.9:25" && !r.listens(m.local) {
				m.listener = "0.0.0.0:25"
			}
			want, ok := r.decide(m)
			if !ok {
				continue
			}
			asked++
			for _, k := range []Kind{Widened, Narrowed, Rerouted, Resized, Answered} {
				got := r.matching(m, k)
				if want[k] {
					seen[k]++
				}
				if len(got) > 1 || (len(got) == 1) != want[k] {
					all := ""
					for _, l := range d.Lines {
						all += l.String() + "\n"
					}
					rt.Fatalf("%s: by decide %t (%v), by the lines %v\nof\n%s\nbefore %v\nafter  %v", m, want[k], k, got, all, b, a)
				}
			}
		}
	})
	t.Logf("%d messages; of these %v", asked, seen)
	for _, k := range []Kind{Widened, Narrowed, Rerouted, Resized, Answered} {
		if seen[k] == 0 {
			t.Errorf("no random change is %s, so the test shows nothing", k)
		}
	}
}

// message is one probe.
type message struct {
	listener string // as a Line would name it
	local    netip.AddrPort
	unix     string
	remote   netip.Addr
	tls      bool
	user     string
	names    []string
	from, to schema.Mailbox
}

func (m message) String() string {
	return fmt.Sprintf("%s -> %s%s tls=%t user=%q cert=%q from=<%s> to=<%s>", m.remote, m.local, m.unix, m.tls, m.user, m.names, m.from, m.to)
}

// draw draws a probe. It is not rapid's, which would take most of the time.
func draw(r *rand.Rand) message {
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	m := message{tls: r.IntN(2) == 0}
	switch pick("four", "four", "six", "own", "587", "unix") {
	case "four":
		m.local, m.listener = netip.MustParseAddrPort("192.0.2.1:25"), "0.0.0.0:25"
	case "six":
		m.local, m.listener = netip.MustParseAddrPort("[2001:db8::25]:25"), "[::]:25"
	case "own":
		m.local, m.listener = netip.MustParseAddrPort("10.9.9.9:25"), "10.9.9.9:25"
	case "587":
		m.local, m.listener = netip.MustParseAddrPort("192.0.2.1:587"), "0.0.0.0:587"
	case "unix":
		m.unix, m.listener = "/run/relay", "unix:/run/relay"
	}
	switch {
	case m.unix != "":
	case m.local.Addr().Is4():
		m.remote = netip.MustParseAddr(pick("10.1.2.3", "10.1.0.0", "10.1.255.255", "10.2.0.1", "9.255.255.255", "192.0.2.1", "127.0.0.1", "255.255.255.255", "10.1.2.4"))
	default:
		m.remote = netip.MustParseAddr(pick("2001:db8::1", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fd00::1"))
	}
	m.user = pick("", "", "scanner", "Scanner", "copier", "somebody")
	if m.tls && r.IntN(2) == 0 {
		m.names = []string{pick("mail.fabrikam.com", "x.fabrikam.com", "fabrikam.com", "other.test")}
	}
	address := func() schema.Mailbox {
		if r.IntN(15) == 0 {
			return schema.Mailbox{Local: pick("postmaster", "Postmaster")}
		}
		return schema.Mailbox{
			Local: pick("ann", "Ann", "ann+tag", "ann+own", "bob", "bob+x", "postmaster", "postmaster+x", "stranger", "someone", "+x", "a%elsewhere.test", "b!c", "ann+%"),
			Domain: pick("contoso.com", "sub.contoso.com", "deep.sub.contoso.com", "fabrikam.com", "a.fabrikam.com", "a.tailspin.com", "b.a.tailspin.com", "tailspin.com",
				"example", "far.example", "stranger.test", "elsewhere.test", "com", "[192.0.2.1]"),
		}
	}
	if m.to = address(); r.IntN(8) > 0 {
		m.from = address()
	}
	return m
}

// decide says what changes for a message; ok: some client can be so.
func (r *reader) decide(m message) (map[Kind]bool, bool) {
	var possible, taken, later [2]bool
	var limits [2]int64
	var hops [2]string
	for side, p := range r.policies {
		c := decide.Client{Relay: schema.Addr{Type: "relay", Name: "edge"}, Local: m.local, Unix: m.unix, Remote: m.remote, TLS: m.tls, User: m.user, Partner: m.names != nil, Names: m.names, At: now()}
		connector := p.Receive(c)
		c.Partner = c.Partner && connector != nil && slices.ContainsFunc(c.Names, connector.IsPartner)
		if possible[side] = connector != nil && connector.Lacks(c) == 0; !possible[side] {
			continue
		}
		v := p.Recipient(c, m.from, m.to)
		taken[side], later[side], limits[side] = v.OK(), v.Code/100 == 4, connector.Limit(c)
		hops[side] = hop(p, c.Relay, m.to)
	}
	return map[Kind]bool{
		Widened: !taken[0] && taken[1], Narrowed: taken[0] && !taken[1], Answered: !taken[0] && !taken[1] && later[0] != later[1],
		Resized:  taken[0] && taken[1] && limits[0] != limits[1],
		Rerouted: taken[0] && taken[1] && hops[0] != hops[1],
	}, possible[0] || possible[1]
}

// hop is where mail goes at every size that may make a difference.
func hop(p *decide.Policy, relay schema.Addr, to schema.Mailbox) string {
	var b strings.Builder
	for _, size := range []int64{0, 1 << 20, 2 << 20, 2<<20 + 1, 10 << 20, 10<<20 + 1, 35 << 20, 35<<20 + 1} {
		if _, ok := p.Fits(relay, to, size); !ok {
			b.WriteString("too large; ")
			continue
		}
		r, rewritten := p.Route(relay, to, size)
		rewritten.Local = strings.ToLower(rewritten.Local) // which is no difference
		if r == nil {
			fmt.Fprintf(&b, "nowhere for %s; ", rewritten)
			continue
		}
		c := r.Connector
		fmt.Fprintf(&b, "%s:%d %v %v %s for %s; ", c.SmartHosts, c.Port, c.TLS, c.SourceAddress, c.HELO, rewritten)
	}
	return b.String()
}

// reader reads lines as their manual has it.
type reader struct {
	policies [2]*decide.Policy
	lines    []Line
	clients  []*netipx.IPSet
	listed   map[schema.Mailbox]bool
}

func (r *reader) read(d Diff) {
	r.lines, r.listed = d.Lines, map[schema.Mailbox]bool{}
	for _, p := range r.policies {
		for m := range p.Listed() {
			r.listed[m] = true
		}
	}
	for _, l := range d.Lines {
		var b netipx.IPSetBuilder
		for _, c := range l.Clients {
			if rng, err := schema.ParseRange(c); err == nil {
				b.AddRange(rng)
			}
		}
		s, _ := b.IPSet()
		r.clients = append(r.clients, s)
	}
}

func (r *reader) listens(at netip.AddrPort) bool {
	return slices.ContainsFunc(r.policies[:], func(p *decide.Policy) bool {
		return slices.Contains(p.Listeners(schema.Addr{Type: "relay", Name: "edge"}), decide.Listener{Local: at})
	})
}

// matching are the lines of a kind that the message is in.
func (r *reader) matching(m message, k Kind) []string {
	var out []string
	for i, l := range r.lines {
		if l.Kind == k && r.matches(l, r.clients[i], m) {
			out = append(out, l.String())
		}
	}
	return out
}

func (r *reader) matches(l Line, clients *netipx.IPSet, m message) bool {
	side := 1
	if l.Kind == Narrowed {
		side = 0
	}
	for s, p := range r.policies {
		class := p.RecipientClass(m.to)
		taken := class != decide.Homeless && class != decide.Unknown
		if !taken && (s == side && l.Kind != Answered || l.Kind == Resized || l.Kind == Rerouted) {
			return false
		}
	}
	if l.Kind == Rerouted { // whoever is let through before and after
		w, _ := r.decide(m)
		if w[Widened] || w[Narrowed] || !r.taken(m) {
			return false
		}
		return r.holds(l, l.Recipients, m.to, side, true)
	}
	switch {
	case l.Listeners != nil && !slices.Contains(l.Listeners, m.listener),
		l.Listeners == nil && m.unix != "",
		m.unix == "" && !clients.Contains(m.remote), m.unix != "" && !slices.Equal(l.Clients, []string{"this machine"}),
		l.TLS == "with" && !m.tls, l.TLS == "without" && m.tls,
		!slices.ContainsFunc(l.Principals, func(p Principal) bool { return r.is(p, m) }):
		return false
	}
	return r.holds(l, l.Senders, m.from, side, false) && r.holds(l, l.Recipients, m.to, side, true)
}

// taken reports whether the message is let through after.
func (r *reader) taken(m message) bool {
	c := decide.Client{Relay: schema.Addr{Type: "relay", Name: "edge"}, Local: m.local, Unix: m.unix, Remote: m.remote, TLS: m.tls, User: m.user, Partner: m.names != nil, Names: m.names, At: now()}
	connector := r.policies[1].Receive(c)
	c.Partner = c.Partner && connector != nil && slices.ContainsFunc(c.Names, connector.IsPartner)
	return connector != nil && connector.Lacks(c) == 0 && r.policies[1].Recipient(c, m.from, m.to).OK()
}

func (r *reader) is(p Principal, m message) bool {
	partner := false
	for _, policy := range r.policies {
		c := decide.Client{Relay: schema.Addr{Type: "relay", Name: "edge"}, Local: m.local, Unix: m.unix, Remote: m.remote, At: now()}
		if connector := policy.Receive(c); connector != nil {
			partner = partner || slices.ContainsFunc(m.names, connector.IsPartner)
		}
	}
	if p.Certificate != nil {
		among := slices.ContainsFunc(p.Certificate, func(entry string) bool {
			return entry == "-" && !partner || partner && slices.ContainsFunc(m.names, func(n string) bool { return matchesName(entry, n) })
		})
		if !among {
			return false
		}
	}
	switch p.Name {
	case "anonymous", "externally_secured":
		return m.user == "" && !partner
	case "partner":
		return m.user == "" && partner
	case "authenticated":
		return m.user != "" && !slices.Contains(p.Except, strings.ToLower(m.user))
	}
	return p.Name == "user:"+strings.ToLower(m.user)
}

// matchesName reports whether an entry holds a name.
func matchesName(entry, name string) bool {
	entry, except, _ := strings.Cut(entry, " but ")
	among := func(list string) bool {
		return slices.ContainsFunc(strings.Split(list, " or "), func(e string) bool {
			rest, wild := strings.CutPrefix(e, "*.")
			return e == name || e == "*" || wild && (name == rest || strings.HasSuffix(name, "."+rest))
		})
	}
	return among(entry) && !among(except)
}

// holds reports whether a set holds an address.
func (r *reader) holds(l Line, s Set, m schema.Mailbox, side int, recipient bool) bool {
	said := func(entry string) (bool, bool) {
		if slices.Contains(s.Names, entry) {
			return true, true
		}
		return false, slices.Contains(s.Except, entry)
	}
	p := r.policies[side]
	base := func() bool {
		strange := p.SenderClass(m) == decide.ForeignSender
		if recipient {
			strange = p.RecipientClass(m) == decide.ForeignRecipient || p.RecipientClass(m) == decide.Gated
		}
		return s.Base == Anything || s.Base == Foreign && strange && !m.IsNull() || s.Base == Accepted && !strange && !m.IsNull()
	}
	switch {
	case m.IsNull():
		if in, ok := said("<>"); ok {
			return in
		}
		return base()
	case m.Domain == "":
		if in, ok := said("postmaster"); ok {
			return in
		}
		if home := p.Home(m); recipient && home.Domain != "" {
			return r.holds(l, s, schema.Mailbox{Local: "postmaster", Domain: home.Domain}, side, recipient)
		}
		return base()
	}
	m.Local = strings.ToLower(m.Local)
	if recipient && (r.policies[0].RecipientClass(m) == decide.Routed || r.policies[1].RecipientClass(m) == decide.Routed) {
		entries := []string{m.String()}
		if user, _, tagged := strings.Cut(m.Local, "+"); tagged && !r.listed[m] {
			entries = append(entries, (schema.Mailbox{Local: user + "+*%*", Domain: m.Domain}).String())
		}
		entries = append(entries, "*%*@"+m.Domain)
		for name := m.Domain; name != ""; _, name, _ = strings.Cut(name, ".") {
			entries = append(entries, "*%*@*."+name)
		}
		for _, e := range append(entries, "*%*@*") {
			if in, ok := said(e); ok {
				return in
			}
		}
		if l.Kind != Rerouted {
			return s.Base == Anything || s.Base == Foreign
		}
	}
	entries := []string{m.String()}
	if user, _, tagged := strings.Cut(m.Local, "+"); tagged && user != "" && !r.listed[m] {
		entries = append(entries, (schema.Mailbox{Local: user + "+*", Domain: m.Domain}).String(), (schema.Mailbox{Local: user, Domain: m.Domain}).String())
	}
	entries = append(entries, m.Domain)
	for name := m.Domain; name != ""; _, name, _ = strings.Cut(name, ".") {
		entries = append(entries, "*."+name)
	}
	for _, e := range append(entries, "*") {
		if in, ok := said(e); ok {
			return in
		}
	}
	return base()
}

// pair draws two configurations, the second mostly like the first.
func pair(rt *rapid.T) (before, after blocks) {
	before = blocks{}
	after = blocks{}
	put := func(addr string, draw func() attrs) {
		b := draw()
		a := b
		if rapid.IntRange(0, 2).Draw(rt, "changed "+addr) == 0 {
			a = draw()
		}
		if b != nil {
			before[addr] = b
		}
		if a != nil {
			after[addr] = a
		}
	}
	configure(rt, put)
	for _, b := range []blocks{before, after} {
		for addr, a := range b {
			if d, ok := a["domain"].(string); ok && b[d] == nil {
				delete(b, addr)
			}
			if via, ok := a["deliver_to"].(string); ok && b[via] == nil {
				delete(a, "deliver_to")
			}
		}
	}
	return before, after
}

func configure(rt *rapid.T, put func(string, func() attrs)) {
	flip := func(name string) bool { return rapid.Bool().Draw(rt, name) }
	rare := func(name string) bool { return rapid.IntRange(0, 3).Draw(rt, name) == 0 }
	pick := func(name string, of ...string) string { return rapid.SampledFrom(of).Draw(rt, name) }
	some := func(name string, of ...string) []string {
		out := []string{}
		for _, s := range of {
			if flip(name + " " + s) {
				out = append(out, s)
			}
		}
		return out
	}
	put("relay.edge", func() attrs {
		if rare("verifies") {
			return attrs{"hostname": "relay.contoso.com"}
		}
		return attrs{"hostname": "relay.contoso.com", "tls": attrs{"client_ca": "/ca.pem"}}
	})
	for i, name := range []string{"contoso.com", "*.fabrikam.com", "a.tailspin.com", "*.example", "*"} {
		addr := fmt.Sprintf("domain.d%d", i)
		put(addr, func() attrs {
			if rare("no "+name) || name == "*" && !rare("really") {
				return nil
			}
			return attrs{"name": name, "type": pick("type", schema.Authoritative, schema.Authoritative, schema.InternalRelay, schema.ExternalRelay),
				"gated": rare("gated"), "match_subdomains": !strings.HasPrefix(name, "*") && flip("subdomains"), "default": name == "contoso.com" && flip("default")}
		})
		base := strings.TrimPrefix(name, "*.")
		if base == "*" {
			continue
		}
		for j := range 2 {
			put(fmt.Sprintf("recipients.r%d%d", i, j), func() attrs {
				if rare("no recipients") {
					return nil
				}
				addresses := []string{"ann@" + base}
				if j == 1 {
					addresses = some("listed", "bob@"+base, "ann+own@"+base, "a%elsewhere.test@"+base, "postmaster@"+base, "ann@sub."+base)
				}
				a := attrs{"domain": addr, "addresses": addresses}
				switch pick("to", "as it is", "domain", "target", "connector") {
				case "domain":
					a["rewrite_domain"] = "far.example"
				case "target":
					if len(addresses) > 0 {
						a["targets"] = attrs{addresses[0]: pick("target", "ann@far.example", "robert@far.example", addresses[0])}
					}
				case "connector":
					a["deliver_to"] = "send_connector.s0"
				}
				return a
			})
		}
	}
	for i := range 3 {
		put(fmt.Sprintf("receive_connector.c%d", i), func() attrs {
			if rare("no connector") {
				return nil
			}
			a := attrs{
				"relay": "relay.edge", "remote_ip_ranges": some("range", "0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "::/0", "127.0.0.1"), "allowlists": some("allowlists", "allowlist.l"),
				"permission_groups": some("group", "anonymous_users", "exchange_users", "exchange_servers", "partners"),
				"auth_mechanisms":   strings.Fields(pick("mechanism", "tls", "tls basic_auth", "tls basic_auth basic_auth_require_tls", "tls external_authoritative", "")),
				"users":             attrs{"file": "/users"},
				"tls_client_names":  some("names", "mail.fabrikam.com", "*.fabrikam.com"), "require_tls": rare("require_tls"),
				"max_message_size": pick("max", "1MiB", "20MiB"),
				"bindings":         append(some("bindings", "0.0.0.0:587", "10.9.9.9:25", "unix:/run/relay"), "0.0.0.0:25", "[::]:25")[rapid.IntRange(0, 1).Draw(rt, "first"):],
			}
			permissions := attrs{}
			for _, principal := range some("permission", "anonymous", "authenticated", "partner", "externally_secured", "user:scanner", "user:copier") {
				permissions[principal] = attrs{
					"allow": some("allow", "smtp_submit", "accept_any_recipient", "accept_any_sender", "bypass_message_size_limit"),
					"deny":  some("deny", "accept_any_sender", "accept_any_recipient"),
				}
			}
			a["permission"] = permissions
			if rare("limit senders") {
				a["allowed_sender_domains"] = some("sender limit", "contoso.com", "*.example", "*")
			}
			if rare("limit recipients") {
				a["allowed_recipient_domains"] = some("recipient limit", "contoso.com", "*.fabrikam.com", "elsewhere.test", "*")
			}
			return a
		})
	}
	put("allowlist.l", func() attrs {
		a := attrs{"addresses": some("addresses", "10.1.2.4", "10.1.2.0/30")}
		entry := attrs{}
		for _, e := range some("entry", "10.1.2.3", "10.1.0.0/24", "192.0.2.0/24") {
			entry[e] = attrs{"require_tls": flip("require_tls")}
			if rare("expires") {
				entry[e] = attrs{"expires": "2026-01-01"}
			}
		}
		a["entry"] = entry
		return a
	})
	for i, space := range []string{"contoso.com", "*.example", "*"} {
		put(fmt.Sprintf("send_connector.s%d", i), func() attrs {
			if rare("no way") {
				return nil
			}
			a := attrs{"address_spaces": []string{space}, "max_message_size": pick("widest", "2MiB", "10MiB", "35MiB"), "enabled": !rare("disabled"), "tls": attrs{"mode": pick("mode", "none", "required")}}
			if flip("hosts") {
				a["smart_hosts"] = []string{pick("host", "mbx01", "mbx02:2525")}
			}
			return a
		})
	}
}
