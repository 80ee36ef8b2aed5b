package apply

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	diff "github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/plan/observe/dnstest"
	"github.com/mailrelay/mailrelay/plan/observe/dnstest/daemon"
)

// suiteZone is what every zone of the suite begins with. Nothing in it is ours.
const suiteZone = `$TTL 3600
@       SOA    ns1 hostmaster 1 3600 600 86400 300
@       NS     ns1
ns1     A      127.0.0.1
@       TXT    "MS=ms15068668"
@       TXT    "google-site-verification=" "rXOxyZounnZasA8Z7oaD3c14JdjS9aKSWvsR1EbUSIQ"
_dmarc  TXT    "v=DMARC1; p=none"
mixed   MX     10 Mail.FABRIKAM.com.
`

// story is one zone and what becomes of it: one configuration after the other is
// applied, and in the end one without any record.
type story struct {
	name    string
	zone    string // its name; "NAME.example" if empty
	foreign string // what else stands in it
	steps   []step
}

// step is a configuration of records in the zone that is called zone.z, and the
// lines of the zone that are ours then. A step that is alike means what the one
// before meant: its plan is empty.
type step struct {
	config string
	want   string
	alike  bool
}

func (s story) label() string {
	return cmp.Or(s.zone, strings.ReplaceAll(s.name, " ", "-")+".example")
}

// TestSuite tells every story at dnstest, at BIND and at Knot. After each apply the
// next plan is empty, and the zone holds what is ours and, to the byte, what others
// have there. When the records leave the configuration, the zone is as it was.
func TestSuite(t *testing.T) {
	all := append(texts(), stories()...)
	t.Run("dnstest", func(t *testing.T) {
		zones := map[string]string{}
		for _, z := range suiteZones(all) {
			zones[z.Name] = z.Text
		}
		srv, err := dnstest.New(dnstest.Options{Zones: zones, TSIG: map[string]string{"key.": tsigSecret}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { srv.Close() })
		tell(t, srv.Addr(), all)
	})
	t.Run("named", func(t *testing.T) { tell(t, daemon.Named(t, suiteZones(all)...).Addr, all) })
	t.Run("knotd", func(t *testing.T) { tell(t, daemon.Knotd(t, suiteZones(all)...).Addr, all) })
}

func suiteZones(all []story) []daemon.Zone {
	var out []daemon.Zone
	for _, s := range all {
		out = append(out, daemon.Zone{Name: ascii(s.label()), Text: suiteZone + s.foreign, Key: "key.", Secret: tsigSecret})
	}
	return out
}

func tell(t *testing.T, addr string, all []story) {
	for _, s := range all {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.tell(t, addr)
		})
	}
}

func (s story) tell(t *testing.T, addr string) {
	at := newSite(t, t.TempDir())
	zone := strings.Split(strings.ReplaceAll(first, "contoso.com", s.label()), `record "gone"`)[0]
	zone = strings.ReplaceAll(zone, `zone "contoso"`, `zone "z"`)
	foreign := transfer(t, addr, ascii(s.label()))
	for i, next := range append(s.steps, step{}) {
		at.write(zone+next.config, addr)
		p := at.plan()
		if p.Empty() != next.alike {
			t.Fatalf("step %d: the plan has %q", i+1, actions(p))
		}
		if !next.alike {
			if res := at.apply(p); len(res.Revision.Intent) > 0 || len(res.Manual) > 0 {
				t.Errorf("step %d: not written: %v %v", i+1, res.Revision.Intent, res.Manual)
			}
		}
		want := slices.Concat(foreign, parseZone(t, ascii(s.label()), next.want))
		slices.Sort(want)
		if d := diff.Diff(want, transfer(t, addr, ascii(s.label()))); d != "" {
			t.Fatalf("step %d: the zone -want +got\n%s", i+1, d)
		}
		if p := at.plan(); !p.Empty() || !p.Converged() {
			t.Fatalf("step %d: the plan afterwards has %q: %s", i+1, actions(p), reasons(p))
		}
	}
}

func reasons(p *plan.Plan) string {
	var out []string
	for _, c := range p.Changes {
		out = append(out, c.Why)
	}
	return strings.Join(out, "; ")
}

// transfer gives the records of a zone as the server has them, sorted, but for the
// SOA.
func transfer(t *testing.T, addr, zone string) []string {
	t.Helper()
	in, err := new(dns.Transfer).In(new(dns.Msg).SetAxfr(dns.Fqdn(zone)), addr)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for e := range in {
		if e.Error != nil {
			t.Fatalf("transfer of %s: %v", zone, e.Error)
		}
		out = append(out, lines(e.RR)...)
	}
	slices.Sort(out)
	return out
}

// parseZone gives the records of a zone's text in the form of transfer.
func parseZone(t *testing.T, zone, text string) []string {
	t.Helper()
	var out []dns.RR
	p := dns.NewZoneParser(strings.NewReader(text), dns.Fqdn(zone), "")
	p.SetDefaultTTL(3600)
	for r, ok := p.Next(); ok; r, ok = p.Next() {
		out = append(out, r)
	}
	if err := p.Err(); err != nil {
		t.Fatal(err)
	}
	return lines(out)
}

// lines writes records as they are when they have been on the wire.
func lines(records []dns.RR) []string {
	var out []string
	for _, r := range records {
		if r.Header().Rrtype == dns.TypeSOA {
			continue
		}
		buf := make([]byte, dns.Len(r)+16)
		if n, err := dns.PackRR(r, buf, 0, nil, false); err == nil {
			r, _, err = dns.UnpackRR(buf[:n], 0)
			if err != nil {
				return []string{fmt.Sprint(err)}
			}
		}
		out = append(out, r.String())
	}
	return out
}
