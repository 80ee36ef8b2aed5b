package lang

import (
	"fmt"
	"slices"
	"strings"

	goversion "github.com/hashicorp/go-version"
	"github.com/hashicorp/hcl/v2"

	"github.com/mailrelay/mailrelay/schema"
)

// problems asks schema what has no meaning in c, and puts it at its place. c must
// hold no block that refers to one that could not be made, so that nothing is
// reported that follows from another mistake.
func problems(c *schema.Config, g *graph) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, p := range schema.Validate(c) {
		d := failure(g.place(p.Addr, p.Attr), p.Summary, p.Detail)
		if p.Addr.Key != "" || p.Addr.Part != "" {
			d.Detail = fmt.Sprintf("In %s: %s", p.Addr, p.Detail)
		}
		diags = append(diags, d)
	}
	return diags
}

// closed gives those blocks of which every reference leads to another of them.
func closed(blocks []schema.Block) []schema.Block {
	for {
		have := make(map[schema.Addr]bool, len(blocks))
		for _, b := range blocks {
			a := b.Addr()
			have[a] = true
			a.Key = "" // all instances
			have[a] = true
		}
		var out []schema.Block
		for _, b := range blocks {
			whole := true
			for _, ref := range b.Refs() {
				whole = whole && have[ref]
			}
			if s, ok := b.(*schema.Stage); ok {
				whole = whole && !slices.ContainsFunc(s.Order(), func(a schema.Addr) bool { return !have[a] })
			}
			if whole {
				out = append(out, b)
			}
		}
		if len(out) == len(blocks) {
			return out
		}
		blocks = out
	}
}

// place is where the attribute or nested block attr ("tls", "tls.key") of the
// block at a was written, or else the head of the block.
func (g *graph) place(a schema.Addr, attr string) hcl.Range {
	if a.Part == "verification" { // a record that the nested block stands for
		attr = "verification." + map[string]string{"values": "value", "name": "name", "type": "method"}[attr]
	}
	a.Key, a.Part = "", ""
	n := g.nodes[a.String()]
	if n == nil {
		return hcl.Range{}
	}
	if r := n.block.body.place(attr); r != nil {
		return *r
	}
	return n.decl
}

func (b *body) place(attr string) *hcl.Range {
	first, rest, _ := strings.Cut(attr, ".")
	for _, a := range b.attrs {
		if a.desc.Name == first {
			return a.src.Expr.Range().Ptr()
		}
	}
	for _, n := range b.nested {
		if n.desc.Name != first {
			continue
		}
		if r := n.body.place(rest); r != nil {
			return r
		}
		return n.src.DefRange().Ptr()
	}
	return nil
}

// versions reports a required_version that this program does not meet.
func versions(blocks []schema.Block, version string, g *graph) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, b := range blocks {
		s, ok := b.(*schema.Settings)
		if !ok || s.RequiredVersion == "" {
			continue
		}
		at := g.place(s.Addr(), "required_version")
		want, err := goversion.NewConstraint(s.RequiredVersion)
		if err != nil {
			diags = append(diags, failure(at, "Invalid version constraint", fmt.Sprintf("%q is not a version constraint. Write one like \">= 0.1\" or \"~> 1.2\".", s.RequiredVersion)))
			continue
		}
		have, err := goversion.NewVersion(version)
		if err == nil && !want.Check(have.Core()) {
			diags = append(diags, failure(at, "Unsupported version", fmt.Sprintf("This configuration wants mailrelay %s, and this is %s. Install a version that it wants, or change required_version.", s.RequiredVersion, version)))
		}
	}
	return diags
}
