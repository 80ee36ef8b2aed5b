package reach

import (
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/decide"
)

// attrs is what a test writes between the braces of a block.
type attrs map[string]any

func toCty(t testing.TB, v any) cty.Value {
	t.Helper()
	switch v := v.(type) {
	case string:
		return cty.StringVal(v)
	case bool:
		return cty.BoolVal(v)
	case int:
		return cty.NumberIntVal(int64(v))
	case []string:
		out := []cty.Value{}
		for _, s := range v {
			out = append(out, cty.StringVal(s))
		}
		return cty.TupleVal(out)
	case attrs:
		out := map[string]cty.Value{}
		for k, e := range v {
			out[k] = toCty(t, e)
		}
		return cty.ObjectVal(out)
	}
	t.Fatalf("no cty for %T", v)
	return cty.NilVal
}

// complete fills what an object of type want lacks with null.
func complete(v cty.Value, want cty.Type) cty.Value {
	if want.IsMapType() && v.Type().IsObjectType() {
		out := map[string]cty.Value{}
		for k, e := range v.AsValueMap() {
			out[k] = complete(e, want.ElementType())
		}
		return cty.ObjectVal(out)
	}
	if !want.IsObjectType() || !v.Type().IsObjectType() {
		return v
	}
	out := map[string]cty.Value{}
	for name, typ := range want.AttributeTypes() {
		out[name] = cty.NullVal(typ)
		if v.Type().HasAttribute(name) {
			out[name] = complete(v.GetAttr(name), typ)
		}
	}
	return cty.ObjectVal(out)
}

// makeBlock makes a block as a configuration would.
func makeBlock(t testing.TB, addr string, a attrs) schema.Block {
	t.Helper()
	ad, err := schema.ParseAddr(addr)
	if err != nil {
		t.Fatal(err)
	}
	typ := schema.TypeNamed(schema.Types(), ad.Type)
	v, err := convert.Convert(complete(toCty(t, a), typ.Body.Type()), typ.Body.Type())
	if err != nil {
		t.Fatalf("%s: %v", addr, err)
	}
	b, err := typ.New(ad, v, hcl.Range{Filename: "test.mail.hcl", Start: hcl.Pos{Line: 7}})
	if err != nil {
		t.Fatalf("%s: %v", addr, err)
	}
	return b
}

// blocks are what a test writes, by address.
type blocks map[string]attrs

// and is b with more blocks, or others in their place; nil takes one away.
func (b blocks) and(more blocks) blocks {
	out := blocks{}
	for _, m := range []blocks{b, more} {
		for k, v := range m {
			if out[k] = v; v == nil {
				delete(out, k)
			}
		}
	}
	return out
}

func (b blocks) compile(t testing.TB) *decide.Policy {
	t.Helper()
	var all []schema.Block
	gated := map[schema.Addr]bool{}
	for addr, a := range b {
		if a["gated"] == true { // which is not of the language: its ownership is not proved
			gated[schema.Addr{Type: "domain", Name: strings.TrimPrefix(addr, "domain.")}] = true
		}
		all = append(all, makeBlock(t, addr, a))
	}
	c := schema.NewConfig(all, nil)
	c.Gated = gated
	p, err := decide.Compile(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
