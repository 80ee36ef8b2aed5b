package lang

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// maxFile is the most bytes that are read of one file: more is a mistake, or an
// attempt to use up the memory of the machine that plans.
const maxFile = 16 << 20

// sources are the files that were read, kept for snippets in diagnostics.
type sources struct {
	fsys  fs.FS
	files map[string]*hcl.File // by name
	meter *meter               // of the expressions in them; nil: they are not evaluated
}

// source is one parsed file.
type source struct {
	name string
	body *hclsyntax.Body
}

// configuration parses every *.mail.hcl. where names the directory in messages.
func (s *sources) configuration(where string) ([]source, hcl.Diagnostics) {
	names, err := s.names(".mail.hcl")
	if err != nil {
		return nil, hcl.Diagnostics{{
			Severity: hcl.DiagError, Summary: "Cannot read the configuration",
			Detail: fmt.Sprintf("%s cannot be listed: %s.", where, err),
		}}
	}
	if len(names) == 0 {
		return nil, hcl.Diagnostics{{
			Severity: hcl.DiagError, Summary: "No configuration files",
			Detail: fmt.Sprintf("No file in %s ends with .mail.hcl. Write one, for example relay.mail.hcl, or name the directory that holds them with -chdir=DIR.", where),
		}}
	}
	var out []source
	var diags hcl.Diagnostics
	for _, name := range names {
		text, err := s.read(name)
		if err != nil {
			diags = append(diags, unreadable(name, err))
			continue
		}
		body, more := s.parse(name, text)
		diags = append(diags, more...)
		out = append(out, source{name, body})
	}
	return out, diags
}

// names lists the regular files that end with suffix, sorted. Files that begin
// with a dot belong to editors and to mailrelay itself.
func (s *sources) names(suffix string) ([]string, error) {
	entries, err := fs.ReadDir(s.fsys, ".")
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		if !e.IsDir() && strings.HasSuffix(e.Name(), suffix) && !strings.HasPrefix(e.Name(), ".") {
			out = append(out, e.Name())
		}
	}
	slices.Sort(out)
	return out, nil
}

// read gives the content of a file of the configuration's directory.
func (s *sources) read(name string) ([]byte, error) { return readFile(s.fsys, name) }

func readFile(fsys fs.FS, name string) ([]byte, error) {
	info, err := fs.Stat(fsys, name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", name)
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("%s is larger than %d MiB", name, maxFile>>20)
	}
	return fs.ReadFile(fsys, name)
}

// parse parses text and keeps it under name.
func (s *sources) parse(name string, text []byte) (*hclsyntax.Body, hcl.Diagnostics) {
	if d := tooDeep(name, text); d != nil {
		s.files[name] = &hcl.File{Bytes: text}
		return &hclsyntax.Body{}, hcl.Diagnostics{d}
	}
	f, diags := hclsyntax.ParseConfig(text, name, hcl.InitialPos)
	s.files[name] = f
	body, ok := f.Body.(*hclsyntax.Body)
	if !ok {
		body = &hclsyntax.Body{}
	}
	diags = append(untilOpen(diags), tooLarge(body)...)
	if s.meter != nil && !diags.HasErrors() {
		s.meter.attach(body)
	}
	return body, diags
}

// untilOpen leaves out what the parser says after a quote that is not closed:
// from there on it reads text as expressions and the other way round.
func untilOpen(diags hcl.Diagnostics) hcl.Diagnostics {
	for i, d := range diags {
		if d.Summary == "Invalid multi-line string" || d.Summary == "Unterminated template string" {
			return diags[:i+1]
		}
	}
	return diags
}

func unreadable(name string, err error) *hcl.Diagnostic {
	return &hcl.Diagnostic{
		Severity: hcl.DiagError, Summary: "Cannot read " + name,
		Detail: fmt.Sprintf("The file cannot be read: %s. Correct its permissions, or take it away.", err),
	}
}
