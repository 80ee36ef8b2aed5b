package observe

import (
	"context"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/plan/observe/dnstest"
)

// TestFamilies has two name servers with addresses of both families.
func TestFamilies(t *testing.T) {
	const v4a, v6a, v4b, v6b = "192.0.2.1:53", "[2001:db8::1]:53", "192.0.2.2:53", "[2001:db8::2]:53"
	const a4, a6, b4, b6 = "ns1.contoso.com. (" + v4a + ")", "ns1.contoso.com. (" + v6a + ")", "ns2.contoso.com. (" + v4b + ")", "ns2.contoso.com. (" + v6b + ")"
	const no, silent = "no way", "silent"
	for _, tt := range []struct {
		name   string
		fate   map[string]string // of addresses; the rest answers
		want   []string          // source, and code if there is one
		remark string
	}{
		{name: "all answer", want: []string{a4, a6, b4, b6}},
		{name: "no IPv6 here", fate: map[string]string{v6a: no, v6b: no}, want: []string{a4, b4},
			remark: "not asked over IPv6, because this machine has no way to its addresses (2001:db8::1, 2001:db8::2)"},
		{name: "no IPv4 here", fate: map[string]string{v4a: no, v4b: no}, want: []string{a6, b6},
			remark: "not asked over IPv4"},
		{name: "one server without the other", fate: map[string]string{v6a: no, v4a: silent}, want: []string{
			a4 + " SILENT", a6 + " UNREACHABLE", b4, b6}},
		{name: "IPv6 leads nowhere", fate: map[string]string{v6a: silent, v6b: silent}, want: []string{a4, b4},
			remark: "no answer at all comes to this machine from its addresses (2001:db8::1, 2001:db8::2)"},
		{name: "one address is silent", fate: map[string]string{v6a: silent}, want: []string{a4, a6 + " SILENT", b4, b6}},
		{name: "one server is silent", fate: map[string]string{v6a: silent, v4a: silent}, want: []string{a4 + " SILENT", a6 + " SILENT", b4, b6}},
		{name: "no way to anybody", fate: map[string]string{v6a: no, v4a: no, v4b: no, v6b: no}, want: []string{
			a4 + " UNREACHABLE", a6 + " UNREACHABLE", b4 + " UNREACHABLE", b6 + " UNREACHABLE"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel() // silence takes its time, and whoever answers on a busy machine needs some
			s := serve(t, dnstest.Options{Zones: map[string]string{"contoso.com": `
@ NS ns1
@ NS ns2
ns1 A 192.0.2.1
ns1 AAAA 2001:db8::1
ns2 A 192.0.2.2
ns2 AAAA 2001:db8::2
`}})
			deaf := serve(t, dnstest.Options{Fault: func(dnstest.Request) dnstest.Fault { return dnstest.Fault{Silent: true} }})
			c := New(Options{Resolvers: []string{s.Addr()}, Timeout: 500 * time.Millisecond, Retries: -1, Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
				to := s.Addr()
				switch tt.fate[addr] {
				case no:
					return nil, &net.OpError{Op: "dial", Net: network, Err: os.NewSyscallError("connect", syscall.ENETUNREACH)}
				case silent:
					to = deaf.Addr()
				}
				return new(net.Dialer).DialContext(ctx, network, to)
			}})
			z := zone(t, "zone.contoso", "contoso.com")
			seen, remarks := c.look(t.Context(), []Ask{{Zone: z, Key: key("contoso.com.", "NS")}})
			var got []string
			for _, o := range seen {
				if got = append(got, strings.TrimSpace(o.Source+" "+o.Code)); o.Err == "" && o.Set == nil {
					t.Errorf("got %+v", o)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if all := strings.Join(remarks, "\n"); !strings.Contains(all, tt.remark) || (tt.remark == "") != (all == "") {
				t.Errorf("remarks %q, want %q", remarks, tt.remark)
			}
		})
	}
}

// TestLiteral has an address that the configuration names and no way leads to.
func TestLiteral(t *testing.T) {
	c := New(Options{Dial: func(_ context.Context, network, _ string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: network, Err: os.NewSyscallError("connect", syscall.EADDRNOTAVAIL)}
	}})
	z := zone(t, "zone.contoso", "contoso.com", "[2001:db8::1]:53")
	got, remarks := c.look(t.Context(), []Ask{{Zone: z, Key: key("contoso.com.", "NS")}})
	if len(got) != 1 || got[0].Code != plan.Unreachable || got[0].Source != "[2001:db8::1]:53" || remarks != nil {
		t.Errorf("got %+v, %q", got, remarks)
	}
}
