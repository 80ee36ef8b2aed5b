package reach

import (
	"net/netip"

	"go4.org/netipx"

	"github.com/mailrelay/mailrelay/schema"
)

// families are all addresses of IPv4 and of IPv6.
func families() (four, six netip.Prefix) {
	return netip.PrefixFrom(netip.IPv4Unspecified(), 0), netip.PrefixFrom(netip.IPv6Unspecified(), 0)
}

func ranges(s *netipx.IPSet) []string {
	var out []string
	for _, r := range s.Ranges() {
		out = append(out, schema.FormatRange(r))
	}
	return out
}
