package lang

import "github.com/zclconf/go-cty/cty"

// manyElements is from how many elements on uniform does its work.
const manyElements = 256

// unifies reports whether a function looks for one type of all elements that it
// is given. go-cty does that in a time that grows with the square of their number.
func unifies(name string) bool {
	switch name {
	case "tolist", "toset", "tomap", "distinct", "chunklist", "matchkeys",
		"setunion", "setintersection", "setsubtract", "setproduct":
		return true
	}
	return false
}

// uniform makes a list of a tuple, and a map of an object, whose elements are all
// of one type already, for functions that unify.
func uniform(v cty.Value) cty.Value {
	ty := v.Type()
	if !v.IsWhollyKnown() || v.IsNull() {
		return v
	}
	switch {
	case ty.IsTupleType() && len(ty.TupleElementTypes()) >= manyElements:
		first := ty.TupleElementType(0)
		for _, t := range ty.TupleElementTypes() {
			if !t.Equals(first) {
				return v
			}
		}
		return cty.ListVal(v.AsValueSlice())
	case ty.IsObjectType() && len(ty.AttributeTypes()) >= manyElements:
		var first cty.Type
		for _, t := range ty.AttributeTypes() {
			if first == cty.NilType {
				first = t
			}
			if !t.Equals(first) {
				return v
			}
		}
		return cty.MapVal(v.AsValueMap())
	}
	return v
}
