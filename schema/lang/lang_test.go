package lang_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/mailrelay/mailrelay/schema/lang"
	"github.com/mailrelay/mailrelay/schema/revision"
)

var update = flag.Bool("update", false, "rewrite the golden parts of testdata")

// Each archive in testdata is a configuration. Lines before its first file are
// options: "-var NAME=VALUE", "-var-file FILE", "env NAME=VALUE" and "version V".
// In bad the last part is what is written about it, in good what it means.

func TestBad(t *testing.T)  { archives(t, "bad", "diagnostics", diagnostics) }
func TestGood(t *testing.T) { archives(t, "good", "values", values) }

func archives(t *testing.T, dir, golden string, run func(*testing.T, fs.FS, lang.Options) string) {
	paths, err := filepath.Glob(filepath.Join("testdata", dir, "*.txtar"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no archives in testdata/%s: %v", dir, err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			fsys := fstest.MapFS{}
			want := ""
			var kept []txtar.File
			for _, f := range a.Files {
				if f.Name == golden {
					want = string(f.Data)
					continue
				}
				kept = append(kept, f)
				fsys[f.Name] = &fstest.MapFile{Data: f.Data}
			}
			got := run(t, fsys, options(t, string(a.Comment), fsys))
			if *update {
				a.Files = append(kept, txtar.File{Name: golden, Data: []byte(got)})
				if err := os.WriteFile(path, txtar.Format(a), 0o666); err != nil {
					t.Fatal(err)
				}
				return
			}
			if want == "" {
				t.Fatalf("%s has no part called %s: run the test with -update, and read what it writes", path, golden)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func options(t *testing.T, text string, fsys fs.FS) lang.Options {
	o := lang.Options{}
	env := map[string]string{}
	for line := range strings.Lines(text) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		name, value, _ := strings.Cut(rest, "=")
		switch word {
		case "", "#":
		case "-var":
			o.Given = append(o.Given, lang.Given{Name: name, Text: value})
		case "-var-file":
			o.Given = append(o.Given, lang.Given{File: rest})
		case "env":
			env[name] = value
		case "budget":
			n, err := strconv.ParseInt(rest, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			o.Budget = n
		case "version":
			o.Version = rest
		default:
			t.Fatalf("option %q is not known", line)
		}
	}
	o.Env = func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	o.ReadFile = func(name string) ([]byte, error) { return fs.ReadFile(fsys, name) }
	return o
}

func diagnostics(t *testing.T, fsys fs.FS, o lang.Options) string {
	c, diags := lang.LoadFS(fsys, o)
	if !diags.HasErrors() {
		t.Fatal("no error was reported")
	}
	if len(c.Blocks) > 0 {
		t.Errorf("a configuration with errors has %d blocks", len(c.Blocks))
	}
	var out bytes.Buffer
	if err := lang.WriteDiagnostics(&out, c.Sources, 78, false, diags); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// values writes every block with its attributes, but for those that are null,
// after warnings, if there are any.
func values(t *testing.T, fsys fs.FS, o lang.Options) string {
	c, diags := lang.LoadFS(fsys, o)
	var out bytes.Buffer
	if err := lang.WriteDiagnostics(&out, c.Sources, 78, false, diags); err != nil {
		t.Fatal(err)
	}
	if diags.HasErrors() {
		t.Fatal(out.String())
	}
	objects, err := revision.Objects(c)
	if err != nil {
		t.Fatal(err)
	}
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	for _, o := range objects {
		var v map[string]any
		if err := json.Unmarshal(o.Value, &v); err != nil {
			t.Fatal(err)
		}
		for name := range v {
			if v[name] == nil {
				delete(v, name)
			}
		}
		out.WriteString(o.Addr.String() + " (" + o.Decl + ") ")
		if err := enc.Encode(v); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range c.Moved {
		out.WriteString("moved " + m.From.String() + " -> " + m.To.String() + "\n")
	}
	return out.String()
}
