// Package lang reads a configuration of mailrelay: it parses the files of one
// directory, evaluates them, and gives a schema.Config.
//
// A configuration is every *.mail.hcl of a directory, merged; order never
// matters, and directories below are not read. Values of variables come, each
// overriding the one before, from the variable's default, the environment
// (MAILRELAY_VAR_name), mailrelay.mailvars.hcl, *.auto.mailvars.hcl in the order
// of their names, and -var and -var-file in the order in which they were given.
//
// # How it is evaluated
//
// Blocks are matched once against their descriptions in package schema, which
// finds what is unknown, missing or written twice without evaluating anything.
// Variables, locals and blocks then form a graph by the references in their
// expressions, and are evaluated after what they refer to. A reference to a block
// evaluates to an object of its type's attributes and its address; where an
// attribute takes a reference, the address is kept of it. At last
// schema.Validate looks at the whole.
//
// Every mistake is a diagnostic with the place where it was made. What cannot be
// evaluated because something else is wrong is passed over in silence, so that
// one mistake is one diagnostic, and all of them are reported at once.
//
// # Secrets
//
// secret_file and secret_env give references. Nothing here reads the secret. The
// path of a secret_file is kept as it was written: who reads it at the moment of
// use resolves a relative one against the directory of the configuration.
package lang

import (
	"errors"
	"io/fs"
	"os"

	"github.com/hashicorp/hcl/v2"

	"github.com/mailrelay/mailrelay/schema"
)

// Options are what a configuration is evaluated with, besides its own files.
type Options struct {
	Given    []Given                      // -var and -var-file, in the order of the command line: a later one wins
	Env      func(string) (string, bool)  // like os.LookupEnv; nil: no environment
	ReadFile func(string) ([]byte, error) // reads the files among Given; nil: os.ReadFile
	Version  string                       // of this program; empty: required_version is not checked
	Budget   int64                        // bytes of values that evaluation may make; 0: 2 GiB

	tests *tests // what LoadTests reads besides; nil: no tests
}

// Given is the value of a variable, or a file of values. One of Name and File is
// set.
type Given struct {
	Name, Text string // -var NAME=TEXT: as written, not parsed
	File       string // -var-file
}

// Load reads the configuration in the directory dir. If the diagnostics hold an
// error, the Config has no blocks. Its Sources are complete in any case, for
// WriteDiagnostics, which shows snippets of them.
func Load(dir string, o Options) (*schema.Config, hcl.Diagnostics) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return schema.NewConfig(nil, nil), hcl.Diagnostics{noDirectory(dir, err)}
	}
	defer root.Close()
	return load(root.FS(), dir, o)
}

// LoadFS reads the configuration at the root of fsys, as Load does. fsys alone
// decides what the functions file and fileexists can reach.
func LoadFS(fsys fs.FS, o Options) (*schema.Config, hcl.Diagnostics) {
	return load(fsys, "this directory", o)
}

func load(fsys fs.FS, where string, o Options) (*schema.Config, hcl.Diagnostics) {
	if o.ReadFile == nil {
		o.ReadFile = os.ReadFile
	}
	src := &sources{fsys: fsys, files: map[string]*hcl.File{}, meter: newMeter(o.Budget)}
	bodies, diags := src.configuration(where)
	diags = append(diags, o.tests.read(src)...)
	var c *schema.Config
	if !diags.HasErrors() {
		var more hcl.Diagnostics
		c, more = evaluate(src, bodies, o)
		diags = append(diags, more...)
	}
	if diags.HasErrors() {
		c = schema.NewConfig(nil, src.files)
	}
	return c, ordered(diags)
}

// evaluate gives what the files mean. If the diagnostics hold an error, it means
// nothing.
func evaluate(src *sources, bodies []source, o Options) (*schema.Config, hcl.Diagnostics) {
	types := schema.Types()
	decl, diags := declare(bodies, types)
	diags = append(diags, decl.assign(src, o)...)
	g := newGraph(decl)
	diags = append(diags, g.resolve(types)...)
	diags = append(diags, o.tests.declare(g, types)...)
	order, more := g.order()
	diags = append(diags, more...)
	ev := newEvaluator(types, g, functions(src.fsys), src.meter)
	for _, n := range order {
		diags = append(diags, ev.node(n)...)
		if src.meter.over() {
			return nil, diags.Extend(src.meter.ranOut(diags))
		}
	}
	diags = append(diags, o.tests.evaluate(ev)...)
	diags = append(diags, missing(ev.pointed, ev.blocks)...)
	blocks := ev.blocks // the values are not needed from here on, and may be large
	moved, more := g.moves(bodies, types, blocks)
	diags = append(diags, more...)
	diags = append(diags, versions(blocks, o.Version, g)...)
	diags = append(diags, longSPF(blocks, g)...)
	if diags.HasErrors() {
		blocks = closed(blocks)
	}
	c := schema.NewConfig(blocks, src.files)
	c.Moved, c.Uses = moved, g.uses()
	return c, append(diags, problems(c, g)...)
}

func noDirectory(dir string, err error) *hcl.Diagnostic {
	d := &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Cannot read the configuration"}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.Detail = "There is no directory " + dir + ". Name the directory that holds the *.mail.hcl files with -chdir=DIR, or change into it."
	default:
		d.Detail = "The directory " + dir + " cannot be opened: " + err.Error() + ". Name the directory that holds the *.mail.hcl files, not one of the files."
	}
	return d
}
