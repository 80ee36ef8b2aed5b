package plan

import (
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/decide"
)

const relayRight = "accept_any_recipient"

// logsOn reports whether a principal is one that clients become by logging on, which
// nobody does who follows an MX.
func logsOn(principal string) bool {
	return principal == "authenticated" || strings.HasPrefix(principal, "user:")
}

// forMX is what a connector is for those whom an MX leads here: without what it lets
// others do, and without the right to relay.
func forMX(c *schema.ReceiveConnector) *schema.ReceiveConnector {
	out := *c
	out.UsersFile = ""
	out.AuthMechanisms = drop(c.AuthMechanisms, "basic_auth", "basic_auth_require_tls")
	out.PermissionGroups = drop(c.PermissionGroups, "exchange_users")
	out.Permissions = nil
	for _, p := range c.Permissions {
		if !logsOn(p.Principal) {
			out.Permissions = append(out.Permissions, schema.Permission{Principal: p.Principal, Allow: drop(p.Allow, relayRight), Deny: drop(p.Deny, relayRight)})
		}
	}
	return &out
}

// everybodyRelays reports whether all clients of a connector may relay, without
// credentials.
func everybodyRelays(c *schema.ReceiveConnector) bool {
	if slices.Contains(c.AuthMechanisms, "external_authoritative") {
		return decide.Relays(c, "externally_secured")
	}
	return decide.Relays(c, "anonymous")
}

// withoutRights is old without the rights to relay, and the users, that next does not
// have; nil has none.
func withoutRights(old, next *schema.ReceiveConnector) cty.Value {
	v := old.Value()
	switch {
	case old.UsersFile == "" || next != nil && next.UsersFile == old.UsersFile:
	case next == nil || next.UsersFile == "":
		v = with(v, "users", cty.NullVal(v.GetAttr("users").Type()))
		v = with(v, "auth_mechanisms", words(drop(old.AuthMechanisms, "basic_auth", "basic_auth_require_tls")))
	default:
		v = with(v, "users", next.Value().GetAttr("users"))
	}
	principals := []string{"anonymous", "authenticated", "partner", "externally_secured"}
	for _, p := range old.Permissions {
		if !slices.Contains(principals, p.Principal) {
			principals = append(principals, p.Principal)
		}
	}
	for _, who := range principals {
		if decide.Relays(old, who) && (next == nil || !decide.Relays(next, who)) {
			v = denied(v, who)
		}
	}
	return v
}

// denied is a connector at which a principal may not relay.
func denied(v cty.Value, principal string) cty.Value {
	all, allow, deny := map[string]cty.Value{}, words(nil), words([]string{relayRight})
	if m := v.GetAttr("permission"); !m.IsNull() && m.LengthInt() > 0 {
		all = m.AsValueMap()
	}
	if p, ok := all[principal]; ok {
		allow, deny = p.GetAttr("allow"), union(p.GetAttr("deny"), deny)
	}
	all[principal] = cty.ObjectVal(map[string]cty.Value{"allow": allow, "deny": deny})
	return with(v, "permission", cty.MapVal(all))
}

func drop(list []string, out ...string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(w string) bool { return slices.Contains(out, w) })
}

// words is a set of strings, also of none.
func words(list []string) cty.Value {
	if len(list) == 0 {
		return cty.SetValEmpty(cty.String)
	}
	return set(list)
}
