package deliver

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/schema"
)

func TestParsePolicy(t *testing.T) {
	for _, tt := range []struct {
		text string
		want stsPolicy
		err  string
	}{
		{"version: STSv1\r\nmode: enforce\r\nmx: a.test\r\nmx: *.B.test.\r\nmax_age: 86400\r\n", stsPolicy{"enforce", []string{"a.test", "*.b.test"}, 24 * time.Hour}, ""},
		{"mode:testing\nversion:STSv1\nmx:a\nmax_age:1", stsPolicy{"testing", []string{"a"}, time.Second}, ""},
		{"version: STSv1\nmode: none\nmax_age: 0\n", stsPolicy{"none", nil, 0}, ""},
		{"version: STSv1\nmode: enforce\nmode: none\nmx: a\nmax_age: 99999999999\nnew: x\n\n", stsPolicy{"enforce", []string{"a"}, stsMost * time.Second}, ""},
		{"version: STSv2\nmode: enforce\nmx: a\nmax_age: 1", stsPolicy{}, "version"},
		{"version: STSv1\nmode: strict\nmx: a\nmax_age: 1", stsPolicy{}, "mode"},
		{"version: STSv1\nmode: enforce\nmax_age: 1", stsPolicy{}, "names no mx"},
		{"version: STSv1\nmode: enforce\nmx: a", stsPolicy{}, "max_age"},
		{"version: STSv1\nmode: enforce\nmx: a\nmax_age: -1", stsPolicy{}, "max_age"},
		{"<html>", stsPolicy{}, "not a line"},
		{"", stsPolicy{}, "version"},
	} {
		got, err := parsePolicy(tt.text)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%q: %v, want %s", tt.text, err, tt.err)
			}
			continue
		}
		if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(stsPolicy{})); err != nil || diff != "" {
			t.Errorf("%q: %v %s", tt.text, err, diff)
		}
	}
}

// FuzzParsePolicy: a policy that is read allows a host that it names, unless it
// names only patterns, and never lasts longer than a year.
func FuzzParsePolicy(f *testing.F) {
	f.Add("version: STSv1\r\nmode: enforce\r\nmx: a.test\r\nmx: *.b.test\r\nmax_age: 86400\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parsePolicy(text)
		if err != nil {
			return
		}
		for _, mx := range p.mx {
			if !strings.HasPrefix(mx, "*.") && !p.allows(mx) {
				t.Errorf("%q does not allow %q", text, mx)
			}
		}
		if p.age < 0 || p.age > stsMost*time.Second || p.mode == "enforce" && len(p.mx) == 0 {
			t.Errorf("%q: %+v", text, p)
		}
	})
}

func TestAllows(t *testing.T) {
	p := stsPolicy{mx: []string{"mx.test", "*.example.com"}}
	for host, want := range map[string]bool{
		"mx.test": true, "MX.test": true, "a.example.com": true,
		"a.mx.test": false, "example.com": false, "a.b.example.com": false, "xexample.com": false, "": false,
	} {
		if got := p.allows(host); got != want {
			t.Errorf("%q: %t", host, got)
		}
	}
}

func TestPolicyID(t *testing.T) {
	for _, tt := range []struct {
		records []string
		want    string
	}{
		{nil, ""},
		{[]string{"v=STSv1; id=2016;"}, "2016"},
		{[]string{"v=spf1 -all", "v=STSv1;id=a1"}, "a1"},
		{[]string{"v=STSv1; id=1", "v=STSv1; id=2"}, ""},
		{[]string{"v=STSv10; id=1"}, ""},
	} {
		if got := policyID(tt.records); got != tt.want {
			t.Errorf("%q: %q", tt.records, got)
		}
	}
}

// answers is HTTP from one answer.
type answers struct {
	asked  int
	status int
	text   string
	err    error
}

func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	a.asked++
	if r.URL.String() != "https://mta-sts.b.test/.well-known/mta-sts.txt" {
		return nil, fmt.Errorf("asked for %s", r.URL)
	}
	h := http.Header{"Content-Type": {"text/plain; charset=utf-8"}, "Location": {"https://mta-sts.b.test/other"}}
	return &http.Response{StatusCode: a.status, Header: h, Body: io.NopCloser(strings.NewReader(a.text))}, a.err
}

// TestPolicyKept: a policy that was seen stays for its max_age, whatever DNS and
// HTTPS say, until there is another id.
func TestPolicyKept(t *testing.T) {
	now := time.Unix(0, 0)
	policy := func(mode string) string { return "version: STSv1\nmode: " + mode + "\nmx: mx.test\nmax_age: 86400\n" }
	dns := names{txt: map[string][]string{"_mta-sts.b.test": {"v=STSv1; id=1"}}}
	a := &answers{status: 200, text: policy("enforce")}
	s := &sts{dns: dns, http: a, clock: func() time.Time { return now }, log: slog.New(slog.DiscardHandler)}
	for _, step := range []struct {
		name  string
		after time.Duration
		do    func()
		want  string
		asked int
	}{
		{"the first time", 0, nil, "enforce", 1},
		{"at once", 0, nil, "enforce", 1},
		{"the same id", time.Hour, func() { a.text = policy("none") }, "enforce", 1},
		{"DNS says nothing", time.Hour, func() { dns.txt["_mta-sts.b.test"] = nil }, "enforce", 1},
		{"another id, and no HTTPS", time.Hour, func() { dns.txt["_mta-sts.b.test"] = []string{"v=STSv1; id=2"}; a.err = errors.New("blocked") }, "enforce", 2},
		{"a redirect", time.Hour, func() { a.err, a.status = nil, 301 }, "enforce", 3},
		{"too large", time.Hour, func() { a.status, a.text = 200, policy("none")+strings.Repeat("\n", stsSize) }, "enforce", 4},
		{"another id", time.Hour, func() { a.text = policy("testing") }, "testing", 5},
		{"the same id, and half of max_age is over", 13 * time.Hour, func() { a.err = errors.New("blocked") }, "testing", 6},
		{"max_age is over", 12 * time.Hour, nil, "none", 7},
		{"and again", time.Hour, func() { a.err = nil }, "testing", 8},
	} {
		now = now.Add(step.after)
		if step.do != nil {
			step.do()
		}
		if p := s.policy(context.Background(), "b.test"); p.mode != step.want || a.asked != step.asked {
			t.Errorf("%s: %s, asked %d times; want %s, %d", step.name, p.mode, a.asked, step.want, step.asked)
		}
	}
}

// TestMTASTS: what arrives, and how, by the policy of the domain and the
// certificate of its exchanger.
func TestMTASTS(t *testing.T) {
	policy := func(mode, mx string) string {
		return "version: STSv1\r\nmode: " + mode + "\r\nmx: " + mx + "\r\nmax_age: 86400\r\n"
	}
	for _, tt := range []struct {
		name, policy string
		web, mx      []string // names of the certificates; nil: none
		want         string   // an error, or how it arrived
	}{
		{"enforced", policy("enforce", "mx.test"), []string{"mta-sts.b.test"}, []string{"mx.test"}, "verified"},
		{"enforced, another certificate", policy("enforce", "mx.test"), []string{"mta-sts.b.test"}, []string{"x.test"}, "securing the connection to mx.test"},
		{"enforced, no TLS", policy("enforce", "mx.test"), []string{"mta-sts.b.test"}, nil, "mx.test does not offer STARTTLS"},
		{"enforced, another exchanger", policy("enforce", "x.test"), []string{"mta-sts.b.test"}, []string{"mx.test"}, "the MTA-STS policy of b.test does not name"},
		{"tested, another certificate", policy("testing", "mx.test"), []string{"mta-sts.b.test"}, []string{"x.test"}, "TLS"},
		{"none", policy("none", "mx.test"), []string{"mta-sts.b.test"}, nil, "clear"},
		{"not proven itself", policy("enforce", "mx.test"), []string{"b.test"}, nil, "clear"},
		{"no policy", "", nil, nil, "clear"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newAuthority(t)
				s := connector(t)
				s.TLS = schema.SendTLS{Mode: "opportunistic", Verify: "mta_sts"}
				how := ""
				dns := names{
					mx:  map[string][]*net.MX{"b.test": {{Host: "mx.test."}}},
					ip:  map[string][]string{"mx.test": {"192.0.2.1"}, "mta-sts.b.test": {"192.0.2.8"}},
					txt: map[string][]string{"_mta-sts.b.test": {"v=STSv1; id=1"}},
				}
				w := newWorld(t, through(s), Options{Resolver: dns, Roots: a.pool(), Delivered: func(e Event) {
					switch {
					case e.Verified == "mx.test":
						how = "verified"
					case e.TLSVersion != "":
						how = "TLS"
					default:
						how = "clear"
					}
				}})
				p := &peer{}
				if tt.mx != nil {
					p.ext, p.tls = []string{"STARTTLS"}, a.server(tt.mx...)
				}
				w.net.peers["192.0.2.1:25"] = p.serve
				if tt.web != nil {
					w.net.peers["192.0.2.8:443"] = func(nc net.Conn) {
						c := tls.Server(nc, a.server(tt.web...))
						defer nc.Close()
						if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
							fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s", len(tt.policy), tt.policy)
						}
					}
				}
				w.start()
				defer func() { w.stop() }()
				w.mail("a@example.org", "x@b.test")
				synctest.Wait()
				if how == "" {
					how = w.Stats().LastError
				}
				if !strings.HasPrefix(how, tt.want) {
					t.Errorf("%s, want %s; log: %s", how, tt.want, w.log)
				}
			})
		})
	}
}
