package lang

import (
	"fmt"
	"math/big"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// maxDepth is how deep brackets, and operators before a term, may be nested. The
// parser and the evaluator recurse, and a stack that overflows ends the program.
const maxDepth = 200

// maxExponent bounds number literals: written out as text, one like 1e600000000
// would fill the memory. It is in bits.
const maxExponent = 4096

// tooDeep finds nesting beyond maxDepth before anything recurses over it. It
// gives nil if there is none.
func tooDeep(name string, text []byte) *hcl.Diagnostic {
	tokens, _ := hclsyntax.LexConfig(text, name, hcl.InitialPos)
	depth, run := 0, 0
	for _, t := range tokens {
		switch t.Type {
		case hclsyntax.TokenOBrace, hclsyntax.TokenOParen, hclsyntax.TokenOBrack,
			hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl, hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc:
			depth++
			run = 0
		case hclsyntax.TokenCBrace, hclsyntax.TokenCParen, hclsyntax.TokenCBrack,
			hclsyntax.TokenTemplateSeqEnd, hclsyntax.TokenCQuote, hclsyntax.TokenCHeredoc:
			depth--
			run = 0
		case hclsyntax.TokenBang, hclsyntax.TokenMinus, hclsyntax.TokenQuestion, hclsyntax.TokenColon:
			run++
		case hclsyntax.TokenNewline:
			run = 0
		}
		if depth > maxDepth || run > maxDepth {
			return &hcl.Diagnostic{
				Severity: hcl.DiagError, Summary: "Nested too deeply",
				Detail:  fmt.Sprintf("Brackets and operators may be nested %d deep. Give parts of the expression a name in locals.", maxDepth),
				Subject: t.Range.Ptr(),
			}
		}
	}
	return nil
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
