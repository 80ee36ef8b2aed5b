package schema

import (
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
)

// complete is called when the description of b is, and makes its types and its
// order, which are asked for with every block.
func (b *Body) complete() {
	for i := range b.Blocks {
		n := &b.Blocks[i]
		if n.Body != nil {
			n.Body.complete()
		}
		for _, v := range n.Variants {
			if v.Body != nil {
				v.Body.complete()
			}
		}
		n.typ = n.Type()
	}
	b.typ = b.Type()
	b.sorted = make([]int, len(b.Attrs)+len(b.Blocks))
	for i := range b.sorted {
		b.sorted[i] = i
	}
	slices.SortFunc(b.sorted, func(i, j int) int {
		first, _ := b.item(i)
		second, _ := b.item(j)
		return strings.Compare(first, second)
	})
}

// OfType gives v with the type ty, if that is its type. Every object has a
// description of its type of its own, which is half of what it takes; with many
// blocks of one type, one description is enough. Elements of a list share one, and
// that is how it is done.
func OfType(ty cty.Type, v cty.Value) cty.Value {
	if !v.Type().Equals(ty) {
		return v
	}
	return cty.ListVal([]cty.Value{cty.NullVal(ty), v}).Index(cty.NumberIntVal(1))
}
