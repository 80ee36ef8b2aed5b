package observe

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/plan/observe/dnstest"
	"github.com/mailrelay/mailrelay/schema/rr"
)

func TestWildcards(t *testing.T) {
	s, err := dnstest.New(dnstest.Options{Zones: map[string]string{"contoso.com": `
@      NS    ns.fabrikam.com.
*.w    TXT   "wild"
x.w    TXT   "wild"
y.w    A     192.0.2.1
z.w    TXT   "wild"
*.z.w  TXT   "wild"
*.c    CNAME host.fabrikam.com.
n.c    CNAME host.fabrikam.com.
`}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	z := zone(t, "zone.contoso", "contoso.com", s.Addr())
	want := map[string]bool{ // of a wildcard
		"contoso.com. NS": false, "*.w.contoso.com. TXT": false, "x.w.contoso.com. TXT": false, "z.w.contoso.com. TXT": false,
		"a.w.contoso.com. TXT": true, "b.a.w.contoso.com. TXT": true, "y.w.contoso.com. TXT": false, "a.z.w.contoso.com. TXT": true,
		"a.c.contoso.com. CNAME": true, "b.c.contoso.com. A": true, "n.c.contoso.com. CNAME": false, "n.c.contoso.com. A": false,
	}
	var asks []Ask
	for _, k := range keysOf(want) {
		asks = append(asks, Ask{Zone: z, Key: k, Itself: true})
	}
	got := map[string]bool{}
	for _, o := range New(Options{Resolvers: []string{}}).RRsets(t.Context(), asks) {
		if o.Err != "" {
			t.Errorf("%s: %s", o.Key, o.Err)
		}
		got[o.Key.String()] = o.Wildcard
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestWildcardUnknown: a server that does not say whether a wildcard answers has not
// said what stands there.
func TestWildcardUnknown(t *testing.T) {
	s, err := dnstest.New(dnstest.Options{
		Zones: map[string]string{"contoso.com": "@ NS ns.fabrikam.com.\n*.w TXT \"wild\"\nx.w TXT \"wild\"\n"},
		Fault: func(r dnstest.Request) (f dnstest.Fault) {
			if strings.Contains(r.Key.Name, "*") {
				f.Code = 2
			}
			return f
		}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	z := zone(t, "zone.contoso", "contoso.com", s.Addr())
	for _, name := range []string{"x.w.contoso.com.", "a.w.contoso.com."} {
		got := New(Options{Resolvers: []string{}}).RRsets(t.Context(), []Ask{{Zone: z, Key: key(name, "TXT"), Itself: true}})
		if len(got) != 1 || got[0].Code != "SERVFAIL" || !strings.Contains(got[0].Err, "whether a wildcard answers") {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// keysOf reads the keys of m, "NAME TYPE".
func keysOf(m map[string]bool) []rr.Key {
	var out []rr.Key
	for k := range m {
		name, typ, _ := strings.Cut(k, " ")
		out = append(out, key(name, typ))
	}
	return out
}
