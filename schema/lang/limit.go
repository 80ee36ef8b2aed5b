package lang

import (
	"math/big"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// maxOpen is how many tokens of unfinished expressions may be open at one place:
// brackets inside brackets, and what is chained without a comma or a new line. The
// parser and the evaluator recurse over them, and a stack that overflows ends the
// program.
const maxOpen = 2000

// maxExponent bounds number literals: written out as text, one like 1e600000000
// would fill the memory. It is in bits.
const maxExponent = 4096

// tooDeep finds expressions beyond maxOpen before anything recurses over them. It
// gives nil if there is none.
func tooDeep(name string, text []byte) *hcl.Diagnostic {
	tokens, _ := hclsyntax.LexConfig(text, name, hcl.InitialPos)
	levels := []level{{lines: true}}
	open := 0
	for _, t := range tokens {
		here := &levels[len(levels)-1]
		switch t.Type {
		case hclsyntax.TokenComment, hclsyntax.TokenStringLit, hclsyntax.TokenQuotedLit:
			continue
		case hclsyntax.TokenNewline:
			if here.lines {
				open -= here.open
				here.open = 0
			}
			continue
		case hclsyntax.TokenComma:
			open -= here.open
			here.open = 0
			continue
		case hclsyntax.TokenCBrace, hclsyntax.TokenCParen, hclsyntax.TokenCBrack,
			hclsyntax.TokenTemplateSeqEnd, hclsyntax.TokenCQuote, hclsyntax.TokenCHeredoc:
			if len(levels) > 1 {
				open -= here.open
				levels = levels[:len(levels)-1]
			}
			continue
		case hclsyntax.TokenTemplateInterp: // parts of a template stand side by side
			levels = append(levels, level{})
			continue
		}
		here.open++
		if open++; open > maxOpen {
			return failure(t.Range, "Expression too long", "This expression is nested too deeply, or too long. Give parts of it a name in locals, or put large data into a file and read it with csvdecode or jsondecode.")
		}
		switch t.Type {
		case hclsyntax.TokenOBrace:
			levels = append(levels, level{lines: true})
		case hclsyntax.TokenOParen, hclsyntax.TokenOBrack, hclsyntax.TokenTemplateControl,
			hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc:
			levels = append(levels, level{})
		}
	}
	return nil
}

// level is what stands between a pair of brackets or quotes.
type level struct {
	lines bool // a new line ends an expression
	open  int  // tokens since an expression began
}

// tooLarge finds number literals that no attribute can mean.
func tooLarge(in hclsyntax.Node) hcl.Diagnostics {
	return hclsyntax.VisitAll(in, func(n hclsyntax.Node) hcl.Diagnostics {
		lit, ok := n.(*hclsyntax.LiteralValueExpr)
		if !ok || lit.Val.Type() != cty.Number || lit.Val.IsNull() || !lit.Val.IsKnown() || !huge(lit.Val.AsBigFloat()) {
			return nil
		}
		return hcl.Diagnostics{{
			Severity: hcl.DiagError, Summary: "Number out of range",
			Detail:  "No attribute takes a number this large or this close to zero. Write a smaller one.",
			Subject: lit.Range().Ptr(),
		}}
	})
}

func huge(f *big.Float) bool {
	exp := f.MantExp(nil)
	return f.IsInf() || exp > maxExponent || exp < -maxExponent
}
