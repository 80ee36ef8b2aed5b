package lang_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/mailrelay/mailrelay/schema/lang"
)

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
