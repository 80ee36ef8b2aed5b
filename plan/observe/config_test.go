package observe

import (
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/mailrelay/mailrelay/schema"
)

// attrs are the attributes of a block; the rest is null.
type attrs map[string]cty.Value

// block makes a block as the language would.
func block(t testing.TB, addr string, a attrs) schema.Block {
	t.Helper()
	at, err := schema.ParseAddr(addr)
	if err != nil {
		t.Fatal(err)
	}
	typ := schema.TypeNamed(schema.Types(), at.Type)
	all := map[string]cty.Value{}
	for name, ty := range typ.Body.Type().AttributeTypes() {
		all[name] = cty.NullVal(ty)
		if v, ok := a[name]; ok {
			all[name] = v
		}
	}
	b, err := typ.New(at, cty.ObjectVal(all), hcl.Range{})
	if err != nil {
		t.Fatalf("%s: %v", addr, err)
	}
	return b
}

func text(s string) cty.Value { return cty.StringVal(s) }

func list(s ...string) cty.Value {
	var out []cty.Value
	for _, x := range s {
		out = append(out, text(x))
	}
	return cty.ListVal(out)
}

// zone makes a zone that is asked at servers, or at its NS set without any.
func zone(t testing.TB, addr, name string, servers ...string) *schema.Zone {
	t.Helper()
	a := attrs{"name": text(name)}
	if len(servers) > 0 {
		a["servers"] = list(servers...)
	}
	return block(t, addr, a).(*schema.Zone)
}
