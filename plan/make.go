package plan

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/mailrelay/mailrelay/plan/check"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
)

// Make compares the configuration c with the revision base (nil: nothing was
// applied yet) and with what was seen, at the time now. The error says which block
// or revision it could not read.
func Make(c *schema.Config, base *revision.Revision, seen Seen, now time.Time) (*Plan, error) {
	return Scope{}.Make(c, base, seen, now)
}

// compare is Make for the part of c that s asks for.
func (s Scope) compare(c *schema.Config, base *revision.Revision, seen Seen, now time.Time) (*Plan, error) {
	p := &Plan{Made: now, Scope: s, Seen: seen}
	target := p.target(c)
	if base == nil {
		base = &revision.Revision{}
	}
	p.Base, p.Serial = base.Hash, base.Serial
	base, renamed, done, err := rename(base, c)
	if err != nil {
		return nil, err
	}
	p.Former = former(c, base)
	rrsets := renamed.seen(seen.RRsets)
	views := newViews(rrsets)
	proofs, err := p.verify(c, base, views, rrsets)
	if err != nil {
		return nil, err
	}
	if err := p.records(c, base, views, proofs); err != nil {
		return nil, err
	}
	p.files(c, base)
	if err := target(); err != nil {
		return nil, err
	}
	if err := p.blocks(c, base); err != nil { // after records: they say what must wait
		return nil, err
	}
	if err := p.expectations(c, base, views); err != nil {
		return nil, err
	}
	p.proven(c)
	p.outside(c, views, rrsets)
	p.stages(c, base)
	found, err := p.judged(c, base, views)
	if err != nil {
		return nil, err
	}
	p.Findings = append(p.Findings, found...)
	if err := p.stranded(c, base, seen.Nodes); err != nil {
		return nil, err
	}
	check.Sort(p.Findings)
	p.moved(c, done)
	for _, n := range seen.Nodes {
		if n.Live && p.Base != "" && (n.Revision != p.Base || n.Error != "") {
			p.Behind = append(p.Behind, n)
		}
	}
	for _, n := range seen.Nodes {
		if n.Gone {
			p.Gone = append(p.Gone, n)
		}
	}
	p.meanings(c, views)
	if err := p.reaches(c, base); err != nil {
		return nil, err
	}
	byAddr := func(a, b Change) int { return a.Addr.Compare(b.Addr) }
	slices.SortStableFunc(p.Changes, byAddr)
	slices.SortStableFunc(p.Drift, byAddr)
	return p, nil
}

// target begins to write down what c asks for, beside whatever else is compared. Once
// the function that it gives has returned, p.Target and p.Config are there.
func (p *Plan) target(c *schema.Config) (wait func() error) {
	done := make(chan error, 1)
	go func() {
		var err error
		if p.Target, err = revision.Objects(c); err == nil {
			p.Config = revision.ConfigHash(p.Target)
		}
		done <- err
	}()
	return func() error { return <-done }
}

// blocks compares what the relay runs from: every counted block but records,
// which live in DNS. What is in force counts, not what was asked for: the rest of
// what an earlier plan began is found again. p.Target are the blocks of c.
func (p *Plan) blocks(c *schema.Config, base *revision.Revision) error {
	compared := map[string]*schema.Type{}
	for _, t := range schema.Types() {
		if t.Counted && t.Name != "record" {
			compared[t.Name] = t
		}
	}
	var inForce []revision.Object
	before := map[schema.Addr]revision.Object{}
	for _, o := range base.InForceObjects() {
		if compared[o.Addr.Type] != nil {
			inForce = append(inForce, o)
			before[o.Addr] = o
		}
	}
	h := p.holding(c, base)
	for i, b := range c.Blocks {
		t := compared[b.Addr().Type]
		if t == nil {
			continue
		}
		old, had := before[b.Addr()]
		if had && bytes.Equal(old.Value, p.Target[i].Value) {
			continue
		}
		ch := Change{Addr: b.Addr(), Action: Create, After: b.Value(), Decl: b.Decl()}
		if !had {
			p.Changes = append(p.Changes, ch)
			continue
		}
		var err error
		if ch.Before, err = old.Cty(t); err != nil {
			return fmt.Errorf("reading revision %d: %s: %w", base.Serial, old.Addr, err)
		}
		if ch.Before.RawEquals(ch.After) { // the same in other words, as it was written then
			continue
		}
		ch.Action = Update
		p.Changes = append(p.Changes, ch)
		if err := h.change(b); err != nil {
			return err
		}
	}
	for _, o := range inForce {
		if c.Block(o.Addr) != nil {
			continue
		}
		if over, err := h.over(o.Addr); over || err != nil {
			if err != nil {
				return err
			}
			continue
		}
		v, err := o.Cty(compared[o.Addr.Type])
		if err != nil {
			return fmt.Errorf("reading revision %d: %s: %w", base.Serial, o.Addr, err)
		}
		p.Changes = append(p.Changes, Change{Addr: o.Addr, Action: Delete, Before: v, Decl: o.Range()})
		if err := h.change(nil); err != nil {
			return err
		}
	}
	return h.settle()
}
