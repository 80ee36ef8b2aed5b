package apply

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mailrelay/mailrelay/plan/observe/dnstest"
)

const oneZone = `
zone "main" {
  name    = "NAME"
  servers = ["%s"]
  update "rfc2136" {
    server = "%s"
    tsig {
      name   = "key."
      secret = secret_env("KEY")
    }
  }
}
record "a" {
  zone   = zone.main
  name   = "new"
  type   = "A"
  values = ["192.0.2.1"]
}
`

// TestZoneNameCorrected holds that a zone whose name was wrong can be given the
// right one: what stands under the old name goes there, whenever its server allows
// it, and what is wanted comes under the new one.
func TestZoneNameCorrected(t *testing.T) {
	for _, failing := range []bool{false, true} {
		key := "key."
		old, err := dnstest.New(dnstest.Options{TSIG: map[string]string{key: tsigSecret}, Zones: map[string]string{"fabrikam.com": strings.ReplaceAll(zoneText, "contoso", "fabrikam")}})
		if err != nil {
			t.Fatal(err)
		}
		defer old.Close()
		srv := startDNS(t)
		before := [2]string{within(srv, "contoso.com"), within(old, "fabrikam.com")}
		s := newSite(t, t.TempDir())
		s.write(strings.ReplaceAll(oneZone, "NAME", "fabrikam.com"), old.Addr())
		s.apply(s.plan())

		s.write(strings.ReplaceAll(oneZone, "NAME", "contoso.com"), srv.Addr())
		if failing {
			o := s.options()
			o.Checkpoint = func(step string) {
				if step == "after the intent" {
					old.SetFault(func(dnstest.Request) dnstest.Fault { return dnstest.Fault{NotAuth: true} })
				}
			}
			if _, err := Run(context.Background(), s.plan(), o); err == nil {
				t.Fatal("the old zone was written, though its server refused")
			}
			old.SetFault(nil)
		}
		s.apply(s.plan())
		if p := s.plan(); !p.Converged() || len(p.Settled) != 1 {
			t.Errorf("after it: %v", actions(p))
		}
		if got := within(old, "fabrikam.com"); got != before[1] {
			t.Errorf("the old zone has %s, want %s", got, before[1])
		}
		if got := within(srv, "contoso.com"); !strings.Contains(got, "new.contoso.com.") {
			t.Errorf("the new zone has %s", got)
		}
		if cur, _ := s.store.Current(context.Background()); len(cur.Former) != 0 || len(cur.Intent) != 0 {
			t.Errorf("left over: %v, %v", cur.Former, cur.Intent)
		}
		s.write("", "")
		s.apply(s.plan())
		if got := within(srv, "contoso.com"); got != before[0] {
			t.Errorf("after all is gone there is %s, want %s", got, before[0])
		}
	}
}

// within lists all RRsets of a zone but the SOA.
func within(srv *dnstest.Server, zone string) string {
	var out []string
	for _, s := range srv.Records(zone) {
		if s.Type != "SOA" {
			out = append(out, fmt.Sprintf("%s %s %d %q", s.Name, s.Type, s.TTL, s.Data))
		}
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}
