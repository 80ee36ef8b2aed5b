package lang_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/mailrelay/mailrelay/schema/lang"
)

func TestFormat(t *testing.T) {
	for _, test := range []struct{ name, in, want string }{
		{"nothing", "", ""},
		{"alignment", "zone \"z\" {\nname=\"a\"\n  servers   = []\n}\n", "zone \"z\" {\n  name    = \"a\"\n  servers = []\n}\n"},
		{"comments", "# a\nlocals{\n/* c */ a=1 # d\n// e\n}\n", "# a\nlocals {\n  /* c */ a = 1 # d\n  // e\n}\n"},
		{"lists", "locals {\na=[\n1,2,\n]\n}\n", "locals {\n  a = [\n    1, 2,\n  ]\n}\n"},
		{"strings", "locals {\na=\"  ${ x }  \"\n}\n", "locals {\n  a = \"  ${x}  \"\n}\n"},
		{"heredoc", "locals {\na=<<EOT\n  x\n y ${1+1}\nEOT\n}\n", "locals {\n  a = <<EOT\n  x\n y ${1 + 1}\nEOT\n}\n"},
		{"tabs", "locals {\n\ta = 1\n}\n", "locals {\n  a = 1\n}\n"},
		{"no final line", "locals {\na=1\n}", "locals {\n  a = 1\n}"},
	} {
		t.Run(test.name, func(t *testing.T) {
			out, _, diags := lang.Format("a.mail.hcl", []byte(test.in))
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			if diff := cmp.Diff(test.want, string(out)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// What does not parse is not touched, and the diagnostics show why.
func TestFormatLeavesWhatDoesNotParse(t *testing.T) {
	for _, in := range []string{"locals {\n", "a = \"\n", "=", "a = " + strings.Repeat("(", 5000), "\xff"} {
		out, file, diags := lang.Format("a.mail.hcl", []byte(in))
		if !diags.HasErrors() || string(out) != in {
			t.Errorf("%.20q became %.20q with %v", in, out, diags)
		}
		var said bytes.Buffer
		if err := lang.WriteDiagnostics(&said, map[string]*hcl.File{"a.mail.hcl": file}, 78, false, diags); err != nil {
			t.Errorf("%.20q: %v", in, err)
		}
		if !strings.Contains(said.String(), "on a.mail.hcl line") {
			t.Errorf("%.20q: no place is named in\n%s", in, said.String())
		}
	}
}

func TestExamplesAreFormatted(t *testing.T) {
	for _, suffix := range lang.Suffixes() {
		paths, err := filepath.Glob("../../examples/*/*" + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if len(paths) == 0 && suffix == ".mail.hcl" {
			t.Fatal("no examples")
		}
		for _, path := range paths {
			text := read(t, path)
			if out, _, _ := lang.Format(path, text); !bytes.Equal(out, text) {
				t.Errorf("%s: -formatted +as it is\n%s", path, cmp.Diff(string(out), string(text)))
			}
		}
	}
}

// FuzzFormat holds that formatting is idempotent and leaves every word as it is:
// the lexer sees the same tokens but for the ends of lines.
func FuzzFormat(f *testing.F) {
	for _, text := range texts(f) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		out, _, diags := lang.Format("a.mail.hcl", []byte(text))
		if diags.HasErrors() {
			if string(out) != text {
				t.Fatalf("%q does not parse and became %q", text, out)
			}
			return
		}
		again, _, diags := lang.Format("a.mail.hcl", out)
		if diags.HasErrors() || !bytes.Equal(again, out) {
			t.Fatalf("%q became %q and then %q: %v", text, out, again, diags)
		}
		if diff := cmp.Diff(tokens([]byte(text)), tokens(out)); diff != "" {
			t.Fatalf("%q became %q: -before +after\n%s", text, out, diff)
		}
	})
}

// tokens writes each token of text but the ends of lines.
func tokens(text []byte) []string {
	all, _ := hclsyntax.LexConfig(text, "", hcl.InitialPos)
	var out []string
	for _, t := range all {
		switch t.Type {
		case hclsyntax.TokenNewline:
		case hclsyntax.TokenComment:
			out = append(out, strings.TrimRight(string(t.Bytes), " \t\r\n"))
		default:
			out = append(out, t.Type.String()+" "+string(t.Bytes))
		}
	}
	return out
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
