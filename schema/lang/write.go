package lang

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"github.com/hashicorp/hcl/v2"
)

// WriteDiagnostics writes diags to w in Terraform's layout: what happened, on
// which line and in which block, the snippet, and what to do. files are the
// Sources of the Config. Lines are wrapped at width; 0 does not wrap. color marks
// severities and the place at fault with terminal sequences. Values that are too
// long for that are not shown.
func WriteDiagnostics(w io.Writer, files map[string]*hcl.File, width uint, color bool, diags hcl.Diagnostics) error {
	shown := make(hcl.Diagnostics, len(diags))
	for i, d := range diags {
		shown[i] = d
		if tooLong(d) {
			short := *d
			short.Expression, short.EvalContext = nil, nil
			shown[i] = &short
		}
	}
	return hcl.NewDiagnosticTextWriter(w, files, width, color).WriteDiagnostics(shown)
}

// maxSaid is how many diagnostics are given at once: whoever reads so many knows,
// and each costs the time to look for its lines.
const maxSaid = 500

// ordered sorts diags by file and line, those without a place first, drops what is
// said twice, and counts those behind the first maxSaid.
func ordered(diags hcl.Diagnostics) hcl.Diagnostics {
	place := func(d *hcl.Diagnostic) hcl.Range {
		if d.Subject == nil {
			return hcl.Range{}
		}
		return *d.Subject
	}
	slices.SortStableFunc(diags, func(a, b *hcl.Diagnostic) int {
		p, q := place(a), place(b)
		return cmp.Or(cmp.Compare(p.Filename, q.Filename), cmp.Compare(p.Start.Byte, q.Start.Byte))
	})
	diags = slices.CompactFunc(diags, func(a, b *hcl.Diagnostic) bool {
		return place(a) == place(b) && a.Summary == b.Summary && a.Detail == b.Detail
	})
	if len(diags) <= maxSaid {
		return diags
	}
	more := &hcl.Diagnostic{
		Severity: hcl.DiagWarning, Summary: fmt.Sprintf("%d more are not shown", len(diags)-maxSaid),
		Detail: "Correct those above, and look again.",
	}
	if diags[maxSaid:].HasErrors() {
		more.Severity = hcl.DiagError
	}
	return append(diags[:maxSaid:maxSaid], more)
}

// failure is an error about a place.
func failure(at hcl.Range, summary, detail string) *hcl.Diagnostic {
	return &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: detail, Subject: &at}
}
