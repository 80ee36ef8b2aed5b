package dns

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// edit replaces the bytes from start to end.
type edit struct {
	start, end int
	text       string
}

// edits are what changes a master file.
type edits struct {
	*index
	list    []edit
	gone    map[int]bool     // entries that go
	ttls    map[int]uint32   // entries that get a TTL
	added   map[int][]rr.Set // what comes behind an entry, one value each; -1: at the end
	newline string
}

// edited gives the text of the file with changes made, or the same text if it has
// them already. Only their lines change, besides the serial, and those that take an
// owner or a TTL from a line that goes.
func (x *index) edited(changes []plan.SetChange, now time.Time) (string, error) {
	e := &edits{index: x, gone: map[int]bool{}, ttls: map[int]uint32{}, added: map[int][]rr.Set{}, newline: "\n"}
	if strings.Contains(x.text, "\r\n") {
		e.newline = "\r\n"
	}
	for _, c := range changes {
		found, err := x.set(c.Key)
		if err != nil {
			return "", err
		}
		if rr.Equal(found, c.After) {
			continue
		}
		if x.elsewhere(c.Key) {
			return "", fmt.Errorf("%s, or a part of it, comes from an $INCLUDE or a $GENERATE, which mailrelay does not edit: move its lines into the file itself", c.Key)
		}
		if err := e.change(c); err != nil {
			return "", err
		}
	}
	if err := e.settle(); err != nil {
		return "", err
	}
	if len(e.list) == 0 {
		return x.text, nil
	}
	if err := e.serial(now); err != nil {
		return "", err
	}
	return e.apply(), nil
}

// change edits one RRset. A value that goes makes room for one that comes, so that
// it stands in its line, with its comment.
func (e *edits) change(c plan.SetChange) error {
	var come []rr.Data
	if c.After != nil {
		come = slices.Clone(c.After.Data)
	}
	var free []int
	last := -1
	for _, i := range e.at(c.Key) {
		d := rr.Read(e.entries[i].rr)
		last = i
		if c.After == nil || !c.After.Has(d) {
			free = append(free, i)
			continue
		}
		come = slices.DeleteFunc(come, func(x rr.Data) bool { return x == d })
		e.ttls[i] = c.After.TTL
	}
	for _, i := range free {
		if len(come) == 0 || !e.named(i) {
			e.remove(i)
			continue
		}
		text, err := dataText(c.Key, come[0])
		if err != nil {
			return err
		}
		e.replace(i, text)
		e.ttls[i], come = c.After.TTL, come[1:]
	}
	if last < 0 {
		for i, x := range e.entries {
			if x.rr != nil && x.key.Name == c.Key.Name {
				last = i
			}
		}
	}
	for _, d := range come {
		e.added[last] = append(e.added[last], rr.NewSet(c.Key.Name, c.Key.Type, c.After.TTL, d))
	}
	return nil
}

// named reports whether the type of an entry is written as it is called here.
func (e *edits) named(i int) bool {
	t := e.entries[i].tokens[e.entries[i].typ]
	return strings.EqualFold(e.text[t.start:t.end], e.entries[i].key.Type)
}

func (e *edits) remove(i int) {
	e.gone[i] = true
	e.list = append(e.list, edit{e.entries[i].start, e.entries[i].end, ""})
}

// replace puts data into the place of the first word of an entry's data, and takes
// the others out. Comments and parentheses stay.
func (e *edits) replace(i int, text string) {
	tokens := e.entries[i].tokens[e.entries[i].typ+1:]
	e.list = append(e.list, edit{tokens[0].start, tokens[0].end, text})
	for n, t := range tokens[1:] {
		start := t.start
		if between := e.text[tokens[n].end:t.start]; strings.Trim(between, " \t") == "" {
			start = tokens[n].end
		}
		e.list = append(e.list, edit{start, t.end, ""})
	}
}

// dataText is record data as it stands in a master file.
func dataText(k rr.Key, d rr.Data) (string, error) {
	if k.Type != "TXT" {
		return string(d), nil
	}
	r, err := rr.Record(k.Name, k.Type, 0, d)
	if err != nil {
		return "", err
	}
	return strings.TrimPrefix(r.String(), r.Header().String()), nil
}

// settle goes through the file as it will be, gives lines the TTL that they are to
// have, and makes explicit what a line can no longer take from those before it.
func (e *edits) settle() error {
	at := reader{}
	for i, x := range e.entries {
		switch {
		case x.directive == "$TTL":
			at.ttl = lifetime{ttl: x.value, known: true, always: true}
		case x.rr != nil && !e.gone[i]:
			if x.inherits && at.owner != x.key.Name {
				e.name(x)
			}
			at.owner = x.key.Name
			e.live(i, x, &at)
		}
		for _, s := range e.added[i] {
			if err := e.insert(x.end, x.origin, s, &at); err != nil {
				return err
			}
		}
	}
	for _, s := range e.added[-1] {
		if err := e.insert(len(e.text), e.origin, s, &at); err != nil {
			return err
		}
	}
	return nil
}

// name writes the owner into a line that has taken it from the one before, over
// its blanks if there are enough.
func (e *edits) name(x entry) {
	line := e.text[x.start:x.end]
	blanks := len(line) - len(strings.TrimLeft(line, " \t"))
	owner := relative(x.key.Name, x.origin)
	switch {
	case strings.HasPrefix(line, "\t"): // which reaches as far as it can
		blanks = 0
	case len(owner) < blanks:
		blanks = len(owner)
	default:
		owner += " "
	}
	e.list = append(e.list, edit{x.start, x.start + blanks, owner})
}

// live gives a line its TTL.
func (e *edits) live(i int, x entry, at *reader) {
	want, touched := e.ttls[i]
	if !touched {
		want = x.rr.Header().Ttl
	}
	text := strconv.FormatUint(uint64(want), 10)
	switch {
	case x.ttl >= 0 && want != x.rr.Header().Ttl:
		t := x.tokens[x.ttl]
		e.list = append(e.list, edit{t.start, t.end, text})
	case x.ttl < 0 && at.ttl.known && at.ttl.ttl == want:
		return
	case x.ttl < 0:
		t := x.tokens[x.first]
		e.list = append(e.list, edit{t.start, t.start, text + " "})
	}
	at.ttl = at.ttl.follow(want)
}

// insert adds a line of its own for the one value of s.
func (e *edits) insert(pos int, origin string, s rr.Set, at *reader) error {
	data, err := dataText(s.Key(), s.Data[0])
	if err != nil {
		return err
	}
	words := []string{relative(s.Name, origin)}
	if !at.ttl.known || at.ttl.ttl != s.TTL {
		words = append(words, strconv.FormatUint(uint64(s.TTL), 10))
		at.ttl = at.ttl.follow(s.TTL)
	}
	at.owner = s.Name
	text := strings.Join(append(words, "IN", s.Type, data), "\t") + e.newline
	if pos > 0 && e.text[pos-1] != '\n' {
		text = e.newline + text
	}
	e.list = append(e.list, edit{pos, pos, text})
	return nil
}

// serial raises the serial of the SOA record.
func (e *edits) serial(now time.Time) error {
	for _, x := range e.entries {
		soa, ok := x.rr.(*dns.SOA)
		if !ok {
			continue
		}
		if x.key.Name != e.zone {
			return fmt.Errorf("its SOA record is that of %s, and the zone is %s", x.key.Name, e.zone)
		}
		if len(x.tokens) != x.typ+8 {
			return errors.New("its SOA record does not have the seven parts of one")
		}
		t := x.tokens[x.typ+3]
		e.list = append(e.list, edit{t.start, t.end, strconv.FormatUint(uint64(raised(soa.Serial, now)), 10)})
		return nil
	}
	return errors.New("it has no SOA record whose serial could be raised: an $INCLUDE may hold it; move it into the file itself")
}

// apply makes the edits.
func (e *edits) apply() string {
	slices.SortStableFunc(e.list, func(a, b edit) int { return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.end, b.end)) })
	var b strings.Builder
	at := 0
	for _, x := range e.list {
		b.WriteString(e.text[at:x.start])
		b.WriteString(x.text)
		at = x.end
	}
	b.WriteString(e.text[at:])
	return b.String()
}
