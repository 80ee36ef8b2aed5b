package deliver

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/schema"
)

// signed is a Validator of a few names. What does not stand in insecure is secure.
type signed struct {
	mx       map[string][]*net.MX
	hosts    map[string]Host
	tlsa     map[string][]TLSA
	insecure []string       // "MX a.test", "TLSA _25._tcp.a.test"
	bogus    []string       // the same; these are errors
	asked    map[string]int // TLSA questions
	unusable error
}

func (s *signed) look(question string) (secure bool, err error) {
	if slices.Contains(s.bogus, question) {
		return false, &net.DNSError{Err: "server misbehaving", IsTemporary: true}
	}
	return !slices.Contains(s.insecure, question), nil
}

func (s *signed) Usable(context.Context) error { return s.unusable }

func (s *signed) LookupMX(_ context.Context, name string) ([]*net.MX, bool, error) {
	name, err := whole(name)
	if err != nil {
		return nil, false, err
	}
	secure, err := s.look("MX " + name)
	if err == nil && s.mx[name] == nil {
		err = &net.DNSError{IsNotFound: true}
	}
	return s.mx[name], secure, err
}

func (s *signed) LookupHost(_ context.Context, name string) (Host, error) {
	name, err := whole(name)
	if err != nil {
		return Host{}, err
	}
	h, ok := s.hosts[name]
	_, err = s.look("A " + name)
	if err == nil && !ok {
		err = &net.DNSError{IsNotFound: true}
	}
	return h, err
}

func (s *signed) LookupTLSA(_ context.Context, name string) ([]TLSA, bool, error) {
	name, err := whole(name)
	if err != nil {
		return nil, false, err
	}
	s.asked[name]++
	secure, err := s.look("TLSA " + name)
	if err == nil && s.tlsa[name] == nil {
		err = &net.DNSError{IsNotFound: true}
	}
	return s.tlsa[name], secure, err
}

// TestDANE delivers mail for b.test, whose exchangers are mx1 and mx2, by what DNS
// says about them (RFC 7672, 2.2).
func TestDANE(t *testing.T) {
	const one, two = "192.0.2.1", "192.0.2.2"
	host := func(ip string) Host { return Host{Addrs: []netip.Addr{netip.MustParseAddr(ip)}, Secure: true} }
	type result struct {
		Host     string // that took it; empty: none
		TLS      bool
		Verified string
		Asked    []string // for TLSA records
		Error    string   // part of the outcome
		Held     bool
	}
	p25 := func(host string) string { return "_25._tcp." + host }
	for _, tt := range []struct {
		name   string
		mode   string // opportunistic if not given
		smart  string
		clear  bool // mx1 offers no STARTTLS
		change func(s *signed, good, bad TLSA)
		want   result
	}{
		{"records that match", "", "", false, func(s *signed, good, bad TLSA) { s.tlsa[p25("mx1.test")] = []TLSA{bad, good} },
			result{Host: "mx1.test", TLS: true, Verified: "mx1.test", Asked: []string{p25("mx1.test")}}},
		{"records that do not match", "", "", false, func(s *signed, _, bad TLSA) {
			s.tlsa[p25("mx1.test")], s.tlsa[p25("mx2.test")] = []TLSA{bad}, []TLSA{bad}
		}, result{Asked: []string{p25("mx1.test"), p25("mx2.test")}, Error: "the certificate is not one of the TLSA records of mx2.test"}},
		{"the second exchanger does", "", "", false, func(s *signed, good, bad TLSA) {
			s.tlsa[p25("mx1.test")], s.tlsa[p25("mx2.test")] = []TLSA{bad}, []TLSA{good}
		}, result{Host: "mx2.test", TLS: true, Verified: "mx2.test", Asked: []string{p25("mx1.test"), p25("mx2.test")}}},
		{"no records", "", "", false, func(*signed, TLSA, TLSA) {}, result{Host: "mx1.test", TLS: true, Asked: []string{p25("mx1.test")}}},
		{"no records and no TLS", "", "", true, func(*signed, TLSA, TLSA) {}, result{Host: "mx1.test", Asked: []string{p25("mx1.test")}}},
		{"no records and no TLS where it is required", "required", "", true, func(s *signed, _, _ TLSA) { s.mx["b.test"] = s.mx["b.test"][:1] },
			result{Asked: []string{p25("mx1.test")}, Error: "does not offer STARTTLS, and send_connector.out requires it"}},
		{"records and no TLS", "", "", true, func(s *signed, good, _ TLSA) {
			s.mx["b.test"] = s.mx["b.test"][:1]
			s.tlsa[p25("mx1.test")] = []TLSA{good}
		}, result{Asked: []string{p25("mx1.test")}, Error: "mx1.test does not offer STARTTLS, and its TLSA records in DNS say that it does"}},
		{"records of no use ask for TLS", "", "", true, func(s *signed, good, _ TLSA) {
			s.mx["b.test"] = s.mx["b.test"][:1]
			good.Usage = 1
			s.tlsa[p25("mx1.test")] = []TLSA{good}
		}, result{Asked: []string{p25("mx1.test")}, Error: "its TLSA records in DNS say that it does"}},
		{"records of no use prove nothing", "", "", false, func(s *signed, _, bad TLSA) {
			bad.Usage = 1
			s.tlsa[p25("mx1.test")] = []TLSA{bad}
		}, result{Host: "mx1.test", TLS: true, Asked: []string{p25("mx1.test")}}},
		{"records in a zone that is not signed", "", "", false, func(s *signed, _, bad TLSA) {
			s.tlsa[p25("mx1.test")], s.insecure = []TLSA{bad}, []string{"TLSA " + p25("mx1.test")}
		}, result{Host: "mx1.test", TLS: true, Asked: []string{p25("mx1.test")}}},
		{"a domain that is not signed", "", "", false, func(s *signed, _, bad TLSA) {
			s.tlsa[p25("mx1.test")], s.insecure = []TLSA{bad}, []string{"MX b.test"}
		}, result{Host: "mx1.test", TLS: true}},
		{"a host that is not signed is not asked about", "", "", false, func(s *signed, _, _ TLSA) {
			s.hosts["mx1.test"] = Host{Addrs: s.hosts["mx1.test"].Addrs}
			s.bogus = []string{"TLSA " + p25("mx1.test")}
		}, result{Host: "mx1.test", TLS: true}},
		{"records that cannot be had", "", "", false, func(s *signed, _, _ TLSA) {
			s.mx["b.test"] = s.mx["b.test"][:1]
			s.bogus = []string{"TLSA " + p25("mx1.test")}
		}, result{Asked: []string{p25("mx1.test")}, Error: "asking DNS for the TLSA records of mx1.test: "}},
		{"records that cannot be had, and another exchanger", "", "", false, func(s *signed, good, _ TLSA) {
			s.bogus = []string{"TLSA " + p25("mx1.test")}
			s.tlsa[p25("mx2.test")] = []TLSA{good}
		}, result{Host: "mx2.test", TLS: true, Verified: "mx2.test", Asked: []string{p25("mx1.test"), p25("mx2.test")}}},
		{"bogus exchangers", "", "", false, func(s *signed, _, _ TLSA) { s.bogus = []string{"MX b.test"} },
			result{Error: "asking DNS for the mail exchangers of b.test: "}},
		{"bogus addresses, and another exchanger", "", "", false, func(s *signed, _, _ TLSA) { s.bogus = []string{"A mx1.test"} },
			result{Host: "mx2.test", TLS: true, Asked: []string{p25("mx2.test")}}},
		{"an alias: records where it ends", "", "", false, func(s *signed, good, bad TLSA) {
			s.hosts["mx1.test"] = Host{Addrs: s.hosts["mx1.test"].Addrs, Secure: true, Name: "real.test"}
			s.tlsa[p25("mx1.test")], s.tlsa[p25("real.test")] = []TLSA{bad}, []TLSA{good}
		}, result{Host: "mx1.test", TLS: true, Verified: "real.test", Asked: []string{p25("real.test")}}},
		{"an alias: records at its name", "", "", false, func(s *signed, good, _ TLSA) {
			s.hosts["mx1.test"] = Host{Addrs: s.hosts["mx1.test"].Addrs, Secure: true, Name: "real.test"}
			s.tlsa[p25("mx1.test")] = []TLSA{good}
		}, result{Host: "mx1.test", TLS: true, Verified: "mx1.test", Asked: []string{p25("mx1.test"), p25("real.test")}}},
		{"an alias into a zone that is not signed", "", "", false, func(s *signed, good, bad TLSA) {
			s.hosts["mx1.test"] = Host{Addrs: s.hosts["mx1.test"].Addrs, Alias: true, Name: "real.test"}
			s.tlsa[p25("mx1.test")], s.tlsa[p25("real.test")] = []TLSA{good}, []TLSA{bad}
		}, result{Host: "mx1.test", TLS: true, Verified: "mx1.test", Asked: []string{p25("mx1.test")}}},
		{"no exchangers: the domain itself", "", "", false, func(s *signed, good, _ TLSA) {
			delete(s.mx, "b.test")
			s.hosts["b.test"] = host(one)
			s.tlsa[p25("b.test")] = []TLSA{good}
		}, result{Host: "b.test", TLS: true, Verified: "b.test", Asked: []string{p25("b.test")}}},
		{"a smart host, at its port", "", "mx1.test:26", false, func(s *signed, good, _ TLSA) {
			s.insecure = []string{"MX b.test"} // of no concern
			s.tlsa["_26._tcp.mx1.test"] = []TLSA{good}
		}, result{Host: "mx1.test", TLS: true, Verified: "mx1.test", Asked: []string{"_26._tcp.mx1.test"}}},
		{"no answer can be believed", "", "", false, func(s *signed, _, _ TLSA) { s.unusable = errors.New("no resolver here") },
			result{Error: `send_connector.out has verify = "dane", which cannot be done: no resolver here`, Held: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newAuthority(t)
				cert, key := a.issue(&x509.Certificate{DNSNames: []string{"any.test"}})
				server := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key}}}
				v := &signed{
					mx:    map[string][]*net.MX{"b.test": {{Host: "mx1.test.", Pref: 1}, {Host: "mx2.test.", Pref: 2}}},
					hosts: map[string]Host{"mx1.test": host(one), "mx2.test": host(two)},
					tlsa:  map[string][]TLSA{}, asked: map[string]int{},
				}
				tt.change(v, record(3, 1, 1, cert), record(3, 1, 1, a.cert))
				s := connector(t)
				if tt.smart != "" {
					s = connector(t, tt.smart)
				}
				s.TLS = schema.SendTLS{Mode: "opportunistic", Verify: "dane"}
				if tt.mode != "" {
					s.TLS.Mode = tt.mode
				}
				var got result
				w := newWorld(t, through(s), Options{
					Validator: v,
					Resolver:  names{err: map[string]error{"MX b.test": errors.New("not to be asked")}},
					Delivered: func(e Event) { got.Host, got.TLS, got.Verified = e.Host, e.TLSVersion != "", e.Verified },
				})
				for i, ip := range []string{one, two} {
					p := &peer{ext: []string{"STARTTLS"}, tls: server}
					if i == 0 && tt.clear {
						p.ext = nil
					}
					w.net.peers[ip+":25"], w.net.peers[ip+":26"] = p.serve, p.serve
				}
				w.start()
				w.mail("a@example.org", "x@b.test")
				synctest.Wait()
				if got.Host == "" {
					got.Error = w.Stats().LastError
					got.Held = strings.Contains(w.log.String(), "msg=held")
				}
				w.stop()
				for name := range v.asked {
					got.Asked = append(got.Asked, name)
				}
				slices.Sort(got.Asked)
				if strings.Contains(got.Error, tt.want.Error) && tt.want.Error != "" {
					got.Error = tt.want.Error
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

// TestDANENames: an authority's certificate may bear the name of the exchanger or
// of the domain whose mail it takes, and the host is asked for by the first.
func TestDANENames(t *testing.T) {
	s := connector(t)
	d := newDANE(&signed{asked: map[string]int{}, tlsa: map[string][]TLSA{"_25._tcp.real.test": {record(2, 0, 1, newAuthority(t).cert)}}}, s, "b.test")
	d.secure, d.hosts["mx.test"] = true, Host{Secure: true, Name: "real.test"}
	got, o := d.terms(t.Context(), s, place{"mx.test", []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:25")}})
	if o != nil {
		t.Fatal(o.text)
	}
	if diff := cmp.Diff([]string{"real.test", "mx.test", "b.test"}, got.proof.names); diff != "" {
		t.Error(diff)
	}
	config, name, err := credentials{}.config(got, "mx.test", time.Time{})
	if err != nil || config.ServerName != "real.test" || name != "real.test" {
		t.Errorf("%q, %q, %v", config.ServerName, name, err)
	}
}
