package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/mailrelay/mailrelay/schema"
)

// block writes the section of one block: a table of its attributes, and one for
// each block inside.
func (p *page) block(b block) {
	p.line("## %s\n", b.name)
	p.line("```hcl\n%s {\n%s}\n```\n", b.heading, required(b.body))
	p.line("%s\n", cell(b.doc))
	if b.counted {
		p.line("The summary line of a plan counts it.\n")
	}
	p.body(b.name, b.body)
}

// required are the lines of a block that must be written, and dots for the
// others.
func required(body *schema.Body) string {
	var names []string
	width := 0
	for _, a := range body.Attrs {
		if a.Required {
			names = append(names, a.Name)
			width = max(width, len(a.Name))
		}
	}
	var b strings.Builder
	for _, n := range names {
		fmt.Fprintf(&b, "  %-*s = …\n", width, n)
	}
	if len(names) < len(body.Attrs) {
		b.WriteString("  …\n")
	}
	return b.String()
}

func (p *page) body(at string, body *schema.Body) {
	p.attributes(at, body)
	for _, n := range body.Blocks {
		switch {
		case n.Name == "allow": // stands in every block
		case n.Later != "":
			p.postpone(at+" "+n.Name, n.Later)
		case n.Variants != nil:
			p.variants(at, n)
		default:
			name, doc := n.Name, n.Doc
			if n.Label != nil {
				name += ` "…"`
				doc += " The label is " + n.Label.What() + ", and the block may stand once for each."
			}
			p.nested(at, name, doc, n.Body)
		}
	}
}

func (p *page) variants(at string, n schema.Nested) {
	for _, v := range n.Variants {
		name := fmt.Sprintf("%s %q", n.Name, v.Label)
		if v.Later != "" {
			p.postpone(at+" "+name, v.Later)
			continue
		}
		p.nested(at, name, n.Doc+" "+v.Doc, v.Body)
	}
}

func (p *page) nested(at, name, doc string, body *schema.Body) {
	p.line("### %s: `%s { … }`\n", at, name)
	p.line("%s\n", cell(doc))
	p.body(at+" "+name, body)
}

// attributes writes the table of those that this version has.
func (p *page) attributes(at string, body *schema.Body) {
	var rows []string
	for _, a := range body.Attrs {
		switch {
		case a.Name == body.Open:
		case a.Later != "":
			p.postpone(at+" "+a.Name, a.Later)
		default:
			rows = append(rows, fmt.Sprintf("| `%s` | %s | %s | %s |", a.Name, takes(a.Kind), standard(a), cell(a.Doc)))
		}
	}
	if len(rows) > 0 {
		p.line("| attribute | takes | default | meaning |\n|---|---|---|---|\n%s\n", strings.Join(rows, "\n"))
	}
	if body.Open != "" {
		p.line("Attributes of any other name may stand here too: they are values for whoever refers to it.\n")
	}
	switch {
	case len(rows) > 0 || body.Open != "" || len(body.Blocks) > 0:
	case len(body.Attrs) > 0:
		p.line("Nothing that may stand in it is [in this version](#not-in-this-version).\n")
	default:
		p.line("It takes no attributes.\n")
	}
}

// takes names a kind, with links to the blocks that it refers to.
func takes(k schema.Kind) string {
	text := cell(k.What())
	for _, kind := range []schema.Kind{k, schema.Elem(k)} {
		if ref, ok := kind.(schema.RefKind); ok {
			text = strings.Replace(text, cell(ref.To)+".NAME", fmt.Sprintf("[%s](#%s).NAME", cell(ref.To), ref.To), 1)
		}
	}
	return text
}

// standard is what the manual says of the default of an attribute.
func standard(a schema.Attr) string {
	switch {
	case a.Required:
		return "**required**"
	case a.Default == cty.NilVal || a.Default.IsNull():
		return ""
	}
	raw, err := ctyjson.Marshal(a.Default, a.Default.Type())
	var v any
	if err == nil {
		err = json.Unmarshal(raw, &v)
	}
	if err != nil {
		return "`" + a.Default.GoString() + "`"
	}
	return "`" + strings.ReplaceAll(string(raw), `","`, `", "`) + "`"
}

func (p *page) postpone(what, until string) {
	p.later = append(p.later, fmt.Sprintf("| `%s` | %s |", what, cell(until)))
}

// cell escapes a sentence for a table of Markdown.
func cell(s string) string {
	return strings.NewReplacer("\n", " ", "|", `\|`, "*", `\*`, "_", `\_`, "<", `\<`, "[", `\[`, "]", `\]`).Replace(s)
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
