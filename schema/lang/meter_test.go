package lang_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/mailrelay/mailrelay/schema/lang"
)

// doubled is locals each of which holds the one before twice, n times over.
func doubled(n int, first, next string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "  x0 = %s\n", first)
	for i := range n {
		fmt.Fprintf(&b, "  x%d = %s\n", i+1, strings.ReplaceAll(next, "X", fmt.Sprintf("local.x%d", i)))
	}
	return b.String()
}

// A few lines that would fill any memory end in a diagnostic, in little of it.
func TestGrowthIsBounded(t *testing.T) {
	thousand := "range(1000)"
	text := doubled(16, `"0123456789abcdef"`, `"${X}${X}"`) // 1 MiB
	yaml := "a: &a [x, x]\n"
	for i := 'b'; i <= 'z'; i++ {
		yaml += fmt.Sprintf("%c: &%c [*%c, *%c, *%c, *%c]\n", i, i, i-1, i-1, i-1, i-1)
	}
	for _, test := range []struct{ name, locals, want string }{
		{"templates", doubled(60, `"0123456789"`, `"${X}${X}"`), "Configuration too large"},
		{"lists", doubled(60, `["a"]`, `[X, X]`), "Configuration too large"},
		{"objects", doubled(60, `{ a = 1 }`, `{ a = X, b = X }`), "Configuration too large"},
		{"concat", doubled(60, `["a"]`, `concat(X, X)`), "more values than the 64 MiB"},
		{"for in for", "x = [for a in " + thousand + " : [for b in " + thousand + " : [for c in " + thousand + " : c]]]", "Configuration too large"},
		{"for that keeps nothing", "x = [for a in " + thousand + " : [for b in " + thousand + " : [for c in " + thousand + " : c if c < 0]]]", "Configuration too large"},
		{"for in a template", "x = \"%{for a in " + thousand + "}%{for b in " + thousand + "}%{for c in " + thousand + "}x%{endfor}%{endfor}%{endfor}\"", "Configuration too large"},
		{"caught", "x = try([for a in " + thousand + " : [for b in " + thousand + " : [for c in " + thousand + " : c]]], 1)", "Configuration too large"},
		{"try in try", "x = " + strings.Repeat("try(", 60) + `"a"+1` + strings.Repeat(", 1/0)", 60), ""},
		{"setproduct", "l = " + thousand + "\n  x = setproduct(local.l, local.l, local.l)", "more values than the 64 MiB"},
		{"join", text + `  x = join(local.x16, [for i in range(1000) : "a"])`, "more values than the 64 MiB"},
		{"join of one text", text + `  x = join("", [for i in range(1000) : local.x16])`, "Configuration too large"},
		{"replace", text + `  x = replace(local.x16, "a", local.x16)`, "more values than the 64 MiB"},
		{"replace by expression", text + `  x = replace(local.x16, "/(.*)/", "$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1")`, "more values than the 64 MiB"},
		{"format", text + "  f = join(\"\", [for i in range(200) : \"%[1]s\"])\n  x = format(local.f, local.x16)", "more values than the 64 MiB"},
		{"formatlist", text + "  x = formatlist(\"%s%s\", range(1000), local.x16)", "more values than the 64 MiB"},
		{"format with widths", `x = format(join("", [for i in range(1000) : join("", [for j in range(1000) : "%999d"])]), 1)`, ""},
		{"indent", doubled(16, `"\n\n\n\n\n\n\n\n"`, `"${X}${X}"`) + "  x = indent(1000, local.x16)", "more values than the 64 MiB"},
		{"split", doubled(20, `"a"`, `"${X}${X}"`) + "  x = split(\"\", local.x20)", "more values than the 64 MiB"},
		{"regexall", text + "  x = regexall(\"(((())))\", local.x16)", "more values than the 64 MiB"},
		{"jsonencode", doubled(19, `["0123456789abcdef"]`, `[X, X]`) + "  x = jsonencode(local.x19)", "Configuration too large"},
		{"power", "x = pow(10, 400000000)", "number that is larger"},
		{"products", doubled(40, "1e1000", "X * X"), "number that is larger"},
		{"products as text", `x = [for n in [` + strings.Repeat("(", 20) + "1e1000" + strings.Repeat(" * 1e1000)", 20) + `] : tostring(n)]`, "number that is larger"},
		{"number in JSON", `x = jsondecode("1e400000000")`, ""},
		{"YAML aliases", "x = yamldecode(file(\"bomb.yaml\"))", "more values than the 64 MiB"},
	} {
		t.Run(test.name, func(t *testing.T) {
			fsys := fstest.MapFS{
				"a.mail.hcl": {Data: []byte("locals {\n  " + test.locals + "\n}\n")},
				"bomb.yaml":  {Data: []byte(yaml)},
			}
			_, diags := lang.LoadFS(fsys, lang.Options{Budget: 64 << 20})
			if !diags.HasErrors() || !strings.Contains(diags.Error(), test.want) || len(diags) > 5 {
				t.Errorf("got %d diagnostics, want one with %q: %.2000v", len(diags), test.want, diags)
			}
		})
	}
}

// What is large and harmless stays what it is.
func TestGrowthAllows(t *testing.T) {
	for _, expr := range []string{
		"[for i in range(1000) : [for j in range(20) : \"${i}.${j}\"]]",
		"yamldecode(\"a: &t [1, 2]\\nb: *t\\nc: [*t, *t]\\nd: '*.contoso.com'\")",
		"setproduct(range(100), range(100))",
		"join(\",\", formatlist(\"%s-%05d\", [for i in range(1000) : \"a${i}\"], range(1000)))",
		"replace(join(\"\", [for i in range(1000) : \"a\"]), \"/a/\", \"$0$0\")",
		"indent(4, join(\"\\n\", [for i in range(1000) : \"a\"]))",
		"jsondecode(jsonencode({ for i in range(1000) : \"k${i}\" => [i] }))",
	} {
		_, diags := lang.LoadFS(fstest.MapFS{"a.mail.hcl": {Data: []byte("locals {\n  x = " + expr + "\n}\n")}}, lang.Options{Budget: 64 << 20})
		if diags.HasErrors() {
			t.Errorf("%s: %v", expr, diags)
		}
	}
}

// Values of variables are bounded as well, and so are blocks.
func TestGrowthOutsideOfLocals(t *testing.T) {
	list := "[" + strings.Repeat("1,", 1000) + "]"
	nested := "[for a in " + list + " : [for b in " + list + " : [for c in " + list + " : c]]]"
	many := doubled(16, `["a"]`, "concat(X, X)") + "  keys = toset([for i, x in local.x16 : tostring(i)])"
	for _, test := range []struct{ name, text, vars string }{
		{"default", "variable \"v\" {\n  default = " + nested + "\n}\n", ""},
		{"file of values", "variable \"v\" {\n  type = any\n}\n", nested},
		{"attribute", "zone \"z\" {\n  name = jsonencode(" + nested + ")\n}\n", ""},
		{"blocks", "locals {\n" + many + "\n}\nzone \"z\" {\n  for_each = local.keys\n  name = \"z${each.key}.example\"\n}\n", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			fsys := fstest.MapFS{"a.mail.hcl": {Data: []byte(test.text)}}
			if test.vars != "" {
				fsys["mailrelay.mailvars.hcl"] = &fstest.MapFile{Data: []byte("v = " + test.vars + "\n")}
			}
			_, diags := lang.LoadFS(fsys, lang.Options{Budget: 64 << 20})
			if !diags.HasErrors() || !strings.Contains(diags.Error(), "Configuration too large") && !strings.Contains(diags.Error(), "more values than the 64 MiB") {
				t.Errorf("got %.2000v", diags)
			}
		})
	}
}
