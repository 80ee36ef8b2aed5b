package lang_test

import (
	"io"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/lang"
	"github.com/mailrelay/mailrelay/schema/revision"
)

// configurations are the archives of a directory of testdata, by name.
func configurations(t testing.TB, dir string) map[string]fs.FS {
	paths, err := filepath.Glob(filepath.Join("testdata", dir, "*.txtar"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no archives in testdata/%s: %v", dir, err)
	}
	out := map[string]fs.FS{}
	for _, path := range paths {
		a, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		fsys := fstest.MapFS{}
		for _, f := range a.Files {
			fsys[f.Name] = &fstest.MapFile{Data: f.Data}
		}
		out[strings.TrimSuffix(filepath.Base(path), ".txtar")] = fsys
	}
	return out
}

// texts are all configuration files of testdata, sorted.
func texts(t testing.TB) []string {
	var out []string
	for _, dir := range []string{"good", "bad"} {
		for _, fsys := range configurations(t, dir) {
			names, err := fs.Glob(fsys, "*.mail.hcl")
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range names {
				text, err := fs.ReadFile(fsys, name)
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, string(text))
			}
		}
	}
	slices.Sort(out)
	return out
}

// survives loads text. Whatever it is, nothing panics: neither Load, nor writing
// what it says, nor storing what it gives, which means the same afterwards.
func survives(t *testing.T, text string) {
	fsys := fstest.MapFS{"a.mail.hcl": &fstest.MapFile{Data: []byte(text)}}
	c, diags := lang.LoadFS(fsys, lang.Options{Version: "0.1.0", Budget: 16 << 20})
	if err := lang.WriteDiagnostics(io.Discard, c.Sources, 78, true, diags); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	for _, d := range diags {
		if d.Summary == "" || d.Detail == "" {
			t.Errorf("a diagnostic says nothing: %#v\n%s", d, text)
		}
		if strings.Contains(d.Detail, "panic") || strings.Contains(d.Detail, "crash") {
			t.Errorf("%s\n%s", d.Detail, text)
		}
	}
	objects, err := revision.Objects(c)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	back, err := revision.Config(objects)
	if err != nil {
		t.Fatalf("a stored configuration cannot be read: %v\n%s", err, text)
	}
	for i, b := range c.Blocks {
		if !back.Blocks[i].Value().RawEquals(b.Value()) {
			t.Fatalf("%s is not canonical: %#v became %#v\n%s", b.Addr(), b.Value(), back.Blocks[i].Value(), text)
		}
	}
	if problems := schema.Validate(back); len(problems) > 0 {
		t.Fatalf("a stored configuration has problems: %v\n%s", problems, text)
	}
}

func FuzzLoad(f *testing.F) {
	for _, text := range texts(f) {
		f.Add(text)
	}
	f.Fuzz(survives)
}

// TestMutations is a short run of what FuzzLoad does at length: lines and words
// of the test data, cut, doubled and mixed.
func TestMutations(t *testing.T) {
	seeds := texts(t)
	r := rand.New(rand.NewPCG(1, 2))
	rounds := 1000
	if testing.Short() {
		rounds = 100
	}
	for range rounds {
		lines := strings.SplitAfter(seeds[r.IntN(len(seeds))], "\n")
		other := strings.SplitAfter(seeds[r.IntN(len(seeds))], "\n")
		for range 1 + r.IntN(4) {
			i, j := r.IntN(len(lines)), r.IntN(len(other))
			switch r.IntN(5) {
			case 0:
				lines = append(lines[:i:i], lines[i+1:]...)
			case 1:
				lines = slices.Insert(lines, i, other[j])
			case 2:
				lines[i] = other[j]
			case 3:
				_, value, ok := strings.Cut(other[j], "=")
				if name, _, is := strings.Cut(lines[i], "="); ok && is {
					lines[i] = name + "=" + value
				}
			case 4:
				if n := len(lines[i]); n > 0 {
					k := r.IntN(n)
					lines[i] = lines[i][:k] + string(rune(r.IntN(128))) + lines[i][k:]
				}
			}
			if len(lines) == 0 {
				lines = []string{"\n"}
			}
		}
		survives(t, strings.Join(lines, ""))
	}
}
