package dns

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/miekg/dns"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// maxUpdate is how many bytes one message may have, less than 65,535 to leave
// room for its header and signature.
const maxUpdate = 64000

// message is one UPDATE, complete in itself.
type message struct {
	update  *dns.Msg
	changes []plan.SetChange
}

// cut makes the messages for changes of zone, mostly one. Changes at one name stay
// together, since an alias and other data take each other's place. Addresses come
// first and what only goes comes last, because BIND refuses an MX whose host has
// no address.
func cut(zone *schema.Zone, changes []plan.SetChange) ([]message, error) {
	byName := map[string][]plan.SetChange{}
	var names []string
	for _, c := range changes {
		if !dns.IsSubDomain(dns.Fqdn(zone.Name), c.Key.Name) {
			return nil, fmt.Errorf("%s is not in zone %s", c.Key, zone.Name)
		}
		if byName[c.Key.Name] == nil {
			names = append(names, c.Key.Name)
		}
		byName[c.Key.Name] = append(byName[c.Key.Name], c)
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(rank(byName[a]), rank(byName[b])), cmp.Compare(a, b))
	})
	var out []message
	var sum sections
	var in []plan.SetChange
	flush := func() {
		if len(in) > 0 {
			out = append(out, message{sum.message(zone.Name), in})
		}
		sum, in = sections{}, nil
	}
	for _, name := range names {
		s, err := sectionsOf(zone, byName[name])
		switch {
		case err != nil:
			return nil, err
		case s.bytes > maxUpdate:
			return nil, fmt.Errorf("what changes at %s has more than %d bytes, which no update can hold: make the RRsets there smaller", name, maxUpdate)
		case sum.bytes+s.bytes > maxUpdate:
			flush()
		}
		sum = sum.with(s)
		in = append(in, byName[name]...)
	}
	flush()
	return out, nil
}

// rank orders what happens at a name where one message cannot hold everything.
func rank(changes []plan.SetChange) int {
	r := 2
	for _, c := range changes {
		switch {
		case c.After == nil:
		case c.Key.Type == "A" || c.Key.Type == "AAAA":
			return 0
		default:
			r = 1
		}
	}
	return r
}

// sections are the parts of an update, in the order in which they go out.
// Deletions come before additions: an address that is added beside an alias is
// ignored in silence, and the alias deleted after it leaves nothing. Only the NS
// set of the zone itself is added to first, since its last record does not go.
type sections struct {
	prerequisites, first, deletions, additions []dns.RR
	bytes                                      int
	alone                                      bool // the prerequisites exclude an alias at the name
}

func (s sections) with(t sections) sections {
	return sections{
		prerequisites: append(s.prerequisites, t.prerequisites...),
		first:         append(s.first, t.first...),
		deletions:     append(s.deletions, t.deletions...),
		additions:     append(s.additions, t.additions...),
		bytes:         s.bytes + t.bytes,
	}
}

func (s sections) message(zone string) *dns.Msg {
	m := new(dns.Msg).SetUpdate(dns.Fqdn(zone))
	m.Answer = s.prerequisites
	m.Ns = slices.Concat(s.first, s.deletions, s.additions)
	return m
}

// sectionsOf makes the sections for all changes at one name.
func sectionsOf(zone *schema.Zone, changes []plan.SetChange) (sections, error) {
	var s sections
	alias := slices.ContainsFunc(changes, func(c plan.SetChange) bool { return c.Key.Type == "CNAME" })
	for _, c := range changes {
		before, err := records(c.Key, c.Before, c.Wire)
		if err != nil {
			return s, err
		}
		after, err := records(c.Key, c.After, nil)
		if err != nil {
			return s, err
		}
		if err := s.require(c.Key, before, alias); err != nil {
			return s, err
		}
		if err := s.change(zone, c, before, after); err != nil {
			return s, err
		}
	}
	for _, list := range [][]dns.RR{s.prerequisites, s.first, s.deletions, s.additions} {
		for _, r := range list {
			s.bytes += dns.Len(r)
		}
	}
	return s, nil
}

// require makes the prerequisites (RFC 2136, 2.4): the RRset is exactly what the
// plan saw or, where it saw nothing, absent. What is new must not stand beside an
// alias either, unless alias says that this message settles that.
func (s *sections) require(k rr.Key, before []dns.RR, alias bool) error {
	for _, r := range before {
		s.prerequisites = append(s.prerequisites, as(r, dns.ClassINET, 0))
	}
	if len(before) > 0 {
		return nil
	}
	none, err := bare(k, dns.ClassNONE)
	if err != nil {
		return err
	}
	s.prerequisites = append(s.prerequisites, none)
	if alias || s.alone {
		return nil
	}
	s.alone = true
	none, err = bare(rr.Key{Name: k.Name, Type: "CNAME"}, dns.ClassNONE)
	s.prerequisites = append(s.prerequisites, none)
	return err
}

// change makes the updates (RFC 2136, 2.5). Values that stay are not touched,
// unless the TTL changes: Knot ignores the same data with another TTL, so the
// RRset then goes and comes back whole, with the bytes that it had.
func (s *sections) change(zone *schema.Zone, c plan.SetChange, before, after []dns.RR) error {
	whole := c.Before != nil && (c.After == nil || c.After.TTL != c.Before.TTL)
	apex := c.Key == rr.Key{Name: dns.Fqdn(zone.Name), Type: "NS"}
	if whole && !apex {
		all, err := bare(c.Key, dns.ClassANY)
		if err != nil {
			return err
		}
		s.deletions = append(s.deletions, all)
	}
	kept := map[rr.Data]dns.RR{}
	for i, r := range before {
		d := c.Before.Data[i]
		kept[d] = r
		if goes := c.After == nil || !c.After.Has(d); goes && (!whole || apex) {
			s.deletions = append(s.deletions, as(r, dns.ClassNONE, 0))
		}
	}
	for i, r := range after {
		old, stays := kept[c.After.Data[i]]
		if stays && !whole {
			continue
		}
		if stays {
			r = old
		}
		r = as(r, dns.ClassINET, c.After.TTL)
		if apex {
			s.first = append(s.first, r)
		} else {
			s.additions = append(s.additions, r)
		}
	}
	return nil
}

// records makes the records of s, of the bytes as they were read if there are any.
func records(k rr.Key, s *rr.Set, wire []string) ([]dns.RR, error) {
	if s == nil {
		return nil, nil
	}
	out := make([]dns.RR, len(s.Data))
	for i, d := range s.Data {
		var err error
		if len(wire) == len(s.Data) {
			out[i], err = rr.Raw(k.Name, k.Type, s.TTL, wire[i])
		} else {
			out[i], err = rr.Record(k.Name, k.Type, s.TTL, d)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// as is r with another class and TTL. r stays as it is.
func as(r dns.RR, class uint16, ttl uint32) dns.RR {
	r = dns.Copy(r)
	r.Header().Class, r.Header().Ttl = class, ttl
	return r
}

// bare is a record without data, which stands for a whole RRset.
func bare(k rr.Key, class uint16) (dns.RR, error) {
	code, err := rr.Code(k.Type)
	return &dns.ANY{Hdr: dns.RR_Header{Name: k.Name, Rrtype: code, Class: class}}, err
}
