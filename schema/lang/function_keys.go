package lang

import (
	"maps"
	"slices"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
)

// matchKeysFunc gives those values whose key, at the same place of another list,
// is searched for.
func matchKeysFunc() function.Function {
	return function.New(&function.Spec{
		Description: "Gives the elements of values for which the element of keys at the same place is one of searchset.",
		Params: []function.Parameter{
			{Name: "values", Type: cty.List(cty.DynamicPseudoType)}, {Name: "keys", Type: cty.List(cty.DynamicPseudoType)},
			{Name: "searchset", Type: cty.List(cty.DynamicPseudoType)},
		},
		Type: func(args []cty.Value) (cty.Type, error) { return args[0].Type(), nil },
		Impl: func(args []cty.Value, ret cty.Type) (cty.Value, error) {
			for _, a := range args {
				if !a.IsWhollyKnown() {
					return cty.UnknownVal(ret), nil
				}
			}
			values, keys := args[0].AsValueSlice(), args[1].AsValueSlice()
			if len(values) != len(keys) {
				return cty.NilVal, function.NewArgErrorf(1, "it has %d elements and values has %d: both need as many", len(keys), len(values))
			}
			wanted, err := convert.Convert(args[2], cty.Set(args[1].Type().ElementType()))
			if err != nil {
				return cty.NilVal, function.NewArgErrorf(2, "its elements are of another type than those of keys")
			}
			var out []cty.Value
			for i, k := range keys {
				if wanted.HasElement(k).True() {
					out = append(out, values[i])
				}
			}
			if len(out) == 0 {
				return cty.ListValEmpty(ret.ElementType()), nil
			}
			return cty.ListVal(out), nil
		},
	})
}

// transposeFunc turns a map from keys to lists of values into one from values to
// lists of keys.
func transposeFunc() function.Function {
	ty := cty.Map(cty.List(cty.String))
	return function.New(&function.Spec{
		Description: "Turns a map from keys to lists of values into one from the values to lists of the keys.",
		Params:      []function.Parameter{{Name: "map", Type: ty}},
		Type:        function.StaticReturnType(ty),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if !args[0].IsWhollyKnown() {
				return cty.UnknownVal(ty), nil
			}
			turned := map[string][]cty.Value{}
			m := args[0].AsValueMap()
			for _, key := range slices.Sorted(maps.Keys(m)) {
				if m[key].IsNull() {
					return cty.NilVal, function.NewArgErrorf(0, "the list under %q is null", key)
				}
				for _, v := range m[key].AsValueSlice() {
					if v.IsNull() {
						return cty.NilVal, function.NewArgErrorf(0, "the list under %q holds a null", key)
					}
					turned[v.AsString()] = append(turned[v.AsString()], cty.StringVal(key))
				}
			}
			if len(turned) == 0 {
				return cty.MapValEmpty(cty.List(cty.String)), nil
			}
			out := map[string]cty.Value{}
			for v, keys := range turned {
				out[v] = cty.ListVal(keys)
			}
			return cty.MapVal(out), nil
		},
	})
}
