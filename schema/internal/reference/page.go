package main

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty/function"

	"github.com/mailrelay/mailrelay/schema"
)

// page is what the manual is made of.
type page struct {
	blocks    []block
	functions map[string]function.Function
	out       bytes.Buffer
	later     []string // rows about what is not in this version
}

type block struct {
	name, heading, doc string
	body               *schema.Body
	counted            bool
}

func (p *page) line(format string, args ...any) { fmt.Fprintf(&p.out, format+"\n", args...) }

// text writes the page.
func (p *page) text() []byte {
	slices.SortFunc(p.blocks, func(a, b block) int { return cmp.Compare(a.name, b.name) })
	p.line("<!-- Made by go generate ./schema from the descriptions in the code. Changes here are lost. -->\n")
	p.line("# The mailrelay language: reference\n")
	p.line("%s\n", introduction)
	p.line("**Blocks:** %s\n", links(p.names(func(block) bool { return true })))
	p.line("**Around them:** [variable, locals, moved, check](#variable-locals-moved-check) · [allow](#allow) · [for_each](#for_each) · [kinds of values](#kinds-of-values)\n")
	p.line("**Functions:** [of mailrelay](#functions-of-mailrelay) · [of Terraform](#functions-of-terraform)\n")
	p.line("**[Not in this version](#not-in-this-version)**\n")
	for _, b := range p.blocks {
		p.block(b)
	}
	p.line("%s\n", around)
	p.calls("Functions of mailrelay", "What stands in mail's own records, and secrets.", true)
	p.calls("Functions of Terraform", "They mean what they mean there. No function reads a clock or is random: the same files always mean the same.", false)
	p.line("## Not in this version\n")
	p.line("These are known, and refused with a sentence that says what to do until they come.\n")
	if len(p.later) == 0 {
		p.line("Nothing.")
	} else {
		p.line("| what | until then |\n|---|---|\n%s", strings.Join(p.later, "\n"))
	}
	return p.out.Bytes()
}

func (p *page) names(want func(block) bool) []string {
	var out []string
	for _, b := range p.blocks {
		if want(b) {
			out = append(out, b.name)
		}
	}
	return out
}

func links(names []string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = fmt.Sprintf("[%s](#%s)", n, n)
	}
	return strings.Join(out, " · ")
}

// calls writes a table of functions.
func (p *page) calls(title, intro string, own bool) {
	p.line("## %s\n\n%s\n", title, intro)
	p.line("| function | what it does |\n|---|---|")
	for _, name := range sorted(p.functions) {
		if isOwn(name) != own {
			continue
		}
		f := p.functions[name]
		var params []string
		for _, param := range f.Params() {
			params = append(params, param.Name)
		}
		if v := f.VarParam(); v != nil {
			params = append(params, v.Name+"…")
		}
		p.line("| `%s(%s)` | %s |", name, strings.Join(params, ", "), cell(f.Description()))
	}
	p.line("")
}

// isOwn reports whether Terraform has no function of that name.
func isOwn(name string) bool {
	return slices.Contains([]string{"dkim_key", "dmarc", "mta_sts", "secret_env", "secret_file", "spf", "tls_rpt"}, name)
}
