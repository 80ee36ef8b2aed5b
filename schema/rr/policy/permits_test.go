package policy

import (
	"net/netip"
	"testing"
)

func TestPermits(t *testing.T) {
	world := map[Question]Answer{
		{"_spf.example.", "TXT"}:     {Found: true, Texts: []string{"x", "v=spf1 ip4:198.51.100.0/24 ~all"}},
		{"ring.example.", "TXT"}:     {Found: true, Texts: []string{"v=spf1 include:contoso.com -all"}},
		{"open.example.", "TXT"}:     {Open: true},
		{"contoso.com.", "A"}:        {Found: true, Addrs: []netip.Addr{netip.MustParseAddr("203.0.113.5")}},
		{"contoso.com.", "MX"}:       {Found: true, Hosts: []string{"mx.contoso.com.", "mx2.contoso.com."}},
		{"mx.contoso.com.", "A"}:     {Found: true, Addrs: []netip.Addr{netip.MustParseAddr("203.0.113.25")}},
		{"six.contoso.com.", "AAAA"}: {Found: true, Addrs: []netip.Addr{netip.MustParseAddr("2001:db8::1")}},
		{"contoso.com.", "TXT"}:      {Found: true, Texts: []string{"v=spf1 include:ring.example -all"}},
	}
	for _, tt := range []struct {
		record, address string
		want            Permission
	}{
		{"v=spf1 ip4:203.0.113.25 -all", "203.0.113.25", Permitted},
		{"v=spf1 ip4:203.0.113.25 -all", "::ffff:203.0.113.25", Permitted},
		{"v=spf1 ip4:203.0.113.0/27 -all", "203.0.113.25", Permitted},
		{"v=spf1 ip4:203.0.113.26 -all", "203.0.113.25", Refused},
		{"v=spf1 ~all", "203.0.113.25", Refused},
		{"v=spf1", "203.0.113.25", Refused},
		{"v=spf1 +all", "203.0.113.25", Permitted},
		{"v=spf1 -ip4:203.0.113.25 +all", "203.0.113.25", Refused},
		{"v=spf1 include:_spf.example -all", "198.51.100.7", Permitted},
		{"v=spf1 include:_spf.example -all", "203.0.113.25", Refused},
		{"v=spf1 include:open.example -all", "203.0.113.25", Unsure},
		{"v=spf1 include:open.example ip4:203.0.113.25 -all", "203.0.113.25", Permitted},
		{"v=spf1 include:ring.example -all", "203.0.113.25", Refused},
		{"v=spf1 redirect=_spf.example", "198.51.100.7", Permitted},
		{"v=spf1 redirect=%{d}.example", "198.51.100.7", Unsure},
		{"v=spf1 a -all", "203.0.113.5", Permitted},
		{"v=spf1 a/24 -all", "203.0.113.25", Permitted},
		{"v=spf1 mx -all", "203.0.113.25", Permitted},
		{"v=spf1 mx -all", "203.0.113.5", Refused},
		{"v=spf1 a:six.contoso.com//64 -all", "2001:db8::25", Permitted},
		{"v=spf1 a:six.contoso.com -all", "2001:db8::25", Refused},
		{"v=spf1 exists:%{i}.example -all", "203.0.113.25", Unsure},
		{"v=spf1 ptr -all", "203.0.113.25", Unsure},
	} {
		r, err := ReadSPF(tt.record)
		if err != nil {
			t.Fatal(err)
		}
		got := Permits("contoso.com.", r, netip.MustParseAddr(tt.address), func(q Question) Answer { return world[q] })
		if got != tt.want {
			t.Errorf("%s for %s: %d, want %d", tt.record, tt.address, got, tt.want)
		}
	}
}
