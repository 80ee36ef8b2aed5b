package dns

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/mailrelay/mailrelay/schema/rr"
)

// record is what an entry of a master file means; rr is nil for one that holds
// none.
type record struct {
	rr       dns.RR
	key      rr.Key
	origin   string // in force there
	inherits bool   // the owner is that of the record before
	ttl      int    // index of the token that gives the TTL; -1: none does
	first    int    // index of the first token behind the owner
	typ      int    // index of the token that gives the type; the data follows
	// directive is the word of one, like $TTL, in upper case.
	directive string
	value     uint32 // of $TTL
}

// index is a master file with what each of its lines means.
type index struct {
	text    string
	zone    string // full
	entries []entry
	origin  string // in force at the end
	all     []dns.RR
	// foreign are the records that do not stand in the file itself: those of an
	// $INCLUDE or made by $GENERATE.
	foreign []dns.RR
}

// readIndex reads the text of the master file at path, which is where $INCLUDE
// begins to look.
func readIndex(text, zone, path string) (*index, error) {
	x := &index{text: text, zone: dns.Fqdn(strings.ToLower(zone))}
	var err error
	if x.entries, err = scan(text); err != nil {
		return nil, err
	}
	if x.all, err = parse(text, x.zone, path); err != nil {
		return nil, err
	}
	at := reader{origin: x.zone}
	for i := range x.entries {
		e := &x.entries[i]
		if len(e.tokens) == 0 {
			continue
		}
		if err := at.read(x, e); err != nil {
			return nil, fmt.Errorf("line %d: %w", line(text, e.tokens[0].start), err)
		}
	}
	x.origin = at.origin
	return x, x.outside()
}

// parse reads all records, those of included files too.
func parse(text, zone, path string) ([]dns.RR, error) {
	p := dns.NewZoneParser(strings.NewReader(text), zone, path)
	p.SetIncludeAllowed(true)
	var out []dns.RR
	for r, ok := p.Next(); ok; r, ok = p.Next() {
		out = append(out, r)
	}
	return out, p.Err()
}

// outside finds the records that no entry holds. An entry whose record the library
// did not find where it read the whole is one that was not understood.
func (x *index) outside() error {
	left := map[string]int{}
	for _, r := range x.all {
		left[canonical(r)]++
	}
	for _, e := range x.entries {
		if e.rr == nil {
			continue
		}
		if left[canonical(e.rr)]--; left[canonical(e.rr)] < 0 {
			return fmt.Errorf("line %d: it is not clear what it means beside the others", line(x.text, e.start))
		}
	}
	for _, r := range x.all {
		if c := canonical(r); left[c] > 0 {
			left[c]--
			x.foreign = append(x.foreign, r)
		}
	}
	return nil
}

// canonical is the same text for the same record.
func canonical(r dns.RR) string {
	r = dns.Copy(r)
	r.Header().Name = strings.ToLower(r.Header().Name)
	return r.String()
}

// reader is the state of reading a master file from its beginning.
type reader struct {
	origin string
	owner  string // of the last record; empty: none, or not certain
	ttl    lifetime
}

// lifetime is the TTL of a record that has none of its own (RFC 2308, 4, and
// RFC 1035, 5.1).
type lifetime struct {
	ttl    uint32
	known  bool
	always bool // by $TTL; else it is that of the record before
}

// follow is the lifetime after a record with a TTL of its own.
func (l lifetime) follow(ttl uint32) lifetime {
	if l.always {
		return l
	}
	return lifetime{ttl: ttl, known: true}
}

func (at *reader) read(x *index, e *entry) error {
	e.origin = at.origin
	words := make([]string, len(e.tokens))
	for i, t := range e.tokens {
		words[i] = x.text[t.start:t.end]
	}
	if strings.HasPrefix(words[0], "$") {
		return at.directive(e, words)
	}
	raw := x.text[e.start:e.end]
	switch {
	case strings.HasPrefix(raw, "("):
		return errors.New("it begins with a parenthesis")
	case strings.ContainsAny(raw[:1], " \t"):
		if e.inherits = true; at.owner == "" {
			return errors.New("it names no owner, and it is not certain which one it has")
		}
		raw = at.owner + raw
	default:
		e.first = 1
	}
	if err := e.words(words); err != nil {
		return err
	}
	p := dns.NewZoneParser(strings.NewReader(raw), at.origin, "")
	if at.ttl.known {
		p.SetDefaultTTL(at.ttl.ttl)
	}
	r, ok := p.Next()
	if _, more := p.Next(); !ok || more || p.Err() != nil {
		return fmt.Errorf("it cannot be read alone: %w", errors.Join(p.Err(), nil))
	}
	e.rr, e.key = r, rr.Key{Name: strings.ToLower(r.Header().Name), Type: rr.TypeOf(r)}
	at.owner = e.key.Name
	if e.ttl >= 0 {
		at.ttl = at.ttl.follow(r.Header().Ttl)
	}
	return nil
}

// words finds TTL and type among the words of a record. TTL and class come in
// either order.
func (e *entry) words(words []string) error {
	e.ttl = -1
	for i := e.first; i < len(words); i++ {
		switch w := strings.ToUpper(words[i]); {
		case w == "IN" || w == "CLASS1":
		case w == "CH" || w == "HS" || w == "CS" || strings.HasPrefix(w, "CLASS"):
			return fmt.Errorf("its class is %s, and only records of the Internet are known here", w)
		case w[0] >= '0' && w[0] <= '9':
			e.ttl = i
		default:
			if _, known := dns.StringToType[w]; !known && !strings.HasPrefix(w, "TYPE") {
				return fmt.Errorf("%s is no type of record that is known here", words[i])
			}
			if e.typ = i; i+1 == len(words) {
				return errors.New("it has no data")
			}
			return nil
		}
	}
	return errors.New("it has no type")
}

func (at *reader) directive(e *entry, words []string) error {
	e.directive = strings.ToUpper(words[0])
	switch e.directive {
	case "$ORIGIN":
		if len(words) < 2 {
			return errors.New("$ORIGIN names nothing")
		}
		at.origin = absolute(words[1], at.origin)
	case "$TTL":
		if len(words) < 2 {
			return errors.New("$TTL gives none")
		}
		p := dns.NewZoneParser(strings.NewReader(". "+words[1]+" IN A 192.0.2.1"), ".", "")
		r, ok := p.Next()
		if !ok {
			return fmt.Errorf("%s is no TTL", words[1])
		}
		e.value = r.Header().Ttl
		at.ttl = lifetime{ttl: e.value, known: true, always: true}
	case "$INCLUDE": // what stands there ends there (RFC 1035, 5.1)
	case "$GENERATE":
		at.owner = "" // servers differ
	default:
		return fmt.Errorf("%s is not known here", words[0])
	}
	return nil
}

// absolute is the full name of one as it is written under an origin.
func absolute(name, origin string) string {
	name = strings.ToLower(name)
	switch {
	case name == "@":
		return origin
	case dns.IsFqdn(name):
		return name
	case origin == ".":
		return name + "."
	}
	return name + "." + origin
}

// relative is the shortest form of a full name under an origin.
func relative(name, origin string) string {
	if name == origin {
		return "@"
	}
	if short, ok := strings.CutSuffix(name, "."+origin); ok && origin != "." {
		return short
	}
	return name
}

// at lists the indices of the entries that hold the RRset k.
func (x *index) at(k rr.Key) []int {
	var out []int
	for i, e := range x.entries {
		if e.rr != nil && e.key == k {
			out = append(out, i)
		}
	}
	return out
}

// set is the RRset k as the file has it, nil if it has none. A TTL that is not the
// same for all is the lowest.
func (x *index) set(k rr.Key) (*rr.Set, error) {
	var records []dns.RR
	for _, r := range x.all {
		if strings.ToLower(r.Header().Name) == k.Name {
			records = append(records, r)
		}
	}
	s, _, err := rr.Collect(k, records)
	return s, err
}

// elsewhere reports whether some of the RRset k does not stand in the file itself.
func (x *index) elsewhere(k rr.Key) bool {
	return slices.ContainsFunc(x.foreign, func(r dns.RR) bool {
		return strings.ToLower(r.Header().Name) == k.Name && rr.TypeOf(r) == k.Type
	})
}
