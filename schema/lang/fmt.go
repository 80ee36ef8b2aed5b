package lang

import (
	"bytes"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

// Suffixes are how the names of the files end that make a configuration, hold
// values of its variables, and test it.
func Suffixes() []string { return []string{".mail.hcl", ".mailvars.hcl", ".mailtest.hcl"} }

// maxPasses is how often a text is formatted until it stays as it is. One pass
// nearly always does.
const maxPasses = 8

// Format gives text in the canonical layout: indentation, spaces and aligned
// equals signs, as terraform fmt has it. Words, comments and the order of
// everything stay as they are, so the text means the same; formatting it again
// changes nothing. A text that does not parse is given back unchanged, with
// diagnostics about name. file is for the snippets of these.
func Format(name string, text []byte) (out []byte, file *hcl.File, diags hcl.Diagnostics) {
	src := &sources{files: map[string]*hcl.File{}}
	if _, diags = src.parse(name, text); diags.HasErrors() {
		return text, src.files[name], ordered(diags)
	}
	out = text
	for range maxPasses {
		next := hclwrite.Format(out)
		if bytes.Equal(next, out) {
			return out, src.files[name], diags
		}
		if !sameWords(out, next) {
			break
		}
		out = next
	}
	return text, src.files[name], diags // better as it is than with another meaning
}

// sameWords reports whether two texts differ in white space alone, and white
// space inside quotes and heredocs not at all.
func sameWords(a, b []byte) bool {
	x, y := words(a), words(b)
	if len(x) != len(y) {
		return false
	}
	for i, t := range x {
		if t.Type != y[i].Type || !bytes.Equal(t.Bytes, y[i].Bytes) {
			return false
		}
	}
	return true
}

// words are the tokens of text, but for the ends of lines.
func words(text []byte) hclsyntax.Tokens {
	tokens, _ := hclsyntax.LexConfig(text, "", hcl.InitialPos)
	out := tokens[:0]
	for _, t := range tokens {
		if t.Type == hclsyntax.TokenNewline {
			continue
		}
		if t.Type == hclsyntax.TokenComment {
			t.Bytes = bytes.TrimRight(t.Bytes, " \t\r\n")
		}
		out = append(out, t)
	}
	return out
}
