package deliver

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/mailrelay/mailrelay/schema"
)

// Validator is DNS by a resolver that validates, and over a way on which nobody can
// change what it says. secure is its word that an answer, also one that there is
// nothing, is as the owner of the zone signed it. Names and errors are as those of
// Resolver; what is bogus is an error. It is safe for concurrent use.
type Validator interface {
	// Usable says why no answer is to be believed; nil: they are.
	Usable(ctx context.Context) error
	LookupMX(ctx context.Context, name string) (mx []*net.MX, secure bool, err error)
	LookupHost(ctx context.Context, name string) (Host, error)
	LookupTLSA(ctx context.Context, name string) (records []TLSA, secure bool, err error)
}

// Host is what DNS says about a host.
type Host struct {
	Addrs  []netip.Addr
	Secure bool   // the addresses, with all aliases on the way
	Name   string // where the aliases end, without final dot; empty: there is none
	Alias  bool   // the first alias alone is secure, if not all of it
}

// dane looks up the hosts for one domain and what they must show (RFC 7672). It is
// the Resolver of a finder, for one goroutine.
type dane struct {
	dns    Validator
	domain string // whose mail it is; empty for smart hosts
	secure bool   // the names of the hosts: by DNS, or by our own configuration
	hosts  map[string]Host
}

func newDANE(dns Validator, s *schema.SendConnector, domain string) *dane {
	d := &dane{dns: dns, domain: domain, hosts: map[string]Host{}}
	if len(s.SmartHosts) > 0 {
		d.domain, d.secure = "", true
	}
	return d
}

// LookupMX implements Resolver.
func (d *dane) LookupMX(ctx context.Context, name string) (mx []*net.MX, err error) {
	if mx, d.secure, err = d.dns.LookupMX(ctx, name); err != nil {
		return nil, err
	}
	return mx, nil
}

// LookupNetIP implements Resolver.
func (d *dane) LookupNetIP(ctx context.Context, _, name string) ([]netip.Addr, error) {
	h, err := d.dns.LookupHost(ctx, name)
	d.hosts[strings.TrimSuffix(name, ".")] = h
	return h.Addrs, err
}

// terms gives what counts for one host: the connector, and the proof that the host
// must give, if any. Where the zones on the way to it are not signed, or it has no
// TLSA records, tls.mode alone counts; records of which none can be used ask for
// TLS (RFC 7672, 2.2).
func (d *dane) terms(ctx context.Context, s *schema.SendConnector, p place) (terms, *outcome) {
	t := terms{s: new(schema.SendConnector)}
	*t.s = *s
	t.s.TLS.Verify = "none"
	h, named := d.hosts[p.host]
	if !d.secure || !named {
		return t, nil
	}
	for _, base := range bases(p.host, h) {
		records, secure, err := d.dns.LookupTLSA(ctx, "_"+strconv.Itoa(int(p.port()))+"._tcp."+base+".")
		if err != nil && !notFound(err) {
			o := local(deferred, "4.7.5", "asking DNS for the TLSA records of "+base+": "+printable(err.Error())+". Without them nothing is sent there")
			o.host = p.host
			return t, &o
		}
		if !secure || len(records) == 0 {
			continue
		}
		t.tlsa, t.s.TLS.Mode = true, "required"
		if records = usable(records); len(records) > 0 {
			t.s.TLS.Verify = "dane"
			t.proof = &proof{base: base, records: records, names: d.names(base, p.host)}
		}
		break
	}
	return t, nil
}

// bases are the names below which TLSA records may stand, best first (RFC 7672,
// 2.2.2 and 2.2.3).
func bases(host string, h Host) []string {
	switch {
	case h.Secure && h.Name != "":
		return []string{h.Name, host}
	case h.Secure, h.Alias:
		return []string{host}
	}
	return nil
}

// names are those of which a certificate of an authority must bear one (RFC 7672,
// 3.2.2).
func (d *dane) names(base, host string) []string {
	out := []string{base}
	for _, n := range []string{host, d.domain} {
		if n != "" && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// errNoValidator is a Runner without Options.Validator.
var errNoValidator = errors.New("this relay was given no validating resolver")

// mayDANE says why s cannot verify by DANE now; nil: it can.
func (r *Runner) mayDANE(ctx context.Context, s *schema.SendConnector) *outcome {
	err := errNoValidator
	if r.o.Validator != nil {
		err = r.o.Validator.Usable(ctx)
	}
	if err == nil {
		return nil
	}
	o := local(held, "4.7.5", s.Addr().String()+" has verify = \"dane\", which cannot be done: "+printable(err.Error()))
	return &o
}
