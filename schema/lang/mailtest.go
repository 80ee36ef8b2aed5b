package lang

import (
	"io/fs"
	"os"

	"github.com/hashicorp/hcl/v2"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/mailtest"
)

// LoadTests reads the configuration in the directory dir, as Load does, and the
// tests in its *.mailtest.hcl, whose expressions may use all that the configuration
// declares. Tests stand in the order of their files and lines, and are settled. If
// the diagnostics hold an error, there are neither blocks nor tests.
func LoadTests(dir string, o Options) (*schema.Config, []*mailtest.Test, hcl.Diagnostics) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return schema.NewConfig(nil, nil), nil, hcl.Diagnostics{noDirectory(dir, err)}
	}
	defer root.Close()
	return loadTests(root.FS(), dir, o)
}

// LoadTestsFS reads configuration and tests at the root of fsys, as LoadTests does.
func LoadTestsFS(fsys fs.FS, o Options) (*schema.Config, []*mailtest.Test, hcl.Diagnostics) {
	return loadTests(fsys, "this directory", o)
}

func loadTests(fsys fs.FS, where string, o Options) (*schema.Config, []*mailtest.Test, hcl.Diagnostics) {
	o.tests = &tests{}
	c, diags := load(fsys, where, o)
	if !diags.HasErrors() {
		diags = ordered(append(diags, o.tests.settle(c)...))
	}
	if diags.HasErrors() {
		return schema.NewConfig(nil, c.Sources), nil, diags
	}
	return c, o.tests.made(), diags
}

// tests are what stands in *.mailtest.hcl. A nil *tests is a configuration that is
// read without them.
type tests struct {
	files []source
	nodes []*node // each a test with all its instances; nothing refers to it
	found []settled
}

// settled is a test with where it was written.
type settled struct {
	test *mailtest.Test
	node *node
}

func (ts *tests) made() []*mailtest.Test {
	var out []*mailtest.Test
	for _, s := range ts.found {
		out = append(out, s.test)
	}
	return out
}

// settle fills in what tests leave open, and reports what has no meaning in them
// because of c.
func (ts *tests) settle(c *schema.Config) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, s := range ts.found {
		diags = append(diags, unsaid(diags, s.node.testProblems(s.test.Settle(c)))...)
	}
	return diags
}

// testProblems puts problems of a test at their places.
func (n *node) testProblems(problems []schema.Problem) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, p := range problems {
		at := n.decl
		if r := n.block.body.place(p.Attr); p.Attr != "" && r != nil {
			at = *r
		}
		diags = append(diags, failure(at, p.Summary, p.Detail))
	}
	return diags
}
