package schema

import (
	"fmt"
	"slices"

	"github.com/mailrelay/mailrelay/schema/rr"
)

// Validate finds what has no meaning in c: within one block where attributes
// contradict each other, and across blocks. What is merely dangerous or odd is
// not its matter. The problems are sorted by address.
func Validate(c *Config) []Problem {
	v := &validation{config: c, written: readings(c)}
	v.references()
	v.zones()
	v.records()
	v.finalDots()
	v.targets()
	v.policies()
	v.expectations()
	v.domains()
	v.proofs()
	v.recipients()
	v.relays()
	v.protocolLogs()
	v.receiveConnectors()
	v.overlaps()
	v.sendConnectors()
	v.stages()
	v.problems = append(v.problems, validateServices(c)...)
	slices.SortStableFunc(v.problems, func(a, b Problem) int { return a.Addr.Compare(b.Addr) })
	return v.problems
}

// validation collects what is found in one configuration.
type validation struct {
	config   *Config
	written  []reading // those that services and verifications stand for too
	problems []Problem
}

// reading is a record with what its zone makes of it.
type reading struct {
	*Record
	zone *Zone
	full string    // its name, with the final dot
	data []rr.Data // of each value
	errs []error   // of each value; nil if all are record data
}

// readings are the records of c, but for those whose zone is not there.
func readings(c *Config) []reading {
	all := append(c.Records(), c.proofRecords()...)
	out := make([]reading, 0, len(all))
	for _, r := range all {
		z := At[*Zone](c, r.Zone)
		if z == nil {
			continue
		}
		read := reading{Record: r, zone: z, full: rr.Full(r.Name, z.Name), data: make([]rr.Data, len(r.Values))}
		for i, text := range r.Values {
			d, err := rr.Parse(r.Type, z.Name, text)
			if read.data[i] = d; err == nil {
				continue
			}
			if read.errs == nil {
				read.errs = make([]error, len(r.Values))
			}
			read.errs[i] = err
		}
		out = append(out, read)
	}
	return out
}

// of gives the data of the value at i, or why it is none.
func (r reading) of(i int) (rr.Data, error) {
	if r.errs == nil {
		return r.data[i], nil
	}
	return r.data[i], r.errs[i]
}

// report adds a problem about an attribute or nested block of b, written
// "tls.key" inside a nested block; attr is empty for the block as a whole.
func (v *validation) report(b Block, attr, summary, format string, args ...any) {
	v.problems = append(v.problems, Problem{Addr: b.Addr(), Attr: attr, Summary: summary, Detail: fmt.Sprintf(format, args...)})
}

// references finds those that lead nowhere, which only a configuration that was
// read back from a revision can hold.
func (v *validation) references() {
	for _, b := range v.config.Blocks {
		for _, ref := range b.Refs() {
			if v.config.Block(ref) == nil {
				v.report(b, "", "Reference to undeclared "+ref.Type, "%s refers to %s, and there is no such block. Declare it, or take the reference away.", b.Addr(), ref)
			}
		}
	}
}
