package schema

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mailrelay/mailrelay/schema/rr"
)

// zones finds two views of one zone that nothing tells apart.
func (v *validation) zones() {
	seen := map[string]*Zone{}
	for _, z := range All[*Zone](v.config) {
		servers := slices.Clone(z.Servers)
		slices.Sort(servers)
		key := z.Name + " " + strings.Join(slices.Compact(servers), " ")
		if first := seen[key]; first != nil {
			v.report(z, "name", "Duplicate zone", "%s is the zone %s with the same servers already. Two zones of one name are two views of it, so their servers must differ; otherwise refer to %s.", first.Addr(), z.Name, first.Addr())
			continue
		}
		seen[key] = z
	}
}

// rrset is the identity of an RRset in one view of a zone.
type rrset struct {
	zone *Zone
	name string // full, with the final dot
	typ  string
}

// records finds data that is none of its type, and records that contradict each
// other about one RRset or one name.
func (v *validation) records() {
	type group struct {
		rrset
		first *Record
		more  []*Record // those after the first, if there are several
	}
	sets := make([]group, 0, len(v.written))
	at := make(map[rrset]int, len(v.written)) // in sets
	aliases := map[rrset]*Record{}            // with an empty type
	for _, r := range v.written {
		if len(r.full) > 254 {
			v.report(r, "name", "Name too long", "%s has %d characters, and a name has at most 253. Shorten it.", r.full, len(r.full)-1)
			continue
		}
		for i, text := range r.Values {
			d, err := r.of(i)
			v.datum(r, r.Type, text, d, err)
		}
		if r.Type == "CNAME" {
			v.alias(r.Record, r.zone)
			aliases[rrset{r.zone, r.full, ""}] = r.Record
		}
		key := rrset{r.zone, r.full, r.Type}
		if i, had := at[key]; had {
			sets[i].more = append(sets[i].more, r.Record)
			continue
		}
		at[key] = len(sets)
		sets = append(sets, group{rrset: key, first: r.Record})
	}
	for _, key := range sets {
		if key.more != nil {
			v.shared(key.rrset, append([]*Record{key.first}, key.more...))
		}
		if len(aliases) == 0 {
			continue
		}
		alias := aliases[rrset{key.zone, key.name, ""}]
		if alias != nil && key.typ != "CNAME" {
			r := key.first
			v.report(r, "type", "Record beside an alias", "%s makes %s an alias (CNAME), and an alias can hold no other records (RFC 1034, 3.6.2). Take one of the two away.", alias.Addr(), key.name)
		}
	}
}

// alias finds a CNAME that no server would load.
func (v *validation) alias(r *Record, z *Zone) {
	if r.Name == "@" {
		v.report(r, "type", "Alias at the top of a zone", "%s itself holds SOA and NS records, so it cannot be an alias (RFC 1034, 3.6.2). Write A and AAAA records instead, or name a host below the zone.", z.Name)
	}
	if len(r.Values) > 1 {
		v.report(r, "values", "Alias with several targets", "A name is an alias of one other name (RFC 2181, 10.1). Write one value.")
	}
}

// shared finds disagreement between the records of one RRset.
func (v *validation) shared(key rrset, records []*Record) {
	for i, r := range records {
		for _, first := range records[:i] {
			if key.typ == "MX" && (r.proves() || first.proves()) {
				continue // it routes nothing, and stands beside any other
			}
			if r.Exclusive || first.Exclusive {
				owner := first
				if !first.Exclusive {
					owner = r
				}
				todo := "Put all values into one record, or write exclusive = false in both."
				if first.proves() || r.proves() {
					todo = fmt.Sprintf("Write exclusive = false in %s.", owner.Addr())
				} else if name := exceptName(first, r); name != "" {
					todo = fmt.Sprintf("Write except = [%q] in the service, or take the other away.", name)
				}
				v.report(r, "", "Records contradict each other", "%s and %s both write %s %s, and %s is exclusive: the RRset holds its values and no others. %s", first.Addr(), r.Addr(), key.name, key.typ, owner.Addr(), todo)
				break
			}
			if first.TTL != nil && r.TTL != nil && *first.TTL != *r.TTL {
				v.report(r, "ttl", "TTLs disagree", "%s gives %s %s the TTL %d, and %s gives it %d. An RRset has one TTL (RFC 2181, 5.2): write the same in both.", first.Addr(), key.name, key.typ, *first.TTL, r.Addr(), *r.TTL)
				break
			}
		}
	}
}

// data finds values that are not record data of the type typ.
func (v *validation) data(b Block, typ, origin string, values []string) {
	for _, text := range values {
		d, err := rr.Parse(typ, origin, text)
		v.datum(b, typ, text, d, err)
	}
}

// datum looks at one value, of which rr.Parse gave d and err.
func (v *validation) datum(b Block, typ, text string, d rr.Data, err error) {
	if err == nil {
		err = fields(typ, text, d)
	}
	if err != nil {
		v.report(b, "values", fmt.Sprintf("Invalid %s record", typ), "%s", sentence(err))
	}
}

// expectations finds expect blocks that expect nothing, or no one knows where.
func (v *validation) expectations() {
	for _, e := range v.config.Expects() {
		switch {
		case e.Absent && len(e.Values) > 0:
			v.report(e, "absent", "Contradicting expectation", "absent says that nothing of the type %s may be there, and values says what is there. Leave one of the two out.", e.Type)
		case !e.Absent && len(e.Values) == 0 && e.Contains == "":
			v.report(e, "", "Empty expectation", "It does not say what is expected. Write values = [\"…\"], or absent = true if nothing of the type %s may be there.", e.Type)
		}
		origin := "."
		if z := At[*Zone](v.config, e.Zone); z != nil {
			origin = z.Name + "."
		} else if e.Zone.IsZero() && !strings.Contains(e.Name, ".") {
			v.report(e, "name", "Name without a zone", "%q is relative to a zone, and no zone is given. Write zone = zone.NAME, or the full name.", e.Name)
		}
		v.data(e, e.Type, origin, e.Values)
	}
}

// sentence makes a sentence of an error.
func sentence(err error) string {
	s := err.Error()
	if s != "" && s[0] >= 'a' && s[0] <= 'z' {
		s = strings.ToUpper(s[:1]) + s[1:]
	}
	if !strings.HasSuffix(s, ".") && !strings.HasSuffix(s, "?") {
		s += "."
	}
	return s
}
