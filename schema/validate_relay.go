package schema

import (
	"net/netip"
	"slices"
	"strings"
)

// relays finds certificates without a key, HTTP that everybody could use, two DKIM
// keys in one place, and logs that have none.
func (v *validation) relays() {
	for _, r := range All[*Relay](v.config) {
		if t := r.TLS; t != nil {
			v.pair(r, t.Certificate, t.Key)
		}
		if !local(r.Admin.Listen) && r.Admin.Token.IsZero() {
			v.report(r, "admin.listen", "Unprotected admin address", "%s can be reached from other machines, and whoever reaches it could read and change the queue. Add token = secret_file(\"/etc/mailrelay/admin.token\"), or listen on 127.0.0.1.", r.Admin.Listen)
		}
		seen := map[string]string{}
		for _, d := range r.DKIM {
			where := d.Selector + "._domainkey." + d.Domain
			if other := seen[where]; other != "" {
				v.report(r, "dkim", "Two keys in one place", "dkim %q and dkim %q both have their public key at %s, where one can stand. Give one of them another selector.", other, d.Name, where)
			}
			seen[where] = d.Name
		}
		if r.Log.Directory == "" && slices.Contains(r.Log.Formats, "ncsa") {
			v.report(r, "log.formats", "Log without a place", "ncsa is written to files, and no directory is given for them. Add directory = \"/var/log/mailrelay\" to log, or leave ncsa out.")
		}
	}
}

// protocolLogs finds connectors whose protocol log has no place.
func (v *validation) protocolLogs() {
	say := func(b Block, r *Relay) {
		if r != nil && r.Log.Directory == "" {
			v.report(b, "protocol_logging", "Log without a place", "The protocol log is written to files, and %s gives no directory for them. Add log { directory = \"/var/log/mailrelay\" } to it, or write protocol_logging = \"none\".", r.Addr())
		}
	}
	for _, c := range All[*ReceiveConnector](v.config) {
		if c.Verbose {
			say(c, At[*Relay](v.config, c.Relay))
		}
	}
	for _, c := range All[*SendConnector](v.config) {
		for _, r := range All[*Relay](v.config) {
			if c.Verbose && (c.Relays == nil || slices.Contains(c.Relays, r.Addr())) {
				say(c, r)
				break
			}
		}
	}
}

// local reports whether only this machine reaches a binding; an empty one is none.
func local(binding string) bool {
	if binding == "" || strings.HasPrefix(binding, "unix:") {
		return true
	}
	ap, err := netip.ParseAddrPort(binding)
	return err == nil && ap.Addr().IsLoopback()
}

// pair finds half of a certificate and key in the tls block of b.
func (v *validation) pair(b Block, certificate string, key Secret) {
	switch {
	case certificate != "" && key.IsZero():
		v.report(b, "tls.certificate", "Certificate without a key", "A certificate is of use with its key alone. Add key = secret_file(\"/path/of/the/key.pem\").")
	case certificate == "" && !key.IsZero():
		v.report(b, "tls.key", "Key without a certificate", "A key is of use with its certificate alone. Add certificate = \"/path/of/the/certificate.pem\".")
	}
}

// isAddress reports whether a host[:port] is an address.
func isAddress(host string) bool {
	if ap, err := netip.ParseAddrPort(host); err == nil {
		return ap.IsValid()
	}
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil
}

// sendConnectors finds TLS settings that contradict each other.
func (v *validation) sendConnectors() {
	for _, c := range All[*SendConnector](v.config) {
		t := c.TLS
		v.pair(c, t.Certificate, t.Key)
		switch {
		case t.Verify == "dane" && slices.ContainsFunc(c.SmartHosts, isAddress):
			v.report(c, "tls.verify", "Smart host without a name", "verify = \"dane\" looks up TLSA records below the name of a host, and smart_hosts has an address. Write the host's name, or verify = \"certificate\" or \"domain\".")
		case t.Verify == "mta_sts" && len(c.SmartHosts) > 0:
			v.report(c, "tls.verify", "Policy of a smart host", "verify = \"mta_sts\" follows the policy of the recipient's domain about its own mail exchangers, and smart_hosts name others. Write \"certificate\" or \"domain\", or leave smart_hosts out.")
		case t.Mode == "none" && t.Verify != "none":
			v.report(c, "tls.verify", "Verification without TLS", "mode is \"none\", so there is no certificate that could be verified. Write mode = \"required\", or leave verify out.")
		case t.Verify == "domain" && t.Domain == "":
			v.report(c, "tls.verify", "Missing domain", "verify = \"domain\" compares the certificate with a name, and none is given. Add domain = \"…\", or write verify = \"certificate\".")
		case t.Verify != "domain" && t.Domain != "":
			v.report(c, "tls.domain", "Domain that is not verified", "domain is compared with the certificate only with verify = \"domain\", and verify is %q. Write verify = \"domain\", or leave domain out.", t.Verify)
		}
		if c.Auth != nil && t.Mode == "none" {
			v.report(c, "auth", "Password without TLS", "A password is sent under TLS alone, and mode is \"none\". Write mode = \"required\" in tls, or leave auth out.")
		}
	}
}
