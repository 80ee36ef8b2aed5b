package dnssec

import (
	"context"
	"encoding/hex"
	"errors"
	"net"
	"net/netip"
	"strings"

	"github.com/miekg/dns"

	"github.com/mailrelay/mailrelay/apply/relay/deliver"
)

// LookupMX implements deliver.Validator.
func (r *Resolver) LookupMX(ctx context.Context, name string) (mx []*net.MX, secure bool, err error) {
	a, err := r.question(ctx, name, dns.TypeMX)
	if err != nil {
		return nil, false, err
	}
	at := aliases(a, name)
	for _, rr := range a.Answer {
		if x, ok := rr.(*dns.MX); ok && strings.EqualFold(x.Hdr.Name, at) {
			mx = append(mx, &net.MX{Host: x.Mx, Pref: x.Preference})
		}
	}
	if mx == nil {
		return nil, a.AuthenticatedData, nothing(name)
	}
	return mx, a.AuthenticatedData, nil
}

// LookupHost implements deliver.Validator. One family of addresses is enough.
func (r *Resolver) LookupHost(ctx context.Context, name string) (deliver.Host, error) {
	var h deliver.Host
	var why error
	for _, qtype := range []uint16{dns.TypeAAAA, dns.TypeA} {
		a, err := r.question(ctx, name, qtype)
		if err != nil {
			why = errors.Join(why, err)
			continue
		}
		at := aliases(a, name)
		if at != dns.Fqdn(name) {
			h.Name = strings.ToLower(strings.TrimSuffix(at, "."))
		}
		for _, rr := range a.Answer {
			if addr, ok := address(rr); ok && strings.EqualFold(rr.Header().Name, at) {
				h.Addrs = append(h.Addrs, addr)
				h.Secure = h.Secure || a.AuthenticatedData
			}
		}
	}
	switch {
	case len(h.Addrs) > 0:
	case why != nil:
		return h, why
	default:
		return h, nothing(name)
	}
	if h.Name != "" && !h.Secure {
		if a, err := r.question(ctx, name, dns.TypeCNAME); err == nil {
			h.Alias = a.AuthenticatedData
		}
	}
	return h, nil
}

func address(rr dns.RR) (netip.Addr, bool) {
	switch x := rr.(type) {
	case *dns.A:
		a, ok := netip.AddrFromSlice(x.A)
		return a.Unmap(), ok
	case *dns.AAAA:
		return netip.AddrFromSlice(x.AAAA)
	}
	return netip.Addr{}, false
}

// LookupTLSA implements deliver.Validator.
func (r *Resolver) LookupTLSA(ctx context.Context, name string) (records []deliver.TLSA, secure bool, err error) {
	a, err := r.question(ctx, name, dns.TypeTLSA)
	if err != nil {
		return nil, false, err
	}
	at := aliases(a, name)
	for _, rr := range a.Answer {
		x, ok := rr.(*dns.TLSA)
		if !ok || !strings.EqualFold(x.Hdr.Name, at) {
			continue
		}
		data, err := hex.DecodeString(x.Certificate)
		if err != nil {
			return nil, false, err
		}
		records = append(records, deliver.TLSA{Usage: x.Usage, Selector: x.Selector, Matching: x.MatchingType, Data: data})
	}
	if records == nil {
		return nil, a.AuthenticatedData, nothing(name)
	}
	return records, a.AuthenticatedData, nil
}
