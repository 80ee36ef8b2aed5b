package dns

import (
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/miekg/dns"
	"github.com/zclconf/go-cty/cty"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/plan/observe"
	"github.com/mailrelay/mailrelay/plan/observe/dnstest"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/rr"
)

const (
	keyName = "mailrelay."
	secret  = "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0ISE="
)

// contoso is the zone that every server starts with. Nothing in it is ours.
const contoso = `$TTL 3600
@       SOA    ns1 hostmaster 1 3600 600 86400 300
@       NS     ns1
ns1     A      127.0.0.1
@       MX     10 old
old     A      192.0.2.10
@       TXT    "foreign one"
@       TXT    "foreign " "two"
www     CNAME  old
*.w     TXT    "wild"
mixed   MX     10 Old.CONTOSO.com.
`

// world is a name server with the zone contoso.com, and a writer to it.
type world struct {
	t      *testing.T
	addr   string
	zone   *schema.Zone
	writer *RFC2136
	look   *observe.Client
}

// newWorld makes the world around the server at addr.
func newWorld(t *testing.T, addr string) *world {
	w := &world{t: t, addr: addr, zone: zoneBlock(t, "contoso.com", addr, keyName), look: observe.New(observe.Options{})}
	w.writer = NewRFC2136(Options{Secret: func(schema.Secret) ([]byte, error) { return []byte(secret + "\n"), nil }})
	return w
}

// zoneBlock makes a zone that is read and written at addr.
func zoneBlock(t *testing.T, name, addr, key string) *schema.Zone {
	t.Helper()
	typ := schema.TypeNamed(schema.Types(), "zone")
	ty := typ.Body.Type()
	update := ty.AttributeType("update")
	rfc := update.AttributeType("rfc2136")
	str := cty.StringVal
	tsig := cty.NullVal(rfc.AttributeType("tsig"))
	if key != "" {
		sec := rfc.AttributeType("tsig").AttributeType("secret")
		ref := map[string]cty.Value{}
		for n := range sec.AttributeTypes() {
			ref[n] = cty.NullVal(cty.String)
		}
		ref["secret_env"] = str("KEY")
		tsig = cty.ObjectVal(map[string]cty.Value{"name": str(key), "algorithm": str("hmac-sha256"), "secret": cty.ObjectVal(ref)})
	}
	up := map[string]cty.Value{}
	for n, at := range update.AttributeTypes() {
		up[n] = cty.NullVal(at)
	}
	up["rfc2136"] = cty.ObjectVal(map[string]cty.Value{"server": str(addr), "tsig": tsig})
	all := map[string]cty.Value{}
	for n, at := range ty.AttributeTypes() {
		all[n] = cty.NullVal(at)
	}
	all["name"], all["servers"], all["update"] = str(name), cty.ListVal([]cty.Value{str(addr)}), cty.ObjectVal(up)
	b, err := typ.New(schema.Addr{Type: "zone", Name: "contoso"}, cty.ObjectVal(all), hcl.Range{})
	if err != nil {
		t.Fatal(err)
	}
	return b.(*schema.Zone)
}

// see asks the server for an RRset.
func (w *world) see(name, typ string) plan.Observation {
	w.t.Helper()
	o := w.look.At(w.t.Context(), w.zone, w.addr, []rr.Key{{Name: rr.Full(name, "contoso.com"), Type: typ}})[0]
	if o.Err != "" {
		w.t.Fatalf("%s: %s", o.Key, o.Err)
	}
	return o
}

// change is the change that a plan would make now: to the RRset with those
// values, or to none.
func (w *world) change(name, typ string, ttl uint32, values ...string) plan.SetChange {
	w.t.Helper()
	o := w.see(name, typ)
	c := plan.SetChange{Zone: w.zone.Addr(), Key: o.Key, Before: o.Set, Wire: o.Wire}
	if len(values) > 0 {
		s := newSet(w.t, name, typ, ttl, values...)
		c.After = &s
	}
	return c
}

func newSet(t *testing.T, name, typ string, ttl uint32, values ...string) rr.Set {
	t.Helper()
	var data []rr.Data
	for _, v := range values {
		d, err := rr.Parse(typ, "contoso.com", v)
		if err != nil {
			t.Fatal(err)
		}
		data = append(data, d)
	}
	return rr.NewSet(rr.Full(name, "contoso.com"), typ, ttl, data...)
}

// other updates the zone as somebody else would, without prerequisites. A line
// without data deletes the RRset.
func (w *world) other(lines ...string) {
	w.t.Helper()
	m := new(dns.Msg).SetUpdate("contoso.com.")
	for _, l := range lines {
		r, err := dns.NewRR(l)
		if err != nil {
			w.t.Fatal(err)
		}
		m.RemoveRRset([]dns.RR{dns.Copy(r)})
		m.Insert([]dns.RR{r})
	}
	m.SetTsig(keyName, dns.HmacSHA256, 300, time.Now().Unix())
	c := &dns.Client{Net: "tcp", TsigSecret: map[string]string{keyName: secret}}
	a, _, err := c.ExchangeContext(w.t.Context(), m, w.addr)
	if err != nil || a.Rcode != dns.RcodeSuccess {
		w.t.Fatalf("somebody else's update: %v %v", err, a)
	}
}

// startDNSTest runs a server in process.
func startDNSTest(t *testing.T) *world {
	s, err := dnstest.New(dnstest.Options{Zones: map[string]string{"contoso.com": contoso}, TSIG: map[string]string{keyName: secret}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return newWorld(t, s.Addr())
}
