package lang_test

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/lang"
	"github.com/mailrelay/mailrelay/schema/revision"
)

func TestExampleMeansWhatItSays(t *testing.T) {
	c, diags := lang.Load("../../examples/coexistence", lang.Options{Version: "0.1.0"})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	var got []string
	for _, b := range c.Blocks {
		got = append(got, b.Addr().String())
	}
	want := []string{
		"allowlist.applications", "domain.contoso", "expect.rdns", "mailrelay", "receive_connector.application",
		`receive_connector.device["printers"]`, `receive_connector.device["scanners"]`, "receive_connector.internet",
		"recipients.cloud", "record.mx", "record.spf", "relay.edge", "send_connector.exchange_online",
		"send_connector.internet", "send_connector.mailbox_servers", "service.microsoft365.contoso",
		"stage.coexist", "stage.cutover", "zone.contoso",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("addresses -want +got\n%s", diff)
	}
	spf := schema.At[*schema.Record](c, schema.Addr{Type: "record", Name: "spf"})
	if diff := cmp.Diff([]string{"v=spf1 ip4:203.0.113.25 include:spf.protection.outlook.com -all"}, spf.Values); diff != "" {
		t.Errorf("SPF -want +got\n%s", diff)
	}
	cloud := schema.At[*schema.Recipients](c, schema.Addr{Type: "recipients", Name: "cloud"})
	if diff := cmp.Diff([]string{"alice@contoso.com", "carol@contoso.com", "erin@contoso.com", "frank@contoso.com"}, cloud.Addresses); diff != "" {
		t.Errorf("recipients -want +got\n%s", diff)
	}
}

// Every block of every good configuration survives being stored.
func TestRevisionKeepsTheMeaning(t *testing.T) {
	seen := map[string]bool{}
	for name, fsys := range configurations(t, "good") {
		c, diags := lang.LoadFS(fsys, lang.Options{})
		if strings.HasPrefix(name, "variables") { // needs its options
			continue
		}
		if diags.HasErrors() {
			t.Fatalf("%s: %v", name, diags)
		}
		objects, err := revision.Objects(c)
		if err != nil {
			t.Fatal(err)
		}
		back, err := revision.Config(objects)
		if err != nil {
			t.Fatal(err)
		}
		if len(back.Blocks) != len(c.Blocks) {
			t.Fatalf("%s: %d blocks were stored and %d came back", name, len(c.Blocks), len(back.Blocks))
		}
		for i, b := range c.Blocks {
			seen[b.Addr().Type] = true
			got := back.Blocks[i]
			if got.Addr() != b.Addr() || !got.Value().RawEquals(b.Value()) {
				t.Errorf("%s: %s came back as %s with another value", name, b.Addr(), got.Addr())
			}
			if diff := cmp.Diff(b.Refs(), got.Refs()); diff != "" {
				t.Errorf("%s: %s: references -before +after\n%s", name, b.Addr(), diff)
			}
			if got.Decl().Filename != b.Decl().Filename || got.Decl().Start.Line != b.Decl().Start.Line {
				t.Errorf("%s: %s was declared at %v and came back from %v", name, b.Addr(), b.Decl(), got.Decl())
			}
		}
		if problems := schema.Validate(back); len(problems) > 0 {
			t.Errorf("%s: stored and read back it has problems: %v", name, problems)
		}
	}
	for _, ty := range schema.Types() {
		if !seen[ty.Name] {
			t.Errorf("no good configuration has a block of type %q", ty.Name)
		}
	}
}

func TestLoadDirectory(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "relay.mail.hcl")
	write(t, file, "locals {\n  a = 1\n}\n")
	for _, test := range []struct{ name, dir, want string }{
		{"missing", filepath.Join(dir, "none"), "There is no directory"},
		{"file", file, "cannot be opened"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, diags := lang.Load(test.dir, lang.Options{})
			var out bytes.Buffer
			if err := lang.WriteDiagnostics(&out, c.Sources, 0, false, diags); err != nil {
				t.Fatal(err)
			}
			if !diags.HasErrors() || !strings.Contains(out.String(), test.want) {
				t.Errorf("got %q, want an error with %q", out.String(), test.want)
			}
		})
	}
	if _, diags := lang.Load(dir, lang.Options{}); diags.HasErrors() {
		t.Errorf("the directory itself: %v", diags)
	}
}

func TestFileStaysInsideTheDirectory(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("symbolic links need rights there that tests do not have")
	}
	top := t.TempDir()
	dir := filepath.Join(top, "config")
	for _, d := range []string{dir, filepath.Join(dir, "sub")} {
		if err := os.Mkdir(d, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(top, "outside"), "secret")
	write(t, filepath.Join(dir, "sub", "inside"), "relay.contoso.com")
	for link, target := range map[string]string{
		"out": "../outside", "absolute": filepath.Join(top, "outside"), "up": "..", "in": "sub/inside",
	} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		path string
		ok   bool
	}{
		{"sub/inside", true}, {"in", true}, {"sub/../in", true},
		{"out", false}, {"absolute", false}, {"up/outside", false}, {"../outside", false},
		{"sub/../../outside", false}, {filepath.Join(top, "outside"), false},
	} {
		t.Run(test.path, func(t *testing.T) {
			write(t, filepath.Join(dir, "a.mail.hcl"), "relay \"edge\" {\n  hostname = file(\""+test.path+"\")\n}\n")
			_, diags := lang.Load(dir, lang.Options{})
			if diags.HasErrors() == test.ok {
				t.Errorf("file(%q): %v, want success %v", test.path, diags, test.ok)
			}
			if strings.Contains(diags.Error(), "secret") && !strings.Contains(diags.Error(), "directory") {
				t.Errorf("file(%q) shows what it must not read: %v", test.path, diags)
			}
		})
	}
}

// A path of secret_file is kept as written, and the file is not read.
func TestSecretsAreNotRead(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.mail.hcl"), `zone "z" {
  name = "contoso.com"
  update "rfc2136" {
    tsig {
      name   = "key."
      secret = secret_file("../keys/none.key")
    }
  }
}
`)
	c, diags := lang.Load(dir, lang.Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	z := schema.At[*schema.Zone](c, schema.Addr{Type: "zone", Name: "z"})
	if diff := cmp.Diff(schema.Secret{File: "../keys/none.key"}, z.RFC2136.TSIG.Secret); diff != "" {
		t.Errorf("secret -want +got\n%s", diff)
	}
	if v := z.Value().GetAttr("update").GetAttr("rfc2136").GetAttr("tsig").GetAttr("secret"); !v.Type().Equals(schema.SecretType()) || v.GetAttr("secret_env") != cty.NullVal(cty.String) {
		t.Errorf("the canonical value is %#v", v)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}
