package render

import (
	"net/url"
	"path"
	"strconv"
	"strings"
)

// Options say how something is written, beside what is in the model.
type Options struct {
	// Folder is that of the configuration, relative to the root of the repository,
	// with slashes; empty is the root. Paths of files begin with it.
	Folder  string
	Version string // of this program
	// MaxBytes is the most that may be written; zero: no limit. What has no room is
	// left out, and it is said how much that is. The summary is never cut.
	MaxBytes int
}

// place cuts the file:line of a declaration, and puts the folder before the file.
// The line is 1 where it is not known, the file empty.
func (o Options) place(decl string) (file string, line int) {
	decl = strings.ReplaceAll(decl, `\`, "/")
	i := strings.LastIndexByte(decl, ':')
	if i < 0 {
		return "", 1
	}
	line, err := strconv.Atoi(decl[i+1:])
	if err != nil || line < 1 {
		line = 1
	}
	return path.Join(o.Folder, decl[:i]), line
}

// uri is a path as a relative reference.
func uri(file string) string {
	parts := strings.Split(file, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	if strings.Contains(parts[0], ":") { // would be a scheme
		return "./" + strings.Join(parts, "/")
	}
	return strings.Join(parts, "/")
}
