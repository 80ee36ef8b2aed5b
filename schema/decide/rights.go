package decide

import (
	"slices"
	"strings"

	"github.com/mailrelay/mailrelay/schema"
)

// Right is one right of FACTS 3, as a bit.
type Right uint16

// The rights, named as in Exchange without ms-Exch-.
const (
	Submit Right = 1 << iota
	AnySender
	AuthoritativeSender
	AnyRecipient
	HeadersRouting
	HeadersOrganization
	HeadersForest
	BypassAntiSpam
	BypassSize
	AuthenticationFlag
	Exch50
)

// rightNamed gives the bit of a right as schema.Rights names it.
func rightNamed(name string) Right {
	switch name {
	case "smtp_submit":
		return Submit
	case "accept_any_sender":
		return AnySender
	case "accept_authoritative_domain_sender":
		return AuthoritativeSender
	case "accept_any_recipient":
		return AnyRecipient
	case "accept_headers_routing":
		return HeadersRouting
	case "accept_headers_organization":
		return HeadersOrganization
	case "accept_headers_forest":
		return HeadersForest
	case "bypass_anti_spam":
		return BypassAntiSpam
	case "bypass_message_size_limit":
		return BypassSize
	case "accept_authentication_flag":
		return AuthenticationFlag
	case "accept_exch50":
		return Exch50
	}
	return 0
}

// groupRights are the rights that a permission group gives to a principal.
func groupRights(group, principal string) Right {
	trusted := Submit | AnySender | AuthoritativeSender | AnyRecipient | HeadersRouting | BypassAntiSpam | BypassSize | AuthenticationFlag | Exch50
	switch {
	case group == "anonymous_users" && principal == "anonymous":
		return Submit | AnySender | AuthoritativeSender | HeadersRouting
	case group == "exchange_users" && principal == "authenticated":
		return Submit | AnyRecipient | HeadersRouting | BypassAntiSpam
	case group == "exchange_servers" && principal == "externally_secured":
		return trusted
	case group == "partners" && principal == "partner":
		return Submit | HeadersRouting
	}
	return 0
}

// grant is what one principal has at one connector. Deny beats allow, and a
// client that is several principals has what any of them has and lacks what any of
// them is denied.
type grant struct{ allow, deny Right }

func (g grant) and(h grant) grant { return grant{g.allow | h.allow, g.deny | h.deny} }
func (g grant) rights() Right     { return g.allow &^ g.deny }

// grants are the rights of every principal that a client of a connector can be.
type grants struct {
	anonymous, authenticated, partner, secured grant
	users                                      map[string]grant // by name in lower case
}

func compileGrants(b *schema.ReceiveConnector) grants {
	of := func(principal string) grant {
		var g grant
		for _, group := range b.PermissionGroups {
			g.allow |= groupRights(group, principal)
		}
		for _, p := range b.Permissions {
			if p.Principal == principal {
				g = g.and(explicit(p))
			}
		}
		return g
	}
	g := grants{anonymous: of("anonymous"), authenticated: of("authenticated"), partner: of("partner"), secured: of("externally_secured"), users: map[string]grant{}}
	for _, p := range b.Permissions {
		if user, ok := strings.CutPrefix(p.Principal, "user:"); ok {
			user = strings.ToLower(user)
			g.users[user] = g.users[user].and(explicit(p))
		}
	}
	return g
}

func explicit(p schema.Permission) grant {
	var g grant
	for _, name := range p.Allow {
		g.allow |= rightNamed(name)
	}
	for _, name := range p.Deny {
		g.deny |= rightNamed(name)
	}
	return g
}

// grantOf is what the client has at r, and which principal it is, in words.
func (r *Receive) grantOf(c *Client) (grant, string) {
	switch {
	case r.secured:
		return r.grants.secured, "externally_secured"
	case c.User != "":
		g := r.grants.authenticated
		if u, ok := r.grants.users[strings.ToLower(c.User)]; ok {
			g = g.and(u)
		}
		if r.partner(c) {
			g = g.and(r.grants.partner)
		}
		return g, "authenticated"
	case r.partner(c):
		return r.grants.anonymous.and(r.grants.partner), "partner"
	}
	return r.grants.anonymous, "anonymous"
}

// partner reports whether the client showed a verified certificate with one of
// the names that the connector knows.
func (r *Receive) partner(c *Client) bool {
	return c.Partner && slices.ContainsFunc(c.Names, func(name string) bool {
		return r.partners.contains(strings.ToLower(strings.TrimSuffix(name, ".")))
	})
}

// Relays reports whether a principal, named as in schema.Permission, may relay to any
// domain at a connector.
func Relays(b *schema.ReceiveConnector, principal string) bool {
	all := compileGrants(b)
	var g grant
	switch user, isUser := strings.CutPrefix(principal, "user:"); {
	case isUser:
		g = all.authenticated.and(all.users[strings.ToLower(user)])
	case principal == "anonymous":
		g = all.anonymous
	case principal == "authenticated":
		g = all.authenticated
	case principal == "partner":
		g = all.anonymous.and(all.partner)
	case principal == "externally_secured":
		g = all.secured
	}
	const relay = Submit | AnyRecipient
	return g.rights()&relay == relay
}

// Rights are all the rights of the client at r.
func (r *Receive) Rights(c Client) Right {
	g, _ := r.grantOf(&c)
	return g.rights()
}
