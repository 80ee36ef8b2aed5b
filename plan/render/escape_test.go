package render

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	gmtext "github.com/yuin/goldmark/text"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/plan/check"
	"github.com/mailrelay/mailrelay/plan/reach"
	"github.com/mailrelay/mailrelay/schema"
)

func TestProse(t *testing.T) {
	for in, want := range map[string]string{
		`it is nothing, and should be "10 mx.a.example."`: "it is nothing, and should be `10 mx.a.example.`",
		"contoso.com's servers (as of now) say: x.":       "`contoso.com`'s servers (as of now) say: x.",
		`add allow "MR202" { reason = "…" }.`:             "add `allow \"MR202\" { reason = \"…\" }`.",
		"set keep = false, then mailrelay plan -out=x.":   "set `keep = false`, then `mailrelay plan -out=x`.",
		"*bold* @team #12 <b> [x](y)":                     "`*bold*` `@team` `#12` `<b>` `[x](y)`",
		"a\nb `c` ``":                                     "a b `` `c` `` ``` `` ```",
		"don't":                                           "don't",
	} {
		if diff := cmp.Diff(want, newWords().prose(in)); diff != "" {
			t.Error(diff)
		}
	}
}

// outline is the tree of a Markdown document, without code spans and text, and all
// text in it.
func outline(t testing.TB, doc string) (tree []string, all string) {
	t.Helper()
	source := []byte(doc)
	root := goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser().Parse(gmtext.NewReader(source))
	var said strings.Builder
	err := ast.Walk(root, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch x := n.(type) {
		case *ast.Text:
			said.Write(x.Segment.Value(source))
			if x.SoftLineBreak() {
				said.WriteByte(' ')
			}
			return ast.WalkContinue, nil
		case *ast.CodeSpan:
			return ast.WalkContinue, nil
		case *ast.HTMLBlock:
			var b bytes.Buffer
			for i := range x.Lines().Len() {
				s := x.Lines().At(i)
				b.Write(s.Value(source))
			}
			tag, _, _ := strings.Cut(b.String(), ">") // what is in it is its own
			tag, _, _ = strings.Cut(tag, " ")
			tree = append(tree, n.Kind().String()+" "+strings.TrimSpace(tag))
			return ast.WalkContinue, nil
		case *ast.FencedCodeBlock:
			tree = append(tree, n.Kind().String()+" "+string(x.Language(source)))
			return ast.WalkContinue, nil
		}
		tree = append(tree, n.Kind().String())
		return ast.WalkContinue, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return tree, said.String()
}

// hostile is a plan in which every text that others can choose is v.
func hostile(t testing.TB, m *Model, v string) *Model {
	c := *m
	c.Findings = []plan.Finding{{Code: "MR101", Severity: check.Error, Addr: schema.Addr{Type: "domain", Name: "x", Key: v}, Summary: v, Detail: v, Decl: v + ":7"},
		{Code: "MR102", Severity: check.Warning, Summary: "x", Detail: "y", Allowed: v}}
	c.Inconclusive = []Open{{Address: v, Reason: v, Answers: []Answer{{Text: v}}}}
	c.Checks = []Check{{Address: CheckAddress{ToDisplay: v}, Status: "fail", Problem: v, MetBy: []string{v}}}
	c.Pending = []Pending{{Address: v, Reason: v, Needs: []string{v}}}
	c.NodesBehind, c.NodesGone = []plan.Node{{Name: v, Error: v + "."}}, []plan.Node{{Name: v}}
	c.Manual = []ByHand{{Zone: schema.Addr{Type: "zone", Name: "z", Key: v}, Do: enter, Host: v, Type: "TXT", Value: v, Line: visible(v)}}
	c.Reach = reach.Diff{Lines: []reach.Line{{Kind: reach.Widened, Recipients: reach.Set{Names: []string{v}}}}}
	value := []byte(`{"values": [` + quote(v) + `], "` + "k" + `": ` + quote(v) + `}`)
	c.ResourceChanges = []ResourceChange{{Address: v, Type: "record", Name: "x", Note: v, Change: Change{Actions: []string{"create"}, Before: []byte("null"), After: value}}}
	c.ResourceDrift = []ResourceChange{{Address: v, Type: "record", Name: "x", Change: Change{Actions: []string{"update"}, Before: []byte(`{"k": "x", "values": []}`), After: value}}}
	return &c
}

// FuzzMarkdown holds that no value changes what the document consists of: what is
// made of a hostile one has the same headings, lists, blocks and elements as what
// is made of a word.
func FuzzMarkdown(f *testing.F) {
	for _, s := range []string{
		"`", "``", "```", "````\n</details>\n# x", "~~~", "|", "a|b", "<script>alert(1)</script>", "</summary></details>", "<!--", "-->", "\n\n", "\r\n# h", "- x", "1. x", "1) x", "> q", "* * *", "---", "===",
		"[x](javascript:alert(1))", "![x](http://x/y.png)", "<http://x>", "http://x.example/y", "www.x.example", "ann@x.example", "@org/team", "#1", "&lt;", "\\`", "\\", "\x00", "\xff\xfe", "\u202e", "\u2028",
		"v=DKIM1; k=rsa; p=MIG+/x==", "  `` ` ``  ", " ", "", "\t", "[x]: y", "[^1]", "~x~", "**b**", "_i_", "a\n    code", "$$x$$", "\"", `"a" "b`, "{%raw%}", "${{ x }}", "(", ")", "(`)", "keep = `x", "mailrelay plan -`x", `allow "x" { ` + "`" + ` }`,
	} {
		f.Add(s)
	}
	m := &Model{Revision: nil, Errored: true, BaseSerial: 7, Base: "x"}
	var plain bytes.Buffer
	if err := Markdown(&plain, hostile(f, m, "word"), Options{Folder: "word"}); err != nil {
		f.Fatal(err)
	}
	want, _ := outline(f, plain.String())
	f.Fuzz(func(t *testing.T, v string) {
		if len(v) > 80 { // longer ones are clipped in places
			v = v[:80]
		}
		var b bytes.Buffer
		if err := Markdown(&b, hostile(t, m, v), Options{Folder: v + "x"}); err != nil {
			t.Fatal(err)
		}
		got, said := outline(t, b.String())
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%q changes the document (-want +got):\n%s\n%s", v, diff, b.String())
		}
		for _, s := range strings.Fields(visible(v)) {
			if !strings.Contains(said, s) {
				t.Errorf("%q is not shown in %s", s, said)
			}
		}
		if !strings.HasPrefix(b.String(), "<!-- mailrelay ") || strings.Index(b.String(), "-->") != strings.Index(b.String(), "\n")-3 {
			t.Errorf("the first line is no whole comment: %q", b.String()[:80])
		}
	})
}

func TestWrap(t *testing.T) {
	for in, want := range map[string][]string{
		"short": {"short"},
		"contoso-com.mail.protection.outlook.com": {"contoso-com.mail.", "protection.outlook.", "com"},
		"allowlist.applications":                  {"allowlist.", "applications"},
		strings.Repeat("x", 45):                   {strings.Repeat("x", 20), strings.Repeat("x", 20), "xxxxx"},
	} {
		if diff := cmp.Diff(want, wrap(in, 20)); diff != "" {
			t.Error(diff)
		}
	}
}
