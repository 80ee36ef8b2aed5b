package observe

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/plan/observe/dnstest"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// said shows what was seen, a line each.
func said(seen plan.Seen) []string {
	var out []string
	for _, o := range seen.RRsets {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s: %s", o.Zone, o.Key, o.Words())))
	}
	for _, r := range seen.Remarks {
		out = append(out, "remark: "+r)
	}
	return out
}

// small is a world of name servers: who listens at which address.
type small map[string]*dnstest.Server

func (s small) client(o Options, resolvers ...string) *Client {
	o.Resolvers, o.Clock = resolvers, clock
	o.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		server := s[addr]
		if server == nil {
			return nil, fmt.Errorf("nobody listens at %s", addr)
		}
		return new(net.Dialer).DialContext(ctx, network, server.Addr())
	}
	return New(o)
}

const a53, b53, resolver53 = "192.0.2.1:53", "192.0.2.2:53", "198.51.100.53:53"

// expect makes an expect block in zone.contoso.
func expect(t *testing.T, name, owner, typ string, values ...string) schema.Block {
	return block(t, "expect."+name, attrs{"zone": text("zone.contoso"), "name": text(owner), "type": text(typ), "values": list(values...)})
}

// TestSerials has a secondary that lags, and one zone where all agree.
func TestSerials(t *testing.T) {
	zones := func(serial int, mail string) map[string]string {
		return map[string]string{
			"contoso.com":  fmt.Sprintf("@ SOA ns hostmaster %d 3600 600 86400 300\n@ MX 10 %s\nwww A 192.0.2.80\n", serial, mail),
			"fabrikam.com": "@ MX 10 mail",
		}
	}
	w := small{a53: serve(t, dnstest.Options{Zones: zones(7, "new")}), b53: serve(t, dnstest.Options{Zones: zones(5, "old")})}
	cfg := schema.NewConfig([]schema.Block{
		zone(t, "zone.contoso", "contoso.com", a53, b53), zone(t, "zone.fabrikam", "fabrikam.com", a53, b53),
		expect(t, "mx", "@", "MX", "10 new"), expect(t, "www", "www", "A", "192.0.2.80"),
		block(t, "expect.f", attrs{"zone": text("zone.fabrikam"), "type": text("MX"), "values": list("10 mail")}),
	}, nil)
	want := []string{
		`zone.contoso contoso.com. MX: 192.0.2.1:53 says "10 new.contoso.com." (TTL 3600), serial 7`,
		`zone.contoso contoso.com. MX: 192.0.2.2:53 says "10 old.contoso.com." (TTL 3600), serial 5`,
		`zone.contoso www.contoso.com. A: 192.0.2.1:53 says "192.0.2.80" (TTL 3600)`,
		`zone.contoso www.contoso.com. A: 192.0.2.2:53 says "192.0.2.80" (TTL 3600)`,
		`zone.fabrikam fabrikam.com. MX: 192.0.2.1:53 says "10 mail.fabrikam.com." (TTL 3600)`,
		`zone.fabrikam fabrikam.com. MX: 192.0.2.2:53 says "10 mail.fabrikam.com." (TTL 3600)`,
	}
	if diff := cmp.Diff(want, said(w.client(Options{}).Observe(t.Context(), cfg, nil))); diff != "" {
		t.Error(diff)
	}
}

// TestFollowed has expectations whose names are aliases, in zones of the
// configuration and out of them.
func TestFollowed(t *testing.T) {
	w := small{
		a53: serve(t, dnstest.Options{Zones: map[string]string{"contoso.com": `
www  CNAME host.sub
out  CNAME www.example.net.
off  CNAME www.example.net.
self CNAME self.sub
`}}),
		b53:        serve(t, dnstest.Options{Zones: map[string]string{"sub.contoso.com": "host CNAME end\nend A 192.0.2.80\nself CNAME self.contoso.com.\n"}}),
		resolver53: serve(t, dnstest.Options{Zones: map[string]string{"example.net": "www 30 CNAME cdn\ncdn 20 A 192.0.2.99\n"}}),
	}
	cfg := schema.NewConfig([]schema.Block{
		zone(t, "zone.contoso", "contoso.com", a53), zone(t, "zone.sub", "sub.contoso.com", b53),
		expect(t, "www", "www", "A", "192.0.2.80"), expect(t, "out", "out", "A", "192.0.2.99"),
		expect(t, "off", "off", "CNAME", "www.example.net."), expect(t, "self", "self", "A", "192.0.2.80"),
	}, nil)
	seen := w.client(Options{}, resolver53).Observe(t.Context(), cfg, nil)
	want := []string{
		`www.example.net. A: resolver 198.51.100.53:53 says an alias for cdn.example.net.`,
		`zone.contoso off.contoso.com. CNAME: 192.0.2.1:53 says "www.example.net." (TTL 3600)`,
		`zone.contoso out.contoso.com. A: 192.0.2.1:53 says an alias for www.example.net.`,
		`zone.contoso self.contoso.com. A: 192.0.2.1:53 says an alias for self.sub.contoso.com.`,
		`zone.contoso www.contoso.com. A: 192.0.2.1:53 says an alias for host.sub.contoso.com.`,
		`zone.sub end.sub.contoso.com. A: 192.0.2.2:53 says "192.0.2.80" (TTL 3600)`,
		`zone.sub host.sub.contoso.com. A: 192.0.2.2:53 says an alias for end.sub.contoso.com.`,
		`zone.sub self.sub.contoso.com. A: 192.0.2.2:53 says an alias for self.contoso.com.`,
	}
	if diff := cmp.Diff(want, said(seen)); diff != "" {
		t.Error(diff)
	}
	p, err := plan.Make(cfg, nil, seen, now)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, x := range p.Expectations {
		got = append(got, fmt.Sprint(x.Addr, " ", x.Status, " ", x.Through, " ", x.Why))
	}
	if diff := cmp.Diff([]string{
		"expect.off met [] ",
		"expect.out met [www.example.net. cdn.example.net.] ",
		"expect.self unmet [self.sub.contoso.com. self.contoso.com.] its aliases lead in a circle, self.contoso.com. -> self.sub.contoso.com. -> self.contoso.com.: point one of them at a name that has the record itself",
		"expect.www met [host.sub.contoso.com. end.sub.contoso.com.] ",
	}, got); diff != "" {
		t.Error(diff)
	}
}

// TestBeside asks for what stands beside an alias only where there is none yet.
func TestBeside(t *testing.T) {
	w := small{a53: serve(t, dnstest.Options{Zones: map[string]string{"contoso.com": "there CNAME x\nnew A 192.0.2.1\n"}})}
	cfg := schema.NewConfig([]schema.Block{
		zone(t, "zone.contoso", "contoso.com", a53),
		block(t, "record.there", attrs{"zone": text("zone.contoso"), "name": text("there"), "type": text("CNAME"), "values": list("x")}),
		block(t, "record.new", attrs{"zone": text("zone.contoso"), "name": text("new"), "type": text("CNAME"), "values": list("x")}),
	}, nil)
	var got []rr.Key
	for _, o := range w.client(Options{}).Observe(t.Context(), cfg, nil).RRsets {
		got = append(got, o.Key)
	}
	want := []rr.Key{key("new.contoso.com.", "A"), key("new.contoso.com.", "AAAA"), key("new.contoso.com.", "CNAME"),
		key("new.contoso.com.", "MX"), key("new.contoso.com.", "TXT"), key("there.contoso.com.", "CNAME")}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestOutside compares what a resolver says, which still holds old answers, and has
// another that is silent.
func TestOutside(t *testing.T) {
	const text53, silent53 = resolver53, "198.51.100.54:53"
	ns := "@ NS ns.fabrikam.com.\n"
	w := small{
		a53:    serve(t, dnstest.Options{Zones: map[string]string{"contoso.com": ns + "@ 3600 MX 10 new\n@ A 192.0.2.1\nwww A 192.0.2.80\ngone TXT x\n", "inside.com": "@ A 192.0.2.1"}}),
		text53: serve(t, dnstest.Options{Zones: map[string]string{"contoso.com": ns + "@ 1734 MX 10 old\n@ 60 A 192.0.2.1\nwww 20 A 192.0.2.80\n", "fabrikam.com": "ns A 192.0.2.1", "inside.com": "@ A 192.0.2.99"}}),
		silent53: serve(t, dnstest.Options{Fault: func(dnstest.Request) dnstest.Fault {
			return dnstest.Fault{Silent: true}
		}}),
	}
	cfg := schema.NewConfig([]schema.Block{
		zone(t, "zone.contoso", "contoso.com"), zone(t, "zone.inside", "inside.com", a53),
		block(t, "record.mx", attrs{"zone": text("zone.contoso"), "type": text("MX"), "values": list("10 newer")}),
		block(t, "record.a", attrs{"zone": text("zone.contoso"), "type": text("A"), "values": list("192.0.2.7")}),
		block(t, "expect.inside", attrs{"zone": text("zone.inside"), "type": text("A"), "values": list("192.0.2.1")}),
		expect(t, "www", "www", "A", "192.0.2.80"), expect(t, "gone", "gone", "TXT", "x"),
	}, nil)
	c := w.client(Options{Timeout: 500 * time.Millisecond, Retries: -1}, text53, silent53)
	seen := c.Observe(t.Context(), cfg, nil)
	want := []string{
		`contoso.com. MX: resolver 198.51.100.53:53 says "10 old.contoso.com." (TTL 1734)`,
		`gone.contoso.com. TXT: resolver 198.51.100.53:53 says that there is no such name`,
		`www.contoso.com. A: resolver 198.51.100.53:53 says "192.0.2.80" (TTL 20)`,
		`zone.contoso contoso.com. A: ns.fabrikam.com. (192.0.2.1:53) says "192.0.2.1" (TTL 3600)`,
		`zone.contoso contoso.com. MX: ns.fabrikam.com. (192.0.2.1:53) says "10 new.contoso.com." (TTL 3600)`,
		`zone.contoso gone.contoso.com. TXT: ns.fabrikam.com. (192.0.2.1:53) says "x" (TTL 3600)`,
		`zone.contoso newer.contoso.com. A: ns.fabrikam.com. (192.0.2.1:53) says that there is no such name`,
		`zone.contoso newer.contoso.com. AAAA: ns.fabrikam.com. (192.0.2.1:53) says that there is no such name`,
		`zone.contoso www.contoso.com. A: ns.fabrikam.com. (192.0.2.1:53) says "192.0.2.80" (TTL 3600)`,
		`zone.inside inside.com. A: 192.0.2.1:53 says "192.0.2.1" (TTL 3600)`,
	}
	got := said(seen)
	if diff := cmp.Diff(want, got[:len(got)-1]); diff != "" {
		t.Error(diff)
	}
	if last := got[len(got)-1]; !strings.Contains(last, "by the resolver 198.51.100.54:53: no answer after 1 try") {
		t.Errorf("the remark is %q", last)
	}
	p, err := plan.Make(cfg, nil, seen, now)
	if err != nil {
		t.Fatal(err)
	}
	got = nil
	for _, f := range p.Findings {
		if f.Code == "MR210" {
			said, _, _ := strings.Cut(f.Detail, ". Mail")
			got = append(got, f.Severity+" "+f.Addr.String()+" "+said)
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff([]string{
		`warning expect.gone resolver 198.51.100.53:53 answers nothing, and may for at most 300 s more, and the name servers of the zone "x" (TTL 3600)`,
		`warning record.mx resolver 198.51.100.53:53 answers "10 old.contoso.com." (TTL 1734), and may for at most 1734 s more, and the name servers of the zone "10 new.contoso.com." (TTL 3600)`,
	}, got); diff != "" {
		t.Error(diff)
	}
	for _, x := range p.Expectations {
		if x.Status != plan.Met {
			t.Errorf("%s is %s: what a resolver says is a warning and no more", x.Addr, x.Status)
		}
	}
}
