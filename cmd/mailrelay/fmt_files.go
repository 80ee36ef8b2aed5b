package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/natefinch/atomic"

	"github.com/mailrelay/mailrelay/cmd/mailrelay/internal/ui"
	"github.com/mailrelay/mailrelay/schema/lang"
)

// formatter formats files as its flags say.
type formatter struct {
	ui *ui.UI

	check, diff, list, recursive, write bool
	changed                             bool // a text was not in the canonical layout
}

// file formats one file. It is replaced as a whole or not at all.
func (f *formatter) file(name string) error {
	before, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("reading a file to format: %w", err)
	}
	after, err := f.text(name, before)
	if err != nil {
		return err
	}
	if f.write && !f.check && !bytes.Equal(before, after) {
		target, err := filepath.EvalSymlinks(name) // else the link would be replaced
		if err != nil {
			return fmt.Errorf("following a link: %w", err)
		}
		if err := atomic.WriteFile(target, bytes.NewReader(after)); err != nil {
			return fmt.Errorf("writing %s: %w", name, err)
		}
	}
	return f.report(name, before, after)
}

// formattable gives the files that target means: itself, or those of a directory.
// It is relative to dir.
func formattable(dir, target string, recursive bool) ([]string, error) {
	path := target
	if !filepath.IsAbs(target) {
		path = filepath.Join(dir, target)
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no file or directory %s", path)
	case err != nil:
		return nil, fmt.Errorf("looking for files to format: %w", err)
	case !info.IsDir() && !formatted(path):
		return nil, fmt.Errorf("%s is not a file of a configuration: its name must end with %s", path, strings.Join(lang.Suffixes(), ", "))
	case !info.IsDir():
		return []string{path}, nil
	}
	var out []string
	err = filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != path && (!recursive || strings.HasPrefix(d.Name(), ".")):
			return filepath.SkipDir
		case !d.IsDir() && formatted(name):
			out = append(out, name)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("looking for files to format: %w", err)
	}
	return out, nil
}

// formatted reports whether a file is formatted by its name. Those that begin
// with a dot belong to editors.
func formatted(name string) bool {
	base := filepath.Base(name)
	for _, suffix := range lang.Suffixes() {
		if strings.HasSuffix(base, suffix) && !strings.HasPrefix(base, ".") {
			return true
		}
	}
	return false
}
