package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
)

// Scope says how much of a configuration a plan is about, and why it is made. The
// zero Scope is all of it. A plan carries its Scope, so that apply can make it
// again.
type Scope struct {
	// Targets are the blocks that were asked for; none are all. One without a key
	// is every instance.
	Targets []schema.Addr `json:"targets,omitempty"`
	// Taken are the blocks that Targets came to, sorted: what they name, what that
	// needs, and what cannot stay without what goes. Make fills it in.
	Taken []schema.Addr `json:"taken,omitempty"`
	// RefreshOnly records what is in the world and writes nothing.
	RefreshOnly bool `json:"refresh_only,omitempty"`
	// Back is the serial of the revision whose target is the configuration; 0: none.
	// What we took over from others, and that revision did not, is put back.
	Back uint64 `json:"back_to_revision,omitempty"`
}

// Make is the function Make for the part of c that s asks for. What is left out
// stays in the plan's target as base has it, so that the state does not claim what
// was not applied. The error says which target names nothing, or what cannot go
// without what was left out.
func (s Scope) Make(c *schema.Config, base *revision.Revision, seen Seen, now time.Time) (*Plan, error) {
	c, s, err := s.Config(c, base)
	if err != nil {
		return nil, err
	}
	if s.RefreshOnly {
		return s.refresh(c, base, seen, now)
	}
	return s.compare(c, base, seen, now)
}

// Config gives the configuration that Make compares, and s with what it takes. base
// may be nil.
func (s Scope) Config(c *schema.Config, base *revision.Revision) (*schema.Config, Scope, error) {
	if s.Targets == nil {
		return c, s, nil
	}
	old := &revision.Revision{}
	if base != nil {
		var err error
		if old, _, _, err = rename(base, c); err != nil {
			return nil, s, err
		}
	}
	before, err := revision.Config(old.Target)
	if err != nil {
		return nil, s, fmt.Errorf("reading revision %d: %w", old.Serial, err)
	}
	if s.Taken == nil {
		if s.Taken, err = closure(s.Targets, c, before); err != nil {
			return nil, s, err
		}
	}
	out := mix(before, c, s.Taken)
	for _, p := range schema.Validate(out) {
		return nil, s, fmt.Errorf("what -target takes does not go together with what it leaves out: %s: %s Name that block with another -target, or plan without", p.Addr, strings.TrimSpace(p.Detail))
	}
	return out, s, nil
}

// mix is before, with the blocks taken as c has them. The settings of the program
// are always those of c.
func mix(before, c *schema.Config, taken []schema.Addr) *schema.Config {
	from := func(a schema.Addr) bool { return a.Type == "mailrelay" || contains(taken, a) }
	var blocks []schema.Block
	for _, b := range before.Blocks {
		if !from(b.Addr()) {
			blocks = append(blocks, b)
		}
	}
	for _, b := range c.Blocks {
		if from(b.Addr()) {
			blocks = append(blocks, b)
		}
	}
	out := schema.NewConfig(blocks, c.Sources)
	out.Moved, out.Uses = c.Moved, c.Uses
	return out
}

func contains(sorted []schema.Addr, a schema.Addr) bool {
	_, ok := slices.BinarySearchFunc(sorted, a, schema.Addr.Compare)
	return ok
}

// closure lists, sorted, what targets take along: in c what they refer to, and in
// before what refers to a block that goes.
func closure(targets []schema.Addr, c, before *schema.Config) ([]schema.Addr, error) {
	var open []schema.Addr
	add := func(a schema.Addr) { open = append(open, a) }
	for _, t := range targets {
		if t.Part != "" {
			return nil, fmt.Errorf("-target=%s: a part of a block cannot be planned alone: write -target=%s", t, schema.Addr{Type: t.Type, Name: t.Name, Key: t.Key})
		}
		found := each(t, c, before, add)
		if !found {
			return nil, fmt.Errorf("-target=%s names nothing in the configuration or the state%s: write type.name, or type.name[\"key\"] for one instance", t, nearest(t, c))
		}
	}
	taken := map[schema.Addr]bool{}
	for len(open) > 0 {
		a := open[len(open)-1]
		open = open[:len(open)-1]
		if taken[a] {
			continue
		}
		taken[a] = true
		b := c.Block(a)
		if b == nil {
			for _, o := range before.Blocks {
				if slices.Contains(o.Refs(), a) {
					add(o.Addr())
				}
			}
			continue
		}
		for _, ref := range b.Refs() {
			add(ref)
		}
		for _, use := range c.Uses[schema.Addr{Type: a.Type, Name: a.Name}] {
			each(use, c, nil, add)
		}
	}
	out := make([]schema.Addr, 0, len(taken))
	for a := range taken {
		out = append(out, a)
	}
	slices.SortFunc(out, schema.Addr.Compare)
	return out, nil
}

// each calls f for the block t of either configuration, or for each of its
// instances if t has no key, and reports whether there is any.
func each(t schema.Addr, c, before *schema.Config, f func(schema.Addr)) bool {
	found := false
	for _, from := range []*schema.Config{c, before} {
		if from == nil {
			continue
		}
		for _, b := range from.Blocks {
			if a := b.Addr(); a.Type == t.Type && a.Name == t.Name && (t.Key == "" || t.Key == a.Key) {
				found = true
				f(a)
			}
		}
	}
	return found
}

func nearest(t schema.Addr, c *schema.Config) string {
	var names []string
	for _, b := range c.Blocks {
		names = append(names, b.Addr().String())
	}
	return schema.DidYouMean(t.String(), names)
}

// takes reports whether a block is in the scope.
func (s Scope) takes(a schema.Addr) bool {
	a.Part = ""
	return s.Targets == nil || contains(s.Taken, a)
}

// concerns reports whether an RRset is in the scope: one of the blocks that want
// it, or own of it, is.
func (s Scope) concerns(want []wanted, ours []revision.Owned) bool {
	return s.Targets == nil ||
		slices.ContainsFunc(want, func(w wanted) bool { return s.takes(w.block.Addr()) }) ||
		slices.ContainsFunc(ours, func(o revision.Owned) bool { return s.takes(o.Addr) })
}
