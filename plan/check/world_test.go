package check

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"math/big"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/rr"
)

var today = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// records reads RRsets, one a line: NAME TYPE TTL DATA | DATA.
func records(t testing.TB, text string) map[rr.Key]rr.Set {
	t.Helper()
	out := map[rr.Key]rr.Set{}
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 4 {
			continue
		}
		s := rr.Set{Name: f[0], Type: f[1]}
		for _, c := range f[2] {
			s.TTL = 10*s.TTL + uint32(c-'0')
		}
		for v := range strings.SplitSeq(strings.Join(f[3:], " "), " | ") {
			d, err := rr.Parse(s.Type, "", v)
			if err != nil {
				t.Fatal(err)
			}
			s.Data = append(s.Data, d)
		}
		out[s.Key()] = rr.NewSet(s.Name, s.Type, s.TTL, s.Data...)
	}
	return out
}

// lookup answers from RRsets, and follows aliases. What begins with "open" nobody knows.
func lookup(sets map[rr.Key]rr.Set) Lookup {
	return func(_ schema.Addr, k rr.Key) Answer {
		var a Answer
		for {
			if strings.HasPrefix(k.Name, "open") {
				return Answer{Open: true}
			}
			if s, ok := sets[k]; ok {
				a.Set = &s
				return a
			}
			alias, ok := sets[rr.Key{Name: k.Name, Type: "CNAME"}]
			if !ok {
				return a
			}
			a.Through = append(a.Through, alias.Data[0])
			k.Name = string(alias.Data[0])
		}
	}
}

// facts are what two states of DNS tell: what differs is written.
func facts(t testing.TB, now, then string) Facts {
	is, will := records(t, now), records(t, then)
	f := Facts{Now: lookup(is), Then: lookup(will)}
	for _, sets := range []map[rr.Key]rr.Set{is, will} {
		for k := range sets {
			w := Write{Zone: schema.Addr{Type: "zone", Name: "contoso"}, Key: k}
			if s, ok := is[k]; ok {
				w.Before = &s
			}
			if s, ok := will[k]; ok {
				w.After = &s
			}
			known := slices.ContainsFunc(f.Writes, func(x Write) bool { return x.Key == k })
			if !rr.Equal(w.Before, w.After) && !known {
				f.Writes = append(f.Writes, w)
			}
		}
	}
	return f
}

// certificate makes one, signed by itself or by an authority.
func certificate(t testing.TB, path string, days int, self bool, names ...string) Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names, NotBefore: today.AddDate(-1, 0, 0), NotAfter: today.AddDate(0, 0, days)}
	parent := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotAfter: today.AddDate(9, 0, 0), IsCA: true}
	if self {
		parent = c
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return Certificate{path, [][]byte{der}}
}

// lines are findings as CODE severity address.
func lines(found []Finding) []string {
	var out []string
	for _, f := range found {
		out = append(out, f.Code+" "+f.Severity+" "+f.Addr.String())
	}
	return out
}

const zone = `
zone "contoso" { name = "contoso.com" }
`

const mx = zone + `
record "mx" {
  zone   = zone.contoso
  type   = "MX"
  ttl    = 300
  values = ["10 relay.contoso.com."]
}
`

const door = edge + known + `
receive_connector "internet" {
  relay             = relay.edge
  remote_ip_ranges  = ["0.0.0.0/0"]
  permission_groups = ["anonymous_users"]
}
`

const printers = `
receive_connector "printers" {
  relay             = relay.edge
  remote_ip_ranges  = ["10.0.0.0/8"]
  permission_groups = ["anonymous_users"]
  permission "anonymous" { allow = ["accept_any_recipient"] }
}
`

const spfRecord = zone + `
record "spf" {
  zone   = zone.contoso
  type   = "TXT"
  values = ["v=spf1 -all"]
}
`

// relayAt is a relay of which there is nothing to say.
const relayAt = `
relay.contoso.com. A 300 203.0.113.25
25.113.0.203.in-addr.arpa. PTR 300 relay.contoso.com.
`

const mxAt = relayAt + "contoso.com. MX 300 10 relay.contoso.com.\n"

func TestWorld(t *testing.T) {
	for _, tt := range []struct {
		name, text, now, then string // then: now, if empty
		want                  []string
	}{
		{name: "nothing odd", text: mx + door + printers, now: mxAt},
		{name: "nobody knows", text: strings.ReplaceAll(mx+door+printers, "relay.contoso.com", "open.contoso.com"), now: "25.113.0.203.in-addr.arpa. PTR 300 open.contoso.com."},
		{name: "an MX without address", text: mx + door, now: "25.113.0.203.in-addr.arpa. PTR 300 relay.contoso.com.\ncontoso.com. MX 300 10 relay.contoso.com.",
			want: []string{"MR213 warning record.mx", "MR216 warning relay.edge", "MR217 warning relay.edge"}},
		{name: "an MX to an alias", text: mx + door, now: mxAt + "relay.contoso.com. CNAME 300 host.contoso.com.\nhost.contoso.com. A 300 203.0.113.25", then: strings.Replace(mxAt, "relay.contoso.com. A 300 203.0.113.25", "relay.contoso.com. CNAME 300 host.contoso.com.\nhost.contoso.com. A 300 203.0.113.25", 1),
			want: []string{"MR214 warning record.mx"}},
		{name: "an MX over IPv6 alone", text: mx + door, now: "relay.contoso.com. AAAA 300 2001:db8::25\n203.0.113.25. A 300 192.0.2.1\n25.113.0.203.in-addr.arpa. PTR 300 relay4.contoso.com.\nrelay4.contoso.com. A 300 203.0.113.25"},
		{name: "a proof has no host", text: zone + edge + `
record "mx" {
  zone   = zone.contoso
  type   = "MX"
  values = ["32767 abc.msv1.invalid."]
}`, now: relayAt},
		{name: "an MX leads to a relay that refuses", text: mx + edge + `
domain "other" {
  name = "fabrikam.com"
  type = "external_relay"
}` + printers, now: mxAt, want: []string{"MR304 error record.mx"}},
		{name: "an MX leads below a domain that is accepted", text: strings.Replace(mx, `type   = "MX"`, "type   = \"MX\"\n  name = \"*.sub\"", 1) + edge + `
domain "sub" {
  name = "*.sub.contoso.com"
  type = "external_relay"
}
receive_connector "internet" {
  relay             = relay.edge
  remote_ip_ranges  = ["0.0.0.0/0"]
  permission_groups = ["anonymous_users"]
}`, now: relayAt},
		{name: "an MX leads to a relay that nobody reaches", text: mx + edge + known + printers, now: mxAt, want: []string{"MR305 warning record.mx"}},
		{name: "others lead an MX to a relay that refuses", text: edge + `
domain "other" {
  name = "fabrikam.com"
  type = "external_relay"
}
expect "mx" {
  name   = "contoso.com"
  type   = "MX"
  values = ["10 relay.contoso.com."]
}` + printers, now: relayAt, want: []string{"MR304 error expect.mx"}},
		{name: "DNS alone", text: mx + edge, now: mxAt},

		{name: "SPF lacks the relay", text: spfRecord + door + printers, now: relayAt + "contoso.com. TXT 300 v=spf1 ip4:203.0.113.26 -all", want: []string{"MR215 warning record.spf"}},
		{name: "SPF of others lacks the relay", text: door + printers, now: relayAt + "contoso.com. TXT 300 v=spf1 -all", want: []string{"MR215 warning domain.contoso"}},
		{name: "SPF has the relay by include", text: spfRecord + door + printers, now: relayAt + "contoso.com. TXT 300 v=spf1 include:_spf.example ~all\n_spf.example. TXT 300 v=spf1 a:relay.contoso.com"},
		{name: "SPF of a relay that is nobody's sender", text: spfRecord + door, now: relayAt + "contoso.com. TXT 300 v=spf1 -all"},
		{name: "SPF of a relay behind a smart host", text: strings.Replace(spfRecord+door+printers, `address_spaces = ["*"]`, "\n  address_spaces = [\"*\"]\n  smart_hosts = [\"smart.example.net\"]\n", 1), now: "contoso.com. TXT 300 v=spf1 -all"},
		{name: "SPF of other senders", text: spfRecord + door + strings.Replace(printers, "relay  ", "allowed_sender_domains = [\"fabrikam.com\"]\n  relay  ", 1), now: relayAt + "contoso.com. TXT 300 v=spf1 -all"},

		{name: "an address without name", text: door, now: "relay.contoso.com. A 300 203.0.113.25", want: []string{"MR216 warning relay.edge"}},
		{name: "a name that leads elsewhere", text: door, now: "relay.contoso.com. A 300 203.0.113.25\n25.113.0.203.in-addr.arpa. PTR 300 dyn.example.\ndyn.example. A 300 203.0.113.26", want: []string{"MR216 warning relay.edge"}},
		{name: "a name that somebody is to write", text: door + `
expect "rdns" {
  name   = "25.113.0.203.in-addr.arpa"
  type   = "PTR"
  values = ["relay.contoso.com."]
}`, now: "relay.contoso.com. A 300 203.0.113.25"},
		{name: "a helo without address", text: strings.Replace(door, `address_spaces = ["*"]`, "\n  address_spaces = [\"*\"]\n  helo = \"mail.corp.local\"\n", 1), now: relayAt, want: []string{"MR217 warning send_connector.out"}},

		{name: "DMARC jumps", text: zone + dmarcRecord, now: "_dmarc.contoso.com. TXT 300 v=DMARC1; p=none", then: "_dmarc.contoso.com. TXT 300 v=DMARC1; p=reject", want: []string{"MR218 warning record.dmarc"}},
		{name: "DMARC jumps from nothing", text: zone + dmarcRecord + door, now: relayAt, then: relayAt + "_dmarc.contoso.com. TXT 300 v=DMARC1; p=reject", want: []string{"MR218 warning record.dmarc"}},
		{name: "DMARC of a domain that sends nothing", text: zone + dmarcRecord, now: "x. A 1 192.0.2.1", then: "_dmarc.contoso.com. TXT 300 v=DMARC1; p=reject"},
		{name: "DMARC goes slowly", text: zone + dmarcRecord, now: "_dmarc.contoso.com. TXT 300 v=DMARC1; p=none", then: "_dmarc.contoso.com. TXT 300 v=DMARC1; p=reject; pct=10"},
		{name: "DMARC goes by quarantine", text: zone + dmarcRecord, now: "_dmarc.contoso.com. TXT 300 v=DMARC1; p=quarantine", then: "_dmarc.contoso.com. TXT 300 v=DMARC1; p=reject"},
		{name: "DMARC stays", text: zone + dmarcRecord, now: "_dmarc.contoso.com. TXT 300 v=DMARC1; p=reject"},

		{name: "an MX goes", text: zone + door, now: mxAt, then: relayAt, want: []string{"MR404 warning domain.contoso"}},
		{name: "an MX becomes the null MX", text: zone + door, now: mxAt, then: relayAt + "contoso.com. MX 300 0 ."},
		{name: "a proof goes", text: zone + door, now: relayAt + "contoso.com. MX 300 32767 abc.msv1.invalid.", then: relayAt},
		{name: "MX and MTA-STS", text: mx + door, now: strings.Replace(mxAt, "10 relay", "10 old", 1) + "_mta-sts.contoso.com. TXT 300 v=STSv1; id=1;", then: mxAt + "_mta-sts.contoso.com. TXT 300 v=STSv1; id=1;", want: []string{"MR221 warning domain.contoso"}},
		{name: "MX and MTA-STS together", text: mx + door, now: strings.Replace(mxAt, "10 relay", "10 old", 1) + "_mta-sts.contoso.com. TXT 300 v=STSv1; id=1;", then: mxAt + "_mta-sts.contoso.com. TXT 300 v=STSv1; id=2;"},
		{name: "proofs left over", text: mx + door, now: relayAt + "contoso.com. MX 300 10 relay.contoso.com. | 32767 abc.msv1.invalid.\ncontoso.com. TXT 300 MS=ms1 | MS=ms2", want: []string{"MR223 note domain.contoso", "MR223 note domain.contoso"}},
		{name: "one proof", text: mx + door, now: mxAt + "contoso.com. TXT 300 MS=ms1"},
	} {
		if tt.then == "" {
			tt.then = tt.now
		}
		found, err := World(load(t, tt.text), facts(t, tt.now, tt.then), today)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(tt.want, lines(found)); d != "" {
			t.Errorf("%s: -want +got\n%s", tt.name, d)
		}
		for _, f := range found {
			if f.Summary == "" || !strings.HasSuffix(f.Detail, ".") || !strings.HasPrefix(f.Decl, "x.mail.hcl:") || strings.Contains(f.Detail, "%!") {
				t.Errorf("%s: %+v", tt.name, f)
			}
		}
	}
}

const dmarcRecord = `
record "dmarc" {
  zone   = zone.contoso
  name   = "_dmarc"
  type   = "TXT"
  values = ["v=DMARC1; p=reject"]
}
`

// TestQuestions asks for what World wants to know, and for more when it knows that.
func TestQuestions(t *testing.T) {
	c := load(t, mx+door+printers)
	q, err := NewQuestions(c, Files{}, today)
	if err != nil {
		t.Fatal(err)
	}
	known := records(t, mxAt)
	asked := map[rr.Key]bool{}
	answer := lookup(known)
	q.Ask(func(from schema.Addr, k rr.Key) Answer {
		asked[k] = true
		if k.Type == "PTR" {
			return Answer{Open: true}
		}
		return answer(from, k)
	})
	for _, k := range []rr.Key{{Name: "relay.contoso.com.", Type: "A"}, {Name: "relay.contoso.com.", Type: "AAAA"}, {Name: "25.113.0.203.in-addr.arpa.", Type: "PTR"}, {Name: "contoso.com.", Type: "TXT"}} {
		if !asked[k] {
			t.Errorf("%s is not asked for", k)
		}
	}
	known[rr.Key{Name: "25.113.0.203.in-addr.arpa.", Type: "PTR"}] = rr.NewSet("25.113.0.203.in-addr.arpa.", "PTR", 1, "other.example.")
	q.Ask(func(from schema.Addr, k rr.Key) Answer { asked[k] = true; return answer(from, k) })
	if !asked[rr.Key{Name: "other.example.", Type: "A"}] {
		t.Error("what an address is called is not asked for")
	}
}

func TestReverse(t *testing.T) {
	for a, want := range map[string]string{
		"203.0.113.25": "25.113.0.203.in-addr.arpa.", "::ffff:192.0.2.1": "1.2.0.192.in-addr.arpa.",
		"2001:db8::1": "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.",
	} {
		if got := Reverse(netip.MustParseAddr(a)); got != want {
			t.Errorf("%s: %s, want %s", a, got, want)
		}
	}
}

const tlsRelay = `
zone "contoso" { name = "contoso.com" }
domain "contoso" {
  name = "contoso.com"
  type = "internal_relay"
}
relay "edge" {
  hostname = "relay.contoso.com"
  tls {
    certificate = "/tls.crt"
    key         = secret_file("/tls.key")
  }
}
send_connector "out" {
  address_spaces = ["*"]
  smart_hosts    = ["contoso-com.mail.protection.outlook.com"]
  tls {
    mode        = "required"
    certificate = "/client.crt"
    key         = secret_file("/client.key")
  }
}
`

func TestCertificates(t *testing.T) {
	good := []Certificate{certificate(t, "/tls.crt", 200, true, "relay.contoso.com"), certificate(t, "/client.crt", 200, false, "relay.contoso.com")}
	leaf, err := x509.ParseCertificate(good[0].Chain[0])
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
	whole := sha256.Sum256(leaf.Raw)
	tlsa := "_25._tcp.relay.contoso.com. TLSA 300 "
	other := strings.Repeat("ab", 32)
	for _, tt := range []struct {
		name  string
		files []Certificate
		now   string
		want  []string
	}{
		{name: "not known"},
		{name: "good", files: good},
		{name: "soon", files: []Certificate{certificate(t, "/tls.crt", 59, true, "a"), certificate(t, "/client.crt", 61, false, "relay.contoso.com")}, want: []string{"MR502 warning relay.edge"}},
		{name: "over", files: []Certificate{certificate(t, "/tls.crt", -1, true, "a"), certificate(t, "/client.crt", 0, false, "relay.contoso.com")}, want: []string{"MR502 warning relay.edge", "MR502 warning send_connector.out"}},
		{name: "a name that is not ours", files: []Certificate{certificate(t, "/client.crt", 200, false, "relay.contoso.local", "contoso.com.example")}, want: []string{"MR503 warning send_connector.out"}},
		{name: "a wildcard", files: []Certificate{certificate(t, "/client.crt", 200, false, "*.contoso.com")}},
		{name: "signed by itself", files: []Certificate{certificate(t, "/client.crt", 200, true, "relay.contoso.com")}, want: []string{"MR503 warning send_connector.out"}},
		{name: "TLSA of the key", files: good, now: tlsa + "3 1 1 " + other + " | 3 1 1 " + hex.EncodeToString(sum[:])},
		{name: "TLSA of the certificate", files: good, now: tlsa + "2 0 1 " + hex.EncodeToString(whole[:])},
		{name: "TLSA of another", files: good, now: tlsa + "3 1 1 " + other, want: []string{"MR222 warning relay.edge"}},
		{name: "TLSA that means nothing", files: good, now: tlsa + "1 1 1 " + other},
		{name: "TLSA, and the certificate is not known", now: tlsa + "3 1 1 " + other},
	} {
		f := facts(t, tt.now, tt.now)
		f.Files.Certificates = tt.files
		found, err := World(load(t, tlsRelay), f, today)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(tt.want, lines(found)); d != "" {
			t.Errorf("%s: -want +got\n%s", tt.name, d)
		}
	}
}

func TestReadCertificate(t *testing.T) {
	if _, ok := ReadCertificate("x", []byte("no PEM")); ok {
		t.Error("a text was read as a certificate")
	}
}

const signing = zone + `
relay "edge" {
  hostname = "relay.contoso.com"
  dkim "a" {
    selector = "s1"
    domain   = "contoso.com"
    key      = secret_file("/dkim.key")
  }
  dkim "next" {
    selector = "s2"
    domain   = "contoso.com"
    key      = secret_file("/next.key")
    sign     = false
  }
}
`

func TestSignatures(t *testing.T) {
	const (
		at    = "s1._domainkey.contoso.com. TXT 300 "
		one   = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
		two   = "v=DKIM1; k=ed25519; p=22qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
		alias = "s1._domainkey.contoso.com. CNAME 300 keys.example.\nkeys.example. TXT 300 " + one
	)
	for _, tt := range []struct {
		name, now, then string
		before          bool
		text            string
		want            []string
	}{
		{name: "published", now: at + one},
		{name: "published elsewhere", now: alias},
		{name: "another one, perhaps", now: at + two},
		{name: "revoked", now: at + "v=DKIM1; p=", want: []string{"MR219 warning relay.edge"}},
		{name: "not published", now: "x. A 1 192.0.2.1", want: []string{"MR219 warning relay.edge"}},
		{name: "it is about to be", now: "x. A 1 192.0.2.1", then: at + one},
		{name: "it goes", now: at + one, then: "x. A 1 192.0.2.1", want: []string{"MR220 warning relay.edge"}},
		{name: "it goes with the key", text: zone, before: true, now: at + one, then: "x. A 1 192.0.2.1", want: []string{"MR220 warning zone.contoso"}},
		{name: "another one goes", text: zone, before: true, now: strings.Replace(at, "s1", "s2", 1) + one, then: "x. A 1 192.0.2.1"},
	} {
		if tt.text == "" {
			tt.text = signing
		}
		if tt.then == "" {
			tt.then = tt.now
		}
		f := facts(t, tt.now, tt.then)
		for i := range f.Writes {
			f.Writes[i].Addrs = []schema.Addr{{Type: "relay", Name: "edge"}}
		}
		if tt.before {
			f.Before = load(t, signing)
		}
		found, err := World(load(t, tt.text), f, today)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(tt.want, lines(found)); d != "" {
			t.Errorf("%s: -want +got\n%s", tt.name, d)
		}
	}
}

// TestLoops finds mail that comes back.
func TestLoops(t *testing.T) {
	const domain = `
domain "contoso" {
  name = "contoso.com"
  type = "internal_relay"
}
`
	for _, tt := range []struct {
		name, text, now string
		want            []string
	}{
		{"by MX to itself", edge + domain, mxAt, []string{"MR306 warning domain.contoso"}},
		{"by MX elsewhere", edge + domain, strings.Replace(mxAt, "10 relay", "10 mail", 1), nil},
		{"a worse MX is itself", edge + domain, relayAt + "contoso.com. MX 300 20 relay.contoso.com. | 10 mail.contoso.com.", nil},
		{"nobody knows", edge + strings.ReplaceAll(domain, "contoso.com", "open.contoso.com"), relayAt, nil},
		{"by a smart host", edge + domain + "send_connector \"in\" {\n  address_spaces = [\"contoso.com\"]\n  smart_hosts = [\"mail.contoso.com\"]\n}", mxAt, nil},
		{"itself by name", edge + domain + "send_connector \"in\" {\n  address_spaces = [\"contoso.com\"]\n  smart_hosts = [\"mail.contoso.com\", \"Relay.contoso.com:25\"]\n}", mxAt, []string{"MR306 warning domain.contoso"}},
		{"itself by address", edge + domain + "send_connector \"in\" {\n  address_spaces = [\"contoso.com\"]\n  smart_hosts = [\"203.0.113.25\"]\n}", mxAt, []string{"MR306 warning domain.contoso"}},
	} {
		found, err := World(load(t, tt.text), facts(t, tt.now, tt.now), today)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(tt.want, lines(found)); d != "" {
			t.Errorf("%s: -want +got\n%s", tt.name, d)
		}
	}
}

const staged = zone + `
relay "edge" { hostname = "relay.contoso.com" }
stage "coexist" {
  mx = ["10 relay.contoso.com."]
}
stage "cutover" {
  after = stage.coexist
  hold  = "1h"
  mx    = ["0 contoso-com.mail.protection.outlook.com."]
}
domain "contoso" {
  name  = "contoso.com"
  type  = "internal_relay"
  stage = stage.coexist
}
receive_connector "internet" {
  relay             = relay.edge
  remote_ip_ranges  = ["0.0.0.0/0"]
  permission_groups = ["anonymous_users"]
}
send_connector "in" {
  address_spaces = ["contoso.com"]
  smart_hosts    = ["contoso-com.mail.protection.outlook.com"]
}
service "microsoft365" "contoso" {
  domain  = domain.contoso
  purpose = ["email"]
  mx      = "contoso-com.mail.protection.outlook.com"
  except  = ["mx", "dkim"]
}
record "mx" {
  zone   = zone.contoso
  type   = "MX"
  ttl    = TTL
  values = MX
}
`

// TestStages finds changes of an MX that come before their time.
func TestStages(t *testing.T) {
	const (
		hosts = "relay.contoso.com. A 300 203.0.113.25\ncontoso-com.mail.protection.outlook.com. A 300 192.0.2.1\nmail.contoso.com. A 300 192.0.2.2\n"
		here  = hosts + "contoso.com. MX 300 10 relay.contoso.com.\n"
		there = hosts + "contoso.com. MX 300 0 contoso-com.mail.protection.outlook.com.\n"
		old   = hosts + "contoso.com. MX 300 10 mail.contoso.com.\n"
	)
	unmet := map[schema.Addr]string{{Type: "service", Name: "microsoft365.contoso", Part: `record["spf"]`}: "there is no SPF record"}
	plain := func(text string) string {
		return strings.Replace(text, "  stage = stage.coexist\n", "", 1)
	}
	for _, tt := range []struct {
		name, text, mx, ttl, now, then string
		unmet                          map[schema.Addr]string
		want                           []string
	}{
		{name: "by the stage", text: staged, mx: "domain.contoso.stage.mx", now: old, then: here},
		{name: "ahead of the stage", text: staged, mx: "stage.cutover.mx", now: here, then: there, want: []string{"MR405 warning record.mx"}},
		{name: "to what no stage knows", text: staged, mx: `["10 mail.contoso.com."]`, now: here, then: old},
		{name: "while something lacks", text: plain(staged), mx: `["0 contoso-com.mail.protection.outlook.com."]`, now: here, then: there, unmet: unmet, want: []string{"MR405 warning record.mx"}},
		{name: "and nothing lacks", text: plain(staged), mx: `["0 contoso-com.mail.protection.outlook.com."]`, now: here, then: there},
		{name: "and it leads there already", text: plain(staged), mx: `["0 contoso-com.mail.protection.outlook.com."]`, now: there, then: there, unmet: unmet},
		{name: "a long TTL", text: staged, mx: "domain.contoso.stage.mx", ttl: "7200", now: strings.Replace(here, "MX 300", "MX 7200", 1), want: []string{"MR406 warning record.mx"}},
		{name: "a long TTL until now", text: staged, mx: "domain.contoso.stage.mx", now: strings.Replace(here, "MX 300", "MX 7200", 1), then: here, want: []string{"MR406 warning record.mx"}},
	} {
		if tt.ttl == "" {
			tt.ttl = "300"
		}
		if tt.then == "" {
			tt.then = tt.now
		}
		c := load(t, strings.NewReplacer("= MX", "= "+tt.mx, "= TTL", "= "+tt.ttl).Replace(tt.text))
		f := facts(t, tt.now, tt.then)
		for i := range f.Writes {
			f.Writes[i].Addrs = []schema.Addr{{Type: "record", Name: "mx"}}
		}
		f.Unmet = tt.unmet
		found, err := World(c, f, today)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(tt.want, lines(found)); d != "" {
			t.Errorf("%s: -want +got\n%s", tt.name, d)
		}
	}
}

// TestAutodiscover finds clients that are sent where their mailbox may not be.
func TestAutodiscover(t *testing.T) {
	staged := strings.NewReplacer("= MX", `= ["10 relay.contoso.com."]`, "= TTL", "= 300").Replace(staged)
	hybrid := strings.Replace(staged, `smart_hosts    = ["contoso-com.mail.protection.outlook.com"]`, `smart_hosts    = ["mbx01.corp.contoso.com"]`, 1)
	const at = "relay.contoso.com. A 300 203.0.113.25\ncontoso.com. MX 300 10 relay.contoso.com."
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"all in the cloud", staged, nil},
		{"a hybrid", hybrid, []string{"MR224 warning service.microsoft365.contoso"}},
		{"a hybrid that leaves it out", strings.Replace(hybrid, `"dkim"]`, `"dkim", "autodiscover"]`, 1), nil},
		{"recipients who stay", staged + `
send_connector "old" {
  address_spaces = ["old.contoso.com"]
  smart_hosts    = ["mbx01.corp.contoso.com"]
}
recipients "stay" {
  domain     = domain.contoso
  addresses  = ["ann@contoso.com"]
  deliver_to = send_connector.old
}`, []string{"MR224 warning service.microsoft365.contoso"}},
	} {
		found, err := World(load(t, tt.text), facts(t, at, at), today)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(tt.want, lines(found)); d != "" {
			t.Errorf("%s: -want +got\n%s", tt.name, d)
		}
	}
}

// TestWidening compares with what is in force.
func TestWidening(t *testing.T) {
	office := `mailrelay { own_networks = ["10.0.0.0/8", "203.0.113.0/24"] }` + edge + known
	relaying := func(ranges string) string {
		return office + strings.Replace(printers, `"10.0.0.0/8"`, ranges, 1)
	}
	for _, tt := range []struct {
		name, before, after string
		want                []string
	}{
		{"nothing applied yet", "", relaying(`"198.51.100.0/24"`), []string{"MR101 error receive_connector.printers"}},
		{"the same", relaying(`"203.0.113.128/25"`), relaying(`"203.0.113.128/25"`), nil},
		{"narrower", relaying(`"203.0.113.128/25"`), relaying(`"203.0.113.130"`), nil},
		{"more private ones", relaying(`"10.0.0.0/24"`), relaying(`"10.0.0.0/8"`), nil},
		{"public ones of ours", relaying(`"10.0.0.0/8"`), relaying(`"10.0.0.0/8", "203.0.113.128/25"`), []string{"MR108 warning receive_connector.printers"}},
		{"an open relay", relaying(`"10.0.0.0/8"`), relaying(`"10.0.0.0/8", "198.51.100.0/24"`), []string{"MR101 error receive_connector.printers"}},
		{"with credentials", relaying(`"10.0.0.0/8"`), relaying(`"10.0.0.0/8"`) + `
receive_connector "submission" {
  relay             = relay.edge
  bindings          = ["0.0.0.0:587"]
  remote_ip_ranges  = ["0.0.0.0/0"]
  auth_mechanisms   = ["tls", "basic_auth", "basic_auth_require_tls"]
  permission_groups = ["exchange_users"]
  users { file = "/etc/mailrelay/users" }
}`, []string{"MR108 warning receive_connector.submission"}},
		{"for accepted domains", relaying(`"10.0.0.0/8"`), relaying(`"10.0.0.0/8"`) + `
receive_connector "internet" {
  relay             = relay.edge
  remote_ip_ranges  = ["0.0.0.0/0"]
  permission_groups = ["anonymous_users"]
}`, []string{"MR108 note receive_connector.internet"}},
		{"huge networks of ours", "", `mailrelay { own_networks = ["0.0.0.0/0"] }` + edge + known + printers, []string{"MR109 warning mailrelay"}},
	} {
		f := facts(t, relayAt, relayAt)
		if tt.before != "" {
			f.Before = load(t, tt.before)
		}
		found, err := World(load(t, tt.after), f, today)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(tt.want, lines(found)); d != "" {
			t.Errorf("%s: -want +got\n%s", tt.name, d)
		}
	}
}

// TestDeletions counts what goes of a zone.
func TestDeletions(t *testing.T) {
	for _, tt := range []struct {
		had, gone int
		want      bool
	}{{9, 9, false}, {10, 3, false}, {10, 4, true}, {100, 30, false}, {100, 31, true}, {20, 0, false}} {
		f := facts(t, "", "")
		f.Records = map[schema.Addr]Tally{{Type: "zone", Name: "contoso"}: {tt.had, tt.gone}}
		found, err := World(load(t, zone), f, today)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(found) == 1 && found[0].Code == "MR407"; got != tt.want {
			t.Errorf("%d of %d: %v", tt.gone, tt.had, lines(found))
		}
	}
}
