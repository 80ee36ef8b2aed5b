package schema

import (
	"slices"
	"strings"
)

// receiveConnectors finds combinations of mechanisms that Exchange refuses too.
func (v *validation) receiveConnectors() {
	for _, c := range All[*ReceiveConnector](v.config) {
		has := func(name string) bool { return slices.Contains(c.AuthMechanisms, name) }
		const attr = "auth_mechanisms"
		if has("basic_auth_require_tls") && !(has("basic_auth") && has("tls")) {
			v.report(c, attr, "Incomplete auth_mechanisms", "\"basic_auth_require_tls\" says when passwords are taken, so it needs \"basic_auth\", and \"tls\" to take them under. Add what is missing.")
		}
		if has("external_authoritative") {
			if has("basic_auth") || has("basic_auth_require_tls") {
				v.report(c, attr, "Contradicting auth_mechanisms", "\"external_authoritative\" trusts every client as one of our own servers, so there is nobody left to log on. It stands alone, or with \"tls\".")
			}
			if !slices.Contains(c.PermissionGroups, "exchange_servers") {
				v.report(c, attr, "Incomplete permission_groups", "\"external_authoritative\" makes clients servers of the organisation, and needs the group that gives those their rights. Add \"exchange_servers\" to permission_groups, or take \"external_authoritative\" away.")
			}
		}
		if has("basic_auth") && c.UsersFile == "" {
			v.report(c, attr, "No users", "\"basic_auth\" lets users log on, and none are known. Add users { file = \"/etc/mailrelay/users\" }, or take \"basic_auth\" away.")
		}
		if len(c.ProxyProtocol) > 0 && !slices.ContainsFunc(c.Bindings, func(b string) bool { return !strings.HasPrefix(b, "unix:") }) {
			v.report(c, "proxy_protocol", "No address for proxies", "proxy_protocol is about who connects over the network, and the bindings are sockets of this machine alone. Add address:port to bindings, or take proxy_protocol away.")
		}
		if c.RequireTLS && !has("tls") {
			v.report(c, "require_tls", "TLS is required and not offered", "require_tls refuses mail without TLS, and auth_mechanisms does not offer TLS. Add \"tls\" to auth_mechanisms.")
		}
	}
}
