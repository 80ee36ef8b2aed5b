package lang

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// maxEntries is how many entries of the configuration's directory fileset looks
// at.
const maxEntries = 100_000

// fileSetFunc lists the files below a directory whose path, relative to it,
// matches a pattern: * and ? stand for part of one name, ** for any number of
// directories. Links to directories are not followed.
func fileSetFunc(fsys fs.FS) function.Function {
	return function.New(&function.Spec{
		Description: "Lists the files in a directory of the configuration that match a pattern, like fileset(\"keys\", \"*.pem\"); ** stands for any number of directories.",
		Params:      []function.Parameter{{Name: "path", Type: cty.String}, {Name: "pattern", Type: cty.String}},
		Type:        function.StaticReturnType(cty.Set(cty.String)),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			dir, err := inside(args[0].AsString())
			if err != nil {
				return cty.NilVal, err
			}
			pattern := strings.Split(path.Clean(args[1].AsString()), "/")
			for _, part := range pattern {
				if _, err := path.Match(part, ""); err != nil {
					return cty.NilVal, function.NewArgErrorf(1, "%q is not a pattern: write it like \"*.pem\" or \"**/*.csv\"", args[1].AsString())
				}
			}
			found, err := matching(fsys, dir, pattern)
			if err != nil {
				return cty.NilVal, function.NewArgErrorf(0, "%q cannot be listed (%s); only directories inside the configuration's directory can", dir, err)
			}
			if len(found) == 0 {
				return cty.SetValEmpty(cty.String), nil
			}
			return cty.SetVal(found), nil
		},
	})
}

func matching(fsys fs.FS, dir string, pattern []string) ([]cty.Value, error) {
	var found []cty.Value
	entries := 0
	err := fs.WalkDir(fsys, dir, func(name string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist) && name == dir:
			return fs.SkipAll // as in Terraform, no directory is no files
		case err != nil:
			return err
		case entries == maxEntries:
			return fmt.Errorf("it holds more than %d entries", maxEntries)
		}
		entries++
		rel := strings.TrimPrefix(strings.TrimPrefix(name, dir), "/")
		if dir == "." {
			rel = name
		}
		if d.Type().IsRegular() && matches(pattern, strings.Split(rel, "/")) {
			found = append(found, cty.StringVal(rel))
		}
		return nil
	})
	return found, err
}

// matches reports whether the parts of a path match those of a pattern. reach[i]
// says whether what was seen of the path matches the first i parts of it.
func matches(pattern, parts []string) bool {
	reach := make([]bool, len(pattern)+1)
	reach[0] = true
	skip := func() { // ** may stand for nothing
		for i, p := range pattern {
			reach[i+1] = reach[i+1] || reach[i] && p == "**"
		}
	}
	skip()
	for _, part := range parts {
		next := make([]bool, len(reach))
		for i, p := range pattern {
			if ok, _ := path.Match(p, part); reach[i] && ok && p != "**" {
				next[i+1] = true
			}
			if p == "**" && reach[i+1] {
				next[i+1] = true
			}
		}
		reach = next
		skip()
	}
	return reach[len(pattern)]
}
