package lang

import (
	"github.com/hashicorp/hcl/v2"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/mailtest"
)

// evaluate makes the tests. It comes after the evaluation of all that they could
// refer to.
func (ts *tests) evaluate(ev *evaluator) hcl.Diagnostics {
	if ts == nil {
		return nil
	}
	var diags hcl.Diagnostics
	for _, n := range ts.nodes {
		diags = append(diags, ts.instances(ev, n)...)
	}
	return diags
}

// instances makes one test, or one for each key of its for_each.
func (ts *tests) instances(ev *evaluator, n *node) hcl.Diagnostics {
	ctx := ev.context(n)
	if n.block.forEach == nil {
		return ts.instance(ev, n, ctx, "")
	}
	items, diags := ev.items(n, ctx)
	if n.broken {
		return diags
	}
	faulty := 0
	for _, e := range items {
		if faulty == maxFaulty {
			break
		}
		if d := badKey(e.key, n.block); d != nil {
			return append(diags, d)
		}
		inner := ctx.NewChild()
		inner.Variables = e.variables
		more := ts.instance(ev, n, inner, e.key.AsString())
		if more.HasErrors() {
			faulty++
			diags = diags.Extend(unsaid(diags, more))
		}
	}
	return diags
}

func (ts *tests) instance(ev *evaluator, n *node, ctx *hcl.EvalContext, key string) hcl.Diagnostics {
	s := &scope{meter: ev.meter, ctx: ctx, views: ev.views, graph: ev.graph, node: n}
	value := n.block.body.desc.Join(s.values(n.block.body, true))
	if !n.block.valid || s.failed {
		s.check()
		return s.diags
	}
	t, err := mailtest.New(schema.Addr{Type: n.block.typ.Name, Name: n.block.label, Key: key}, value, n.decl)
	if err != nil {
		if s.check(); !s.diags.HasErrors() {
			s.diags = append(s.diags, failure(n.decl, "Invalid test", sentence(err.Error())))
		}
		return s.diags
	}
	if problems := t.Check(); problems != nil {
		return append(s.diags, n.testProblems(problems)...)
	}
	ts.found = append(ts.found, settled{t, n})
	return s.diags
}
