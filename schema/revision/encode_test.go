package revision

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
	"pgregory.net/rapid"
)

// TestEncoder holds that the encoder writes what cty writes.
func TestEncoder(t *testing.T) {
	var value func(depth int) *rapid.Generator[cty.Value]
	value = func(depth int) *rapid.Generator[cty.Value] {
		return rapid.Custom(func(t *rapid.T) cty.Value {
			kinds := 6
			if depth > 0 {
				kinds = 10
			}
			inner := func() cty.Value { return value(depth-1).Draw(t, "inner") }
			switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
			case 0:
				return cty.StringVal(rapid.String().Draw(t, "s"))
			case 1:
				return cty.NumberIntVal(rapid.Int64().Draw(t, "n"))
			case 2:
				return cty.NumberFloatVal(rapid.Float64Range(-1e30, 1e30).Draw(t, "f"))
			case 3:
				return cty.BoolVal(rapid.Bool().Draw(t, "b"))
			case 4:
				return cty.NullVal(rapid.SampledFrom([]cty.Type{cty.String, cty.Number, cty.List(cty.String)}).Draw(t, "null"))
			case 5:
				return cty.SetVal([]cty.Value{cty.StringVal(rapid.String().Draw(t, "one")), cty.StringVal(rapid.String().Draw(t, "two"))})
			case 6:
				v := inner()
				return cty.ListVal([]cty.Value{v, v})
			case 7:
				v := inner()
				return cty.MapVal(map[string]cty.Value{rapid.String().Draw(t, "k"): v, "z": v})
			case 8:
				return cty.TupleVal([]cty.Value{inner(), inner()})
			}
			return cty.ObjectVal(map[string]cty.Value{"b": inner(), rapid.StringMatching(`[a-z<>"]{1,5}`).Draw(t, "name"): inner()})
		})
	}
	rapid.Check(t, func(t *rapid.T) {
		v := value(3).Draw(t, "v")
		typ := v.Type()
		if rapid.Bool().Draw(t, "dynamic") {
			typ = cty.DynamicPseudoType
		}
		want, err := ctyjson.Marshal(v, typ)
		if err != nil {
			t.Fatal(err)
		}
		var e encoder
		if err := e.value(v, typ); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(e.buf)); diff != "" {
			t.Error(diff)
		}
	})
}
