package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The rooms of the program and the rules that keep them apart: imports go one
// way, schema <- plan <- apply <- cmd; only the packages that touch a wire know its
// libraries; and what decides neither asks the world nor reads a clock.

const module = "github.com/mailrelay/mailrelay/"

var floors = []string{"schema", "plan", "apply", "cmd"}

// owners are the only packages that may import a library.
var owners = map[string][]string{
	"github.com/miekg/dns":                  {"schema/rr", "plan/observe", "plan/observe/dnstest", "apply/dns", "apply/relay/dnssec"},
	"github.com/emersion/go-smtp":           {"apply/relay", "cmd/mailrelay/internal/sandbox"},
	"github.com/hashicorp/hcl/v2/hclsyntax": {"schema/lang"},
	"github.com/hashicorp/hcl/v2/hclwrite":  {"schema/lang"},
	"github.com/cockroachdb/pebble/v2":      {"apply/relay/spool"},
	"github.com/urfave/cli/v3":              {"cmd/mailrelay"},
	"github.com/jackc/pgx/v5":               {"apply/state"},
}

var pure = []string{"schema", "schema/rr", "schema/rr/policy", "schema/decide", "schema/mailtest", "schema/revision", "plan", "plan/check", "plan/reach", "plan/render"}

// impure are packages that reach the world, and functions that do.
var impure = []string{"os", "os/exec", "net/http", "syscall", "io/ioutil", "crypto/rand", "math/rand", "math/rand/v2", "log", "log/slog", "path/filepath"}
var clocks = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}

// broken lists the rules that a file of the package dir (relative to the module)
// breaks.
func broken(dir string, file *ast.File, test bool) []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	isPure := slices.Contains(pure, dir) && !test
	floor := slices.Index(floors, strings.Split(dir, "/")[0])
	timeName, netName := "", ""
	for _, imp := range file.Imports {
		p, _ := strconv.Unquote(imp.Path.Value)
		if in, ok := strings.CutPrefix(p, module); ok {
			if f := slices.Index(floors, strings.Split(in, "/")[0]); f > floor && !test {
				say("%s imports %s, which is above it", dir, in)
			}
		}
		for lib, allowed := range owners {
			if (p == lib || strings.HasPrefix(p, lib+"/")) && !slices.Contains(allowed, dir) && !test {
				say("%s imports %s, which is for %v alone", dir, p, allowed)
			}
		}
		if isPure && slices.Contains(impure, p) {
			say("%s imports %s, and must do no I/O", dir, p)
		}
		name := path.Base(p)
		if imp.Name != nil {
			name = imp.Name.Name
		}
		switch p {
		case "time":
			timeName = name
		case "net":
			netName = name
		}
	}
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
			say("%s has an init function", dir)
		}
	}
	if !isPure {
		return out
	}
	ast.Inspect(file, func(n ast.Node) bool {
		s, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		switch x, ok := s.X.(*ast.Ident); {
		case !ok:
		case x.Name == timeName && slices.Contains(clocks, s.Sel.Name):
			say("%s uses time.%s, and must read no clock", dir, s.Sel.Name)
		case x.Name == netName && s.Sel.Name != "IP": // a type of miekg/dns's records
			say("%s uses net.%s, and must do no I/O", dir, s.Sel.Name)
		}
		return true
	})
	return out
}

func TestRooms(t *testing.T) {
	root := filepath.Join("..", "..")
	files := 0
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel := filepath.ToSlash(strings.TrimPrefix(p, root+string(filepath.Separator)))
		if d.IsDir() {
			if strings.HasPrefix(d.Name(), ".") && d.Name() != ".." || d.Name() == "testdata" {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(p, ".go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		files++
		for _, rule := range broken(path.Dir(rel), file, strings.HasSuffix(p, "_test.go")) {
			t.Errorf("%s: %s", rel, rule)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 50 {
		t.Errorf("only %d files were looked at", files)
	}
}

// TestRoomsAreSeen holds that each rule is noticed when it is broken.
func TestRoomsAreSeen(t *testing.T) {
	for _, tt := range []struct{ dir, src, want string }{
		{"schema", `import "` + module + `plan"`, "which is above it"},
		{"plan", `import "` + module + `apply/state"`, "which is above it"},
		{"apply/dns", `import "` + module + `plan"`, ""},
		{"plan", `import "github.com/miekg/dns"`, "which is for"},
		{"plan/observe", `import "github.com/miekg/dns"`, ""},
		{"apply/relay/deliver", `import "github.com/emersion/go-smtp"`, "which is for"},
		{"schema", `import "github.com/hashicorp/hcl/v2/hclsyntax"`, "which is for"},
		{"schema/decide", `import "os"`, "no I/O"},
		{"schema/decide", `import "net/netip"`, ""},
		{"schema/rr", "import \"net\"\nvar _ = net.Dial", "no I/O"},
		{"schema/rr", "import \"net\"\nvar _ net.IP", ""},
		{"plan", "import \"time\"\nvar _ = time.Now()", "no clock"},
		{"plan", "import clock \"time\"\nvar _ = clock.Since", "no clock"},
		{"plan", "import \"time\"\nvar _ = time.Second", ""},
		{"apply", "func init() {}", "init function"},
	} {
		file, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x\n"+tt.src, 0)
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Join(broken(tt.dir, file, false), "; ")
		if (tt.want == "") != (got == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q: got %q, want %q", tt.dir, tt.src, got, tt.want)
		}
	}
}

// TestTopLevel holds that nothing else grows beside the four floors.
func TestTopLevel(t *testing.T) {
	entries, err := os.ReadDir(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	known := append([]string{"examples", "go.mod", "go.sum", "README.md", "LICENSE"}, floors...)
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && !slices.Contains(known, e.Name()) {
			t.Errorf("%s does not belong at the top", e.Name())
		}
	}
}
