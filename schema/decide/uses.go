package decide

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/mailrelay/mailrelay/schema"
)

// Grant is something that a configuration gives to clients: that a range is
// answered, or that somebody has a right.
type Grant struct {
	Addr schema.Addr // the receive connector or allowlist that gives it
	Kind string      // range, permission or group
	Name string      // "10.1.2.3", "user:scanner accept_any_recipient", "anonymous_users"
}

func (g Grant) compare(h Grant) int {
	return cmp.Or(g.Addr.Compare(h.Addr), cmp.Compare(g.Kind, h.Kind), cmp.Compare(g.Name, h.Name))
}

// String says in words what is granted.
func (g Grant) String() string {
	switch g.Kind {
	case "permission":
		principal, right, _ := strings.Cut(g.Name, " ")
		return right + " of " + principal
	case "group":
		return "the permission group " + g.Name
	}
	return g.Kind + " " + g.Name
}

// Uses tells which grants of a policy messages have made use of. It is not safe for
// concurrent use.
type Uses struct {
	policy   *Policy
	receives map[schema.Addr]*Receive
	last     map[Grant]time.Time
}

// NewUses begins without any message.
func NewUses(p *Policy) *Uses {
	u := &Uses{p, map[schema.Addr]*Receive{}, map[Grant]time.Time{}}
	for _, r := range p.receives {
		u.receives[r.Block.Addr()] = r
	}
	return u
}

// Entered is a message that a receive connector took, as a log tells it.
type Entered struct {
	At        time.Time
	Connector schema.Addr
	Client    string // an address, or unix: and a path
	User      string // empty: nobody logged on
	TLS       bool
	From, To  schema.Mailbox
}

// Note counts a message for what it needed. Whether a client under TLS was a partner
// is not logged: it may have been. It reports false where the policy has no such
// connector, or none that answers the client now.
func (u *Uses) Note(m Entered) bool {
	r := u.receives[m.Connector]
	if r == nil {
		return false
	}
	c := Client{Relay: r.Block.Relay, TLS: m.TLS, User: m.User, At: m.At}
	c.Partner, c.Names = m.TLS, examples(&r.partners, r.Block.TLSClientNames)
	c.Remote, _ = netip.ParseAddr(m.Client)
	for _, binding := range r.Block.Bindings {
		if path, ok := strings.CutPrefix(binding, "unix:"); ok {
			c.Unix, c.Local = path, netip.AddrPort{}
		} else {
			c.Unix = ""
			c.Local, _ = netip.ParseAddrPort(binding)
		}
		if cl, ok := u.policy.claim(&c); ok && cl.receive == r && (c.Unix == "") == c.Remote.IsValid() {
			u.used(Grant{cl.block.Addr(), "range", schema.FormatRange(cl.rng)}, m.At)
			u.rights(r, c, m)
			return true
		}
	}
	return false
}

func (u *Uses) used(g Grant, at time.Time) {
	if at.After(u.last[g]) {
		u.last[g] = at
	}
}

// rights notes the permissions and groups that the message needed.
func (u *Uses) rights(r *Receive, c Client, m Entered) {
	who := []string{"anonymous"}
	switch {
	case r.secured:
		who = []string{"externally_secured"}
	case c.User != "":
		who = []string{"authenticated", "user:" + strings.ToLower(c.User)}
	}
	if !r.secured && r.partner(&c) {
		who = append(who, "partner")
	}
	for _, p := range r.Block.Permissions {
		if !slices.Contains(who, strings.ToLower(p.Principal)) {
			continue
		}
		for _, right := range p.Allow {
			if u.policy.needs(rightNamed(right), m) {
				u.used(Grant{r.Block.Addr(), "permission", p.Principal + " " + right}, m.At)
			}
		}
	}
	for _, group := range r.Block.PermissionGroups {
		for _, principal := range who {
			if groupRights(group, principal) != 0 {
				u.used(Grant{r.Block.Addr(), "group", group}, m.At)
			}
		}
	}
}

// needs reports whether a message needed a right. Of those that no command asks for
// nobody knows, and they count as needed.
func (p *Policy) needs(right Right, m Entered) bool {
	from := p.accepted(m.From.Domain)
	switch right {
	case AnyRecipient:
		return p.find(m.To).domain == nil
	case AnySender:
		return !m.From.IsNull() && from == nil
	case AuthoritativeSender:
		return !m.From.IsNull() && from != nil && from.block.Kind == schema.Authoritative
	}
	return true
}

// Unused is a grant of which no message has made use.
type Unused struct {
	Grant
	Block schema.Block
	Owner string    // of the entry of an allowlist, if it names one
	Last  time.Time // when it was used before; zero: never, as far as is known
}

// Unused lists the grants of c, which the policy was compiled from, that no message
// has used since a time, sorted. What has expired by then, and what is denied, is no
// grant. Groups that give no right to anybody whom this program knows are left out.
func (u *Uses) Unused(c *schema.Config, since, now time.Time) []Unused {
	var out []Unused
	add := func(b schema.Block, kind, name, owner string) {
		g := Grant{b.Addr(), kind, name}
		if last := u.last[g]; last.Before(since) {
			out = append(out, Unused{g, b, owner, last})
		}
	}
	for _, a := range schema.All[*schema.Allowlist](c) {
		for _, e := range a.Entries {
			if e.Expires.IsZero() || now.Before(e.Expires) {
				add(a, "range", schema.FormatRange(e.Range), e.Owner)
			}
		}
		for _, r := range a.Addresses {
			add(a, "range", schema.FormatRange(r), "")
		}
	}
	for _, b := range schema.All[*schema.ReceiveConnector](c) {
		for _, r := range b.RemoteIPRanges {
			add(b, "range", schema.FormatRange(r), "")
		}
		for _, p := range b.Permissions {
			for _, right := range p.Allow {
				if !slices.Contains(p.Deny, right) {
					add(b, "permission", p.Principal+" "+right, "")
				}
			}
		}
		for _, group := range b.PermissionGroups {
			if group != "exchange_legacy_servers" {
				add(b, "group", group, "")
			}
		}
	}
	slices.SortFunc(out, func(a, b Unused) int { return a.compare(b.Grant) })
	return out
}
