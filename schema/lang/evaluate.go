package lang

import (
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/mailrelay/mailrelay/schema"
)

// evaluator gives the nodes their values, each after what it needs.
type evaluator struct {
	graph     *graph
	views     *views
	functions map[string]function.Function
	values    map[*node]cty.Value // DynamicVal where something is wrong, which was reported
	blocks    []schema.Block
}

func newEvaluator(types []*schema.Type, g *graph, f map[string]function.Function) *evaluator {
	return &evaluator{graph: g, views: newViews(types), functions: f, values: map[*node]cty.Value{}}
}

func (ev *evaluator) node(n *node) hcl.Diagnostics {
	ev.values[n] = cty.DynamicVal
	switch {
	case n.ring:
		return nil
	case n.variable != nil:
		ev.values[n] = n.variable.value
		return nil
	case n.local != nil:
		if n.bad[n.local] {
			return nil
		}
		v, diags := value(n.local.Expr, ev.context(n))
		if !diags.HasErrors() {
			ev.values[n] = v
		}
		return diags
	}
	v, diags := ev.block(n)
	if !diags.HasErrors() && n.used {
		ev.values[n] = v
	}
	return diags
}

// context holds what n refers to and nothing else.
func (ev *evaluator) context(n *node) *hcl.EvalContext {
	roots := map[string]map[string]cty.Value{}
	for _, m := range n.needs {
		root, name, _ := strings.Cut(m.name, ".")
		if roots[root] == nil {
			roots[root] = map[string]cty.Value{}
		}
		roots[root][name] = ev.values[m]
	}
	ctx := &hcl.EvalContext{Functions: ev.functions, Variables: make(map[string]cty.Value, len(roots))}
	for root, values := range roots {
		ctx.Variables[root] = cty.ObjectVal(values)
	}
	return ctx
}
