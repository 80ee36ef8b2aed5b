package lang

import (
	"fmt"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// maxProduct is the most elements that setproduct makes.
const maxProduct = 1_000_000

// lengthFunc counts the elements of a collection, or the characters of a string.
func lengthFunc() function.Function {
	return function.New(&function.Spec{
		Description: "Counts the elements of a list, set, map or object, or the characters of a string.",
		Params:      []function.Parameter{{Name: "value", Type: cty.DynamicPseudoType}},
		Type:        function.StaticReturnType(cty.Number),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			switch ty := args[0].Type(); {
			case ty == cty.String:
				return stdlib.Strlen(args[0])
			case ty.IsObjectType():
				return cty.NumberIntVal(int64(len(ty.AttributeTypes()))), nil
			case ty.IsTupleType(), ty.IsCollectionType():
				return stdlib.Length(args[0])
			}
			return cty.NilVal, function.NewArgErrorf(0, "a string, list, set, map or object is wanted")
		},
	})
}

// oneFunc gives the one element of a list or set, null if there is none.
func oneFunc() function.Function {
	return function.New(&function.Spec{
		Description: "Gives the one element of a list or set, or null if there is none.",
		Params:      []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType}},
		Type: func(args []cty.Value) (cty.Type, error) {
			switch ty := args[0].Type(); {
			case ty.IsListType(), ty.IsSetType():
				return ty.ElementType(), nil
			case ty.IsTupleType() && len(ty.TupleElementTypes()) == 1:
				return ty.TupleElementType(0), nil
			case ty.IsTupleType() && len(ty.TupleElementTypes()) == 0:
				return cty.DynamicPseudoType, nil
			}
			return cty.NilType, function.NewArgErrorf(0, "a list or set with one element or none is wanted")
		},
		Impl: func(args []cty.Value, ret cty.Type) (cty.Value, error) {
			switch elems := args[0].AsValueSlice(); len(elems) {
			case 0:
				return cty.NullVal(ret), nil
			case 1:
				return elems[0], nil
			default:
				return cty.NilVal, function.NewArgErrorf(0, "it has %d elements, and one or none is wanted", len(elems))
			}
		},
	})
}

// sumFunc adds the numbers of a list or set that is not empty.
func sumFunc() function.Function {
	return function.New(&function.Spec{
		Description: "Adds the numbers of a list or set that is not empty.",
		Params:      []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType}},
		Type:        function.StaticReturnType(cty.Number),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if !args[0].IsWhollyKnown() {
				return cty.UnknownVal(cty.Number), nil
			}
			if !args[0].CanIterateElements() || args[0].LengthInt() == 0 {
				return cty.NilVal, function.NewArgErrorf(0, "a list or set of numbers that is not empty is wanted")
			}
			total := cty.Zero
			for _, v := range args[0].AsValueSlice() {
				n, err := convert.Convert(v, cty.Number)
				if err != nil || n.IsNull() {
					return cty.NilVal, function.NewArgErrorf(0, "every element must be a number")
				}
				total = total.Add(n)
			}
			return total, nil
		},
	})
}

// allTrueFunc reports whether every element is true; of none, true.
func allTrueFunc() function.Function {
	return boolsFunc("Reports whether every element of a list is true; of none, true.", func(bs []bool) bool {
		for _, b := range bs {
			if !b {
				return false
			}
		}
		return true
	})
}

// anyTrueFunc reports whether an element is true; of none, false.
func anyTrueFunc() function.Function {
	return boolsFunc("Reports whether an element of a list is true; of none, false.", func(bs []bool) bool {
		for _, b := range bs {
			if b {
				return true
			}
		}
		return false
	})
}

func boolsFunc(description string, f func([]bool) bool) function.Function {
	return function.New(&function.Spec{
		Description: description,
		Params:      []function.Parameter{{Name: "list", Type: cty.List(cty.Bool)}},
		Type:        function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if !args[0].IsWhollyKnown() {
				return cty.UnknownVal(cty.Bool), nil
			}
			var bs []bool
			for _, v := range args[0].AsValueSlice() {
				bs = append(bs, !v.IsNull() && v.True())
			}
			return cty.BoolVal(f(bs)), nil
		},
	})
}

// setProductFunc is stdlib's, with a bound.
func setProductFunc() function.Function {
	inner := stdlib.SetProductFunc
	return function.New(&function.Spec{
		Description: "Gives every combination of an element of each of several lists or sets.",
		VarParam:    &function.Parameter{Name: "sets", Type: cty.DynamicPseudoType},
		Type: func(args []cty.Value) (cty.Type, error) {
			size := 1
			for _, a := range args {
				if a.IsKnown() && a.CanIterateElements() {
					size *= max(a.LengthInt(), 0)
				}
				if size > maxProduct {
					return cty.NilType, fmt.Errorf("the product has more than %d elements", maxProduct)
				}
			}
			return inner.ReturnTypeForValues(args)
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return inner.Call(args) },
	})
}
