package lang

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/mailrelay/mailrelay/schema"
)

// pattern is an instance of a block with for_each that was made without a word
// about it. What does not vary is the same in the others: it is taken from this
// one, in canonical form, and paid for as if it were evaluated again.
type pattern struct {
	block schema.Block
	cost  int64 // of what does not vary, in bytes
}

// pattern makes one of the block that s evaluated; nil if it cannot be one.
func (s *scope) pattern(made schema.Block) *pattern {
	if s.node.block.typ.Body.Open != "" || len(s.diags) > 0 {
		return nil
	}
	return &pattern{made, s.fixed}
}

// again makes an instance of n after a pattern, which may be nil. It is false
// where something is wrong, and as if nothing had been done: instance says what.
func (ev *evaluator) again(n *node, ctx *hcl.EvalContext, e each, p *pattern) (cty.Value, bool) {
	if p == nil {
		return cty.NilVal, false
	}
	before := *ev.meter
	s := ev.scope(n, ctx)
	s.each = e
	if ev.meter.spend(blockCost+p.cost) == nil {
		values := s.values(n.block.body, false)
		if !s.failed && len(s.diags) == 0 {
			if made, err := n.block.typ.Make(n.block.addr(e.key.AsString()), values, p.block, n.decl); err == nil {
				return ev.keep(s, made, nil), true
			}
		}
	}
	*ev.meter = before
	return cty.NilVal, false
}

// varies reports whether an attribute may have another value in each instance.
// What it points at is found anew in any case.
func varies(k schema.Kind, expr hclsyntax.Expression) bool {
	if orders(k) {
		return true
	}
	for _, t := range expr.Variables() {
		if t.RootName() == "each" {
			return true
		}
	}
	return false
}

// settle says of the nested blocks of b whether they vary. Those at one place are
// one value, which varies as a whole.
func (b *body) settle() {
	at := map[int]bool{}
	for _, n := range b.nested {
		at[n.at] = at[n.at] || n.body.varies()
	}
	for i := range b.nested {
		if n := &b.nested[i]; at[n.at] {
			n.varies = true
			n.body.vary()
		}
	}
}

func (b *body) varies() bool {
	for _, a := range b.attrs {
		if a.varies {
			return true
		}
	}
	for _, n := range b.nested {
		if n.varies {
			return true
		}
	}
	return false
}

// vary marks everything in b.
func (b *body) vary() {
	for i := range b.attrs {
		b.attrs[i].varies = true
	}
	for i := range b.nested {
		b.nested[i].varies = true
		b.nested[i].body.vary()
	}
}
