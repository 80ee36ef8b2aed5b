package render

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode"
	"unicode/utf8"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// What a person does to one record.
const (
	takeOut   = "remove"
	enter     = "add"
	changeTTL = "change_ttl"
)

// ByHand is one record that a person has to change in a zone.
type ByHand struct {
	Zone schema.Addr `json:"zone"`
	Do   string      `json:"do"`   // remove, add, or change_ttl
	Name string      `json:"name"` // full, with the final dot
	// Host is the name as most web forms take it: relative to the zone, "@" for the
	// zone itself. It is Name where the zone's name is not known.
	Host string `json:"host"`
	Type string `json:"type"`
	TTL  uint32 `json:"ttl"` // as it will be, or was if it goes
	// Value is the data as web forms take it: of TXT the joined text, unquoted.
	Value string `json:"value"`
	// Line is the record as it stands in a zone file; TXT is cut into strings there.
	Line string `json:"line"`
	Was  string `json:"was,omitempty"` // that line before its TTL changes
}

// byHand lists what people have to do, in the order of the plan's RRsets.
func byHand(p *plan.Plan) ([]ByHand, error) {
	out := []ByHand{}
	var names map[schema.Addr]string
	for _, s := range p.Sets {
		if !s.Manual {
			continue
		}
		if names == nil {
			c, err := revision.Config(revision.Only(p.Target, "zone"))
			if err != nil {
				return nil, err
			}
			names = map[schema.Addr]string{}
			for _, z := range schema.All[*schema.Zone](c) {
				names[z.Addr()] = z.Name + "."
			}
		}
		out = append(out, Steps(s.Before, s.After, s.Zone, names[s.Zone])...)
	}
	return out, nil
}

// Steps are what a person does to make one RRset, which is before, to be after, in the
// zone of that name: first what goes. One of the two may be nil.
func Steps(before, after *rr.Set, at schema.Addr, zone string) []ByHand {
	var out []ByHand
	step := func(do string, set *rr.Set, d rr.Data) ByHand {
		return ByHand{Zone: at, Do: do, Name: set.Name, Host: host(set.Name, zone), Type: set.Type,
			TTL: set.TTL, Value: plain(set.Type, d), Line: zoneLine(set, d)}
	}
	if before != nil {
		for _, d := range before.Data {
			if after == nil || !after.Has(d) {
				out = append(out, step(takeOut, before, d))
			}
		}
	}
	if after == nil {
		return out
	}
	for _, d := range after.Data {
		switch {
		case before == nil || !before.Has(d):
			out = append(out, step(enter, after, d))
		case before.TTL != after.TTL:
			b := step(changeTTL, after, d)
			b.Was = zoneLine(before, d)
			out = append(out, b)
		}
	}
	return out
}

// host is a full name relative to the zone.
func host(name, zone string) string {
	if name == zone {
		return "@"
	}
	if short, ok := strings.CutSuffix(name, "."+zone); ok && zone != "" {
		return short
	}
	return name
}

// plain is record data as a person enters it into a form.
func plain(typ string, d rr.Data) string {
	if typ != "TXT" {
		return string(d)
	}
	text := d.Text()
	if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		return string(d) // with its escapes, since it cannot be shown
	}
	return text
}

// zoneLine is a record of set as it stands in a zone file.
func zoneLine(set *rr.Set, d rr.Data) string {
	r, err := rr.Record(set.Name, set.Type, set.TTL, d)
	if err != nil { // canonical data always makes a record
		return fmt.Sprintf("%s %d IN %s %s", set.Name, set.TTL, set.Type, d)
	}
	return r.String()
}

// zones are what has to be done, by zone.
func (m *Model) zones() [][]ByHand {
	var out [][]ByHand
	rest := m.Manual
	for len(rest) > 0 {
		n := 1
		for n < len(rest) && rest[n].Zone == rest[0].Zone {
			n++
		}
		out = append(out, rest[:n])
		rest = rest[n:]
	}
	return out
}

// byHand writes, for each zone, the lines that a person has to take out of a zone
// file and to put in, and the same as a table for who has a form to fill in.
func (m *Model) byHand(b *bytes.Buffer, s Style) {
	for _, zone := range m.zones() {
		fmt.Fprintf(b, "A person edits %s. Make these changes there:\n", s.bold(zone[0].Zone.String()))
		zoneLines(b, s, zone)
		b.WriteString("\nOr, in a form that takes a field each (TXT without quotes):\n")
		t := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "  To do\tName\tType\tTTL\tValue")
		for _, c := range zone {
			fmt.Fprintf(t, "  %s\t%s\t%s\t%d\t%s\n", todo(c.Do), c.Host, c.Type, c.TTL, c.Value)
		}
		t.Flush() // to a buffer, which takes everything
		b.WriteString("\n")
	}
}

// todo is what a person does, in words.
func todo(do string) string {
	return map[string]string{takeOut: "remove", enter: "add", changeTTL: "change TTL"}[do]
}

func zoneLines(b *bytes.Buffer, s Style, zone []ByHand) {
	for _, c := range zone {
		c.lines(b, s)
	}
}

// Lines writes what is taken out of a zone file and put in, without colour.
func (c ByHand) Lines(w io.Writer) { c.lines(w, Style{}) }

func (c ByHand) lines(w io.Writer, s Style) {
	switch c.Do {
	case takeOut:
		fmt.Fprintf(w, "  %s %s\n", s.symbol("delete"), c.Line)
	case changeTTL:
		fmt.Fprintf(w, "  %s %s\n  %s %s\n", s.symbol("delete"), c.Was, s.symbol("create"), c.Line)
	default:
		fmt.Fprintf(w, "  %s %s\n", s.symbol("create"), c.Line)
	}
}
