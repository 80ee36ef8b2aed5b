package dnstest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/mailrelay/mailrelay/schema/rr"
)

// zone is the content of a zone. It is guarded by Server.mu.
type zone struct {
	name  string // lower case, final dot
	nodes map[string]map[uint16][]dns.RR
	below map[string]int // how many names stand at or below each name
}

func parseZone(name, text string) (*zone, error) {
	z := &zone{name: dns.CanonicalName(name), nodes: map[string]map[uint16][]dns.RR{}, below: map[string]int{}}
	p := dns.NewZoneParser(strings.NewReader(text), z.name, "")
	p.SetDefaultTTL(3600)
	for r, ok := p.Next(); ok; r, ok = p.Next() {
		h := r.Header()
		if !dns.IsSubDomain(z.name, h.Name) {
			return nil, fmt.Errorf("dnstest: zone %s: %s is outside", name, h.Name)
		}
		z.put(h.Name, h.Rrtype, append(slices.Clone(z.get(h.Name, h.Rrtype)), r))
	}
	if err := p.Err(); err != nil {
		return nil, fmt.Errorf("dnstest: zone %s: %w", name, err)
	}
	if len(z.get(z.name, dns.TypeSOA)) != 1 {
		z.put(z.name, dns.TypeSOA, []dns.RR{&dns.SOA{
			Hdr: dns.RR_Header{Name: z.name, Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: 3600},
			Ns:  "ns." + z.name, Mbox: "hostmaster." + z.name, Serial: 1, Refresh: 3600, Retry: 600, Expire: 86400, Minttl: 300,
		}})
	}
	return z, nil
}

// clone is a copy that can be changed without changing z. Slices of records are
// shared: they are replaced, never written into.
func (z *zone) clone() *zone {
	c := &zone{name: z.name, nodes: make(map[string]map[uint16][]dns.RR, len(z.nodes)), below: maps.Clone(z.below)}
	for name, types := range z.nodes {
		c.nodes[name] = maps.Clone(types)
	}
	return c
}

func (z *zone) get(name string, code uint16) []dns.RR { return z.nodes[dns.CanonicalName(name)][code] }

func (z *zone) soa() *dns.SOA { return z.get(z.name, dns.TypeSOA)[0].(*dns.SOA) }

// raise adds one to the serial.
func (z *zone) raise() {
	soa := dns.Copy(z.soa()).(*dns.SOA)
	soa.Serial++
	z.put(z.name, dns.TypeSOA, []dns.RR{soa})
}

// put replaces an RRset; an empty one goes.
func (z *zone) put(name string, code uint16, set []dns.RR) {
	name = dns.CanonicalName(name)
	types, was := z.nodes[name]
	if len(set) > 0 {
		if !was {
			types = map[uint16][]dns.RR{}
			z.nodes[name] = types
			z.count(name, 1)
		}
		types[code] = set
		return
	}
	delete(types, code)
	if was && len(types) == 0 {
		delete(z.nodes, name)
		z.count(name, -1)
	}
}

// count keeps below: a name exists if anything stands at or below it (RFC 4592,
// 2.2.2).
func (z *zone) count(name string, by int) {
	for {
		if z.below[name] += by; z.below[name] == 0 {
			delete(z.below, name)
		}
		if name == z.name {
			return
		}
		next, _ := dns.NextLabel(name, 0)
		name = name[next:]
	}
}

// find gives the records at name, or those of the wildcard that stands for it
// (RFC 4592, 3.3.1). exists is false for NXDOMAIN.
func (z *zone) find(name string) (types map[uint16][]dns.RR, exists bool) {
	if z.below[name] > 0 {
		return z.nodes[name], true
	}
	for name != z.name {
		next, _ := dns.NextLabel(name, 0)
		name = name[next:]
		if z.below[name] > 0 {
			types, exists = z.nodes["*."+name]
			return types, exists
		}
	}
	return nil, false
}

// sets gives the content of the zone without its SOA.
func (z *zone) sets() []rr.Set {
	out := []rr.Set{}
	for name, types := range z.nodes {
		for code, records := range types {
			set, _, err := rr.Collect(rr.Key{Name: name, Type: rr.TypeOf(records[0])}, records)
			if err == nil && set != nil && code != dns.TypeSOA {
				out = append(out, *set)
			}
		}
	}
	slices.SortFunc(out, func(a, b rr.Set) int { return a.Key().Compare(b.Key()) })
	return out
}
