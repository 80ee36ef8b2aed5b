package policy_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"blitiri.com.ar/go/spf"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mailrelay/mailrelay/schema/rr/policy"
)

func read(t interface{ Fatalf(string, ...any) }, text string) policy.Record {
	r, err := policy.ReadSPF(text)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return r
}

func TestLostAndUnion(t *testing.T) {
	for _, c := range []struct{ name, old, next, lost, union string }{
		{"the same", "mx -all", "mx -all", "", "mx -all"},
		{"more", "mx -all", "mx ip4:192.0.2.1 -all", "", "mx ip4:192.0.2.1 -all"},
		{"one less", "mx ip4:192.0.2.1 -all", "mx -all", "ip4:192.0.2.1", "mx ip4:192.0.2.1 -all"},
		{"one for another", "ip4:192.0.2.1 -all", "include:spf.example -all", "ip4:192.0.2.1", "include:spf.example ip4:192.0.2.1 -all"},
		{"another order", "mx a -all", "a mx -all", "", "a mx -all"},
		{"a wider network", "ip4:192.0.2.1 ip4:192.0.2.128/25 -all", "ip4:192.0.2.0/25 ip4:192.0.2.128/25 -all", "", "ip4:192.0.2.0/25 ip4:192.0.2.128/25 -all"},
		{"two halves", "ip6:2001:db8::/32 -all", "ip6:2001:db8::/33 ip6:2001:db8:8000::/33 -all", "", "ip6:2001:db8::/33 ip6:2001:db8:8000::/33 -all"},
		{"a smaller network", "ip4:192.0.2.0/24 -all", "ip4:192.0.2.0/25 -all", "ip4:192.0.2.0/24", "ip4:192.0.2.0/25 ip4:192.0.2.0/24 -all"},
		{"a stricter qualifier", "mx -all", "?mx -all", "mx", "mx -all"},
		{"a more lenient qualifier", "?mx -all", "mx -all", "", "mx -all"},
		{"a stricter all", "mx ~all", "mx -all", "~all", "mx ~all"},
		{"a more lenient all", "mx -all", "mx ~all", "", "mx ~all"},
		{"no all is neutral", "mx", "mx ~all", "?all", "mx ?all"},
		{"everybody", "mx +all", "mx -all", "all", "mx all"},
		{"everybody from now on", "mx include:a.example -all", "+all", "", "all"},
		{"everybody but some", "mx -all", "-a +all", "mx", "mx -a all"},
		{"what shuts out is no loss", "mx -a -all", "mx -all", "", "mx -all"},
		{"shut out first", "mx -all", "-a mx -all", "mx", "!"},
		{"shut out first, in both", "-a mx ip4:192.0.2.1 -all", "-a mx -all", "ip4:192.0.2.1", "-a mx ip4:192.0.2.1 -all"},
		{"shut out earlier than before", "mx -a ip4:192.0.2.1 -all", "-a mx ip4:192.0.2.1 -all", "mx", "!"},
		{"behind all there is nothing", "-all mx", "-all", "", "-all"},
		{"a redirect goes", "redirect=a.example", "mx -all", "redirect=a.example", "mx redirect=a.example"},
		{"a redirect comes", "mx -all", "redirect=a.example", "mx", "mx redirect=a.example"},
		{"a redirect becomes an include", "redirect=a.example", "include:a.example -all", "", "include:a.example -all"},
		{"an include becomes a redirect", "include:a.example -all", "redirect=a.example", "", "redirect=a.example"},
		{"a redirect comes instead of a soft all", "mx ~all", "redirect=a.example", "mx ~all", "include:a.example mx ~all"},
		{"a redirect goes to a soft all", "redirect=a.example", "mx ~all", "redirect=a.example", "mx include:a.example ~all"},
		{"another redirect", "redirect=a.example", "redirect=b.example", "redirect=a.example", "include:a.example redirect=b.example"},
		{"modifiers stay", "mx a -all exp=old.example", "mx -all exp=new.example x=y", "a", "mx a -all exp=new.example x=y"},
		{"some fail in one", "a ~all", "mx -ip4:192.0.2.1 -all", "a ~all", "mx a ~all"},
	} {
		t.Run(c.name, func(t *testing.T) {
			old, next := read(t, "v=spf1 "+c.old), read(t, "v=spf1 "+c.next)
			var lost []string
			for _, term := range policy.Lost(old, next) {
				lost = append(lost, term.String())
			}
			if diff := cmp.Diff(c.lost, strings.Join(lost, " ")); diff != "" {
				t.Errorf("lost -want +got\n%s", diff)
			}
			u, err := policy.Union(old, next)
			got := strings.TrimPrefix(u.String(), "v=spf1 ")
			if errors.Is(err, policy.ErrOrder) {
				got = "!"
			}
			if diff := cmp.Diff(c.union, got); diff != "" {
				t.Errorf("union -want +got\n%s", diff)
			}
		})
	}
}

// world answers what the records of the property below ask.
type world map[string]string

func (w world) LookupTXT(_ context.Context, name string) ([]string, error) {
	return []string{w[strings.TrimSuffix(name, ".")]}, nil
}
func (world) LookupMX(context.Context, string) ([]*net.MX, error) { return nil, nil }
func (world) LookupIPAddr(_ context.Context, host string) ([]net.IPAddr, error) {
	last := map[string]byte{"one.example": 1, "two.example": 2}[strings.TrimSuffix(host, ".")]
	return []net.IPAddr{{IP: net.IPv4(192, 0, 2, last)}}, nil
}
func (world) LookupAddr(context.Context, string) ([]string, error) { return nil, nil }

// evaluate is what a library of others makes of a sender.
func evaluate(record policy.Record, ip netip.Addr) spf.Result {
	w := world{
		"contoso.com": record.String(),
		"in.example":  "v=spf1 ip4:192.0.2.3 -all", "soft.example": "v=spf1 ip4:192.0.2.4/31 ~all", "out.example": "v=spf1 -ip4:192.0.2.6 ip4:192.0.2.6/31 ?all",
	}
	result, _ := spf.CheckHostWithSender(ip.AsSlice(), "contoso.com", "a@contoso.com", spf.WithResolver(w), spf.OverrideLookupLimit(1000), spf.OverrideVoidLookupLimit(1000))
	return result
}

func records() *rapid.Generator[policy.Record] {
	return rapid.Custom(func(t *rapid.T) policy.Record {
		words := []string{"v=spf1"}
		bare := []string{"ip4:192.0.2.1", "ip4:192.0.2.2/31", "ip4:192.0.2.4/30", "ip4:192.0.2.0/29", "a:one.example", "a:two.example", "include:in.example", "include:soft.example", "include:out.example"}
		for _, m := range rapid.SliceOfN(rapid.SampledFrom(bare), 0, 4).Draw(t, "mechanisms") {
			words = append(words, rapid.SampledFrom([]string{"", "", "", "", "?", "~", "-"}).Draw(t, "qualifier")+m)
		}
		words = append(words, rapid.SampledFrom([]string{"-all", "-all", "~all", "?all", "+all", "", "redirect=in.example", "redirect=soft.example"}).Draw(t, "end"))
		return read(t, strings.Join(words, " "))
	})
}

// TestUnionLetsIn: whom either record lets in, the union does; and whoever it lets
// in, one of the two does. What is not lost is let in by the next record.
func TestUnionLetsIn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		old, next := records().Draw(t, "old"), records().Draw(t, "next")
		lost := policy.Lost(old, next)
		u, err := policy.Union(old, next)
		if err != nil && !errors.Is(err, policy.ErrOrder) {
			t.Fatal(err)
		}
		ip := netip.MustParseAddr("192.0.2.0")
		for range 9 {
			a, b := evaluate(old, ip), evaluate(next, ip)
			if a == spf.Pass && b != spf.Pass && len(lost) == 0 {
				t.Fatalf("%s: %q lets it in, %q does not, and nothing is lost", ip, old, next)
			}
			if err == nil {
				either := a == spf.Pass || b == spf.Pass
				if got := evaluate(u, ip); (got == spf.Pass) != either {
					t.Fatalf("%s: %q says %s, %q says %s, and the union %q says %s", ip, old, a, next, b, u, got)
				}
			}
			ip = ip.Next()
		}
		if err == nil {
			for _, term := range policy.Lost(next, u) {
				if term.Qualifier == '+' {
					t.Fatalf("the union %q of %q and %q lost %s", u, old, next, term)
				}
			}
		}
	})
}
