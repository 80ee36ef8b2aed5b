package lang

import (
	"errors"
	"fmt"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// maxMade is how many bytes of values a configuration may make while it is
// evaluated, all together, if nothing else is said. 100,000 records need a third
// of it.
const maxMade = 2 << 30

// What a value costs besides its text, and a block besides its values, in bytes:
// about what they need in memory. A step of a for expression costs time, too.
const (
	valueCost = 64
	stepCost  = 256
	blockCost = 4 << 10
)

// meter bounds what an evaluation makes, so that a configuration that would fill
// the memory ends in a diagnostic instead. HCL has no bound of its own: a local
// may hold another twice, and a for expression may stand in a for expression.
//
// Expressions are rewritten to spend from the meter (see attach) where they can
// make more than they were given, and functions are wrapped (see limited). What
// is spent is never given back, and when nothing is left every expression fails.
type meter struct {
	budget, left int64
	said         *hcl.Diagnostic // when the budget ran out
}

// newMeter gives a meter with a budget in bytes; 0 is maxMade.
func newMeter(budget int64) *meter {
	if budget <= 0 {
		budget = maxMade
	}
	return &meter{budget: budget, left: budget}
}

// tooMuch says that the budget does not suffice.
type tooMuch struct{ budget int64 }

func (e tooMuch) Error() string {
	return fmt.Sprintf("it makes more values than the %s that a whole configuration may make: look for a for expression in another one, or for a text that is repeated, and make less of it", strings.Replace(humanize.IBytes(uint64(e.budget)), ".0 ", " ", 1))
}

// tooHuge says that a number is none that anything takes.
type tooHuge struct{}

func (tooHuge) Error() string {
	return "it makes a number that is larger, or closer to zero, than any attribute takes"
}

// over reports whether nothing is left.
func (m *meter) over() bool { return m.left < 0 }

// spend takes n bytes.
func (m *meter) spend(n int64) error {
	if m.left -= n; m.left < 0 {
		m.left = -1
		return tooMuch{m.budget}
	}
	return nil
}

// room reports whether n bytes are left, and takes none.
func (m *meter) room(n float64) error {
	if n > float64(m.left) {
		return tooMuch{m.budget}
	}
	return nil
}

// one spends what v costs without its elements.
func (m *meter) one(v cty.Value) error {
	n := int64(valueCost)
	if v.IsKnown() && !v.IsNull() {
		switch v.Type() {
		case cty.String:
			n += int64(len(v.AsString()))
		case cty.Number:
			if huge(v.AsBigFloat()) {
				return tooHuge{}
			}
		}
	}
	return m.spend(n)
}

// all spends what v costs with everything in it. Something that is held twice is
// spent twice, because whatever goes through v goes through it twice.
func (m *meter) all(v cty.Value) error {
	if err := m.one(v); err != nil || !v.IsKnown() || v.IsNull() || !v.CanIterateElements() {
		return err
	}
	switch ty := v.Type(); {
	case ty.IsSetType() && ty.ElementType().IsPrimitiveType():
		return m.spend(int64(v.LengthInt()) * valueCost) // going through a set sorts it
	case ty.IsObjectType():
		for name := range ty.AttributeTypes() { // names are part of the type
			if err := m.all(v.GetAttr(name)); err != nil {
				return err
			}
		}
		return nil
	}
	for it := v.ElementIterator(); it.Next(); {
		key, e := it.Element()
		if v.Type().IsMapType() {
			if err := m.one(key); err != nil {
				return err
			}
		}
		if err := m.all(e); err != nil {
			return err
		}
	}
	return nil
}

// size is what all would spend, up to limit.
func size(v cty.Value, limit int64) int64 {
	m := newMeter(limit)
	if m.all(v) != nil {
		return limit
	}
	return limit - m.left
}

// value evaluates expr as the function value does, and spends all of it, because
// it is kept. A reference leads to what was paid for.
func (m *meter) value(expr hclsyntax.Expression, ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	v, diags := value(expr, ctx)
	if _, ref := expr.(*hclsyntax.ScopeTraversalExpr); ref || diags.HasErrors() {
		return v, diags
	}
	if err := m.all(v); err != nil {
		return cty.DynamicVal, append(diags, m.beyond(expr.Range(), err))
	}
	return v, diags
}

// ranOut says that nothing is left, unless diags say so. What try makes of it is
// silence.
func (m *meter) ranOut(diags hcl.Diagnostics) hcl.Diagnostics {
	for _, d := range diags {
		if d.Severity == hcl.DiagError {
			return nil
		}
	}
	return hcl.Diagnostics{{Severity: hcl.DiagError, Summary: "Configuration too large", Detail: sentence(tooMuch{m.budget}.Error())}}
}

// beyond is the diagnostic about an expression at a place that makes too much.
// When the budget has run out it is always the same, about where that was.
func (m *meter) beyond(at hcl.Range, err error) *hcl.Diagnostic {
	switch {
	case errors.As(err, &tooHuge{}):
		return failure(at, "Number out of range", sentence(err.Error()))
	case m.said == nil:
		m.said = failure(at, "Configuration too large", sentence(err.Error()))
	}
	return m.said
}
