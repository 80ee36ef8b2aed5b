package state

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestDirOnDisk(t *testing.T) {
	ctx, d := t.Context(), OpenDir(filepath.Join(t.TempDir(), "state"))
	if _, err := d.Current(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Nodes(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(d.Path()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("reading made the directory: %v", err)
	}
	if err := d.Put(ctx, next(nil, "a")); err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" {
		if fi, err := os.Stat(d.Path()); err != nil || fi.Mode().Perm() != 0o700 {
			t.Errorf("mode of the state directory: %v, %v", fi.Mode(), err)
		}
	}
	if raw, err := os.ReadFile(filepath.Join(d.Path(), ".gitignore")); string(raw) != "*\n" {
		t.Errorf(".gitignore: %q, %v", raw, err)
	}
}

func TestDamageIsSaid(t *testing.T) {
	ctx, d := context.Background(), OpenDir(filepath.Join(t.TempDir(), "state"))
	if err := d.Put(ctx, next(nil, "a")); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(d.Path(), "current.json")
	raw, _ := os.ReadFile(file)
	os.WriteFile(file, []byte(strings.Replace(string(raw), "contoso", "fabrikam", 1)), 0o600)
	if _, err := d.Current(ctx); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("got %v", err)
	}
	os.WriteFile(file, []byte(strings.Replace(string(raw), `"format":1`, `"format":99`, 1)), 0o600)
	if _, err := d.Current(ctx); err == nil || !strings.Contains(err.Error(), "newer") {
		t.Errorf("got %v", err)
	}
}
