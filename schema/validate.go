package schema

import (
	"fmt"
	"slices"
)

// Validate finds what has no meaning in c: within one block where attributes
// contradict each other, and across blocks. What is merely dangerous or odd is
// not its matter. The problems are sorted by address.
func Validate(c *Config) []Problem {
	v := &validation{config: c, written: append(c.Records(), c.proofRecords()...)}
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
	written  []*Record // those that services and verifications stand for too
	problems []Problem
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
