package lang_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/lang"
	"github.com/mailrelay/mailrelay/schema/revision"
)

// Blocks of a for_each are those that would be written out one by one, whether
// their parts vary or not.
func TestForEachIsBlocksWrittenOut(t *testing.T) {
	keys := []string{"a", "b", "c"}
	for _, test := range []struct{ name, block string }{
		{"nothing varies", "relay \"x\" {\n  hostname = \"relay.contoso.com\"\n}\n"},
		{"attribute", "zone \"x\" {\n  name = \"${KEY}.example\"\n  servers = [\"192.0.2.1\"]\n}\n"},
		{"value", "zone \"x\" {\n  name = VALUE\n}\n"},
		{"whole value in a call", "zone \"x\" {\n  name = lower(upper(VALUE))\n}\n"},
		{"in some only", "zone \"x\" {\n  name = VALUE\n  servers = KEY == \"b\" ? [\"192.0.2.1\"] : null\n}\n"},
		{"one of two nested", "allowlist \"x\" {\n  entry \"192.0.2.1\" {\n    owner = KEY\n  }\n  entry \"192.0.2.2\" {\n    owner = \"x\"\n    require_tls = true\n  }\n}\n"},
		{"nested that is fixed", "zone \"x\" {\n  name = VALUE\n  update \"rfc2136\" {\n    server = \"ns1.contoso.com\"\n    tsig {\n      name = \"k\"\n      secret = secret_file(\"/k\")\n    }\n  }\n}\n"},
		{"inside of nested", "zone \"x\" {\n  name = \"contoso.com\"\n  servers = [\"${KEY}.example\"]\n  update \"rfc2136\" {\n    server = \"ns1.contoso.com\"\n    tsig {\n      name = KEY\n      secret = secret_file(\"/k\")\n    }\n  }\n}\n"},
		{"instance of another", "record \"x\" {\n  zone = zone.z[KEY]\n  type = \"A\"\n  values = [\"192.0.2.1\"]\n}\nzone \"z\" {\n  FOREACH\n  name = VALUE\n}\n"},
		{"instance of another by value", "record \"x\" {\n  zone = zone.z[VALUE]\n  type = \"A\"\n  values = [\"192.0.2.1\"]\n}\nzone \"z\" {\n  for_each = toset([\"one.example\", \"two.example\", \"three.example\"])\n  name = \"b.${KEY}\"\n}\n"},
		{"free", "stage \"x\" {\n  mx = [\"10 ${KEY}.example.\"]\n  same = 1\n}\n"},
		{"order", "stage \"x\" {\n  requires = [expect.e[KEY]]\n}\nexpect \"e\" {\n  FOREACH\n  name = VALUE\n  type = \"A\"\n  absent = true\n}\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			const all = "for_each = { a = \"one.example\", b = \"two.example\", c = \"three.example\" }"
			head := strings.Index(test.block, "{\n") + 2
			each := strings.NewReplacer("KEY", "each.key", "VALUE", "each.value", "FOREACH", all).Replace(test.block[:head] + "  " + all + "\n" + test.block[head:])
			together := objects(t, each)
			var alone []revision.Object
			for _, key := range keys {
				single := strings.Replace(all, "{ ", "{ for k, v in { ", 1) + fmt.Sprintf(" : k => v if k == %q }", key)
				one := strings.NewReplacer("KEY", "each.key", "VALUE", "each.value", "FOREACH", all).Replace(test.block[:head] + "  " + single + "\n" + test.block[head:])
				for _, o := range objects(t, one) {
					if o.Addr.Name == "x" {
						alone = append(alone, o)
					}
				}
			}
			var got []revision.Object
			for _, o := range together {
				if o.Addr.Name == "x" {
					got = append(got, o)
				}
			}
			if len(got) != len(keys) {
				t.Fatalf("%d blocks, want %d", len(got), len(keys))
			}
			if diff := cmp.Diff(alone, got); diff != "" {
				t.Errorf("-alone +together:\n%s", diff)
			}
		})
	}
}

func objects(t *testing.T, text string) []revision.Object {
	t.Helper()
	c, diags := lang.LoadFS(fstest.MapFS{"a.mail.hcl": {Data: []byte(text)}}, lang.Options{})
	if diags.HasErrors() {
		t.Fatalf("%v in\n%s", diags, text)
	}
	out, err := revision.Objects(c)
	if err != nil {
		t.Fatal(err)
	}
	for i := range out {
		out[i].Decl = ""
	}
	return out
}

// What is the same in every instance is paid for in each.
func TestForEachCostsEveryInstance(t *testing.T) {
	text := func(n int) string {
		return fmt.Sprintf("locals {\n  keys = toset([for i in range(%d) : tostring(i)])\n  texts = [for i in range(1000) : \"text\"]\n}\nrecord \"x\" {\n  for_each = local.keys\n  zone = zone.z\n  name = \"n${each.key}\"\n  type = \"TXT\"\n  values = concat(local.texts, [])\n}\nzone \"z\" {\n  name = \"contoso.com\"\n}\n", n)
	}
	load := func(n int) (*schema.Config, error) {
		c, diags := lang.LoadFS(fstest.MapFS{"a.mail.hcl": {Data: []byte(text(n))}}, lang.Options{Budget: 16 << 20})
		if diags.HasErrors() {
			return nil, diags
		}
		return c, nil
	}
	if _, err := load(5); err != nil {
		t.Fatal(err)
	}
	if _, err := load(200); err == nil || !strings.Contains(err.Error(), "Configuration too large") {
		t.Errorf("got %v", err)
	}
}
