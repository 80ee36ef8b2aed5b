package lang_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/mailrelay/mailrelay/schema/lang"
)

// A file of mistakes is not answered by a book.
func TestFewDiagnosticsAreEnough(t *testing.T) {
	for _, test := range []struct {
		name, line string
		errors     bool
	}{
		{"errors", "x {}\n", true},
		{"warnings", "x = 1\n", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			file := "a.mail.hcl"
			fsys := fstest.MapFS{file: {Data: []byte("locals {\n}\n")}}
			if !test.errors {
				file = "mailrelay.mailvars.hcl"
			}
			var text strings.Builder
			for i := range 2000 {
				text.WriteString(strings.Replace(test.line, "x", fmt.Sprintf("x%d", i), 1))
			}
			fsys[file] = &fstest.MapFile{Data: []byte(text.String())}
			_, diags := lang.LoadFS(fsys, lang.Options{})
			if len(diags) != 501 || diags.HasErrors() != test.errors || diags[500].Summary != "1500 more are not shown" {
				t.Errorf("%d diagnostics, the last one %v, errors: %v", len(diags), diags[len(diags)-1], diags.HasErrors())
			}
		})
	}
}

// Expressions over which the parser would recurse until its stack overflows are
// refused before it sees them; long lists and texts are not.
func TestLimits(t *testing.T) {
	const n = 5000
	for _, test := range []struct {
		name, expr string
		long       bool
	}{
		{"brackets", strings.Repeat("(", n) + "1" + strings.Repeat(")", n), true},
		{"negations", strings.Repeat("!", n) + "true", true},
		{"negations on lines of their own", "(" + strings.Repeat("!\n", n) + "true)", true},
		{"conditions", strings.Repeat("true ? 1 : ", n) + "1", true},
		{"sum", strings.Repeat("1 + ", n) + "1", true},
		{"attributes", "local.x" + strings.Repeat(".a", n), true},
		{"indices", "local.x" + strings.Repeat("[0]", n), true},
		{"templates", strings.Repeat(`"${`, n) + "1" + strings.Repeat(`}"`, n), true},
		{"directives", `"` + strings.Repeat("%{ if true }", n) + strings.Repeat("%{ endif }", n) + `"`, true},
		{"list", "[" + strings.Repeat("upper(\"a\"), ", n) + "]", false},
		{"object", "{\n" + strings.Repeat("    a = 1\n", n) + "  }", false},
		{"parts of a template", `"` + strings.Repeat("a${1}", n) + `"`, false},
		{"text", `"` + strings.Repeat("a ", n) + `"`, false},
		{"lines of a text", "<<EOT\n" + strings.Repeat("a\n", n) + "EOT", false},
		{"commented list", "[\n" + strings.Repeat("# a\n1,\n", n) + "]", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			text := "locals {\n  x = 1\n  a = " + test.expr + "\n}\n"
			_, diags := lang.LoadFS(fstest.MapFS{"a.mail.hcl": {Data: []byte(text)}}, lang.Options{})
			if diags.HasErrors() != test.long {
				t.Errorf("%v, want an error: %v", diags, test.long)
			}
			if test.long && (len(diags) != 1 || diags[0].Summary != "Expression too long") {
				t.Errorf("got %v", diags)
			}
		})
	}
}
