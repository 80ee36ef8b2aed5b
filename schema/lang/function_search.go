package lang

import (
	"net"
	"path"
	"strings"
	"time"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// strContainsFunc reports whether a string holds another.
func strContainsFunc() function.Function {
	return function.New(&function.Spec{
		Description: "Reports whether a string holds another.",
		Params:      []function.Parameter{{Name: "str", Type: cty.String}, {Name: "substr", Type: cty.String}},
		Type:        function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return cty.BoolVal(strings.Contains(args[0].AsString(), args[1].AsString())), nil
		},
	})
}

// indexFunc is the place of the first element that equals a value.
func indexFunc() function.Function {
	return function.New(&function.Spec{
		Description: "Gives the place of a value in a list, from 0.",
		Params:      []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType}, {Name: "value", Type: cty.DynamicPseudoType}},
		Type:        function.StaticReturnType(cty.Number),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if ty := args[0].Type(); !ty.IsListType() && !ty.IsTupleType() {
				return cty.NilVal, function.NewArgErrorf(0, "a list is wanted")
			}
			for i, v := range args[0].AsValueSlice() {
				same := v.Equals(args[1])
				if !same.IsKnown() {
					return cty.UnknownVal(cty.Number), nil
				}
				if same.True() {
					return cty.NumberIntVal(int64(i)), nil
				}
			}
			return cty.NilVal, function.NewArgErrorf(1, "no element of the list equals it: ask with contains before, or wrap this in try")
		},
	})
}

// cidrContainsFunc reports whether a network holds an address or all of another
// network.
func cidrContainsFunc() function.Function {
	return function.New(&function.Spec{
		Description: "Reports whether a network holds an address, or all of another network.",
		Params:      []function.Parameter{{Name: "prefix", Type: cty.String}, {Name: "inner", Type: cty.String}},
		Type:        function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			outer, err := network(args, 0)
			if err != nil {
				return cty.NilVal, err
			}
			if ip := net.ParseIP(args[1].AsString()); ip != nil {
				return cty.BoolVal(outer.Contains(ip)), nil
			}
			inner, err := network(args, 1)
			if err != nil {
				return cty.NilVal, err
			}
			wide, family := outer.Mask.Size()
			narrow, other := inner.Mask.Size()
			return cty.BoolVal(family == other && wide <= narrow && outer.Contains(inner.IP)), nil
		},
	})
}

// timeCmpFunc compares two times.
func timeCmpFunc() function.Function {
	return function.New(&function.Spec{
		Description: "Compares two times in RFC 3339: -1 if the first is earlier, 0 if they are the same, 1 if it is later.",
		Params:      []function.Parameter{{Name: "a", Type: cty.String}, {Name: "b", Type: cty.String}},
		Type:        function.StaticReturnType(cty.Number),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			var at [2]time.Time
			for i, a := range args {
				t, err := time.Parse(time.RFC3339, a.AsString())
				if err != nil {
					return cty.NilVal, function.NewArgErrorf(i, "%q is not a time: write it like 2027-06-30T12:00:00Z", a.AsString())
				}
				at[i] = t
			}
			return cty.NumberIntVal(int64(at[0].Compare(at[1]))), nil
		},
	})
}

func baseNameFunc() function.Function {
	return stringFunc("Gives the last part of a path.", func(args []string) (string, error) { return path.Base(args[0]), nil }, "path")
}

func dirNameFunc() function.Function {
	return stringFunc("Gives a path without its last part.", func(args []string) (string, error) { return path.Dir(args[0]), nil }, "path")
}
