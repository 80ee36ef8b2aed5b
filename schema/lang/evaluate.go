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
	meter     *meter
	values    map[*node]cty.Value // DynamicVal where something is wrong, which was reported
	blocks    []schema.Block
	pointed   []pointed // by attributes that order

	elementsOf map[*node][]each // of local values over which a for_each goes
}

func newEvaluator(types []*schema.Type, g *graph, f map[string]function.Function, m *meter) *evaluator {
	return &evaluator{graph: g, views: newViews(types), functions: m.limited(f), meter: m, values: map[*node]cty.Value{}, elementsOf: map[*node][]each{}}
}

func (ev *evaluator) node(n *node) hcl.Diagnostics {
	ev.values[n] = cty.DynamicVal
	switch {
	case n.ring:
		return nil
	case n.variable != nil:
		ev.values[n] = n.variable.value
		diags := ev.validate(n)
		if diags.HasErrors() {
			ev.values[n] = cty.DynamicVal
		}
		return diags
	case n.local != nil:
		if n.bad[n.local] {
			return nil
		}
		v, diags := ev.meter.value(n.local.Expr, ev.context(n))
		if !diags.HasErrors() {
			ev.values[n] = v
		}
		return diags
	case n.block == nil:
		return ev.check(n)
	}
	v, diags := ev.block(n)
	if !diags.HasErrors() && n.used {
		ev.values[n] = v
	}
	return diags
}

// context holds what n refers to and nothing else.
func (ev *evaluator) context(n *node) *hcl.EvalContext {
	roots, kinds := map[string]map[string]cty.Value{}, map[string]map[string]cty.Value{}
	put := func(in map[string]map[string]cty.Value, at, name string, v cty.Value) {
		if in[at] == nil {
			in[at] = map[string]cty.Value{}
		}
		in[at][name] = v
	}
	for _, m := range n.needs {
		root, name, _ := strings.Cut(m.name, ".")
		if kind, rest, ok := strings.Cut(name, "."); ok { // service.microsoft365.contoso
			put(kinds, root+"."+kind, rest, ev.values[m])
			continue
		}
		put(roots, root, name, ev.values[m])
	}
	for at, values := range kinds {
		root, kind, _ := strings.Cut(at, ".")
		put(roots, root, kind, cty.ObjectVal(values))
	}
	ctx := &hcl.EvalContext{Functions: ev.functions, Variables: make(map[string]cty.Value, len(roots))}
	for root, values := range roots {
		ctx.Variables[root] = cty.ObjectVal(values)
	}
	return ctx
}
