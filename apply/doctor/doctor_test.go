package doctor

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/apply/relay/deliver"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/lang"
)

func load(t *testing.T, text string) *schema.Config {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "x.mail.hcl"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, diags := lang.Load(dir, lang.Options{Version: "0.1"})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return c
}

// authority signs certificates of a small world.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotBefore: today.AddDate(-1, 0, 0), NotAfter: today.AddDate(9, 0, 0), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return authority{cert, key, pool}
}

func (a authority) issue(t *testing.T, days int, names ...string) *tls.Certificate {
	t.Helper()
	c := &x509.Certificate{SerialNumber: big.NewInt(2), DNSNames: names, NotBefore: today.AddDate(-1, 0, 0), NotAfter: today.AddDate(0, 0, days), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, c, a.cert, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: a.key}
}

// mailHost is an SMTP server on loopback that goes no further than EHLO. A nil
// certificate offers no STARTTLS. said gets each command.
func mailHost(t *testing.T, cert *tls.Certificate, said func(string)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			go serve(nc, cert, said)
		}
	}()
	return l.Addr().String()
}

func serve(nc net.Conn, cert *tls.Certificate, said func(string)) {
	defer nc.Close()
	fmt.Fprint(nc, "220 mx ready\r\n")
	r := bufio.NewReader(nc)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		said(strings.TrimSpace(line))
		switch verb, _, _ := strings.Cut(strings.TrimSpace(line), " "); verb {
		case "EHLO":
			if _, already := nc.(*tls.Conn); cert != nil && !already {
				fmt.Fprint(nc, "250-mx\r\n250 STARTTLS\r\n")
				continue
			}
			fmt.Fprint(nc, "250 mx\r\n")
		case "STARTTLS":
			fmt.Fprint(nc, "220 go\r\n")
			nc = tls.Server(nc, &tls.Config{Certificates: []tls.Certificate{*cert}})
			r = bufio.NewReader(nc)
		case "QUIT":
			fmt.Fprint(nc, "221 bye\r\n")
			return
		default:
			fmt.Fprint(nc, "502 no\r\n")
		}
	}
}

var today = time.Now().Truncate(time.Second)

// names is a DNS in memory.
type names struct {
	addrs map[string][]string
	ptr   map[string][]string
	mx    map[string][]string
	txt   map[string][]string
}

func none(name string) error { return &net.DNSError{Err: "no such host", Name: name, IsNotFound: true} }

func (n names) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	var out []netip.Addr
	for _, a := range n.addrs[strings.TrimSuffix(host, ".")] {
		if a == "fail" {
			return nil, errors.New("the resolver does not answer")
		}
		out = append(out, netip.MustParseAddr(a))
	}
	if out == nil {
		return nil, none(host)
	}
	return out, nil
}

func (n names) LookupMX(_ context.Context, name string) (out []*net.MX, err error) {
	for _, h := range n.mx[strings.TrimSuffix(name, ".")] {
		out = append(out, &net.MX{Host: h, Pref: 10})
	}
	if out == nil {
		return nil, none(name)
	}
	return out, nil
}

func (n names) LookupAddr(_ context.Context, a string) ([]string, error) {
	if n.ptr[a] == nil {
		return nil, none(a)
	}
	return n.ptr[a], nil
}

func (n names) LookupTXT(_ context.Context, name string) ([]string, error) {
	if found := n.txt[strings.TrimSuffix(name, ".")]; found != nil {
		return found, nil
	}
	return nil, none(name)
}

// lines are results as STATUS CHECK SUBJECT.
func lines(results []Result) []string {
	var out []string
	for _, r := range results {
		out = append(out, r.Status+" "+r.Check+" "+r.Subject)
	}
	return out
}

const edge = `
relay "edge" {
  hostname         = "relay.contoso.com"
  egress_addresses = ["203.0.113.25", "203.0.113.26", "203.0.113.27"]
}
`

func TestHosts(t *testing.T) {
	ca := newAuthority(t)
	var commands []string
	said := make(chan string, 1000)
	record := func(line string) { said <- line }
	good := mailHost(t, ca.issue(t, 100, "mx.partner.example"), record)
	ending := mailHost(t, ca.issue(t, 3, "mx.partner.example"), record)
	plain := mailHost(t, nil, record)
	const closed = "127.0.0.1:1"
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		if address == closed {
			return nil, errors.New("connection refused")
		}
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	connector := func(n, host, rest string) string {
		return fmt.Sprintf("send_connector %q {\n  address_spaces = [\"%s.example\"]\n  smart_hosts = [%q]\n%s}\n", n, n, host, rest)
	}
	domain := "  tls {\n    mode = \"required\"\n    verify = \"domain\"\n    domain = \"partner.example\"\n  }\n"
	c := load(t, strings.Replace(edge, `"203.0.113.25", "203.0.113.26", "203.0.113.27"`, "", 1)+
		connector("a", good, domain)+
		connector("b", ending, domain)+
		connector("c", plain, domain)+
		connector("d", plain, "")+
		connector("e", good, strings.Replace(domain, "partner", "other", 1))+
		connector("f", closed, "")+
		connector("g", "nowhere.example", "")+
		connector("h", good, "  enabled = false\n")+
		connector("i", "host.example:"+strings.Split(good, ":")[1], ""))
	results := Run(t.Context(), c, Options{
		Deliver: deliver.Options{Roots: ca.pool, Dial: dial}, Resolver: names{addrs: map[string][]string{"host.example": {"127.0.0.1"}}}, Port25: []string{plain},
	})
	want := []string{
		"ok port_25 " + plain, "ok smart_host " + good, "wrong smart_host " + ending, "wrong smart_host " + plain, "ok smart_host " + plain,
		"wrong smart_host " + good, "wrong smart_host " + closed, "wrong smart_host nowhere.example", "ok smart_host host.example:" + strings.Split(good, ":")[1],
	}
	if d := cmp.Diff(want, lines(results)); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	for i, text := range map[int]string{1: "proves to be partner.example", 2: "Ask whoever runs the host to renew it", 3: "does not offer STARTTLS", 4: "everything goes in clear", 5: "bears no name of the domain other.example", 7: "no such host", 8: "nobody verifies its certificate"} {
		if !strings.Contains(results[i].Text, text) {
			t.Errorf("%s: %q does not say %q", want[i], results[i].Text, text)
		}
	}
	if d := results[1].DaysLeft; d == nil || *d < 98 || *d > 100 {
		t.Errorf("days left: %v", d)
	}
	for len(said) > 0 {
		commands = append(commands, <-said)
	}
	for _, line := range commands {
		if strings.HasPrefix(line, "MAIL") || strings.HasPrefix(line, "AUTH") {
			t.Errorf("it said %s", line)
		}
	}
	if len(commands) == 0 {
		t.Error("nobody was spoken to")
	}
}

func TestNames(t *testing.T) {
	world := names{
		ptr: map[string][]string{"203.0.113.25": {"relay.contoso.com."}, "203.0.113.26": {"dyn.example."}},
		addrs: map[string][]string{
			"relay.contoso.com": {"203.0.113.25"}, "dyn.example": {"203.0.113.99"},
			"25.113.0.203.bl.example": {"127.0.0.2"}, "26.113.0.203.bl.example": {"127.255.255.254"},
			"25.113.0.203.dead.example": {"fail"}, "26.113.0.203.dead.example": {"fail"}, "27.113.0.203.dead.example": {"fail"},
		},
		txt: map[string][]string{"25.113.0.203.bl.example": {"see https://bl.example/why"}},
	}
	results := Run(t.Context(), load(t, edge), Options{Resolver: world, BlockLists: []string{"bl.example.", "dead.example"}})
	want := []string{
		"ok address_name 203.0.113.25", "wrong address_name 203.0.113.26", "wrong address_name 203.0.113.27",
		"wrong block_list 203.0.113.25 on bl.example", "unknown block_list 203.0.113.25 on dead.example",
		"unknown block_list 203.0.113.26 on bl.example", "unknown block_list 203.0.113.26 on dead.example",
		"ok block_list 203.0.113.27 on bl.example", "unknown block_list 203.0.113.27 on dead.example",
	}
	if d := cmp.Diff(want, lines(results)); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	for _, r := range results {
		if !strings.HasSuffix(r.Text, ".") || r.Address != "relay.edge" {
			t.Errorf("%+v", r)
		}
	}
}

func TestMyself(t *testing.T) {
	answer := "203.0.113.26\n"
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, answer) }))
	defer web.Close()
	at := func(server string) Resolver {
		if server != "192.0.2.53:53" {
			t.Errorf("%s was asked", server)
		}
		return names{addrs: map[string][]string{"myip.example": {"203.0.113.25"}}, txt: map[string][]string{"text.example": {"203.0.113.9"}, "none.example": {"hello"}}}
	}
	const bare = `relay "edge" { hostname = "relay.contoso.com" }`
	for _, tt := range []struct{ text, from, body, want string }{
		{edge, web.URL, "203.0.113.26\n", OK},
		{edge, web.URL, "203.0.113.28", Wrong},
		{edge, web.URL, "<html>", Unknown},
		{bare, web.URL, "203.0.113.28", Unknown},
		{edge, "myip.example@192.0.2.53", "", OK},
		{edge, "text.example.@192.0.2.53:53", "", Wrong},
		{edge, "none.example@192.0.2.53", "", Unknown},
		{edge, "nonsense", "", Unknown},
	} {
		answer = tt.body
		var got []string
		for _, r := range Run(t.Context(), load(t, tt.text), Options{Resolver: names{addrs: map[string][]string{"127.0.0.1": {"127.0.0.1"}}}, At: at, Myself: tt.from}) {
			if r.Check == "seen_address" {
				got = append(got, r.Status)
			}
		}
		if d := cmp.Diff([]string{tt.want}, got); d != "" {
			t.Errorf("%s %q: -want +got\n%s", tt.from, tt.body, d)
		}
	}
}

// TestPolicy compares what a web server says with the MX.
func TestPolicy(t *testing.T) {
	ca := newAuthority(t)
	body := ""
	web := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != "mta-sts.contoso.com" || r.URL.Path != "/.well-known/mta-sts.txt" {
			t.Errorf("asked for %s%s", r.Host, r.URL)
		}
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprint(w, body)
	}))
	web.TLS = &tls.Config{Certificates: []tls.Certificate{*ca.issue(t, 100, "mta-sts.contoso.com")}}
	web.StartTLS()
	defer web.Close()
	world := names{addrs: map[string][]string{"mta-sts.contoso.com": {"127.0.0.1"}}, mx: map[string][]string{"contoso.com": {"relay.contoso.com.", "abc.msv1.invalid."}}}
	c := load(t, `
zone "contoso" { name = "contoso.com" }
record "sts" {
  zone   = zone.contoso
  name   = "_mta-sts"
  type   = "TXT"
  values = [mta_sts("20261122")]
}`)
	for _, tt := range []struct{ body, want string }{
		{"version: STSv1\nmode: enforce\nmx: relay.contoso.com\nmax_age: 86400\n", OK},
		{"version: STSv1\nmode: enforce\nmx: *.contoso.com\nmax_age: 86400\n", OK},
		{"version: STSv1\nmode: enforce\nmx: old.contoso.com\nmax_age: 86400\n", Wrong},
		{"version: STSv1\nmode: testing\nmx: old.contoso.com\nmax_age: 86400\n", Wrong},
		{"version: STSv1\nmode: none\nmax_age: 86400\n", OK},
		{"hello", Wrong},
	} {
		body = tt.body
		dial := func(ctx context.Context, network, address string) (net.Conn, error) {
			if address != "127.0.0.1:443" {
				t.Errorf("%s was dialled", address)
			}
			return (&net.Dialer{}).DialContext(ctx, network, web.Listener.Addr().String())
		}
		got := lines(Run(t.Context(), c, Options{Resolver: world, Deliver: deliver.Options{Roots: ca.pool, Dial: dial}}))
		if d := cmp.Diff([]string{tt.want + " mta_sts contoso.com"}, got); d != "" {
			t.Errorf("%q: -want +got\n%s", tt.body, d)
		}
	}
}

// TestSignature compares the key that signs with the published one.
func TestSignature(t *testing.T) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	record := "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(public)
	c := load(t, `
relay "edge" {
  hostname = "relay.contoso.com"

  dkim "a" {
    selector = "s1"
    domain   = "contoso.com"
    key      = secret_file("/run/dkim.key")
  }
}`)
	for _, tt := range []struct {
		name string
		txt  []string
		key  []byte
		want string
	}{
		{"published", []string{record}, key, OK},
		{"published beside others", []string{"google-site-verification=x", record}, key, OK},
		{"written otherwise", []string{strings.ReplaceAll(record, "; ", ";")}, key, OK},
		{"another", []string{"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="}, key, Wrong},
		{"revoked", []string{"v=DKIM1; p="}, key, Wrong},
		{"two", []string{record, "v=DKIM1; p="}, key, Wrong},
		{"none", nil, key, Wrong},
		{"no key", []string{record}, []byte("hello"), Wrong},
		{"not here", []string{record}, nil, Unknown},
	} {
		world := names{txt: map[string][]string{"s1._domainkey.contoso.com": tt.txt}}
		secret := func(schema.Secret) ([]byte, error) {
			if tt.key == nil {
				return nil, os.ErrNotExist
			}
			return tt.key, nil
		}
		results := Run(t.Context(), c, Options{Resolver: world, Deliver: deliver.Options{Secret: secret}})
		if d := cmp.Diff([]string{tt.want + " dkim s1._domainkey.contoso.com"}, lines(results)); d != "" {
			t.Errorf("%s: -want +got\n%s", tt.name, d)
		}
		for _, r := range results {
			if strings.Contains(r.Text, base64.StdEncoding.EncodeToString(private.Seed())) {
				t.Errorf("%s: the key is told: %s", tt.name, r.Text)
			}
		}
	}
}

// TestNobodyElse holds that nobody is contacted who was not named.
func TestNobodyElse(t *testing.T) {
	c := load(t, `
relay "edge" { hostname = "relay.contoso.com" }
domain "contoso" {
  name = "contoso.com"
  type = "internal_relay"
}
send_connector "out" { address_spaces = ["*"] }`)
	dial := func(_ context.Context, _, address string) (net.Conn, error) {
		t.Errorf("%s was dialled", address)
		return nil, errors.New("no")
	}
	got := lines(Run(t.Context(), c, Options{Resolver: names{}, Deliver: deliver.Options{Dial: dial}}))
	if d := cmp.Diff([]string{"unknown port_25 not looked at"}, got); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}
