package lang

import (
	"bytes"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hcled"
)

// Diagnostic is a diagnostic as terraform validate -json writes it, so that
// editors and pipelines that read Terraform's read ours.
type Diagnostic struct {
	Severity string   `json:"severity"` // "error" or "warning"
	Summary  string   `json:"summary"`
	Detail   string   `json:"detail"`
	Range    *Range   `json:"range,omitempty"` // nil where no place is at fault
	Snippet  *Snippet `json:"snippet,omitempty"`
}

// Range is a part of a file. End is behind its last character.
type Range struct {
	Filename string `json:"filename"`
	Start    Pos    `json:"start"`
	End      Pos    `json:"end"`
}

// Pos is a place in a file. Line and Column count from 1, Column in characters as
// a reader sees them; Byte counts from 0.
type Pos struct {
	Line   int `json:"line"`
	Column int `json:"column"`
	Byte   int `json:"byte"`
}

// Snippet is the lines around a Range. The offsets count bytes in Code and
// enclose what is at fault.
type Snippet struct {
	Context              *string           `json:"context"` // the block: `record "mx"`; nil outside of blocks
	Code                 string            `json:"code"`    // whole lines, without the last line's end
	StartLine            int               `json:"start_line"`
	HighlightStartOffset int               `json:"highlight_start_offset"`
	HighlightEndOffset   int               `json:"highlight_end_offset"`
	Values               []ExpressionValue `json:"values"` // of what the expression at fault refers to; never nil
}

// ExpressionValue is what a reference evaluates to, shortly.
type ExpressionValue struct {
	Traversal string `json:"traversal"` // "each.key"
	Statement string `json:"statement"` // `is "printers"`
}

// Diagnostics are diags for JSON; never nil. files are the Sources of the Config.
func Diagnostics(files map[string]*hcl.File, diags hcl.Diagnostics) []Diagnostic {
	out := make([]Diagnostic, 0, len(diags))
	for _, d := range diags {
		j := Diagnostic{Severity: "error", Summary: d.Summary, Detail: d.Detail}
		if d.Severity == hcl.DiagWarning {
			j.Severity = "warning"
		}
		if d.Subject != nil {
			at := visible(*d.Subject)
			j.Range = &Range{at.Filename, Pos(at.Start), Pos(at.End)}
			if file := files[at.Filename]; file != nil && file.Bytes != nil {
				j.Snippet = snippet(file, d, at)
			}
		}
		out = append(out, j)
	}
	return out
}

// visible makes one character of an empty range.
func visible(r hcl.Range) hcl.Range {
	if r.Empty() {
		r.End.Byte++
		r.End.Column++
	}
	return r
}

// snippet shows the lines of what is at fault, and of what surrounds it if d says
// what does.
func snippet(file *hcl.File, d *hcl.Diagnostic, at hcl.Range) *Snippet {
	around := at
	if d.Context != nil {
		around = hcl.RangeOver(at, *d.Context)
	}
	text := file.Bytes
	// A range may reach behind the end of a file.
	start, end := min(around.Start.Byte, len(text)), min(around.End.Byte, len(text))
	start = bytes.LastIndexByte(text[:start], '\n') + 1
	if end > start && text[end-1] == '\n' {
		end--
	} else if i := bytes.IndexByte(text[end:], '\n'); i >= 0 {
		end += i
	} else {
		end = len(text)
	}
	end = max(end, start)
	code := strings.TrimSuffix(string(text[start:end]), "\r")
	s := &Snippet{
		Code: code, StartLine: around.Start.Line,
		HighlightStartOffset: min(max(at.Start.Byte-start, 0), len(code)),
		HighlightEndOffset:   min(max(at.End.Byte-start, 0), len(code)),
		Values:               values(d),
	}
	if context := hcled.ContextString(file, at.Start.Byte); context != "" {
		s.Context = &context
	}
	return s
}
