package rr

import (
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/miekg/dns"
)

// Read gives the data of a record as it came from the wire, or from a zone file.
// It is empty for a record that could not stand on the wire.
func Read(r dns.RR) Data {
	b, err := rdata(r)
	if err != nil {
		return ""
	}
	return dataOf(r, b)
}

// dataOf is Read of a record whose data on the wire is b.
func dataOf(r dns.RR, b []byte) Data {
	if !isNamed(TypeOf(r)) {
		return genericData(b)
	}
	d, err := unpack(r.Header().Rrtype, b)
	if err != nil {
		return ""
	}
	return d
}

// read gives the data of a record of a type with a form of its own, in which
// miekg/dns has the escapes that it makes when it reads from the wire.
func read(r dns.RR) Data {
	low := strings.ToLower
	text := ""
	switch r := r.(type) {
	case *dns.A:
		text = addr(r.A.To4())
	case *dns.AAAA:
		text = addr(r.AAAA.To16())
	case *dns.CAA:
		text = fmt.Sprintf(`%d %s "%s"`, r.Flag, low(r.Tag), escape(r.Value, `\"`))
	case *dns.CNAME:
		text = low(r.Target)
	case *dns.DS:
		text = fmt.Sprintf("%d %d %d %s", r.KeyTag, r.Algorithm, r.DigestType, low(r.Digest))
	case *dns.MX:
		text = fmt.Sprintf("%d %s", r.Preference, low(r.Mx))
	case *dns.NS:
		text = low(r.Ns)
	case *dns.PTR:
		text = low(r.Ptr)
	case *dns.SRV:
		text = fmt.Sprintf("%d %d %d %s", r.Priority, r.Weight, r.Port, low(r.Target))
	case *dns.SSHFP:
		text = fmt.Sprintf("%d %d %s", r.Algorithm, r.Type, low(r.FingerPrint))
	case *dns.TLSA:
		text = fmt.Sprintf("%d %d %d %s", r.Usage, r.Selector, r.MatchingType, low(r.Certificate))
	case *dns.TXT:
		return readText(r.Txt)
	}
	return Data(text)
}

// addr writes an address as netip does: IPv4 in IPv6 stays IPv6.
func addr(ip net.IP) string {
	a, ok := netip.AddrFromSlice(ip)
	if !ok {
		return ""
	}
	return a.String()
}

// Wire is the data of a record as read, byte for byte and in hex, uncompressed:
// what an exact-match prerequisite sends back (Knot compares names in it with
// regard to case).
func Wire(r dns.RR) (string, error) {
	b, err := rdata(r)
	if err != nil {
		return "", fmt.Errorf("%s: %w", r.Header().Name, err)
	}
	return hex.EncodeToString(b), nil
}

// Raw makes a record of what Wire gave. It goes onto the wire byte for byte.
func Raw(name, typ string, ttl uint32, wire string) (dns.RR, error) {
	h, err := header(name, typ, ttl)
	if err != nil {
		return nil, err
	}
	b, err := hex.DecodeString(wire)
	if err == nil {
		_, err = unpack(h.Rrtype, b)
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s: %q is not the data of such a record: %w", name, typ, shorten(wire), err)
	}
	return &dns.RFC3597{Hdr: h, Rdata: wire}, nil
}

// rdata is the data of r as it stands on the wire, names uncompressed.
func rdata(r dns.RR) ([]byte, error) {
	c := dns.Copy(r)
	c.Header().Name = "."
	buf := make([]byte, dns.Len(c)+8)
	n, err := dns.PackRR(c, buf, 0, nil, false)
	if err != nil {
		return nil, err
	}
	return buf[rootHeader:n], nil
}

// rootHeader is the length of the header of a record owned by the root.
const rootHeader = 11

// unpack reads data of the type with that number. The Data is empty for a type
// without a form of its own.
func unpack(code uint16, data []byte) (Data, error) {
	if len(data) > maxRdata {
		return "", fmt.Errorf("a record holds at most %d bytes", maxRdata)
	}
	h := dns.RR_Header{Name: ".", Rrtype: code, Class: dns.ClassINET, Rdlength: uint16(len(data))}
	r, end, err := dns.UnpackRRWithHeader(h, data, 0)
	if err != nil {
		return "", err
	}
	if end != len(data) {
		return "", fmt.Errorf("%d bytes are left over", len(data)-end)
	}
	d := read(r)
	// miekg/dns takes data that ends early, for the empty data of RFC 2136.
	if f := formOf(TypeOf(r)); f.words > 0 && len(cut(string(d), f.words)) < f.words {
		return "", fmt.Errorf("the data ends early")
	}
	return d, nil
}
