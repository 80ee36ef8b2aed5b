package lang_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/schema/lang"
)

func TestDiagnosticsInTerraformsShape(t *testing.T) {
	text := `record "a" {
  for_each = { b = "x", c = "y" }
  zone     = zone.z
  name     = "${each.key}.."
  type     = "TXT"
  values   = [each.value]
}

zone "z" {
  name = "contoso.com"
}
zonne "y" {}
`
	c, diags := lang.LoadFS(fstest.MapFS{"a.mail.hcl": {Data: []byte(text)}}, lang.Options{})
	got, err := json.MarshalIndent(lang.Diagnostics(c.Sources, diags), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "diagnostics.json")
	if *update {
		if err := os.WriteFile(golden, append(got, '\n'), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(read(t, golden)), string(got)+"\n"); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// Every golden mistake has a snippet that holds what is highlighted, and none has
// a place outside of its file.
func TestSnippetsLieInTheirFiles(t *testing.T) {
	shown := 0
	for name, fsys := range configurations(t, "bad") {
		c, diags := lang.LoadFS(fsys, lang.Options{Budget: 16 << 20})
		for i, d := range lang.Diagnostics(c.Sources, diags) {
			s := d.Snippet
			if s == nil {
				continue
			}
			shown++
			if s.StartLine > d.Range.Start.Line || s.HighlightStartOffset > s.HighlightEndOffset || s.HighlightEndOffset > len(s.Code) {
				t.Errorf("%s: %d: %+v", name, i, s)
			}
			file := c.Sources[d.Range.Filename].Bytes
			from, to := d.Range.Start.Byte, min(d.Range.End.Byte, len(file))
			marked := s.Code[s.HighlightStartOffset:s.HighlightEndOffset]
			if want := string(file[from:to]); marked != want && marked+"\n" != want {
				t.Errorf("%s: %d: %q is marked, and %q is at fault", name, i, marked, want)
			}
		}
	}
	if shown < 100 {
		t.Errorf("only %d snippets were looked at", shown)
	}
}

func TestNoDiagnosticsAreAnEmptyList(t *testing.T) {
	got, err := json.Marshal(lang.Diagnostics(nil, nil))
	if err != nil || string(got) != "[]" {
		t.Errorf("got %s, %v", got, err)
	}
}
