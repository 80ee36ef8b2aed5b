package check

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// sendsItself reports whether a relay delivers by MX, so that hosts of strangers judge
// its address and its name. cs are the connectors that do.
func (i *inspection) sendsItself(r *schema.Relay) (cs []*schema.SendConnector) {
	for _, s := range i.sends {
		if s.Enabled && len(s.SmartHosts) == 0 && (s.Relays == nil || slices.Contains(s.Relays, r.Addr())) {
			cs = append(cs, s)
		}
	}
	return cs
}

// egress judges what strangers look at of a relay: the names of its addresses (MR216),
// and the address of its name (MR217).
func (i *inspection) egress() {
	expected := map[string]bool{} // what an expect block says already
	for _, e := range schema.All[*schema.Expect](i.config) {
		if e.Type == "PTR" && e.Zone.IsZero() {
			expected[rr.Full(e.Name, "")] = true
		}
	}
	for _, r := range i.relays {
		by := i.sendsItself(r)
		if by == nil {
			continue
		}
		for _, a := range r.EgressAddresses {
			if a.IsGlobalUnicast() && !a.IsPrivate() {
				i.confirmed(r, a, expected)
			}
		}
		i.helo(r, r, r.Hostname)
		for _, s := range by {
			if s.HELO != "" && !strings.EqualFold(s.HELO, r.Hostname) {
				i.helo(s, r, s.HELO)
			}
		}
	}
}

// confirmed reports MR216 unless the name of a has the address a.
func (i *inspection) confirmed(r *schema.Relay, a netip.Addr, expected map[string]bool) {
	name := Reverse(a)
	ptr := i.is(schema.Addr{}, name, "PTR")
	switch {
	case ptr.Open, ptr.Set == nil && expected[name]:
		return
	case ptr.Set == nil:
		i.add(r, "MR216", Warning, fmt.Sprintf("%s has no name", a),
			"Many hosts refuse mail from an address without a PTR record. Ask whoever the address is from to name it %s (%s PTR).", r.Hostname, strings.TrimSuffix(name, "."))
		return
	}
	for _, d := range ptr.Set.Data {
		addrs, open := i.addresses(schema.Addr{}, string(d))
		if open || slices.Contains(addrs, a) {
			return
		}
	}
	i.add(r, "MR216", Warning, fmt.Sprintf("the name of %s does not lead back to it", a),
		"Its PTR record is %s, and that name does not have the address: hosts that compare the two take it as forged. Let the PTR record name %s, and give that name the address.", described(ptr.Set), r.Hostname)
}

// helo reports MR217.
func (i *inspection) helo(b schema.Block, r *schema.Relay, host string) {
	addrs, open := i.addresses(schema.Addr{}, strings.ToLower(host)+".")
	if open || len(addrs) > 0 {
		return
	}
	i.add(b, "MR217", Warning, "the name "+host+" has no address",
		"%s calls itself so when it sends mail (EHLO), and many hosts refuse a name that they cannot look up. Add an address record for it, or let the relay bear a name that has one.", r.Addr())
}

// addresses are those that a name will have; open: nobody knows all of them.
func (i *inspection) addresses(from schema.Addr, name string) (out []netip.Addr, open bool) {
	for _, typ := range []string{"A", "AAAA"} {
		a := i.will(from, name, typ)
		open = open || a.Open
		if a.Open || a.Set == nil {
			continue
		}
		for _, d := range a.Set.Data {
			if ip, err := netip.ParseAddr(string(d)); err == nil {
				out = append(out, ip)
			}
		}
	}
	return out, open
}

// Reverse is the name of an address for PTR records, full.
func Reverse(a netip.Addr) string {
	a = a.Unmap()
	var b strings.Builder
	raw := a.AsSlice()
	for n := len(raw) - 1; n >= 0; n-- {
		if a.Is4() {
			fmt.Fprintf(&b, "%d.", raw[n])
		} else {
			fmt.Fprintf(&b, "%x.%x.", raw[n]&0xf, raw[n]>>4)
		}
	}
	if a.Is4() {
		return b.String() + "in-addr.arpa."
	}
	return b.String() + "ip6.arpa."
}

// described lists the data of an RRset.
func described(s *rr.Set) string {
	var out []string
	for _, d := range s.Data {
		out = append(out, strings.TrimSuffix(string(d), "."))
	}
	return strings.Join(out, ", ")
}
