package lang

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/mailrelay/mailrelay/schema"
)

// maxFaulty is after how many instances with mistakes of their own the rest of a
// for_each is left out: whoever reads the first ones knows.
const maxFaulty = 5

// block evaluates the instances of a block. The value is what references to it
// evaluate to: the view of the one, or all views by key.
func (ev *evaluator) block(n *node) (cty.Value, hcl.Diagnostics) {
	b := n.block
	ctx := ev.context(n)
	if b.forEach == nil {
		_, v, diags := ev.instance(n, ctx, "")
		return v, diags
	}
	items, diags := ev.items(n, ctx)
	if n.broken {
		return cty.DynamicVal, diags
	}
	result := map[string]cty.Value{}
	faulty := 0
	var like *pattern
	var inner *hcl.EvalContext
	for _, e := range items {
		if faulty == maxFaulty {
			break
		}
		if d := badKey(e.key, b); d != nil {
			n.broken = true
			return cty.DynamicVal, append(diags, d)
		}
		key := e.key.AsString()
		if inner == nil {
			inner = ctx.NewChild()
		}
		inner.Variables = e.variables
		if v, ok := ev.again(n, inner, e, like); ok {
			if n.used {
				result[key] = v
			}
			continue
		}
		made, v, more := ev.instance(n, inner, key)
		if like == nil {
			like = made
		}
		inner = nil // diagnostics may hold it
		if more.HasErrors() {
			faulty++
			diags = diags.Extend(unsaid(diags, more))
		}
		if n.used {
			result[key] = v
		}
	}
	if n.broken || !n.used {
		return cty.DynamicVal, diags
	}
	return ev.views.instances(b.typ, result), diags
}

// items are the elements of for_each, by key. If nothing can be made of it, n is
// broken.
func (ev *evaluator) items(n *node, ctx *hcl.EvalContext) ([]each, hcl.Diagnostics) {
	b := n.block
	n.broken = true
	if n.bad[b.forEach] {
		return nil, nil
	}
	items, diags := ev.meter.value(b.forEach.Expr, ctx)
	if diags.HasErrors() {
		return nil, diags
	}
	if d := forEachable(items, b); d != nil {
		return nil, hcl.Diagnostics{d}
	}
	out, known := ev.elements(b.forEach.Expr, items)
	n.broken = !known
	return out, diags
}

// elements are those of v, the value of expr. It is false if something in them is
// not known. Going through a set sorts it, which is slow, so those of a local value
// are kept: many blocks have the same for_each.
func (ev *evaluator) elements(expr hclsyntax.Expression, v cty.Value) ([]each, bool) {
	if !v.IsKnown() {
		return nil, false
	}
	var from *node
	if ref, ok := expr.(*hclsyntax.ScopeTraversalExpr); ok && len(ref.Traversal) == 2 && ref.Traversal.RootName() == "local" {
		name, _ := attrStep(ref.Traversal, 1)
		from = ev.graph.nodes["local."+name]
	}
	if out, ok := ev.elementsOf[from]; ok && from != nil {
		return out, true
	}
	out := make([]each, 0, v.LengthInt())
	for it := v.ElementIterator(); it.Next(); {
		key, value := it.Element()
		if !value.IsWhollyKnown() {
			return nil, false
		}
		out = append(out, newEach(key, value))
	}
	if from != nil {
		ev.elementsOf[from] = out
	}
	return out, true
}

// instance evaluates one instance of n and keeps the block. The value is unknown
// if the block could not be made, which breaks n, or if nothing refers to it. The
// pattern is nil if others cannot be made after this one.
func (ev *evaluator) instance(n *node, ctx *hcl.EvalContext, key string) (*pattern, cty.Value, hcl.Diagnostics) {
	b := n.block
	if err := ev.meter.spend(blockCost); err != nil {
		return nil, cty.DynamicVal, hcl.Diagnostics{ev.meter.beyond(n.decl, err)}
	}
	s := ev.scope(n, ctx)
	values := s.values(b.body, true)
	var free map[string]cty.Value
	if open := b.typ.Body.Open; open != "" {
		at := slices.IndexFunc(b.typ.Body.Attrs, func(a schema.Attr) bool { return a.Name == open })
		values[at], free = s.free(b.body)
	}
	if !b.valid || s.failed {
		n.broken = true
		s.check()
		return nil, cty.DynamicVal, s.diags
	}
	made, err := b.typ.Make(b.addr(key), values, nil, n.decl)
	if err != nil {
		n.broken = true
		if s.check(); !s.diags.HasErrors() {
			s.diags = append(s.diags, failure(n.decl, "Invalid block", sentence(err.Error())))
		}
		return nil, cty.DynamicVal, s.diags
	}
	return s.pattern(made), ev.keep(s, made, free), s.diags
}

func (ev *evaluator) scope(n *node, ctx *hcl.EvalContext) *scope {
	return &scope{meter: ev.meter, ctx: ctx, views: ev.views, graph: ev.graph, node: n}
}

func (b *block) addr(key string) schema.Addr {
	return schema.Addr{Type: b.typ.Name, Name: b.label, Key: key}
}

// keep keeps a block and gives what references to it evaluate to.
func (ev *evaluator) keep(s *scope, made schema.Block, free map[string]cty.Value) cty.Value {
	ev.blocks = append(ev.blocks, made)
	ev.pointed = append(ev.pointed, s.pointed...)
	if !s.node.used {
		return cty.DynamicVal
	}
	return ev.views.add(s.node.block.typ, made, free)
}

// forEachable reports a value that for_each does not take.
func forEachable(v cty.Value, b *block) *hcl.Diagnostic {
	ty := v.Type()
	at := b.forEach.Expr.Range()
	switch {
	case v.IsNull():
		return failure(at, "Invalid for_each", "for_each is null. Write a map or a set of strings; an empty one makes no block.")
	case ty == cty.DynamicPseudoType, ty.IsMapType(), ty.IsObjectType():
		return nil
	case ty.IsSetType() && (ty.ElementType() == cty.String || !v.IsKnown() || v.LengthInt() == 0):
		return nil
	case ty.IsListType(), ty.IsTupleType():
		return failure(at, "Invalid for_each", "for_each takes a map or a set of strings, and this is a list, whose elements have no names. Write toset(…) around it.")
	}
	return failure(at, "Invalid for_each", fmt.Sprintf("for_each takes a map or a set of strings, and this is %s.", article(ty)))
}

func badKey(key cty.Value, b *block) *hcl.Diagnostic {
	switch {
	case key.IsNull():
		return failure(b.forEach.Expr.Range(), "Invalid for_each", "An element of for_each is null. Each one is the key of a block, so leave it out.")
	case key.AsString() == "":
		return failure(b.forEach.Expr.Range(), "Invalid for_each", "A key of for_each is empty. Each key is part of the address of a block, so give it a name.")
	}
	return nil
}

// unsaid drops what other instances of the same block said already.
func unsaid(said, more hcl.Diagnostics) hcl.Diagnostics {
	var out hcl.Diagnostics
	for _, d := range more {
		again := false
		for _, old := range said {
			again = again || old.Subject != nil && d.Subject != nil && *old.Subject == *d.Subject && old.Summary == d.Summary && old.Detail == d.Detail
		}
		if !again {
			out = append(out, d)
		}
	}
	return out
}

// article names a type in a sentence: "a number".
func article(ty cty.Type) string {
	name := ty.FriendlyName()
	if ty.IsTupleType() {
		name = "list"
	}
	return a(name)
}

// a puts the indefinite article before a word.
func a(name string) string {
	switch name[0] {
	case 'a', 'e', 'i', 'o', 'u':
		return "an " + name
	}
	return "a " + name
}
