package revision_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/lang"
	"github.com/mailrelay/mailrelay/schema/revision"
)

const odd = `
zone "z" {
  name    = "contoso.com"
  servers = ["192.0.2.1"]

  update "manual" {}

  allow "MR101" { reason = "<&> \"é\u2028\" \\ \n" }
}
record "txt" {
  zone   = zone.z
  type   = "TXT"
  ttl    = 2147483647
  values = ["\u00e9 <a> \"b\" \\", "", "plain"]
}
stage "s" {
  any = { a = [1, "x", null], b = 1.5 }
}
relay "edge" {
  hostname = "relay.contoso.com"

  admin {
    listen = "127.0.0.1:8080"
  }
}
`

// Stored objects are what cty makes of the values of blocks, and read as the same
// blocks again.
func TestObjectsAreJSONOfCty(t *testing.T) {
	configs := map[string]func() *schema.Config{
		"odd": func() *schema.Config {
			c, diags := lang.LoadFS(fstest.MapFS{"a.mail.hcl": {Data: []byte(odd)}}, lang.Options{})
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			return c
		},
	}
	files, err := filepath.Glob("../../examples/*/*.mail.hcl")
	if err != nil || len(files) == 0 {
		t.Fatal("no examples", err)
	}
	for _, f := range files {
		dir := filepath.Dir(f)
		configs[filepath.Base(dir)] = func() *schema.Config {
			c, diags := lang.Load(dir, lang.Options{})
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			return c
		}
	}
	types := schema.Types()
	for name, load := range configs {
		t.Run(name, func(t *testing.T) {
			c := load()
			objects, err := revision.Objects(c)
			if err != nil || len(objects) == 0 {
				t.Fatal(len(objects), err)
			}
			back, err := revision.Config(objects)
			if err != nil {
				t.Fatal(err)
			}
			var spaced []revision.Object
			for i, o := range objects {
				b := c.Blocks[i]
				typ := schema.TypeNamed(types, o.Addr.Type)
				want, err := ctyjson.Marshal(b.Value(), typ.Body.Type())
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(string(want), string(o.Value)); diff != "" {
					t.Fatalf("%s (-cty +got):\n%s", o.Addr, diff)
				}
				v, err := ctyjson.Unmarshal(o.Value, typ.Body.Type())
				if err != nil {
					t.Fatal(err)
				}
				if got := back.Block(o.Addr).Value(); !got.RawEquals(v) {
					t.Fatalf("%s reads as %#v, want %#v", o.Addr, got, v)
				}
				var out bytes.Buffer
				if err := json.Indent(&out, o.Value, "", " "); err != nil {
					t.Fatal(err)
				}
				spaced = append(spaced, revision.Object{Addr: o.Addr, Value: out.Bytes()})
			}
			raw, err := json.Marshal(objectsWithout(objects))
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256(raw)
			want := revision.Hash(hex.EncodeToString(sum[:]))
			if got := revision.ConfigHash(objects); got != want {
				t.Errorf("ConfigHash = %s, want %s", got, want)
			}
			if got := revision.ConfigHash(spaced); got != want {
				t.Errorf("ConfigHash of what was indented = %s, want %s", got, want)
			}
			if _, err := revision.Config(spaced); err != nil {
				t.Errorf("what was indented: %v", err)
			}
		})
	}
}

// objectsWithout are the objects without the places where they were declared.
func objectsWithout(objects []revision.Object) []revision.Object {
	var out []revision.Object
	for _, o := range objects {
		out = append(out, revision.Object{Addr: o.Addr, Value: o.Value})
	}
	return out
}

// What this version does not know must not run.
func TestConfigRefuses(t *testing.T) {
	for _, value := range []string{
		`{"allow":null,"name":"contoso.com","servers":null,"update":null,"zz":1}`,
		`{"allow":null,"name":"contoso.com","servers":null,"update":null`,
		`{"allow":null,"name":1e,"servers":null,"update":null}`,
		`{"allow":null,"name":null,"servers":null,"update":null}`,
		`{"allow":null,"name":"contoso.com","servers":null,"update":{"manual":{"x":1}}}`,
		`{"allow":null,"name":"a..b","servers":null,"update":null}`,
		``,
	} {
		objects := []revision.Object{{Addr: schema.Addr{Type: "zone", Name: "z"}, Value: json.RawMessage(value)}}
		if _, err := revision.Config(objects); err == nil {
			t.Errorf("%s is taken", value)
		}
	}
}
