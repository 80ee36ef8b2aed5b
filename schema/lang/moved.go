package lang

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/mailrelay/mailrelay/schema"
)

// move is a moved block.
type move struct {
	schema.Moved
	at, from, to hcl.Range
}

// moves reads the moved blocks of all files, in their order, and reports those
// that cannot be meant. blocks are those that could be made.
func (g *graph) moves(files []source, types []*schema.Type, blocks []schema.Block) ([]schema.Moved, hcl.Diagnostics) {
	var all []move
	var diags hcl.Diagnostics
	for _, f := range files {
		for _, b := range f.body.Blocks {
			if b.Type != "moved" {
				continue
			}
			m, more := moveOf(b, types)
			diags = append(diags, more...)
			if !more.HasErrors() {
				all = append(all, m)
			}
		}
	}
	have := map[schema.Addr]bool{}
	if len(all) > 0 {
		for _, b := range blocks {
			have[b.Addr()] = true
		}
	}
	var out []schema.Moved
	for i, m := range all {
		diags = append(diags, g.misplaced(m, all[:i], all, have)...)
		out = append(out, m.Moved)
	}
	return out, append(diags, rings(all)...)
}

// moveOf reads one moved block.
func moveOf(b *hclsyntax.Block, types []*schema.Type) (move, hcl.Diagnostics) {
	known := []string{"from", "to"}
	m := move{at: b.DefRange()}
	var diags hcl.Diagnostics
	if len(b.Labels) > 0 {
		diags = append(diags, failure(b.LabelRanges[0], "Extraneous label for moved", "A moved block has no name: write moved { from = …, to = … }, each on a line of its own."))
	}
	for _, a := range inOrder(b.Body.Attributes) {
		if !slices.Contains(known, a.Name) {
			diags = append(diags, failure(a.NameRange, "Unsupported argument", fmt.Sprintf("An argument named %q is not expected in a block of type \"moved\"%s", a.Name, orList(schema.DidYouMean(a.Name, known), known))))
		}
	}
	for _, inner := range b.Body.Blocks {
		diags = append(diags, failure(inner.TypeRange, "Unsupported block type", fmt.Sprintf("Blocks of type %q are not expected in a block of type \"moved\"%s", inner.Type, orList("", known))))
	}
	for _, end := range []struct {
		name, which string
		addr        *schema.Addr
		at          *hcl.Range
	}{{"from", "the address that it had", &m.From, &m.from}, {"to", "the address that it has now", &m.To, &m.to}} {
		a := b.Body.Attributes[end.name]
		if a == nil {
			if !meant(diags, end.name) {
				diags = append(diags, failure(b.Body.MissingItemRange(), "Missing required argument", fmt.Sprintf("The argument %q is required in a block of type \"moved\". Write %s = …, %s.", end.name, end.name, end.which)))
			}
			continue
		}
		addr, d := writtenAddr(a.Expr, types)
		if d != nil {
			diags = append(diags, d)
		}
		*end.addr, *end.at = addr, a.Expr.Range()
	}
	if !diags.HasErrors() && m.From.Type != m.To.Type {
		diags = append(diags, failure(m.to, "Invalid move", fmt.Sprintf("%s is %s and %s is %s, and a block cannot become one of another type. Take the moved block out, and the plan will destroy the one and add the other.", m.From, a(m.From.Type), m.To, a(m.To.Type))))
	}
	return m, diags
}

// writtenAddr reads an address that stands as an expression; the block need not
// be declared.
func writtenAddr(expr hclsyntax.Expression, types []*schema.Type) (schema.Addr, *hcl.Diagnostic) {
	bad := failure(expr.Range(), "Invalid address", "An address is written without quotes and functions: type.name, or type.name[\"key\"] for an instance of a block with for_each.")
	p, ok := pathOf(expr, func(root string) int { return steps(schema.TypeNamed(types, root)) })
	if !ok || p.rest {
		return schema.Addr{}, bad
	}
	root := p.names.RootName()
	t := schema.TypeNamed(types, root)
	if t == nil || t.Nameless {
		var names []string
		for _, t := range types {
			if !t.Nameless {
				names = append(names, t.Name)
			}
		}
		return schema.Addr{}, failure(expr.Range(), "Invalid address", fmt.Sprintf("Blocks of type %q have no address that could move%s", root, orList(schema.DidYouMean(root, names), names)))
	}
	var words []string
	for i := 1; i < steps(t); i++ {
		word, ok := attrStep(p.names, i)
		if !ok {
			return schema.Addr{}, bad
		}
		words = append(words, word)
	}
	a := schema.Addr{Type: root, Name: strings.Join(words, ".")}
	if p.key != nil {
		key, diags := p.key.Value(nil)
		if diags.HasErrors() || keyText(key) == "" {
			return a, bad
		}
		a.Key = keyText(key)
	}
	return a, nil
}

// misplaced finds a move from what is still there, to what is not, or from or to
// where another one goes.
func (g *graph) misplaced(m move, before, all []move, have map[schema.Addr]bool) (diags hcl.Diagnostics) {
	for _, other := range before {
		if other.From == m.From {
			return append(diags, failure(m.from, "Moved twice", fmt.Sprintf("%s moved to %s already, in %s line %d. One object has one address: take one of the two out.", m.From, other.To, other.at.Filename, other.at.Start.Line)))
		}
		if other.To == m.To {
			return append(diags, failure(m.to, "Two moves to one address", fmt.Sprintf("%s moved to %s too, in %s line %d. Two objects cannot become one: take one of the two out, and the plan will destroy what has no block.", other.From, m.To, other.at.Filename, other.at.Start.Line)))
		}
	}
	if g.declares(m.From, m.To, have) {
		diags = append(diags, failure(m.from, "Moved object still exists", fmt.Sprintf("%s is declared, so it has not moved. Give its block the new name, %s, or take the moved block out.", m.From, m.To)))
	}
	onward := slices.ContainsFunc(all, func(o move) bool { return o.From == m.To })
	if n := g.nodes[keyless(m.To)]; !onward && !(n != nil && n.broken) && !g.declares(m.To, m.From, have) {
		diags = append(diags, failure(m.to, "Move to nowhere", fmt.Sprintf("%s is not declared%s", m.To, g.whereTo(m.To, have))))
	}
	return diags
}

// declares reports whether a is declared: an instance if a has a key, or if other
// has one and so tells it from the block as a whole.
func (g *graph) declares(a, other schema.Addr, have map[schema.Addr]bool) bool {
	n := g.nodes[a.String()]
	if a.Key != "" || n == nil {
		return have[a]
	}
	return other.Key == "" || n.block.forEach == nil
}

// whereTo closes a sentence with what the target of a move may be meant to be.
func (g *graph) whereTo(a schema.Addr, have map[schema.Addr]bool) string {
	if n := g.nodes[keyless(a)]; n != nil && n.block.forEach == nil {
		return fmt.Sprintf(": it has no for_each, and so no keys. Write to = %s.", n.name)
	} else if n != nil && a.Key == "" {
		return fmt.Sprintf(": it has for_each, so it has keys. Write which instance it is, %s[\"KEY\"].", n.name)
	}
	var known []string
	for other := range have {
		if other.Type == a.Type {
			known = append(known, other.String())
		}
	}
	slices.Sort(known)
	if near := schema.DidYouMean(a.String(), known); near != "" {
		return strings.ReplaceAll(near, `\"`, `"`)
	}
	return ". Write the address that the block has now, or take the moved block out, and the plan will destroy the object."
}

func keyless(a schema.Addr) string {
	a.Key, a.Part = "", ""
	return a.String()
}

// rings finds moves that lead back to where they began.
func rings(all []move) (diags hcl.Diagnostics) {
	next := map[schema.Addr]move{}
	for _, m := range all {
		if _, twice := next[m.From]; !twice {
			next[m.From] = m
		}
	}
	done := map[schema.Addr]bool{}
	for _, m := range all {
		path := []string{m.From.String()}
		seen := map[schema.Addr]bool{m.From: true}
		for at := m.To; !done[at]; at = next[at].To {
			path = append(path, at.String())
			if at == m.From {
				diags = append(diags, failure(m.at, "Ring of moves", fmt.Sprintf("These moves lead back to where they begin: %s. Keep those that lead to the address that the block has now.", strings.Join(path, " -> "))))
				break
			}
			if _, more := next[at]; !more || seen[at] {
				break
			}
			seen[at] = true
		}
		for a := range seen {
			done[a] = true
		}
	}
	return diags
}
