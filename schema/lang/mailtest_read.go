package lang

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/mailtest"
)

// read parses every *.mailtest.hcl.
func (ts *tests) read(src *sources) hcl.Diagnostics {
	if ts == nil {
		return nil
	}
	names, err := src.names(".mailtest.hcl")
	if err != nil {
		return hcl.Diagnostics{unreadable("the files of tests", err)}
	}
	var diags hcl.Diagnostics
	for _, name := range names {
		text, err := src.read(name)
		if err != nil {
			diags = append(diags, unreadable(name, err))
			continue
		}
		body, more := src.parse(name, text)
		diags = append(diags, more...)
		ts.files = append(ts.files, source{name, body})
	}
	return diags
}

// declare matches the tests, and finds what they refer to in g, so that it is there
// when they are evaluated.
func (ts *tests) declare(g *graph, types []*schema.Type) hcl.Diagnostics {
	if ts == nil {
		return nil
	}
	typ := &schema.Type{Name: "test", Body: mailtest.Body()}
	known := declared{}
	var diags hcl.Diagnostics
	for _, f := range ts.files {
		for _, a := range inOrder(f.body.Attributes) {
			diags = append(diags, failure(a.NameRange, "Unsupported argument", fmt.Sprintf("%s stands outside every test. Put it into the test that it belongs to.", a.Name)))
		}
		for _, b := range f.body.Blocks {
			n, more := testNode(b, typ)
			diags = append(diags, more...)
			if n == nil {
				continue
			}
			if twice := known.add(n); twice != nil {
				diags = append(diags, twice...)
				continue
			}
			ts.nodes = append(ts.nodes, n)
			diags = append(diags, g.connect(n, types)...)
		}
	}
	return diags
}

// testNode matches one test; nil if it has no name, or is something else.
func testNode(b *hclsyntax.Block, typ *schema.Type) (*node, hcl.Diagnostics) {
	if b.Type != typ.Name {
		detail := fmt.Sprintf("Blocks of type %q are not expected in a file of tests, which holds test \"NAME\" { … } alone. Put it into a file that ends with .mail.hcl.", b.Type)
		if near := schema.DidYouMean(b.Type, []string{typ.Name}); near != "" {
			detail = fmt.Sprintf("Blocks of type %q are not expected in a file of tests%s", b.Type, near)
		}
		return nil, hcl.Diagnostics{failure(b.TypeRange, "Unsupported block type", detail)}
	}
	name, diags := label(b)
	if diags.HasErrors() {
		return nil, diags
	}
	blk := &block{typ: typ, label: name, forEach: b.Body.Attributes["for_each"]}
	blk.body, diags = match(typ.Body, b.Body, "a test", "for_each")
	blk.valid = !diags.HasErrors()
	return &node{name: "test." + name, decl: b.DefRange(), block: blk}, diags
}
